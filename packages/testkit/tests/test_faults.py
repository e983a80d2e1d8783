"""The kit finds out what is wrong: each fault of `faulty_penstock` is caught by the check that should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
CAUGHT_BY = {
    "faulty.wrong_value": "values",
    "faulty.writes_nothing": "values",
    "faulty.loses_nan": "special",
    "faulty.ignores_strides": "shapes",
    "faulty.fails_when_empty": "values",
    "faulty.writes_to_input": "inputs",
    "faulty.writes_behind_input": "inputs",
    "faulty.aligns_down": "layouts",
    "faulty.not_repeatable": "repeats",
    "faulty.counts_threads": "repeats",
    "faulty.shares_scratch": "threads",
    "faulty.wrong_gradient": "gradient",
    "faulty.nearly_right_gradient": "gradient",
    "faulty.gradient_of_other_dtype": "gradient",
    "faulty.no_gradient": "block",
    "faulty.accepts_rejects": "rejects",
    "faulty.other_message": "rejects",
    "faulty.other_error": "rejects",
    "faulty.rule_differs": "inference",
    "faulty.rule_differs_for_symbols": "inference",
    "faulty.dtype_differs_for_symbols": "inference",
    "faulty.composed_of_other_dtype": "inference",
    "faulty.hands_out_input": "inputs",
    "faulty.mirrored": "inplace",
    "floor_divide": "rules",
}
# What else a fault breaks. A check that is not named in either place must pass: it would accuse the innocent.
ALSO_BREAKS = {
    "faulty.wrong_value": {"special", "shapes", "gradient"},
    "faulty.writes_nothing": {"*"},
    "faulty.ignores_strides": {"*"},
    "faulty.fails_when_empty": {"*"},
    "faulty.writes_to_input": {"*"},
    "faulty.writes_behind_input": {"*"},
    "faulty.aligns_down": {"*"},
    "faulty.not_repeatable": {"*"},
    "faulty.rule_differs": {"*"},
    "faulty.rule_differs_for_symbols": {"modes", "inplace", "inputs", "gradient", "special"},
    "faulty.dtype_differs_for_symbols": {"modes", "inplace", "inputs", "gradient"},
    "faulty.composed_of_other_dtype": {"*"},
    "floor_divide": {"values", "special", "shapes"},
}


def manifest() -> str:
    ops = [name for name in CAUGHT_BY if name.startswith("faulty.")]
    rows = "".join(f'[[provides.op]]\nname = "{name}"\n' for name in ["faulty.right", *ops])
    return (
        '[plugin]\nname = "faulty"\napi = ">=0.1,<0.2"\nmodule = "faulty_penstock._plugin"\n'
        '[[provides.kernels]]\ndevice = "cpu"\nops = ["faulty.*", "floor_divide"]\n' + rows
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path in which the faulty plugin is installed."""
    folder = tmp_path_factory.mktemp("installed")
    package = folder / "faulty_penstock"
    package.mkdir()
    for source in (HERE / "faulty_penstock").glob("*.py"):
        (package / source.name).write_text(source.read_text("utf-8"), "utf-8")
    (package / "penstock_plugin.toml").write_text(manifest(), "utf-8")
    info = folder / "faulty_penstock-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-penstock\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[penstock.plugins]\nfaulty = faulty_penstock\n")
    return folder


def run_kit(installed: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    report = folder / "report.json"
    path = os.pathsep.join([str(installed), *filter(None, sys.path)])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"),
            *(f"--penstock-report={report}", *arguments),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    made: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return {**made, "output": done.stdout, "code": done.returncode}


@pytest.fixture(scope="module")
def outcome(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "test_faulty.py").write_text(
        "from penstock_testkit.conformance import *\npenstock_ops = 'faulty.*,floor_divide'\n"
    )
    return run_kit(installed, folder, "test_faulty.py", "--penstock-level=smoke")


def failing_checks(outcome: dict[str, Any], op: str) -> set[str]:
    return {name.rsplit("-", 1)[0] for name in outcome["ops"][op]["failing"]}


@pytest.mark.parametrize("op", CAUGHT_BY)
def test_each_fault_is_caught(outcome: dict[str, Any], op: str) -> None:
    assert CAUGHT_BY[op] in failing_checks(outcome, op)


@pytest.mark.parametrize("op", CAUGHT_BY)
def test_nothing_else_is_blamed(outcome: dict[str, Any], op: str) -> None:
    allowed = ALSO_BREAKS.get(op, set())
    assert "*" in allowed or failing_checks(outcome, op) - {CAUGHT_BY[op]} <= allowed


def test_an_op_without_fault_passes_every_check(outcome: dict[str, Any]) -> None:
    right = outcome["ops"]["faulty.right"]
    assert right["failing"] == []
    assert right["passed"] > 20
    assert right["placements"] == dict.fromkeys(("float32", "float64", "bfloat16"), "host")


def test_the_table_names_the_failing(outcome: dict[str, Any]) -> None:
    assert outcome["code"] == 1
    assert "faulty.wrong_gradient" in outcome["output"]
    assert "faulty.right" not in outcome["output"]
    assert f"{len(CAUGHT_BY) + 1} ops, {len(CAUGHT_BY)} failing" in outcome["output"]


def test_messages_say_where_and_what(outcome: dict[str, Any]) -> None:
    for text in (
        "the kernel wrote to input 0, at byte 0",
        "the kernel wrote to input 0, behind its end",
        "it was accepted; expected ValueError matching 'never raised'",
        "raised DTypeError",
        "with inputs at an odd element",
        "threads: result 0 at",
        "its input, an intermediate value, was changed",
        "inside a graph, against eager",
        "integers: toward minus infinity",
        "its gradient by input 0, in float64, against central differences: result 0",
        "has no gradient: attach one with @faulty.no_gradient.vjp",
        "result 0 is the memory of input 0",
    ):
        assert text in outcome["output"], text


EXCEPTIONS = """
[[expect]]
op = "faulty.wrong_gradient"
check = "gradient"
dtype = "float[36]?"
reason = "known"
fails = true

[[expect]]
op = "faulty.right"
check = "values"
dtype = "float32"
reason = "was wrong once"
fails = true

[[expect]]
op = "faulty.wrong_value"
check = "values"
dtype = "float32"
reason = "a coarse table"
tolerance = 0.01
"""


def test_exceptions_excuse_what_they_name(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "conformance.toml").write_text(EXCEPTIONS, "utf-8")
    (tmp_path / "test_faulty.py").write_text("from penstock_testkit.conformance import *\n")
    ops = "--penstock-ops=faulty.right,faulty.wrong_gradient,faulty.wrong_value"
    checks = "--penstock-checks=values,gradient"
    outcome = run_kit(installed, tmp_path, "test_faulty.py", ops, checks)
    found = {name: (o["failing"], o["expected"]) for name, o in outcome["ops"].items()}
    # bfloat16 is held against float64, which is wrong in the same way.
    assert found["faulty.wrong_gradient"] == ([], ["gradient-float32", "gradient-float64"])
    assert found["faulty.right"] == (["values-float32"], [])
    assert "values-float32" not in found["faulty.wrong_value"][0]
    assert "unexpected pass: conformance.toml says 'was wrong once'" in outcome["output"]


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({}, ["--penstock-device=nowhere"], "there is no device 'nowhere'; there are: cpu:0"),
        ({}, ["--penstock-checks=valuse"], "--penstock-checks names 'valuse'; there are block,"),
        ({"conformance.toml": "[[expect]]\nop = 'a'"}, [], "entry 1 needs a check"),
        (
            {"conformance.toml": EXCEPTIONS.replace("faulty.right", "faulty.rihgt")},
            ["--penstock-ops=none"],
            "'faulty.rihgt', and no op has that name: remove the entry",
        ),
    ],
)
def test_mistakes_of_the_author_are_explained(
    installed: Path, tmp_path: Path, files: dict[str, str], arguments: list[str], message: str
) -> None:
    (tmp_path / "test_it.py").write_text("from penstock_testkit.conformance import *\n")
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    path = os.pathsep.join([str(installed), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stdout + done.stderr


def test_nothing_happens_unasked(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--pyargs",
            "penstock_testkit",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stdout  # no tests
    (tmp_path / "test_plain.py").write_text(
        "import sys\ndef test_plain():\n    assert 'penstock' not in sys.modules\n"
    )
    plain = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_plain.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert plain.returncode == 0, plain.stdout
