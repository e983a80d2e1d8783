"""Convolution over volumes [batch, depth, height, width, channels], and its two gradients."""
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
from penstock.ops.conv import conv_attrs, convolved, correlated, spread

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike

# Volume, filter and attributes of valid convolutions, and what they show.
_CASES: tuple[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ("plain", (2, 3, 4, 3, 2), (2, 2, 2, 2, 3), {}),
    ("same", (1, 3, 4, 3, 1), (3, 2, 3, 1, 2), {"padding": "same"}),
    (
        "same with strides",
        (1, 4, 5, 3, 1),
        (2, 3, 2, 1, 1),
        {"strides": (2, 3, 1), "padding": "same"},
    ),
    ("dilations", (1, 4, 3, 5, 1), (2, 1, 2, 1, 1), {"dilations": (3, 1, 2)}),
    (
        "explicit",
        (1, 2, 3, 2, 1),
        (2, 2, 2, 1, 1),
        {"padding": "explicit", "explicit_padding": (0, 1, 1, 0, 2, 0)},
    ),
    ("groups", (1, 2, 3, 3, 4), (2, 2, 1, 2, 4), {"groups": 2}),
    ("no volumes", (0, 2, 3, 3, 1), (2, 2, 2, 1, 1), {}),
    ("one number for strides", (1, 3, 3, 3, 1), (2, 2, 2, 1, 1), {"strides": 2}),
)


def _drawn(
    rng: np.random.Generator, *which: str
) -> Iterator[tuple[str, list[Array], dict[str, Any]]]:
    """Draw the tensors named in `which` (x, filter, dy) for each case, and for each float dtype."""
    for dtype in FLOATS:
        yield _case(rng, dtype, _CASES[0], which)
    for case in _CASES[1:]:
        yield _case(rng, "float64", case, which)
    large = ("large", (2, 5, 9, 8, 20), (3, 3, 3, 20, 33), {"padding": "same"})
    yield _case(rng, "float32", large, which)


def _case(rng: np.random.Generator, dtype: str, case: Any, which: Any) -> Any:
    label, volume, filter, attrs = case
    strides = np.broadcast_to(attrs.get("strides", 1), 3).tolist()
    padding, explicit = attrs.get("padding", "valid"), attrs.get("explicit_padding")
    out = Windows.over(volume, filter, strides, padding, explicit, attrs.get("dilations")).out
    shapes = {"x": volume, "filter": filter, "dy": (volume[0], *out, filter[-1])}
    attrs = {"input_shape": volume, "filter_shape": filter, **attrs}
    return f"{label} {dtype}", [array(rng, shapes[name], dtype) for name in which], attrs


@op(infer="conv3d")
def conv3d(
    x: TensorLike,
    filter: TensorLike,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1, 1),
    groups: int = 1,
) -> Tensor:
    """Slide filters over volumes (a cross-correlation, as everywhere in machine learning).

    y[n, i, o] = Σ x[n, i · stride + p · dilation, c] · filter[p, c, o], summed over p and c; i and p count depth,
    height and width.

    Args:
        x: [batch, depth, height, width, channels], any real dtype.
        filter: [depth, height, width, channels / groups, filters].
        strides: Steps between windows: one number, or one for each side.
        padding: "valid" (none), "same" (zeros, so that a side of the result is ceil(size / stride); an odd one goes
            behind) or "explicit".
        explicit_padding: (front, back, top, bottom, left, right), with padding="explicit".
        dilations: Steps between the cells of a window: one number, or one for each side.
        groups: How many independent parts the channels are split into.

    Returns:
        [batch, depth, rows, columns, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, the window is larger than the volume, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> penstock.nn.conv3d(penstock.ones((1, 3, 3, 3, 1)), penstock.ones((2, 2, 2, 1, 1))).shape
        (1, 2, 2, 2, 1)
    """


conv3d.jvp(_tangents.linear_in_each)


conv3d.batch(_batch.merged)
conv3d.reference(convolved)


@conv3d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    x, filter = node.inputs
    attrs = conv_attrs(node)
    dx = ops.conv3d_input_grad(dy, filter, x.shape, **attrs) if node.needs(0) else None
    return dx, ops.conv3d_filter_grad(x, dy, filter.shape, **attrs) if node.needs(1) else None


@conv3d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng, "x", "filter"):
        del attrs["input_shape"], attrs["filter_shape"]
        yield Sample(tuple(args), attrs, label=label)


@conv3d.rejects
def _() -> Iterator[Reject]:
    x, filter = np.ones((1, 4, 4, 4, 2)), np.ones((3, 3, 3, 2, 1))
    yield Reject(
        (x[0], filter), match=r"expected 5 axes, \[batch, depth, height, width, channels\]"
    )
    yield Reject((x, filter[..., :1, :]), match="channels of x .2. must equal the fourth axis")
    yield Reject((x, filter, 1, "sane"), match="use 'valid', 'same' or 'explicit'")
    yield Reject((x, np.ones((5, 3, 3, 2, 1))), match="needs a depth of 5")
    yield Reject((x, filter, (1, 1)), match="one or three numbers of at least 1")
    yield Reject(
        (x, filter, 1, "explicit"), match=r"expects \(front, back, top, bottom, left, right\)"
    )
    yield Reject((x, np.ones((3, 3, 3, 1, 3))), {"groups": 2}, match="groups do not divide")


@op(infer="conv3d_input_grad")
def conv3d_input_grad(
    dy: TensorLike,
    filter: TensorLike,
    input_shape: ShapeLike,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1, 1),
    groups: int = 1,
) -> Tensor:
    """Take the gradient of conv3d with respect to its volumes: a transposed convolution.

    Args:
        dy: [batch, depth, rows, columns, filters], the gradient of the convolution's result.
        filter: [depth, height, width, channels / groups, filters].
        input_shape: The shape of the volumes, [batch, depth, height, width, channels].
        strides: As given to conv3d.
        padding: As given to conv3d.
        explicit_padding: As given to conv3d.
        dilations: As given to conv3d.
        groups: As given to conv3d.

    Returns:
        `input_shape`, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> dy, filter = penstock.ones((1, 1, 1, 2, 1)), penstock.ones((1, 1, 2, 1, 1))
        >>> penstock.ops.conv3d_input_grad(dy, filter, (1, 1, 1, 3, 1))[0, 0, 0, :, 0]
        Tensor([1., 2., 1.], shape=(3,), dtype=float32)
    """


conv3d_input_grad.jvp(_tangents.linear_in_each)


conv3d_input_grad.batch(_batch.input_gradient)


conv3d_input_grad.reference(spread)


@conv3d_input_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    dy, filter = node.inputs
    attrs = conv_attrs(node)
    return ops.conv3d(ddx, filter, **attrs), ops.conv3d_filter_grad(ddx, dy, filter.shape, **attrs)


@conv3d_input_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng, "dy", "filter"):
        del attrs["filter_shape"]
        yield Sample(tuple(args), attrs, label=label)


@conv3d_input_grad.rejects
def _() -> Iterator[Reject]:
    dy, filter = np.ones((1, 2, 2, 2, 1)), np.ones((3, 3, 3, 2, 1))
    yield Reject((dy, filter, (1, 5, 4, 4, 2)), match="the shape of the convolution's result")
    yield Reject((dy, filter, (4, 4, 4, 2)), match="input_shape .*expected 5 axes")


@op(infer="conv3d_filter_grad")
def conv3d_filter_grad(
    x: TensorLike,
    dy: TensorLike,
    filter_shape: ShapeLike,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1, 1),
    groups: int = 1,
) -> Tensor:
    """Take the gradient of conv3d with respect to its filters.

    Args:
        x: [batch, depth, height, width, channels], the volumes.
        dy: [batch, depth, rows, columns, filters], the gradient of the convolution's result.
        filter_shape: The shape of the filters, [depth, height, width, channels / groups, filters].
        strides: As given to conv3d.
        padding: As given to conv3d.
        explicit_padding: As given to conv3d.
        dilations: As given to conv3d.
        groups: As given to conv3d.

    Returns:
        `filter_shape`, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> x, dy = penstock.ones((1, 1, 3, 3, 1)), penstock.ones((1, 1, 2, 2, 1))
        >>> penstock.ops.conv3d_filter_grad(x, dy, (1, 2, 2, 1, 1))[0, :, :, 0, 0]
        Tensor([[4., 4.],
                [4., 4.]], shape=(2, 2), dtype=float32)
    """


conv3d_filter_grad.jvp(_tangents.linear_in_each)


conv3d_filter_grad.reference(correlated)


@conv3d_filter_grad.vjp
def _(node: Node, ddf: Tensor) -> Gradients:
    x, dy = node.inputs
    attrs = conv_attrs(node)
    return ops.conv3d_input_grad(dy, ddf, x.shape, **attrs), ops.conv3d(x, ddf, **attrs)


@conv3d_filter_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng, "x", "dy"):
        del attrs["input_shape"]
        yield Sample(tuple(args), attrs, label=label)


@conv3d_filter_grad.rejects
def _() -> Iterator[Reject]:
    x, dy = np.ones((1, 4, 4, 4, 2)), np.ones((1, 2, 2, 2, 1))
    yield Reject((x, dy, (2, 3, 3, 2, 1)), match="the shape of the convolution's result")
