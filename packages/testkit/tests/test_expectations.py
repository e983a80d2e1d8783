"""`conformance.toml`: what it may hold, what is said when it holds something else, and how outcomes are judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from penstock.errors import DTypeError
from penstock_testkit.expectations import Expectation, ExpectationError, find, judge, read
from penstock_testkit.tolerance import Tolerance

CHECKS = ("values", "gradient")
ENTRY = '[[expect]]\nop = "a.*"\ncheck = "values"\nreason = "why"\n'


def read_text(folder: Path, text: str) -> list[Expectation]:
    path = folder / "conformance.toml"
    path.write_text(text, "utf-8")
    return read(path, CHECKS)


def test_entries_are_read(tmp_path: Path) -> None:
    text = ENTRY + 'tolerance = 0.5\ndtype = "f*"\n' + ENTRY + "fails = true\n"
    text += ENTRY + "tolerance = [0.5, 1]\n" + ENTRY + 'unsupported = true\ndevice = "npu"\n'
    first, second, third, fourth = read_text(tmp_path, text)
    assert first == Expectation("a.*", "values", "why", dtype="f*", tolerance=(0.5, 0.5))
    assert second.fails
    assert third.tolerance == (0.5, 1.0)
    assert (fourth.unsupported, fourth.device) == (True, "npu")
    assert read_text(tmp_path, "") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[expect]", "cannot be read"),
        ("[expected]\n", "'expected'; it holds entries only: begin each with \\[\\[expect\\]\\]"),
        (
            ENTRY + "fails = true\nreasn = 1",
            "entry 1 has an unknown key 'reasn'; did you mean 'reason'",
        ),
        (
            '[[expect]]\nop = "a"\ncheck = "values"\nfails = true',
            'needs a reason: write reason = "..."',
        ),
        (ENTRY.replace("why", " ") + "fails = true", "needs a reason"),
        (ENTRY.replace('"a.*"', "3") + "fails = true", "needs a op"),
        (ENTRY.replace("values", "value") + "fails = true", "'value'; did you mean 'values'"),
        (ENTRY, "says nothing of the outcome; write exactly one of tolerance"),
        (ENTRY + "fails = true\ntolerance = 1", "says tolerance and fails of the outcome"),
        (ENTRY + "fails = false", "has fails = False; write fails = true"),
        (ENTRY + 'tolerance = "big"', "tolerance = 'big'; write a number, or"),
        (ENTRY + "tolerance = [1, 2, 3]", "write a number, or \\[relative, absolute\\]"),
        (ENTRY + "tolerance = -1", "write a number"),
        ('expect = ["a"]', "entry 1 is 'a'; write a table"),
    ],
)
def test_other_entries_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ExpectationError, match=message):
        read_text(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExpectationError, match=r"nothing.toml cannot be read"):
        read(tmp_path / "nothing.toml", CHECKS)


def test_the_first_entry_that_fits_is_found() -> None:
    entries = [
        Expectation("a.*", "values", "one", dtype="float16", fails=True),
        Expectation("a.*", "values", "two", device="npu", fails=True),
    ]
    found = [
        find(entries, "a.b", "float16", "cpu", "values"),
        find(entries, "a.b", "float32", "npu", "values"),
    ]
    assert found == entries
    assert find(entries, "a.b", "float32", "cpu", "values") is None
    assert find(entries, "a.b", "float16", "cpu", "gradient") is None
    assert find(entries, "b", "float16", "cpu", "values") is None


# ---- judging

Run = Callable[[Tolerance | None], None]


def passes(tolerance: Tolerance | None) -> None:
    """Be content."""


def fails(tolerance: Tolerance | None) -> None:
    raise AssertionError("wrong by 0.1")


def refuses(tolerance: Tolerance | None) -> None:
    raise DTypeError("no float16 here")


def needs_slack(tolerance: Tolerance | None) -> None:
    if tolerance is None or tolerance[0] < 0.1:
        raise AssertionError("wrong by 0.1")


def expecting(**outcome: object) -> Expectation:
    return Expectation("a", "values", "why", **outcome)  # type: ignore[arg-type]


def test_without_an_entry_the_check_speaks() -> None:
    judge(None, passes)
    with pytest.raises(AssertionError, match="wrong by"):
        judge(None, fails)


@pytest.mark.parametrize("run", [fails, refuses])
def test_an_expected_failure_is_excused_with_its_reason(run: Run) -> None:
    with pytest.raises(pytest.xfail.Exception, match="why"):
        judge(expecting(fails=True), run)


@pytest.mark.parametrize(
    "outcome", [{"fails": True}, {"unsupported": True}, {"tolerance": (1.0, 1.0)}]
)
def test_an_unexpected_pass_fails(outcome: dict[str, object]) -> None:
    with pytest.raises(
        pytest.fail.Exception, match=r"unexpected pass.*'why' of 'a'.*Remove the entry"
    ):
        judge(expecting(**outcome), passes)


def test_unsupported_means_a_refusal_and_not_a_wrong_value() -> None:
    with pytest.raises(pytest.xfail.Exception, match="why"):
        judge(expecting(unsupported=True), refuses)
    with pytest.raises(AssertionError, match="wrong by"):
        judge(expecting(unsupported=True), fails)


def test_a_tolerance_is_used_and_must_be_enough() -> None:
    judge(expecting(tolerance=(0.2, 0.2)), needs_slack)
    with pytest.raises(AssertionError, match="wrong by"):
        judge(expecting(tolerance=(0.05, 0.05)), needs_slack)
