"""Normalisation of each sample by itself, over groups of its channels."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._norm_gradients import Normalisation
from penstock.ops._samples import FLOATS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

# The shape of x, its groups, and what they show.
_CASES: tuple[tuple[str, tuple[int, ...], int], ...] = (
    ("images", (2, 2, 3, 4), 2),
    ("one group", (2, 3, 4), 1),
    ("a group for each channel", (2, 3, 4), 4),
    ("no pixels' axes", (3, 6), 3),
    ("no samples", (0, 3, 4), 2),
)


def _grouped(x: Any, groups: int) -> Any:
    """[batch, ..., channels] as [batch, ..., groups, channels of a group]."""
    return x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)


def _axes(x: Any) -> tuple[int, ...]:
    """What is averaged of x as `_grouped` returns it."""
    return (*range(1, x.ndim - 2), x.ndim - 1)


@op(infer="group_norm", outputs=3, public=1)
def group_norm(
    x: TensorLike,
    scale: TensorLike,
    offset: TensorLike,
    /,
    groups: int,
    epsilon: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels, each sample by itself: y = scale · (x - mean) / √(variance + ε) + offset.

    Mean and (biased) variance are over all positions of a sample and the neighbouring channels of a group.

    Args:
        x: [batch, ..., channels], any real dtype.
        scale: [channels].
        offset: [channels].
        groups: Into how many groups the channels are split; it divides their number.
        epsilon: Keeps the root away from zero.

    Returns:
        x's shape, of the promoted dtype.

    Raises:
        ValueError: The groups do not divide the channels, or `scale` or `offset` has not one number for each.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> x = [[[1.0, 5.0, 0.0, 2.0]]]
        >>> penstock.nn.group_norm(x, penstock.ones(4), penstock.zeros(4), groups=2, epsilon=0.0)
        Tensor([[[-1.,  1., -1.,  1.]]], shape=(1, 1, 4), dtype=float32)

    Source:
        Wu and He, 2018, "Group normalization". https://arxiv.org/abs/1803.08494
    """


group_norm.batch(_batch.merged)


@group_norm.reference
def _(x: Any, scale: Any, offset: Any, groups: int, epsilon: float) -> Any:
    g = _grouped(wider(x), groups)
    mean = g.mean(_axes(g), keepdims=True)
    variance = np.square(g - mean).mean(_axes(g), keepdims=True)
    inverse = 1 / np.sqrt(variance + g.dtype.type(epsilon))
    y = ((g - mean) * inverse).reshape(x.shape) * scale + offset
    return y, mean.reshape(-1, groups), inverse.reshape(-1, groups)


def _normalisation(node: Node, mean: Tensor, inverse: Tensor) -> Normalisation:
    x, groups = node.inputs[0], node.attrs["groups"]
    size = x.shape[-1] // groups
    grouped = ops.reshape(x, (*x.shape[:-1], groups, size))
    statistics = (x.shape[0], *(1 for _ in x.shape[1:-1]), groups, 1)
    return Normalisation(
        grouped,
        ops.reshape(node.inputs[1], (groups, size)),
        ops.reshape(mean, statistics),
        ops.reshape(inverse, statistics),
        _axes(grouped),
    )


def _like(like: Tensor, value: Any) -> Any:
    """Give a gradient the shape of the tensor that it belongs to; None stays."""
    return None if value is None else ops.reshape(value, like.shape)


@group_norm.vjp
def _(node: Node, dy: Any, dmean: Any = None, dinverse: Any = None) -> Gradients:
    x, scale, _ = node.inputs
    _, mean, inverse = node.outputs
    dx, dscale, doffset = None, None, None
    if dy is not None:
        groups = node.attrs["groups"]
        dx, dscale, doffset = ops.group_norm_grad(x, scale, mean, inverse, dy, groups)
    if dmean is not None or dinverse is not None:
        norm = _normalisation(node, mean, inverse)
        assert norm.mean is not None  # made above
        flows = [_like(norm.x, dx), _like(norm.mean, dmean), _like(norm.inverse, dinverse)]
        dx = _like(x, norm.through_statistics(*flows))
    return dx, dscale, doffset


@group_norm.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        args = (array(rng, s, dtype) for s in ((2, 3, 4), (4,), (4,)))
        yield Sample(tuple(args), {"groups": 2}, label=dtype)
    for label, shape, groups in _CASES:
        args = (array(rng, s) for s in (shape, shape[-1:], shape[-1:]))
        yield Sample(tuple(args), {"groups": groups, "epsilon": 0.1}, label=label)
    strided = array(rng, (4, 5, 2)).transpose(2, 1, 0)
    yield Sample((strided, *(array(rng, (4,)) for _ in range(2)), 2), label="strided")
    large = (array(rng, s, "float32") for s in ((2, 60, 37, 34), (34,), (34,)))
    yield Sample(tuple(large), {"groups": 17}, label="large")


@group_norm.rejects
def _() -> Iterator[Reject]:
    x, c = np.ones((2, 3, 4)), np.ones(4)
    yield Reject((x, c, c, 3), match="change groups")
    yield Reject((x, c, c, 0), match="use 1 or more")
    yield Reject((x, c, np.ones(3), 2), match="one number for each channel")
    yield Reject((c, c, c, 2), match="expected at least 2 axes")


@op(infer="group_norm_grad", outputs=3)
def group_norm_grad(
    x: TensorLike,
    scale: TensorLike,
    mean: TensorLike,
    inverse: TensorLike,
    dy: TensorLike,
    /,
    groups: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradients of group_norm, seen through the mean and the variance too.

    With x̂ = (x - mean) · inverse, g = dy · scale and M for the mean over a group:
    dx = inverse · (g - M(g) - x̂ · M(g · x̂)).

    Args:
        x: [batch, ..., channels], what was normalised.
        scale: [channels].
        mean: [batch, groups], as group_norm computed it.
        inverse: [batch, groups], likewise: 1 / √(variance + ε).
        dy: [batch, ..., channels], the gradient of the result.
        groups: As given to group_norm.

    Returns:
        dx [batch, ..., channels], dscale [channels] and doffset [channels], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> dx, dscale, doffset = penstock.ops.group_norm_grad(
        ...     [[1.0, 3.0]], [1.0, 1.0], [[2.0]], [[1.0]], [[1.0, 0.0]], groups=1)
        >>> dscale, doffset
        (Tensor([-1.,  0.], shape=(2,), dtype=float32), Tensor([1., 0.], shape=(2,), dtype=float32))
    """


@group_norm_grad.reference
def _(x: Any, scale: Any, mean: Any, inverse: Any, dy: Any, groups: int) -> Any:
    grouped, dy = _grouped(wider(x), groups), wider(dy)
    axes, leading = _axes(grouped), tuple(range(x.ndim - 1))
    statistics = (x.shape[0], *(1 for _ in x.shape[1:-1]), groups, 1)
    mean, inverse = mean.reshape(statistics), inverse.reshape(statistics)
    normal, g = (grouped - mean) * inverse, _grouped(dy * scale, groups)
    slope = (g * normal).mean(axes, keepdims=True)
    dx = inverse * (g - g.mean(axes, keepdims=True) - normal * slope)
    dscale = (dy * normal.reshape(x.shape)).sum(leading)
    return dx.reshape(x.shape), dscale, dy.sum(leading)


@group_norm_grad.vjp
def _(node: Node, gx: Any, gscale: Any = None, goffset: Any = None) -> Gradients:
    mean, inverse, dy = node.inputs[2:]
    norm = _normalisation(node, mean, inverse)
    per_channel = [_like(norm.scale, g) for g in (gscale, goffset)]
    gradients = norm.second(ops.reshape(dy, norm.x.shape), _like(norm.x, gx), *per_channel)
    return tuple(_like(t, g) for t, g in zip(node.inputs, gradients, strict=True))


@group_norm_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(x: tuple[int, ...], groups: int, dtype: str) -> tuple[Any, ...]:
        mean = array(rng, (x[0], groups), dtype)
        inverse = array(rng, mean.shape, dtype, 0.5, 2.0)
        scale = array(rng, x[-1:], dtype)
        return array(rng, x, dtype), scale, mean, inverse, array(rng, x, dtype), groups

    for dtype in FLOATS:
        yield Sample(args((2, 3, 4), 2, dtype), label=dtype)
    for label, shape, groups in _CASES:
        yield Sample(args(shape, groups, "float64"), label=label)
    yield Sample(args((2, 60, 37, 34), 17, "float32"), label="large")


@group_norm_grad.rejects
def _() -> Iterator[Reject]:
    x, c, one = np.ones((2, 3, 4)), np.ones(4), np.ones((2, 2))
    yield Reject((x, c, c, one, x, 2), match="what the normalisation returned")
    yield Reject((x, c, one, one, x[:1], 2), match="the shape of x")


def instance_norm(
    x: TensorLike, scale: TensorLike, offset: TensorLike, /, epsilon: float = 1e-5
) -> Tensor:
    """Normalise each channel of each sample by itself: group_norm with a group for each channel.

    Args:
        x: [batch, ..., channels], any real dtype.
        scale: [channels].
        offset: [channels].
        epsilon: Keeps the root away from zero.

    Returns:
        x's shape, of the promoted dtype.

    Raises:
        ValueError: `scale` or `offset` has not one number for each channel.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> x = [[[1.0, 0.0], [5.0, 2.0]]]
        >>> penstock.nn.instance_norm(x, [1.0, 1.0], [0.0, 0.0], epsilon=0.0)
        Tensor([[[-1., -1.],
                 [ 1.,  1.]]], shape=(1, 2, 2), dtype=float32)

    Source:
        Ulyanov, Vedaldi and Lempitsky, 2016, "Instance normalization". https://arxiv.org/abs/1607.08022
    """
    x = asarray(x)
    channels = int(x.shape[-1]) if x.ndim else 1  # group_norm refuses x without axes
    return ops.group_norm(x, scale, offset, groups=channels, epsilon=epsilon)
