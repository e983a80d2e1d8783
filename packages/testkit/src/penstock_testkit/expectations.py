"""`conformance.toml`: what an author knows to be otherwise than the kit expects, each entry with its reason.

    [[expect]]
    op = "acme.fast_exp"     # a glob
    dtype = "float16"        # a glob; every dtype when it is left out
    device = "npu"           # a glob; every device when it is left out
    check = "values"         # one of the kit's checks
    reason = "the table has 8 bits"
    tolerance = 0.02         # relative and absolute, or [relative, absolute]

In place of `tolerance`, `fails = true` says that the check fails, and `unsupported = true` that the op refuses the dtype
with an error. An entry that is not needed any more is a failure, so that the file stays true.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import pytest

from penstock.errors import PenstockError
from penstock_testkit.tolerance import Tolerance

FILE_NAME: Final = "conformance.toml"
_TEXT = ("op", "dtype", "device", "check", "reason")
_OUTCOMES = ("tolerance", "fails", "unsupported")


class ExpectationError(ValueError):
    """A `conformance.toml` is not understood."""


@dataclass(frozen=True)
class Expectation:
    """One entry.

    Args:
        op: A glob of op names.
        check: The name of a check.
        reason: Why.
        dtype: A glob of dtypes.
        device: A glob of device names.
        tolerance: In place of the kit's table.
        fails: The check fails.
        unsupported: The op raises an error of Penstock's.
    """

    op: str
    check: str
    reason: str
    dtype: str = "*"
    device: str = "*"
    tolerance: Tolerance | None = None
    fails: bool = False
    unsupported: bool = False

    def matches(self, op: str, dtype: str, device: str, check: str) -> bool:
        """Tell whether the entry speaks of this check of this op."""
        return (
            check == self.check
            and fnmatchcase(op, self.op)
            and fnmatchcase(dtype, self.dtype)
            and fnmatchcase(device, self.device)
        )


def read(path: Path, checks: Collection[str]) -> list[Expectation]:
    """Read a file of exceptions.

    Args:
        path: The file.
        checks: The names that `check` may have.

    Returns:
        Its entries.

    Raises:
        ExpectationError: The file cannot be read, or an entry is not understood; the message says what to write.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ExpectationError(f"[{path.name}] {path} cannot be read: {error}") from None
    unknown = [key for key in data if key != "expect"]
    if unknown or not isinstance(data.get("expect", []), list):
        raise ExpectationError(
            f"[{path.name}] has {unknown[0] if unknown else 'expect'!r}; it holds entries only: begin each with [[expect]]"
        )
    return [
        _entry(f"[{path.name}] entry {i}", entry, checks)
        for i, entry in enumerate(data.get("expect", []), 1)
    ]


def find(
    entries: Iterable[Expectation], op: str, dtype: str, device: str, check: str
) -> Expectation | None:
    """Return the first entry that speaks of a check of an op; None where nothing is said."""
    return next((e for e in entries if e.matches(op, dtype, device, check)), None)


def judge(expectation: Expectation | None, run: Callable[[Tolerance | None], None]) -> None:
    """Run a check and hold its outcome against what is expected.

    Args:
        expectation: What the author says of it, or None.
        run: The check; gets a tolerance, or None for the kit's table.

    Raises:
        AssertionError: The check failed unexpectedly, or passed unexpectedly.
    """
    if expectation is None:
        run(None)
        return
    if expectation.tolerance is not None:
        run(expectation.tolerance)
        if _passes(run):
            pytest.fail(_unexpected("within the kit's own tolerance", expectation), pytrace=False)
        return
    try:
        run(None)
    except PenstockError:
        pytest.xfail(expectation.reason)
    except Exception:
        if expectation.unsupported:
            raise  # wrong, where a refusal was promised
        pytest.xfail(expectation.reason)
    pytest.fail(_unexpected("", expectation), pytrace=False)


def _passes(run: Callable[[Tolerance | None], None]) -> bool:
    try:
        run(None)
    except Exception:
        return False
    return True


def _unexpected(how: str, expectation: Expectation) -> str:
    how = f" {how}" if how else ""
    return (
        f"unexpected pass{how}: {FILE_NAME} says {expectation.reason!r} of {expectation.op!r}, check "
        f"{expectation.check!r}. Remove the entry, or narrow its op and dtype"
    )


# ---- what an entry may hold


def _entry(where: str, entry: Any, checks: Collection[str]) -> Expectation:
    if not isinstance(entry, Mapping):
        raise ExpectationError(f"{where} is {entry!r}; write a table: [[expect]]")
    for key in entry:
        if key not in (*_TEXT, *_OUTCOMES):
            near = difflib.get_close_matches(key, (*_TEXT, *_OUTCOMES), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(_TEXT)}"
            raise ExpectationError(f"{where} has an unknown key {key!r}{hint}")
    for key in _TEXT:
        value = entry.get(key, "*" if key in ("dtype", "device") else None)
        if not isinstance(value, str) or not value.strip():
            raise ExpectationError(f'{where} needs a {key}: write {key} = "..."')
    if entry["check"] not in checks:
        near = difflib.get_close_matches(entry["check"], checks, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(checks)}"
        raise ExpectationError(f"{where} names the check {entry['check']!r}; {hint}")
    given = [key for key in _OUTCOMES if key in entry]
    if len(given) != 1:
        raise ExpectationError(
            f"{where} says {' and '.join(given) or 'nothing'} of the outcome; write exactly one of "
            "tolerance = ..., fails = true, unsupported = true"
        )
    text = {key: entry[key] for key in _TEXT if key in entry}
    return Expectation(**text, **{given[0]: _outcome(where, given[0], entry[given[0]])})


def _outcome(where: str, key: str, value: Any) -> Any:
    if key != "tolerance":
        if value is not True:
            raise ExpectationError(f"{where} has {key} = {value!r}; write {key} = true")
        return True
    pair = value if isinstance(value, list) else [value, value]
    numbers = [
        n for n in pair if isinstance(n, (int, float)) and not isinstance(n, bool) and n >= 0
    ]
    if len(pair) != 2 or len(numbers) != 2:
        raise ExpectationError(
            f"{where} has tolerance = {value!r}; write a number, or [relative, absolute]"
        )
    return float(pair[0]), float(pair[1])
