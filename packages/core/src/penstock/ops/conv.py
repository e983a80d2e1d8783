"""Convolution over images [batch, height, width, channels], and its two gradients."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, Array, array
from penstock.ops._windows import Windows
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike


def _windows(image: Any, filter: Any, attrs: Any) -> Windows:
    return Windows.over(
        image,
        filter,
        attrs["strides"],
        attrs["padding"],
        attrs["explicit_padding"],
        attrs["dilations"],
    )


def _by_group(rows: Any, groups: int) -> Any:
    """[..., channels] as [groups, rows, channels / groups]."""
    channels = rows.shape[-1]
    count = int(np.prod(rows.shape[:-1]))
    return rows.reshape(count, groups, channels // groups).transpose(1, 0, 2)


def conv_attrs(node: Node) -> dict[str, Any]:
    """Take what the convolutions and their gradients share."""
    names = ("strides", "padding", "explicit_padding", "dilations", "groups")
    return {name: node.attrs[name] for name in names}


# Image, filter and attributes of valid convolutions, and what they show.
_CASES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ("plain", (2, 5, 6, 3), (3, 2, 3, 4), {}),
    ("same", (1, 5, 5, 2), (3, 3, 2, 2), {"padding": "same"}),
    ("same, even window", (1, 5, 4, 1), (2, 4, 1, 2), {"padding": "same"}),
    ("strides", (1, 6, 7, 2), (3, 3, 2, 2), {"strides": (2, 3)}),
    ("same with strides", (1, 6, 7, 2), (3, 2, 2, 1), {"strides": (2, 3), "padding": "same"}),
    ("dilations", (1, 7, 7, 1), (3, 2, 1, 2), {"dilations": (2, 3)}),
    (
        "explicit",
        (1, 4, 4, 1),
        (3, 3, 1, 1),
        {"padding": "explicit", "explicit_padding": (0, 2, 1, 3)},
    ),
    ("groups", (1, 4, 4, 4), (2, 2, 2, 6), {"groups": 2}),
    ("depthwise", (1, 4, 4, 3), (2, 2, 1, 3), {"groups": 3, "padding": "same"}),
    ("no images", (0, 4, 4, 1), (2, 2, 1, 1), {}),
    ("one number for strides", (1, 5, 5, 1), (2, 2, 1, 1), {"strides": 2}),
)


def _drawn(
    rng: np.random.Generator, *which: str
) -> Iterator[tuple[str, list[Array], dict[str, Any]]]:
    """Draw the tensors named in `which` (x, filter, dy) for each case, and for each float dtype."""
    plain = _CASES[0]
    for dtype in FLOATS:
        yield _case(rng, dtype, plain, which)
    for case in _CASES[1:]:
        yield _case(rng, "float64", case, which)


def _case(rng: np.random.Generator, dtype: str, case: Any, which: Any) -> Any:
    label, image, filter, attrs = case
    strides = np.broadcast_to(attrs.get("strides", 1), 2).tolist()
    padding, explicit = attrs.get("padding", "valid"), attrs.get("explicit_padding")
    dilations = attrs.get("dilations", (1, 1))
    out = Windows.over(image, filter, strides, padding, explicit, dilations).out
    shapes = {"x": image, "filter": filter, "dy": (image[0], *out, filter[3])}
    attrs = {"input_shape": image, "filter_shape": filter, **attrs}
    return f"{label} {dtype}", [array(rng, shapes[name], dtype) for name in which], attrs


@op(infer="conv2d")
def conv2d(
    x: TensorLike,
    filter: TensorLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Slide filters over images (a cross-correlation, as everywhere in machine learning).

    y[n, i, j, o] = Σ x[n, i·s₀ + p·d₀, j·s₁ + q·d₁, c] · filter[p, q, c, o], summed over p, q and c.

    Args:
        x: [batch, height, width, channels], any real dtype.
        filter: [height, width, channels / groups, filters].
        strides: Steps between windows: one number, or one for each side.
        padding: "valid" (none), "same" (zeros, so that the result has ceil(size / stride) rows and columns;
            an odd one goes behind) or "explicit".
        explicit_padding: (top, bottom, left, right), with padding="explicit".
        dilations: Steps between the cells of a window: one number, or one for each side.
        groups: How many independent parts the channels are split into; `channels` makes it depthwise.

    Returns:
        [batch, rows, columns, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, the window is larger than the image, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> penstock.nn.conv2d(penstock.ones((1, 3, 3, 1)), penstock.ones((2, 2, 1, 1))).shape
        (1, 2, 2, 1)
    """


conv2d.jvp(_tangents.linear_in_each)


conv2d.batch(_batch.merged)


@conv2d.reference
def convolved(x: Any, filter: Any, **attrs: Any) -> Any:
    """Be conv2d and conv3d in NumPy."""
    windows = _windows(x.shape, filter.shape, attrs)
    x, filter, groups = wider(x), wider(filter), attrs["groups"]
    shape = (x.shape[0], *windows.out, filter.shape[-1])
    y = np.zeros((groups, int(np.prod(shape[:-1])), shape[-1] // groups), x.dtype)
    for cell, view in windows.views(windows.pad(x)):
        y += _by_group(view, groups) @ _by_group(filter[cell], groups)
    return y.transpose(1, 0, 2).reshape(shape)


@conv2d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, filter = node.inputs
    attrs = conv_attrs(node)
    dx = ops.conv2d_input_grad(dy, filter, x.shape, **attrs) if node.needs(0) else None
    return dx, ops.conv2d_filter_grad(x, dy, filter.shape, **attrs) if node.needs(1) else None


@conv2d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng, "x", "filter"):
        del attrs["input_shape"], attrs["filter_shape"]
        yield Sample(tuple(args), attrs, label=label)


@conv2d.rejects
def _() -> Iterator[Reject]:
    x, filter = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 1))
    yield Reject((x[0], filter), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x, filter[:, :, :1]), match="channels of x .2. must equal the third axis")
    yield Reject((x, filter, (1, 1), "sane"), match="use 'valid', 'same' or 'explicit'")
    yield Reject((x, np.ones((5, 3, 2, 1))), match="use padding='same', a smaller window")
    yield Reject((x, filter, (0, 1)), match="of at least 1")
    yield Reject((x, filter, 1, "explicit"), match=r"expects \(top, bottom, left, right\)")
    yield Reject((x, np.ones((3, 3, 1, 3))), {"groups": 2}, match="groups do not divide")


@op(infer="conv2d_input_grad")
def conv2d_input_grad(
    dy: TensorLike,
    filter: TensorLike,
    input_shape: ShapeLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Take the gradient of conv2d with respect to its images: a transposed convolution.

    Args:
        dy: [batch, rows, columns, filters], the gradient of the convolution's result.
        filter: [height, width, channels / groups, filters].
        input_shape: The shape of the images, [batch, height, width, channels].
        strides: As given to conv2d.
        padding: As given to conv2d.
        explicit_padding: As given to conv2d.
        dilations: As given to conv2d.
        groups: As given to conv2d.

    Returns:
        `input_shape`, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> dy, filter = penstock.ones((1, 2, 2, 1)), penstock.ones((2, 2, 1, 1))
        >>> penstock.ops.conv2d_input_grad(dy, filter, (1, 3, 3, 1))[0, :, :, 0]
        Tensor([[1., 2., 1.],
                [2., 4., 2.],
                [1., 2., 1.]], shape=(3, 3), dtype=float32)
    """


conv2d_input_grad.jvp(_tangents.linear_in_each)


conv2d_input_grad.batch(_batch.input_gradient)


@conv2d_input_grad.reference
def spread(dy: Any, filter: Any, input_shape: Any, **attrs: Any) -> Any:
    """Be the gradient of conv2d and conv3d by their images, in NumPy."""
    windows = _windows(input_shape, filter.shape, attrs)
    dy, filter, groups = wider(dy), wider(filter), attrs["groups"]
    padded = windows.pad(np.zeros(input_shape, dy.dtype))
    dy_groups = _by_group(dy, groups)
    for cell, view in windows.views(padded):
        part = dy_groups @ _by_group(filter[cell], groups).swapaxes(1, 2)
        view += part.transpose(1, 0, 2).reshape(view.shape)
    return windows.crop(padded)


@conv2d_input_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    dy, filter = node.inputs
    attrs = conv_attrs(node)
    ddy = ops.conv2d(ddx, filter, **attrs)
    return ddy, ops.conv2d_filter_grad(ddx, dy, filter.shape, **attrs)


@conv2d_input_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng, "dy", "filter"):
        del attrs["filter_shape"]
        yield Sample(tuple(args), attrs, label=label)


@conv2d_input_grad.rejects
def _() -> Iterator[Reject]:
    dy, filter = np.ones((1, 2, 2, 1)), np.ones((3, 3, 2, 1))
    yield Reject((dy, filter, (1, 5, 4, 2)), match="the shape of the convolution's result")
    yield Reject((dy, filter, (4, 4, 2)), match="input_shape .*expected 4 axes")


@op(infer="conv2d_filter_grad")
def conv2d_filter_grad(
    x: TensorLike,
    dy: TensorLike,
    filter_shape: ShapeLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Take the gradient of conv2d with respect to its filters.

    Args:
        x: [batch, height, width, channels], the images.
        dy: [batch, rows, columns, filters], the gradient of the convolution's result.
        filter_shape: The shape of the filters, [height, width, channels / groups, filters].
        strides: As given to conv2d.
        padding: As given to conv2d.
        explicit_padding: As given to conv2d.
        dilations: As given to conv2d.
        groups: As given to conv2d.

    Returns:
        `filter_shape`, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> x, dy = penstock.ones((1, 3, 3, 1)), penstock.ones((1, 2, 2, 1))
        >>> penstock.ops.conv2d_filter_grad(x, dy, (2, 2, 1, 1))[:, :, 0, 0]
        Tensor([[4., 4.],
                [4., 4.]], shape=(2, 2), dtype=float32)
    """


conv2d_filter_grad.jvp(_tangents.linear_in_each)


@conv2d_filter_grad.reference
def correlated(x: Any, dy: Any, filter_shape: Any, **attrs: Any) -> Any:
    """Be the gradient of conv2d and conv3d by their filters, in NumPy."""
    windows = _windows(x.shape, filter_shape, attrs)
    x, dy, groups = wider(x), wider(dy), attrs["groups"]
    df = np.zeros(filter_shape, x.dtype)
    dy_groups = _by_group(dy, groups)
    for cell, view in windows.views(windows.pad(x)):
        part = _by_group(view, groups).swapaxes(1, 2) @ dy_groups
        df[cell] = part.transpose(1, 0, 2).reshape(filter_shape[-2:])
    return df


@conv2d_filter_grad.vjp
def _(node: Node, ddf: Tensor) -> Gradients:
    x, dy = node.inputs
    attrs = conv_attrs(node)
    return ops.conv2d_input_grad(dy, ddf, x.shape, **attrs), ops.conv2d(x, ddf, **attrs)


@conv2d_filter_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng, "x", "dy"):
        del attrs["input_shape"]
        yield Sample(tuple(args), attrs, label=label)


@conv2d_filter_grad.rejects
def _() -> Iterator[Reject]:
    x, dy = np.ones((1, 4, 4, 2)), np.ones((1, 2, 2, 1))
    yield Reject((x, dy, (2, 3, 2, 1)), match="the shape of the convolution's result")
