"""What the tests of ops share: how near a result must be, and central differences."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]

# Relative and absolute: the only place where the tests of ops say how near is near enough.
TOLERANCE = {
    "bfloat16": (2e-2, 2e-2),
    "float16": (4e-3, 4e-3),
    "float32": (2e-5, 2e-5),
    "float64": (1e-11, 1e-11),
    "complex64": (2e-5, 2e-5),
    "complex128": (1e-11, 1e-11),
    "gradient": (1e-5, 1e-6),  # central differences in float64
}


def assert_close(actual: Any, expected: Any, dtype: str = "") -> None:
    """Require equal shapes, and values within the tolerance of `dtype`, by default that of `actual`."""
    name = dtype or str(getattr(actual.dtype, "name", actual.dtype))
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    if name not in TOLERANCE:
        np.testing.assert_array_equal(actual, expected)
        return
    rtol, atol = TOLERANCE[name]
    if expected.size and name != "gradient":
        finite = np.abs(expected[np.isfinite(expected)])
        atol *= max(1.0, float(finite.max(initial=0.0)))  # of sums, whose terms cancel
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def central_differences(
    fn: Callable[..., float], arrays: Sequence[Array], step: float = 1e-6
) -> list[Array]:
    """Differentiate a scalar function of float64 arrays by every element."""
    arrays = [np.array(a, "float64") for a in arrays]
    gradients = []
    for a in arrays:
        gradient = np.zeros(a.shape)
        for i in np.ndindex(a.shape):
            kept = a[i]
            a[i] = kept + step
            above = fn(*arrays)
            a[i] = kept - step
            gradient[i] = (above - fn(*arrays)) / (2 * step)
            a[i] = kept
        gradients.append(gradient)
    return gradients


@pytest.fixture(scope="session")
def close() -> Callable[..., None]:
    """`close(actual, expected)`, by the table of tolerances."""
    return assert_close


@pytest.fixture(scope="session")
def differences() -> Callable[..., list[Array]]:
    """`differences(fn, arrays)`: the gradients of a scalar function, by central differences."""
    return central_differences


@pytest.fixture(scope="session")
def run_examples() -> Callable[[str, str], None]:
    """`run_examples(name, manual)`: require that the examples in a manual are there, and true."""

    def run(name: str, manual: str) -> None:
        names = {"penstock": ps, "np": np}
        example = doctest.DocTestParser().get_doctest(manual, names, name, None, None)
        assert example.examples
        failed, _ = doctest.DocTestRunner(verbose=False).run(example)
        assert not failed

    return run
