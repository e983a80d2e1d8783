"""Functions of f32 against f64: every exponent, and the bounds that the README states."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

import penstock as ps

Array = np.ndarray[Any, Any]
README = Path(__file__).parents[1] / "README.md"
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754942e-38, -1.1754944e-38, 3.4028235e38,
     -3.4028235e38, 1.0, -1.0, 0.99999994, -0.99999994, 0.5, 1.5, 2.5, -2.5, 2.0, 8.0, 88.7, -103.9,
     8388607.5, 8388608.0],
    np.float32,
)  # fmt: skip


def sigmoid(x: Array) -> Array:
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x)))


def gelu(x: Array) -> Array:
    return np.where(x == -np.inf, -0.0, x * sigmoid(np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)))


def mish(x: Array) -> Array:
    return x * np.tanh(np.logaddexp(x, 0))


TRUTH: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "sigmoid": sigmoid,
    "softplus": lambda x: np.logaddexp(x, 0),
    "silu": lambda x: x * sigmoid(x),
    "mish": mish,
    "gelu(approximate=True)": gelu,
    "gelu": lambda x: np.where(x == -np.inf, -0.0, 0.5 * x * special.erfc(-x / np.sqrt(2))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.where(x > 0, 0, x))),
    "power": np.power,
    "hypot": np.hypot,
    "atan2": np.arctan2,
    "logaddexp": np.logaddexp,
}


def bounds() -> dict[str, tuple[float, float]]:
    """What the README promises: units of the last place, or else an absolute error."""
    rows = re.findall(
        r"^\| `([^|]+)` \| ([\d.]+) \| ([\d.e-]*) ?\|", README.read_text(), re.MULTILINE
    )
    return {name: (float(ulp), float(absolute or 0)) for name, ulp, absolute in rows}


EVERY_FLOAT = (
    os.environ.get("PENSTOCK_TEST_EVERY_FLOAT") == "1"
)  # hours; `nox -s functions` sets it
CHUNK = 1 << 22


def every_exponent() -> Array:
    """Numbers of all signs and exponents, denser where functions bend."""
    bits = np.arange(0, 1 << 32, 5003, dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = [np.linspace(-s, s, 100_001, dtype=np.float32) for s in (1.1, 12.0, 110.0, 9000.0)]
    return np.concatenate([SPECIAL, bits[~np.isnan(bits)], *near])


def every_float() -> Iterator[Array]:
    """All 2^32 of them, NaN included, some at a time."""
    for first in range(0, 1 << 32, CHUNK):
        yield (np.arange(CHUNK, dtype=np.uint32) + np.uint32(first)).view(np.float32)


def pairs(seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 32, (2, 100_000), dtype=np.uint64).astype(np.uint32)
    drawn = [np.nan_to_num(b.view(np.float32)) for b in bits]
    x = [np.repeat(SPECIAL, len(SPECIAL)), drawn[0]]
    y = [np.tile(SPECIAL, len(SPECIAL)), drawn[1]]
    for low, high, exponent in ((0, 10, 40), (-10, 10, 20), (0.9, 1.1, 900)):
        x.append(rng.uniform(low, high, 100_000).astype(np.float32))
        power = rng.uniform(-exponent, exponent, 100_000)
        y.append((np.round(power) if low < 0 else power).astype(np.float32))
    return np.concatenate(x), np.concatenate(y)


def inputs_of(name: str) -> Iterator[tuple[Array, ...]]:
    """What a function is tried on, some at a time: a dense sample, or every float there is."""
    if name in ("power", "hypot", "atan2", "logaddexp"):
        yield from (pairs(seed) for seed in range(7, 507 if EVERY_FLOAT else 8))
    elif EVERY_FLOAT:
        yield from ((x,) for x in every_float())
    else:
        yield (every_exponent(),)


def call(name: str, *inputs: Array) -> Array:
    if name.startswith("gelu"):
        return ps.nn.gelu(*inputs, approximate=name != "gelu").numpy()
    return getattr(ps, name)(*inputs).numpy()


def test_the_readme_has_a_bound_for_every_function() -> None:
    assert set(bounds()) == set(TRUTH)


@pytest.mark.parametrize("name", TRUTH)
def test_functions_stay_within_the_readme_s_bound(name: str) -> None:
    for inputs in inputs_of(name):
        check(name, inputs)


def check(name: str, inputs: tuple[Array, ...]) -> None:
    got = call(name, *inputs)
    with np.errstate(all="ignore"):
        want = TRUTH[name](*(x.astype(np.float64) for x in inputs))
        rounded = want.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded))
    infinite = np.isinf(rounded)
    np.testing.assert_array_equal(got[infinite], rounded[infinite])
    ulp, absolute = bounds()[name]
    # Most results are the nearest float or its neighbour; only the others are measured.
    far = np.abs(got.view(np.int32).astype(np.int64) - rounded.view(np.int32)) > ulp - 0.5
    far &= np.isfinite(rounded)
    error = np.abs(got[far].astype(np.float64) - want[far])
    with np.errstate(over="ignore"):  # beyond the largest number
        steps = error / np.spacing(np.abs(rounded[far])).astype(np.float64)
    beyond = np.where(error > absolute, steps, 0.0)
    worst = int(np.argmax(beyond)) if beyond.size else 0
    at = [x[far][worst] for x in inputs] if beyond.size else []
    assert beyond.max(initial=0.0) <= ulp, f"{name} of {at}"
    zero = (want == 0) & (name != "erfinv")  # SciPy drops the sign of -0 there
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("name", ["round", "trunc", "floor", "ceil"])
def test_rounding_is_exact_and_keeps_the_sign_of_zero(name: str) -> None:
    halves = np.arange(-9, 9.5, 0.5, dtype=np.float32)
    x = np.concatenate([every_exponent(), halves])
    got, want = getattr(ps, name)(x).numpy(), getattr(np, name)(x)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("exponent", [2.0, -1.0, 0.5, 3.0, 0.0])
def test_a_power_that_is_one_number(exponent: float) -> None:
    x = every_exponent()
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), np.full(x.shape, exponent)).astype(np.float32)
    np.testing.assert_allclose(ps.power(x, exponent).numpy(), want, rtol=1.2e-7, atol=1e-45)


def test_known_points_are_exact() -> None:
    assert ps.cos(0.0).item() == 1
    assert ps.exp(0.0).item() == 1
    assert ps.log(1.0).item() == 0
    np.testing.assert_array_equal(ps.log2(2.0 ** np.arange(-140, 128, dtype=np.float32)).numpy(),
                                  np.arange(-140, 128))  # fmt: skip
    np.testing.assert_array_equal(ps.exp2(np.arange(-149, 128, dtype=np.float32)).numpy(),
                                  2.0 ** np.arange(-149.0, 128))  # fmt: skip


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits_are_combined_as_in_numpy(name: str, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 2 if dtype == np.bool_ else 200, (2, 5, 77)).astype(dtype)
    np.testing.assert_array_equal(getattr(ps, name)(x, y[:1]).numpy(), getattr(np, name)(x, y[:1]))
    np.testing.assert_array_equal(ps.bitwise_invert(x).numpy(), np.invert(x))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_shifts_by_any_number_of_places(dtype: Any) -> None:
    x = np.array([0, 1, -1, 5, -7, np.iinfo(dtype).max, np.iinfo(dtype).min], dtype)[:, None]
    y = np.array([0, 1, 7, 30, 31, 32, 63, 64, 1000], dtype)
    np.testing.assert_array_equal(ps.bitwise_left_shift(x, y).numpy(), np.left_shift(x, y))
    np.testing.assert_array_equal(ps.bitwise_right_shift(x, y).numpy(), np.right_shift(x, y))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
@pytest.mark.parametrize("shape", [(), (3, 1), (41,), (3, 41)])
def test_limits_broadcast(dtype: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(-9, 9, (3, 41)).astype(dtype)
    low, high = np.full(shape, -3, dtype), np.full(shape[-1:], 4, dtype)
    np.testing.assert_array_equal(ps.clip(x, low, high).numpy(), np.clip(x, low, high))


@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 2), (0, 1), (1, 2), ()])
@pytest.mark.parametrize("shape", [(3, 5, 37), (2, 1, 3), (4, 700, 3)])
def test_logsumexp_along_any_axes(axis: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(5).normal(0, 30, shape).astype(np.float32)
    x[..., 0] = -np.inf
    want = special.logsumexp(x.astype(np.float64), axis) if axis != () else x
    np.testing.assert_allclose(ps.logsumexp(x, axis).numpy(), want, rtol=1e-6, atol=1e-6)


def test_logsumexp_of_infinities_and_nothing() -> None:
    x = np.array([[np.inf, 1], [-np.inf, -np.inf], [np.nan, 1]], np.float32)
    np.testing.assert_array_equal(ps.logsumexp(x, 1).numpy(), [np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(ps.logsumexp(x.T.copy(), 0).numpy(), [np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(
        ps.logsumexp(np.zeros((2, 0), "float32"), 1).numpy(), [-np.inf] * 2
    )


@pytest.mark.parametrize("n", [1, 5, 16, 1023, 5000])
def test_losses_of_rows_of_any_length(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(0, 3, (7, n)), rng.uniform(0.01, 1, (7, n))
    x32, y32 = x.astype(np.float32), y.astype(np.float32)
    logs = special.log_softmax(x, -1)
    got = ps.nn.softmax_cross_entropy_dense(x32, y32).numpy()
    np.testing.assert_allclose(got, -(y * logs).sum(-1), rtol=1e-5, atol=1e-6)
    p = special.softmax(x, -1).clip(1e-7, 1)
    got = ps.nn.kl_divergence(y32, p.astype(np.float32)).numpy()
    np.testing.assert_allclose(got, (y * np.log(y / p)).sum(-1), rtol=1e-5, atol=1e-5)
    cosine = (x * y).sum(-1) / np.sqrt((x * x).sum(-1) * (y * y).sum(-1))
    got = ps.nn.cosine_similarity(x32, y32).numpy()
    np.testing.assert_allclose(got, cosine, rtol=1e-5, atol=1e-6)
