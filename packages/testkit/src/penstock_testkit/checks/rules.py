"""Rules of arithmetic by name, with results written out: what devices are known to get wrong.

Rounding goes to even, not away from zero; integer division follows the sign of the divisor; a range is start + i * step
without a fused multiply-add, which would move its elements; NaN is not lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.registry import op_function
from penstock_testkit.cases import HOST
from penstock_testkit.compare import near
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import Tolerance

_nan, _inf = np.nan, np.inf


@dataclass(frozen=True)
class Rule:
    """A call and its result, to the bit.

    Args:
        name: The rule, for messages.
        args: Arrays and attributes.
        expected: What comes out; compared with the sign of zeros.
        dtype: Of the arrays among `args`.
    """

    name: str
    args: tuple[Any, ...]
    expected: Any
    dtype: str = "float32"


def _rules(*rules: tuple[Any, ...]) -> tuple[Rule, ...]:
    return tuple(Rule(*rule) for rule in rules)


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "cast": _rules(
        (
            "to float32: half to even",
            ([1 + 2**-24, 1 + 3 * 2**-24], "float32"),
            [1, 1 + 2**-22],
            "float64",
        ),
        ("to float16: half to even", ([2049.0, 2051.0, -2049.0], "float16"), [2048, 2052, -2048]),
        ("to float16: too large is infinite", ([65519.0, 65520.0], "float16"), [65504, _inf]),
        ("to bfloat16: half to even", ([257.0, 259.0, -257.0], "bfloat16"), [256, 260, -256]),
        ("to bfloat16: NaN stays", ([_nan, _inf, -0.0], "bfloat16"), [_nan, _inf, -0.0]),
        ("to int32: toward zero", ([1.9, -1.9, 2.5, -2.5], "int32"), [1, -1, 2, -2]),
        ("to bool: all but zero", ([0.0, -0.0, _nan, 0.5], "bool"), [False, False, True, True]),
        (
            "of int64: half to even",
            ([2**24 + 1, 2**24 + 3], "float32"),
            [2**24, 2**24 + 4],
            "int64",
        ),
        ("to uint8: modulo", ([-1, 256, 511], "uint8"), [255, 0, 255], "int32"),
    ),
    "round": _rules(("half to even", ([0.5, 1.5, 2.5, -0.5, -1.5],), [0.0, 2.0, 2.0, -0.0, -2.0])),
    "floor_divide": _rules(
        (
            "integers: toward minus infinity",
            ([-7, 7, -7, 7], [2, -2, -2, 2]),
            [-4, -4, 3, 3],
            "int32",
        ),
        ("floats: toward minus infinity", ([-7.0, 7.0, -7.0], [2.0, -2.0, -2.0]), [-4, -4, 3]),
    ),
    "remainder": _rules(
        (
            "integers: sign of the divisor",
            ([-7, 7, -7, 7], [2, -2, -2, 2]),
            [1, -1, -1, 1],
            "int32",
        ),
        ("floats: sign of the divisor", ([-7.0, 7.0, 7.5], [2.0, -2.0, 2.0]), [1, -1, 1.5]),
    ),
    "divide": _rules(
        ("by zero", ([1.0, -1.0, 0.0, 1.0], [0.0, 0.0, 0.0, -0.0]), [_inf, -_inf, _nan, -_inf]),
        ("integers give floats", ([1, -3], [2, 2]), [0.5, -1.5], "int32"),
    ),
    "arange": _rules(
        (
            "start + i * step, without a fused multiply-add",
            (0.1, 1.1, 0.1, "float64"),
            [0.1 + i * 0.1 for i in range(10)],
        ),
        ("the count", (0.0, 1.0, 0.25, "float32"), [0.0, 0.25, 0.5, 0.75]),
    ),
    "maximum": _rules(("NaN wins", ([_nan, 1.0, -_inf], [1.0, _nan, 2.0]), [_nan, _nan, 2])),
    "minimum": _rules(("NaN wins", ([_nan, 1.0, -_inf], [1.0, _nan, 2.0]), [_nan, _nan, -_inf])),
    "max": _rules(("NaN wins", ([1.0, _nan, 3.0],), _nan)),
    "min": _rules(("NaN wins", ([1.0, _nan, 3.0],), _nan)),
    "argmax": _rules(
        ("the first of equals", ([1.0, 3.0, 3.0],), 1),
        ("NaN counts as the largest", ([1.0, _nan, 3.0, _nan],), 1),
    ),
    "argmin": _rules(
        ("the first of equals", ([3.0, 1.0, 1.0],), 1),
        ("NaN counts as the smallest", ([1.0, _nan, 0.0],), 1),
    ),
    "sign": _rules(("of zeros and NaN", ([2.0, -2.0, 0.0, _nan],), [1, -1, 0, _nan])),
    "relu": _rules(("NaN stays", ([-1.0, 2.0, _nan],), [0, 2, _nan])),
    "power": _rules(("anything to zero", ([0.0, _nan, _inf], [0.0, 0.0, 0.0]), [1, 1, 1])),
    "sqrt": _rules(("of negative numbers", ([-1.0, 4.0, -0.0],), [_nan, 2, -0.0])),
    "sum": _rules(
        ("of nothing", ([],), 0.0),
        ("small integers are widened", ([100, 100, 100],), 300, "int8"),
        ("opposite infinities", ([_inf, -_inf],), _nan),
    ),
    "prod": _rules(("of nothing", ([],), 1.0)),
    "all": _rules(("of nothing", ([],), True, "bool")),
    "any": _rules(("of nothing", ([],), False, "bool")),
    "softmax": _rules(
        ("of large numbers", ([1000.0, 1000.0],), [0.5, 0.5]),
        ("of minus infinity", ([-_inf, 0.0],), [0.0, 1.0]),
    ),
    "one_hot": _rules(
        (
            "out of range is nothing",
            ([0, 2, -1, 3], 3),
            [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]],
            "int64",
        )
    ),
    "matmul": _rules(("over nothing", (np.zeros((2, 0)), np.zeros((0, 3))), np.zeros((2, 3)))),
}


def has_rules(group: Group) -> bool:
    """Tell whether rules speak of the op."""
    return group.op in RULES


def rules_hold(group: Group, tolerance: Tolerance | None) -> None:
    """Compare each call with the result that is written here, signs of zeros too."""
    for rule in RULES[group.op]:
        args = [_argument(a, rule.dtype, group.device) for a in rule.args]
        case = next(iter(group.cases))
        with case.placed():
            result = op_function(group.op)(*args)
        expected = np.asarray(rule.expected)
        what = f"[{group.op}] on {group.device}, {rule.name}"
        near(result, expected, tolerance, what, signs=expected.dtype.kind == "f")


def _argument(value: Any, dtype: str, device: str) -> Any:
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, str):
        return value
    t = ps.asarray(np.asarray(value, dtype))
    return t if device == HOST else ps.to_device(t, device)
