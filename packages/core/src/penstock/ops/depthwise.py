"""Convolution of every channel by itself, and its two gradients."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops._windows import Windows
from penstock.ops.conv import conv2d, conv2d_filter_grad, conv2d_input_grad

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike


def _as_groups(shape: Any) -> tuple[int, ...]:
    """The shape of the same filter for conv2d with a group for each channel."""
    height, width, channels, multiplier = shape
    return height, width, 1, channels * multiplier


def _windows_of(node: Node) -> dict[str, Any]:
    names = ("strides", "padding", "explicit_padding", "dilations")
    return {name: node.attrs[name] for name in names}


# Image, filter and attributes of valid convolutions, and what they show.
_CASES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ("plain", (2, 4, 5, 3), (3, 2, 3, 1), {}),
    ("multiplier", (1, 4, 4, 2), (2, 2, 2, 3), {}),
    ("same", (1, 5, 5, 2), (3, 3, 2, 1), {"padding": "same"}),
    ("strides", (1, 6, 7, 2), (3, 3, 2, 1), {"strides": (2, 3)}),
    ("same with strides", (1, 7, 6, 2), (3, 2, 2, 2), {"strides": (2, 3), "padding": "same"}),
    ("dilations", (1, 7, 7, 1), (3, 2, 1, 1), {"dilations": (2, 3)}),
    (
        "explicit",
        (1, 4, 4, 1),
        (3, 3, 1, 1),
        {"padding": "explicit", "explicit_padding": (0, 2, 1, 3)},
    ),
    ("strides over gaps", (1, 5, 5, 2), (2, 1, 2, 1), {"strides": 3}),
    ("no images", (0, 4, 4, 2), (2, 2, 2, 1), {}),
)
_LARGE = ("large", (2, 19, 23, 40), (3, 3, 40, 1), {"padding": "same"})


def _drawn(rng: np.random.Generator, *which: str) -> Iterator[tuple[str, list[Any], Any, Any]]:
    """Draw the tensors named in `which` (x, filter, dy) for each case, and for each float dtype."""
    cases = [(*_CASES[0], dtype) for dtype in FLOATS]
    cases += [(*case, "float64") for case in _CASES[1:]]
    for label, image, filter, attrs, dtype in (*cases, (*_LARGE, "float32")):
        strides = np.broadcast_to(attrs.get("strides", 1), 2).tolist()
        windows = Windows.over(
            image,
            filter,
            strides,
            attrs.get("padding", "valid"),
            attrs.get("explicit_padding"),
            attrs.get("dilations", (1, 1)),
        )
        y = (image[0], *windows.out, filter[2] * filter[3])
        shapes = {"x": image, "filter": filter, "dy": y}
        drawn = [array(rng, shapes[name], dtype) for name in which]
        yield f"{label} {dtype}", drawn, shapes, attrs


@op(infer="depthwise_conv2d")
def depthwise_conv2d(
    x: TensorLike,
    filter: TensorLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
) -> Tensor:
    """Slide filters of one channel over images: every channel has its own, `multiplier` of them.

    y[n, i, j, c·multiplier + m] = Σ x[n, i·s₀ + p·d₀, j·s₁ + q·d₁, c] · filter[p, q, c, m], summed over p and q.

    Args:
        x: [batch, height, width, channels], any real dtype.
        filter: [height, width, channels, multiplier].
        strides: Steps between windows: one number, or one for each side.
        padding: "valid" (none), "same" (zeros, so that the result has ceil(size / stride) rows and columns;
            an odd one goes behind) or "explicit".
        explicit_padding: (top, bottom, left, right), with padding="explicit".
        dilations: Steps between the cells of a window: one number, or one for each side.

    Returns:
        [batch, rows, columns, channels * multiplier], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, the window is larger than the image, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 10.0, 2.0, 20.0], (1, 2, 1, 2))
        >>> penstock.nn.depthwise_conv2d(x, penstock.ones((2, 1, 2, 1)))[0, 0, 0]
        Tensor([ 3., 30.], shape=(2,), dtype=float32)
    """


depthwise_conv2d.jvp(_tangents.linear_in_each)


depthwise_conv2d.batch(_batch.merged)


@depthwise_conv2d.reference
def _(x: Any, filter: Any, **attrs: Any) -> Any:
    filter = filter.reshape(_as_groups(filter.shape))
    return conv2d.reference_fn(x, filter, **attrs, groups=x.shape[3])  # type: ignore[misc]


@depthwise_conv2d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, filter = node.inputs
    windows, df, dx = _windows_of(node), None, None
    if node.needs(0):
        dx = ops.depthwise_conv2d_input_grad(dy, filter, x.shape, **windows)
    if node.needs(1):
        df = ops.depthwise_conv2d_filter_grad(x, dy, filter.shape, **windows)
    return dx, df


@depthwise_conv2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, _, attrs in _drawn(rng, "x", "filter"):
        yield Sample(tuple(args), attrs, label=label)
    x = array(rng, (3, 5, 4, 1)).transpose(3, 1, 2, 0)
    yield Sample((x, array(rng, (2, 2, 3, 1))), label="strided")


@depthwise_conv2d.rejects
def _() -> Iterator[Reject]:
    x, filter = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 1))
    yield Reject((x[0], filter), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x, filter[:, :, :1]), match=r"filters \[height, width, channels, multiplier\]")
    yield Reject((x, filter, (1, 1), "sane"), match="use 'valid', 'same' or 'explicit'")
    yield Reject((x, np.ones((5, 3, 2, 1))), match="use padding='same', a smaller window")


@op(infer="depthwise_conv2d_input_grad")
def depthwise_conv2d_input_grad(
    dy: TensorLike,
    filter: TensorLike,
    input_shape: ShapeLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
) -> Tensor:
    """Take the gradient of depthwise_conv2d with respect to its images.

    Args:
        dy: [batch, rows, columns, channels * multiplier], the gradient of the convolution's result.
        filter: [height, width, channels, multiplier].
        input_shape: The shape of the images, [batch, height, width, channels].
        strides: As given to depthwise_conv2d.
        padding: As given to depthwise_conv2d.
        explicit_padding: As given to depthwise_conv2d.
        dilations: As given to depthwise_conv2d.

    Returns:
        `input_shape`, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> dy, filter = penstock.ones((1, 2, 2, 1)), penstock.ones((2, 2, 1, 1))
        >>> penstock.ops.depthwise_conv2d_input_grad(dy, filter, (1, 3, 3, 1))[0, :, :, 0]
        Tensor([[1., 2., 1.],
                [2., 4., 2.],
                [1., 2., 1.]], shape=(3, 3), dtype=float32)
    """


depthwise_conv2d_input_grad.jvp(_tangents.linear_in_each)


depthwise_conv2d_input_grad.batch(_batch.input_gradient)


@depthwise_conv2d_input_grad.reference
def _(dy: Any, filter: Any, input_shape: Any, **attrs: Any) -> Any:
    filter = filter.reshape(_as_groups(filter.shape))
    groups = input_shape[3]
    return conv2d_input_grad.reference_fn(dy, filter, input_shape, **attrs, groups=groups)  # type: ignore[misc]


@depthwise_conv2d_input_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    dy, filter = node.inputs
    windows = _windows_of(node)
    ddy = ops.depthwise_conv2d(ddx, filter, **windows)
    return ddy, ops.depthwise_conv2d_filter_grad(ddx, dy, filter.shape, **windows)


@depthwise_conv2d_input_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, shapes, attrs in _drawn(rng, "dy", "filter"):
        yield Sample(tuple(args), {"input_shape": shapes["x"], **attrs}, label=label)


@depthwise_conv2d_input_grad.rejects
def _() -> Iterator[Reject]:
    dy, filter = np.ones((1, 2, 2, 2)), np.ones((3, 3, 2, 1))
    yield Reject((dy, filter, (1, 5, 4, 2)), match="the shape of the convolution's result")
    yield Reject((dy, filter, (4, 4, 2)), match="input_shape .*expected 4 axes")


@op(infer="depthwise_conv2d_filter_grad")
def depthwise_conv2d_filter_grad(
    x: TensorLike,
    dy: TensorLike,
    filter_shape: ShapeLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
) -> Tensor:
    """Take the gradient of depthwise_conv2d with respect to its filters.

    Args:
        x: [batch, height, width, channels], the images.
        dy: [batch, rows, columns, channels * multiplier], the gradient of the convolution's result.
        filter_shape: The shape of the filters, [height, width, channels, multiplier].
        strides: As given to depthwise_conv2d.
        padding: As given to depthwise_conv2d.
        explicit_padding: As given to depthwise_conv2d.
        dilations: As given to depthwise_conv2d.

    Returns:
        `filter_shape`, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> x, dy = penstock.ones((1, 3, 3, 1)), penstock.ones((1, 2, 2, 1))
        >>> penstock.ops.depthwise_conv2d_filter_grad(x, dy, (2, 2, 1, 1))[:, :, 0, 0]
        Tensor([[4., 4.],
                [4., 4.]], shape=(2, 2), dtype=float32)
    """


depthwise_conv2d_filter_grad.jvp(_tangents.linear_in_each)


@depthwise_conv2d_filter_grad.reference
def _(x: Any, dy: Any, filter_shape: Any, **attrs: Any) -> Any:
    shape = _as_groups(filter_shape)
    df = conv2d_filter_grad.reference_fn(x, dy, shape, **attrs, groups=x.shape[3])  # type: ignore[misc]
    return df.reshape(filter_shape)


@depthwise_conv2d_filter_grad.vjp
def _(node: Node, ddf: Tensor) -> Gradients:
    x, dy = node.inputs
    windows = _windows_of(node)
    dx = ops.depthwise_conv2d_input_grad(dy, ddf, x.shape, **windows)
    return dx, ops.depthwise_conv2d(x, ddf, **windows)


@depthwise_conv2d_filter_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, shapes, attrs in _drawn(rng, "x", "dy"):
        yield Sample(tuple(args), {"filter_shape": shapes["filter"], **attrs}, label=label)


@depthwise_conv2d_filter_grad.rejects
def _() -> Iterator[Reject]:
    x, dy = np.ones((1, 4, 4, 2)), np.ones((1, 2, 2, 2))
    yield Reject((x, dy, (2, 3, 2, 1)), match="the shape of the convolution's result")
