"""Elementwise kernels: values against NumPy in float64, special values, broadcasting, memory as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754942e-38, 1.1754944e-38, 3.4028235e38,
     -3.4028235e38, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, 8388607.5, 8388608.0, 3e9, -3e9, 88.7, -103.9],
    np.float32,
)  # fmt: skip
LIMITS = np.array([0, 1, -1, 2, -2, 7, -7, 2**31 - 1, -(2**31)], np.int32)


def every_exponent(stride: int = 5003) -> Array:
    """Float32 numbers of all signs and exponents, subnormal ones too."""
    x = np.arange(0, 1 << 32, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return x[np.isfinite(x)]


def sigmoid(x: Array) -> Array:
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x)))


# The bounds are those that vec_math.h promises.
@pytest.mark.parametrize(
    ("name", "truth", "bound"),
    [
        ("exp", np.exp, 1.2),
        ("log", np.log, 1.1),
        ("log1p", np.log1p, 2.0),
        ("tanh", np.tanh, 2.1),
        ("sigmoid", sigmoid, 3.0),
        ("sqrt", np.sqrt, 0.5),
        ("rsqrt", lambda x: 1 / np.sqrt(x), 1.5),
    ],
)
def test_functions_stay_within_their_bound_at_every_exponent(
    name: str, truth: Any, bound: float, ulp: Callable[[Array, Array], float]
) -> None:
    x = np.concatenate([every_exponent(), np.linspace(-110, 100, 200_003, dtype=np.float32)])
    with np.errstate(all="ignore"):
        assert ulp(getattr(ps, name)(x).numpy(), truth(x.astype(np.float64))) <= bound


@pytest.mark.parametrize(("name", "truth"), [("sin", np.sin), ("cos", np.cos)])
def test_sin_and_cos_stay_within_2_ulp_or_1e_7_near_their_zeros(name: str, truth: Any) -> None:
    x = np.concatenate([every_exponent(), np.linspace(-9000, 9000, 300_007, dtype=np.float32)])
    want = truth(x.astype(np.float64))
    error = np.abs(getattr(ps, name)(x).numpy().astype(np.float64) - want)
    steps = np.spacing(np.abs(want.astype(np.float32)).clip(1e-45))
    assert np.all((error <= 2 * steps) | (error <= 1e-7))
    assert np.all(error[np.abs(x) < 1e-4] <= steps[np.abs(x) < 1e-4])


@pytest.mark.parametrize(
    "name",
    ["negative", "abs", "sign", "square", "sqrt", "exp", "log", "log1p", "sin", "cos", "tanh", "floor",
     "ceil", "isnan", "isfinite"],
)  # fmt: skip
def test_special_values_come_out_as_in_numpy(name: str) -> None:
    with np.errstate(all="ignore"):
        want = getattr(np, "absolute" if name == "abs" else name)(SPECIAL)
    got = getattr(ps, name)(SPECIAL).numpy()
    np.testing.assert_allclose(got, want, rtol=3e-7, atol=1e-45)
    if want.dtype != bool:
        zero = want == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


def test_relu_keeps_nan_and_its_gradient_is_zero_at_zero() -> None:
    x = np.array([-1, -0.0, 0.0, 2, np.nan, np.inf, -np.inf] * 5, np.float32)
    np.testing.assert_array_equal(ps.relu(x).numpy(), np.where(np.isnan(x), x, np.maximum(x, 0)))
    np.testing.assert_array_equal(ps.ops.relu_grad(x, np.ones_like(x)).numpy(), (x > 0) * 1.0)


BINARY = ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "floor_divide",
          "remainder", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_special_values_pair_by_pair(name: str) -> None:
    x, y = SPECIAL[:, None], SPECIAL[None, :]
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
        if name == "floor_divide":  # beside an infinity the array API's, where NumPy has NaN and -1
            want = np.where(np.isfinite(x) & np.isfinite(y), want, np.floor(x / y))
    got = getattr(ps, name)(x, y).numpy()
    np.testing.assert_allclose(got, want, rtol=3e-7 if name == "power" else 0)
    if want.dtype != bool and name not in ("maximum", "minimum"):  # which zero they choose is open
        zero = want == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
def test_division_with_a_rest_is_exact(name: str, rng: np.random.Generator) -> None:
    x = rng.normal(0, 50, 40_000).astype(np.float32)
    for y in (
        rng.normal(0, 3, x.size),  # ratios of all small sizes
        x / rng.integers(1, 99, x.size),  # ratios next to whole numbers
        np.exp(
            rng.uniform(-80, 80, x.size)
        ),  # ratios of all sizes, so that vectors hold both kinds
        rng.choice([0.1, -0.1, 0.3, 7.0, 1e-45, 3e38], x.size),
    ):
        divisor = y.astype(np.float32)
        with np.errstate(all="ignore"):
            want = getattr(np, name)(x, divisor)
        got = getattr(ps, name)(x, divisor).numpy()
        np.testing.assert_array_equal(got.view(np.uint32), want.view(np.uint32))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("name", [n for n in BINARY if n not in ("divide", "power")])
def test_integers_wrap_and_divide_as_in_numpy(name: str, dtype: Any) -> None:
    limits = LIMITS.astype(dtype)
    limits[-2:] = np.iinfo(dtype).max, np.iinfo(dtype).min
    with np.errstate(all="ignore"):
        want = getattr(np, name)(limits[:, None], limits[None, :])
    np.testing.assert_array_equal(getattr(ps, name)(limits[:, None], limits[None, :]).numpy(), want)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("name", ["negative", "square"])
def test_unary_integers_wrap(name: str, dtype: Any) -> None:
    x = np.array([0, 5, -5, np.iinfo(dtype).min, np.iinfo(dtype).max], dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(getattr(ps, name)(x).numpy(), getattr(np, name)(x))


SHAPES = [
    ((), ()), ((), (5,)), ((1,), (33,)), ((7, 1), (1, 9)), ((4, 17), (17,)), ((4, 17), (4, 1)),
    ((2, 1, 3), (5, 1)), ((2, 3, 4, 5), (3, 1, 5)), ((0, 3), (1, 3)), ((3, 1), (1, 0)), ((1, 70001), (2, 1)),
    ((40000, 2), (2,)), ((1,) * 15 + (3,), (2,) + (1,) * 15),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_operands_broadcast(a: tuple[int, ...], b: tuple[int, ...], draw: Any) -> None:
    x, y = draw(*a), draw(*b)
    np.testing.assert_array_equal(ps.subtract(x, y).numpy(), x - y)
    np.testing.assert_array_equal(ps.subtract(y, x).numpy(), y - x)
    np.testing.assert_array_equal(ps.less(x, y).numpy(), x < y)
    np.testing.assert_array_equal(ps.where(x > 0, x, y).numpy(), np.where(x > 0, x, y))


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
     "float32", "float64"],
)  # fmt: skip
def test_where_moves_every_element_size(dtype: str, rng: np.random.Generator) -> None:
    x = rng.integers(0, 2, (3, 41)).astype(dtype)
    y = rng.integers(0, 2, (41,)).astype(dtype)
    condition = rng.random((3, 1)) < 0.5
    np.testing.assert_array_equal(ps.where(condition, x, y).numpy(), np.where(condition, x, y))


CASTS = ["float32", "float64", "int32", "int64", "uint8", "bool"]


@pytest.mark.parametrize("to", CASTS)
@pytest.mark.parametrize("source", CASTS)
def test_casts_truncate_and_ask_for_non_zero(source: str, to: str) -> None:
    x = np.array([0, 1, 2, 3.99, 100.5, 255, 0.2, 7] * 9).astype(source)
    np.testing.assert_array_equal(ps.cast(x, to).numpy(), x.astype(to))
    np.testing.assert_array_equal(ps.cast(x[::3], to).numpy(), x[::3].astype(to))


def test_every_half_becomes_the_same_float() -> None:
    bits = np.arange(2**16, dtype=np.uint16)
    np.testing.assert_array_equal(
        ps.cast(bits.view(np.float16), "float32").numpy(), bits.view(np.float16).astype(np.float32)
    )


def test_floats_become_the_nearest_halves() -> None:
    bits = np.arange(0, 2**32, 40_009, dtype=np.uint32)
    edges = [
        0.0,
        -0.0,
        65504,
        65519.99,
        65520,
        1e30,
        2**-24,
        2**-25,
        2**-25 * 1.001,
        2**-14,
        6.1e-5,
        np.inf,
        np.nan,
    ]
    x = np.concatenate([bits.view(np.float32), np.float32(edges)])
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        np.testing.assert_array_equal(ps.cast(x, "float16").numpy(), x.astype(np.float16))


def test_floats_become_the_nearest_bfloats() -> None:
    torch = pytest.importorskip("torch")

    bits = np.arange(0, 2**32, 40_009, dtype=np.uint32)
    x = np.concatenate([bits.view(np.float32), np.float32([np.inf, -np.inf, np.nan, 3.4e38])])
    got = ps.cast(ps.cast(x, "bfloat16"), "float32").numpy()
    np.testing.assert_array_equal(got, torch.from_numpy(x).bfloat16().float().numpy())


@pytest.mark.parametrize("source", ["int8", "int16", "uint16"])
@pytest.mark.parametrize("to", ["float32", "int32", "int64"])
def test_small_integers_are_widened(source: str, to: str) -> None:
    x = np.arange(-40_000, 40_000, 7).astype(source)
    np.testing.assert_array_equal(ps.cast(x, to).numpy(), x.astype(to))
    np.testing.assert_array_equal(ps.cast(x[::3], to).numpy(), x[::3].astype(to))


@pytest.mark.parametrize("to", ["int8", "int16"])
@pytest.mark.parametrize("source", ["int32", "int64", "uint8", "bool"])
def test_casts_of_small_integers_keep_the_low_bits(source: str, to: str) -> None:
    x = (np.array([0, 1, -1, 100, -128, 127, 300, -40000, 2**31 - 1, 7]).repeat(7)).astype(source)
    np.testing.assert_array_equal(ps.cast(x, to).numpy(), x.astype(to))
    with ps.profile() as run:
        ps.cast(x[::3], to)
    assert source == to or "reference" not in run.table()


def test_logic_on_booleans(rng: np.random.Generator) -> None:
    x, y = rng.random((2, 5, 77)) < 0.5
    np.testing.assert_array_equal(ps.logical_and(x, y[:1]).numpy(), x & y[:1])
    np.testing.assert_array_equal(ps.logical_or(x, y).numpy(), x | y)
    np.testing.assert_array_equal(ps.logical_not(x).numpy(), ~x)
    np.testing.assert_array_equal(ps.equal(x, y).numpy(), x == y)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint16"])
def test_a_dtype_without_a_native_row_goes_to_the_reference(dtype: str) -> None:
    x = np.arange(1, 9).astype(dtype)
    np.testing.assert_array_equal(ps.add(x, x).numpy(), x + x)
    assert ps.add(x, x).dtype == dtype


@pytest.mark.parametrize("offset", [1, 2, 3, 4, 8, 12])
def test_data_need_not_be_aligned(offset: int, draw: Any) -> None:
    x = draw(203)
    memory = np.zeros(x.nbytes + 16, np.uint8)
    memory[offset : offset + x.nbytes] = x.view(np.uint8)
    t = ps.from_dlpack(memory[offset : offset + x.nbytes].view(np.float32), copy=False)
    assert t._data_pointer() % 64 == memory[offset:].ctypes.data % 64
    np.testing.assert_array_equal((t + t).numpy(), x + x)
    np.testing.assert_array_equal(ps.relu(t).numpy(), np.maximum(x, 0))
    np.testing.assert_array_equal(ps.cast(t, "float64").numpy(), x.astype(np.float64))
    np.testing.assert_array_equal(ps.where(t > 0, t, 1.0).numpy(), np.where(x > 0, x, 1))
    np.testing.assert_array_equal(ps.concat([t, t]).numpy(), np.concatenate([x, x]))
    np.testing.assert_allclose(ps.sum(t).numpy(), x.sum(dtype=np.float64), rtol=1e-5, atol=1e-5)
    square = ps.reshape(t[:196], (14, 14))
    np.testing.assert_allclose(
        (square @ square).numpy(), square.numpy() @ square.numpy(), atol=1e-5
    )


@pytest.mark.parametrize("view", [np.s_[::2], np.s_[::-1], np.s_[:, ::3], np.s_[1:, ::-2]])
def test_imported_views_keep_their_strides(view: Any, draw: Any) -> None:
    x = draw(20, 37)
    t = ps.from_dlpack(x[view])
    np.testing.assert_array_equal((t * 2.0).numpy(), x[view] * 2)
    np.testing.assert_array_equal(ps.add(t, x[view]).numpy(), x[view] + x[view])
    np.testing.assert_allclose(ps.sum(t, axis=0).numpy(), x[view].sum(axis=0), atol=1e-4)
    np.testing.assert_array_equal(ps.transpose(t).numpy(), x[view].T)


def test_ranks_up_to_16_run_and_17_is_refused() -> None:
    x = np.arange(2.0**16, dtype=np.float32).reshape((2,) * 16)
    axes = tuple(np.roll(range(16), 5).tolist())
    np.testing.assert_array_equal((ps.transpose(x, axes=axes) + x).numpy(), x.transpose(axes) + x)
    np.testing.assert_array_equal(
        ps.sum(x, axis=tuple(range(0, 16, 2))).numpy(), x.sum(tuple(range(0, 16, 2)))
    )
    with pytest.raises(ValueError, match="a tensor has at most 16 dimensions"):
        ps.reshape(ps.ones(2), (1,) * 16 + (2,))
