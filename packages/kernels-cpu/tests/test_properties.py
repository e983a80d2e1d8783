"""Any op, any shapes: hypothesis compares the native kernels with the reference rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import penstock as ps

Array = np.ndarray[Any, Any]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "floor_divide", "remainder",
          "equal", "less", "greater_equal", "relu_grad"]  # fmt: skip
UNARY = [
    "negative",
    "abs",
    "sign",
    "square",
    "exp",
    "sin",
    "tanh",
    "sigmoid",
    "relu",
    "floor",
    "isnan",
]
REDUCE = ["sum", "mean", "max", "min", "prod"]

dims = st.sampled_from([0, 1, 1, 2, 3, 5, 8, 16, 17, 33])
shapes = st.lists(dims, max_size=5).map(tuple).filter(lambda shape: np.prod(shape) <= 30_000)
dtypes = st.sampled_from(["float32", "int32", "int64"])
quick = settings(max_examples=150, deadline=None)


def array(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    values = np.random.default_rng(seed).integers(-9, 10, shape)
    return np.asarray(values, dtype) if dtype != "float32" else np.asarray(values / 4, np.float32)


def reference(name: str, *arrays: Array, **attrs: Any) -> Array:
    fn = ps.ops.BLOCKS[name].reference_fn
    assert fn is not None
    return np.asarray(fn(*arrays, **attrs))


def agree(got: Array, want: Array) -> None:
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@quick
@given(st.sampled_from(BINARY), shapes, st.data(), dtypes)
def test_binary_ops_broadcast(name: str, shape: tuple[int, ...], data: Any, dtype: str) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    skipped = data.draw(st.integers(0, len(shape)))
    other = tuple(n if keep else 1 for n, keep in zip(shape, kept, strict=True))[skipped:]
    if name in ("divide", "relu_grad"):
        dtype = "float32"
    if name == "relu_grad":
        other = shape
    x, y = array(shape, dtype, 1), array(other, dtype, 2)
    for a, b in ((x, y), (y, x)):
        agree(getattr(ps.ops, name)(a, b).numpy(), reference(name, a, b))


@quick
@given(st.sampled_from(UNARY), shapes, st.data())
def test_unary_ops_take_any_view(name: str, shape: tuple[int, ...], data: Any) -> None:
    x = array(shape, "float32", 3)
    for axis in range(x.ndim):
        step = data.draw(st.sampled_from([1, 1, 2, -1, -3]))
        x = x[(slice(None),) * axis + (slice(None, None, step),)]
    agree(getattr(ps, name)(ps.from_dlpack(x)).numpy(), reference(name, x))


@quick
@given(st.sampled_from(REDUCE), shapes, st.data(), dtypes, st.booleans())
def test_reductions(
    name: str, shape: tuple[int, ...], data: Any, dtype: str, keepdims: bool
) -> None:
    axes = (
        tuple(sorted(data.draw(st.sets(st.integers(0, max(0, len(shape) - 1)))))) if shape else ()
    )
    axis = data.draw(st.sampled_from([None, axes]))
    assume(name not in ("max", "min") or all(shape))
    x = array(shape, dtype if name != "mean" else "float32", 4)
    if name == "prod":
        x = np.where(x == 0, x, np.sign(x)).astype(x.dtype)
    got = getattr(ps, name)(x, axis=axis, keepdims=keepdims).numpy()
    agree(got, reference(name, x, axis=axis, keepdims=keepdims))


@quick
@given(shapes, st.permutations(range(5)), st.data())
def test_movement(shape: tuple[int, ...], order: list[int], data: Any) -> None:
    x = array(shape, "int32", 5)
    axes = tuple(a for a in order if a < len(shape))
    np.testing.assert_array_equal(ps.transpose(x, axes=axes).numpy(), x.transpose(axes))
    width = data.draw(st.lists(st.integers(0, 3), min_size=2 * x.ndim, max_size=2 * x.ndim))
    pairs = np.reshape(width, (-1, 2)).tolist()
    want = np.pad(x, pairs, constant_values=7) if x.ndim else x
    np.testing.assert_array_equal(ps.pad(x, pad_width=width, constant_values=7.0).numpy(), want)
    for axis in range(x.ndim):
        parts = [x, x[(slice(None),) * axis + (slice(0, 1),)], x]
        np.testing.assert_array_equal(
            ps.concat(parts, axis=axis).numpy(), np.concatenate(parts, axis)
        )


size = st.integers(1, 9)


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.integers(0, 3), size, size), st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 20)), st.sampled_from([1, 2, 3]), st.tuples(size, size),
    st.tuples(st.integers(1, 3), st.integers(1, 3)), st.tuples(*[st.integers(0, 11)] * 4),
    st.sampled_from(["valid", "same", "explicit"]),
)  # fmt: skip
def test_convolutions(
    image: Any,
    kernel: Any,
    channels: Any,
    groups: int,
    strides: Any,
    dilations: Any,
    around: Any,
    padding: str,
) -> None:
    x = array((*image, channels[0] * groups), "float32", 6)
    f = array((*kernel, channels[0], channels[1] * groups), "float32", 7)
    grow = around if padding == "explicit" else (0, 0, 0, 0)
    for d in (0, 1):
        reach = (kernel[d] - 1) * dilations[d] + 1
        assume(padding == "same" or image[1 + d] + grow[2 * d] + grow[2 * d + 1] >= reach)
    options = {
        "strides": strides, "padding": padding, "explicit_padding": around if padding == "explicit" else None,
        "dilations": dilations, "groups": groups,
    }  # fmt: skip
    y = reference("conv2d", x, f, **options)
    agree(ps.conv2d(x, f, **options).numpy(), y)
    dy = array(y.shape, "float32", 8)
    got = ps.ops.conv2d_input_grad(dy, f, input_shape=x.shape, **options).numpy()
    agree(got, reference("conv2d_input_grad", dy, f, input_shape=x.shape, **options))
    got = ps.ops.conv2d_filter_grad(x, dy, filter_shape=f.shape, **options).numpy()
    agree(got, reference("conv2d_filter_grad", x, dy, filter_shape=f.shape, **options))
