"""The version of the plugin contract, and the ranges in which a manifest asks for it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final

PLUGIN_API: Final = "0.1"
"""Version of hooks, registrars and manifest. A plugin states the range it was written for."""

_Release = tuple[int, ...]
_COMPARE: Final[dict[str, Callable[[_Release, _Release], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_CLAUSE: Final = re.compile(r"(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)")


def check_range(spec: str) -> list[tuple[str, str]]:
    """Split a version range into its clauses.

    Args:
        spec: Clauses separated by commas, such as ">=0.1,<0.2".

    Returns:
        Pairs of operator and version.

    Raises:
        ValueError: `spec` is not such a range.

    >>> check_range(">=0.1, <0.2")
    [('>=', '0.1'), ('<', '0.2')]
    """
    matches = [_CLAUSE.fullmatch(clause.strip()) for clause in spec.split(",")]
    if None in matches:
        raise ValueError(f"{spec!r} is not a version range, expected for example '>=0.1,<0.2'")
    return [(match[1], match[2]) for match in matches if match]


def in_range(spec: str, version: str = PLUGIN_API) -> bool:
    """Say whether `version` lies in the range `spec`.

    Args:
        spec: A range such as ">=0.1,<0.2".
        version: A release number such as "0.1"; by default this core's plugin API.

    Returns:
        True when every clause holds; missing numbers count as zero.

    Raises:
        ValueError: `spec` is not a range.

    >>> in_range(">=0.1,<0.2", "0.1"), in_range("==0.1.0", "0.1"), in_range(">=1", "0.1")
    (True, True, False)
    """
    own = _release(version)
    return all(_COMPARE[sign](own, _release(bound)) for sign, bound in check_range(spec))


def _release(version: str) -> _Release:
    numbers = [int(number) for number in version.split(".")]
    return tuple(numbers + [0] * (6 - len(numbers)))
