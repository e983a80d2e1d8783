"""The comparisons: equal bits, near values, equal signs of zero. Each failure names the first element that differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock import Tensor
from penstock_testkit.tolerance import Tolerance

Array = np.ndarray[Any, Any]


def to_array(value: Tensor | Array | bytes) -> Array:
    """Copy a tensor's values to NumPy; bfloat16 becomes float32, which holds it."""
    if isinstance(value, bytes):  # a session's single string; NumPy would cut off zero bytes
        return np.array(value, object)
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)


def same_bits(actual: Sequence[Any], expected: Sequence[Any], what: str) -> None:
    """Require the same number of results, with equal dtypes, shapes and values; NaN equals NaN.

    Raises:
        AssertionError: They differ; the message begins with `what`.
    """
    assert len(actual) == len(expected), f"{what}: {len(actual)} results, expected {len(expected)}"
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        x, y = to_array(a), to_array(e)
        assert (x.shape, x.dtype) == (y.shape, y.dtype), (
            f"{what}: result {i} is {x.dtype}{x.shape}, expected {y.dtype}{y.shape}"
        )
        wrong = x.view(np.uint8) != y.view(np.uint8) if _is_plain(x) else x != y
        if wrong.any():
            _report(what, i, x, y, ~_equal(x, y) | _signs_differ(x, y))


def near(
    actual: Any, expected: Array, tolerance: Tolerance | None, what: str, signs: bool = False
) -> None:
    """Require equal shapes and values within a tolerance.

    Args:
        actual: A result.
        expected: What it should be.
        tolerance: Relative and absolute; None means equal.
        what: The beginning of the message.
        signs: Zeros must have the same sign too.

    Raises:
        AssertionError: They differ.
    """
    x, y = to_array(actual), np.asarray(expected)
    assert x.shape == y.shape, f"{what}: shape {x.shape}, expected {y.shape}"
    with np.errstate(all="ignore"):
        wrong = ~_equal(x, y) if tolerance is None else ~_near(x, y, tolerance)
        if signs:
            wrong |= _signs_differ(x, y)
    if wrong.any():
        _report(what, 0, x, y, wrong, tolerance)


def is_near(actual: Any, expected: Array, tolerance: Tolerance | None) -> bool:
    """Tell whether `near` would be content."""
    try:
        near(actual, expected, tolerance, "")
    except AssertionError:
        return False
    return True


def _is_plain(x: Array) -> bool:
    return x.dtype != object and x.ndim > 0 and x.flags.c_contiguous and x.shape[-1] > 0


def _equal(x: Array, y: Array) -> Any:
    if x.dtype.kind in "fc" and y.dtype.kind in "fc":
        return (x == y) | (np.isnan(x) & np.isnan(y))
    return np.asarray(x == y)


def _near(x: Array, y: Array, tolerance: Tolerance) -> Any:
    rtol, atol = tolerance
    magnitude = np.abs(y[np.isfinite(y)]).max(initial=1.0) if y.size else 1.0
    wide = np.result_type(x, y, np.float64)
    distance = np.abs(x.astype(wide) - y.astype(wide))
    limit = atol * float(magnitude) + rtol * np.abs(y.astype(wide))
    return _equal(x, y) | (np.isfinite(x) & np.isfinite(y) & (distance <= limit))


def _signs_differ(x: Array, y: Array) -> Any:
    if x.dtype.kind != "f" or y.dtype.kind != "f":
        return np.zeros(x.shape, bool)
    return (x == 0) & (y == 0) & (np.signbit(x) != np.signbit(y))


def _report(
    what: str, i: int, x: Array, y: Array, wrong: Any, tolerance: Tolerance | None = None
) -> None:
    """Raise with the first wrong element and how many there are."""
    wrong = np.asarray(wrong)
    if not wrong.any():  # NaNs of other bits are the same value
        return
    at = tuple(int(k) for k in np.argwhere(wrong)[0]) if x.ndim else ()
    allowed = f" within {tolerance[0]:g} relative, {tolerance[1]:g} absolute" if tolerance else ""
    raise AssertionError(
        f"{what}: result {i} at {at} is {x[at]!r}, expected {y[at]!r}{allowed}; "
        f"{int(wrong.sum())} of {wrong.size} elements differ"
    )
