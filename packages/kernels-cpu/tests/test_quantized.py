"""Native quantised and sparse kernels against the reference and scipy, on sizes that fill tiles and cross their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.ops import BLOCKS

scipy_sparse = pytest.importorskip("scipy.sparse")

Array = np.ndarray[Any, Any]


def integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


def reference(op: str, *args: Any, **attrs: Any) -> Array:
    given = [np.asarray(a) for a in args]
    result: Array = BLOCKS[op].reference_fn(*given, **attrs)  # type: ignore[misc]
    return result


def layer(rng: np.random.Generator, dtype: str, channels: int, depth: int) -> list[Any]:
    """Bias, scales and zero points such that results fill the range of the dtype."""
    per_axis = dtype == "int8"
    shape = (channels,) if per_axis else ()
    scales = rng.uniform(0.001, 0.02, shape).astype("float32")
    zeros = np.zeros(shape, "int32") if per_axis else np.int32(119)
    spread = np.float32(0.05 * 0.01 * 74 * 74 * max(depth, 1) ** 0.5 / 50)
    bias = rng.integers(-9000, 9000, channels).astype("int32")
    middle = np.int32(-4 if per_axis else 131)
    return [bias, np.float32(0.05), middle, scales, zeros, spread, middle]


WINDOW = {
    "strides": (1, 1),
    "padding": "same",
    "explicit_padding": None,
    "dilations": (1, 1),
    "activation": None,
}


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(
    ("image", "filter", "groups"),
    [
        ((2, 9, 11, 5), (3, 3, 5, 63), 1),
        ((1, 17, 16, 64), (1, 1, 64, 65), 1),
        ((3, 5, 5, 130), (3, 2, 130, 129), 1),
        ((1, 8, 8, 12), (3, 3, 4, 9), 3),
        ((1, 30, 30, 1), (5, 5, 1, 3), 1),
        ((1, 3, 3, 700), (3, 3, 700, 17), 1),
    ],
    ids=str,
)
def test_convolution_is_exact(
    dtype: str, image: Any, filter: Any, groups: int, rng: np.random.Generator
) -> None:
    x, w = integers(rng, image, dtype), integers(rng, filter, dtype)
    args = (x, w, *layer(rng, dtype, filter[3], int(np.prod(filter[:3]))))
    for strides in ((1, 1), (2, 3)):
        attrs = {**WINDOW, "strides": strides, "groups": groups, "activation": "relu"}
        got = ps.quantized_conv2d(*args, **attrs).numpy()
        np.testing.assert_array_equal(got, reference("quantized_conv2d", *args, **attrs))
        assert len(np.unique(got)) > 5  # not all saturated


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("channels", [1, 31, 64, 257, 600])
@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_is_exact(
    dtype: str, channels: int, multiplier: int, rng: np.random.Generator
) -> None:
    x, w = (
        integers(rng, (2, 9, 7, channels), dtype),
        integers(rng, (3, 2, channels, multiplier), dtype),
    )
    args = (x, w, *layer(rng, dtype, channels * multiplier, 6))
    attrs = {**WINDOW, "strides": (2, 1), "dilations": (1, 2)}
    got = ps.quantized_depthwise_conv2d(*args, **attrs).numpy()
    np.testing.assert_array_equal(got, reference("quantized_depthwise_conv2d", *args, **attrs))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 63, 65), (100, 512, 130), (50, 0, 3)], ids=str)
@pytest.mark.parametrize("transposed", [False, True])
def test_dense_layers_are_exact(
    dtype: str, shape: Any, transposed: bool, rng: np.random.Generator
) -> None:
    rows, depth, out = shape
    x = integers(rng, (rows, depth), dtype)
    w = integers(rng, (out, depth) if transposed else (depth, out), dtype)
    args = (x, w, *layer(rng, dtype, out, depth))
    attrs = {"transpose_weights": transposed, "activation": None}
    got = ps.quantized_matmul(*args, **attrs).numpy()
    np.testing.assert_array_equal(got, reference("quantized_matmul", *args, **attrs))


def kept(op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Array:
    """Run an op in a graph where all but x are constants, so that its weights are packed once."""
    rest = [ps.asarray(a) for a in args[1:]]
    run = ps.function(lambda x: getattr(ps, op)(x, *rest, **attrs))
    run(args[0])
    result: Array = run(args[0]).numpy()
    return result


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("x_zero", [-3, 117, 300], ids=lambda zero: f"zero point {zero}")
@pytest.mark.parametrize(
    ("op", "image", "filter"),
    [
        ("quantized_conv2d", (2, 6, 7, 5), (3, 2, 5, 35)),
        ("quantized_conv2d", (2, 5, 5, 8), (1, 1, 8, 100)),
        ("quantized_depthwise_conv2d", (2, 7, 21, 35), (3, 3, 35, 1)),
        ("quantized_depthwise_conv2d", (1, 9, 8, 16), (5, 2, 16, 1)),
        ("quantized_matmul", (1, 70), (70, 130)),
        ("quantized_matmul", (29, 33), (33, 20)),
    ],
    ids=str,
)
def test_weights_packed_once_give_the_same_bits(
    dtype: str, x_zero: int, op: str, image: Any, filter: Any, rng: np.random.Generator
) -> None:
    """Also with zero points of weights, and with one of x that is no byte."""
    x, w = integers(rng, image, dtype), integers(rng, filter, dtype)
    channels = filter[-2] if "depthwise" in op else filter[-1]
    bias, x_scale, _, scales, zeros, spread, middle = layer(rng, dtype, channels, w[..., 0].size)
    attrs: dict[str, Any] = {"transpose_weights": False, "activation": None}
    if op != "quantized_matmul":
        attrs = {**WINDOW, **({"groups": 1} if op == "quantized_conv2d" else {})}
    for zero in (zeros, zeros + np.int32(3)):
        args = (x, w, bias, x_scale, np.int32(x_zero), scales, zero, spread, middle)
        want = reference(op, *args, **attrs)
        np.testing.assert_array_equal(kept(op, args, attrs), want)
        np.testing.assert_array_equal(getattr(ps, op)(*args, **attrs).numpy(), want)


def test_packed_weights_follow_their_variable(rng: np.random.Generator) -> None:
    x, first, second = (integers(rng, (4, 4), "int8") for _ in range(3))
    weights = ps.Variable(first)
    bias = ps.zeros(4, "int32")
    run = ps.function(lambda x: ps.quantized_matmul(x, weights, bias, 0.1, 0, 0.1, 0, 4.0, 0))
    before = run(x).numpy()
    weights.assign(second)
    after = run(x).numpy()
    for got, used in ((before, first), (after, second)):
        want = ps.quantized_matmul(x, used, bias, 0.1, 0, 0.1, 0, 4.0, 0).numpy()
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("extreme", [0, 255])
def test_the_largest_products_fit(extreme: int) -> None:
    """255 · 255 twice is the most that a pair of products can be, of either sign."""
    x, w = np.full((3, 1000), 255, "uint8"), np.full((1000, 4), 255 - extreme, "uint8")
    args = (
        x,
        w,
        np.zeros(4, "int32"),
        1.0,
        np.int32(0),
        1.0,
        np.int32(extreme),
        1e6,
        np.int32(128),
    )
    got = ps.quantized_matmul(*args)
    assert got.numpy().tolist() == [[128 + (-65 if extreme else 65)] * 4] * 3


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("scale", [1e-9, 0.003, 0.07, 1.0, 40.0])
@pytest.mark.parametrize("classes", [1, 2, 700, 9000])
def test_softmax_is_exact(dtype: str, scale: float, classes: int, rng: np.random.Generator) -> None:
    for x in (integers(rng, (5, classes), dtype), np.full((2, classes), 7, dtype)):
        got = ps.quantized_softmax(x, scale).numpy()
        np.testing.assert_array_equal(
            got, reference("quantized_softmax", x, np.float32(scale), beta=1.0)
        )


def test_all_bytes_are_looked_up_rightly() -> None:
    for dtype in ("int8", "uint8"):
        info = np.iinfo(dtype)
        x = np.arange(info.min, info.max + 1).astype(dtype)
        scales, zeros = np.float32([0.31, 0.012, 0.2]), np.int32([3, -9, 1])
        parameters = [p for both in zip(scales, zeros, strict=True) for p in both]
        args = (x[:, None], x[None, :], *parameters)
        for op in ("quantized_add", "quantized_multiply"):
            got = getattr(ps, op)(*args).numpy()
            np.testing.assert_array_equal(got, reference(op, *args, activation=None))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_sparse_products_are_scipys(dtype: str, index: str, rng: np.random.Generator) -> None:
    a = scipy_sparse.random(300, 200, 0.05, "coo", dtype, rng)
    x = rng.normal(size=(200, 130)).astype(dtype)
    places = (a.row.astype(index), a.col.astype(index))
    got = ps.ops.sparse_matmul(a.data, *places, x, 300).numpy()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, a @ x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("op", ["quantize", "fake_quant", "quantized_conv2d", "sparse_matmul"])
def test_they_run_natively(op: str) -> None:
    assert any(row[0] == "kernels-cpu" for row in ps._native.kernel_rows(op))


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
@pytest.mark.parametrize("shape", [(64, 16), (96, 33), (512, 130), (2, 1)], ids=str)
@pytest.mark.parametrize("bits", [4, 8])
def test_weight_only_products(rows: int, shape: Any, bits: int, rng: np.random.Generator) -> None:
    depth, out = shape
    x = rng.standard_normal((rows, depth)).astype("float32")
    weights = integers(rng, (depth * bits // 8, out), "int8" if bits == 8 else "uint8")
    for groups in (1, depth // 2):
        if bits == 4 and depth // groups % 2:
            continue
        scales = rng.uniform(0.01, 0.1, (groups, out)).astype("float32")
        got = ps.weight_only_matmul(x, weights, scales, bits=bits).numpy()
        want = reference("weight_only_matmul", x, weights, scales, bits=bits)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
@pytest.mark.parametrize("shape", [(64, 16), (33, 33), (512, 130), (2, 1), (0, 3)], ids=str)
def test_dynamic_products_are_exact(rows: int, shape: Any, rng: np.random.Generator) -> None:
    """Also where the weights are packed once."""
    depth, out = shape
    x = rng.standard_normal((rows, depth)).astype("float32")
    args = (x, integers(rng, (depth, out), "int8"), rng.uniform(0, 1, out).astype("float32"))
    want = reference("dynamic_quantized_matmul", *args)
    np.testing.assert_array_equal(ps.dynamic_quantized_matmul(*args).numpy(), want)
    np.testing.assert_array_equal(kept("dynamic_quantized_matmul", args, {}), want)


def test_a_row_that_is_not_finite_spoils_only_itself() -> None:
    x = np.array([[1, np.nan], [1, 2], [np.inf, 0]], "float32")
    y = ps.dynamic_quantized_matmul(x, np.ones((2, 20), "int8"), np.ones(20)).numpy()
    assert np.isnan(y[[0, 2]]).all()
    np.testing.assert_allclose(y[1], 3, rtol=0.01)
