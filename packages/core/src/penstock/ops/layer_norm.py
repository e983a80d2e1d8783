"""Normalisation of each row by itself: over the last axes."""
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
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

Shape = tuple[int, ...]


def _last(x: Any, scale: Any) -> tuple[int, ...]:
    """The axes that are normalised."""
    return tuple(range(x.ndim - scale.ndim, x.ndim))


def _leading(x: Any, scale: Any) -> tuple[int, ...]:
    return tuple(range(x.ndim - scale.ndim))


# The shapes of x and scale, and what they show.
_SHAPES: tuple[tuple[str, Shape, Shape], ...] = (
    ("one row", (5,), (5,)),
    ("rows of rows", (2, 3, 4), (4,)),
    ("two axes", (3, 2, 4), (2, 4)),
    ("no rows", (0, 4), (4,)),
)


@op(infer="layer_norm", outputs=3, public=1)
def layer_norm(
    x: TensorLike, scale: TensorLike, offset: TensorLike, /, epsilon: float = 1e-5
) -> Tensor:
    """Normalise each row: y = scale · (x - mean) / √(variance + ε) + offset.

    A row is what the last axes hold, as many as scale has; mean and (biased) variance are the row's own. Ones and
    zeros as scale and offset only normalise.

    Args:
        x: [..., *row], any real dtype.
        scale: [*row].
        offset: [*row].
        epsilon: Keeps the root away from zero.

    Returns:
        x's shape, of the promoted dtype.

    Raises:
        ValueError: `scale` or `offset` has not the shape of a row.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.nn.layer_norm([[1.0, 3.0]], [1.0, 1.0], [0.0, 1.0], epsilon=0.0)
        Tensor([[-1.,  2.]], shape=(1, 2), dtype=float32)

    Source:
        Ba, Kiros and Hinton, 2016, "Layer normalization". https://arxiv.org/abs/1607.06450
    """


layer_norm.batch(_batch.leading)


@layer_norm.reference
def _(x: Any, scale: Any, offset: Any, epsilon: float) -> Any:
    x, axes = wider(x), _last(x, scale)
    mean = x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(np.square(x - mean).mean(axes, keepdims=True) + x.dtype.type(epsilon))
    return (x - mean) * inverse * scale + offset, mean, inverse


@layer_norm.vjp
def _(node: Node, dy: Any, dmean: Any = None, dinverse: Any = None) -> Gradients:
    x, scale, _ = node.inputs
    _, mean, inverse = node.outputs
    dx, dscale, doffset = None, None, None
    if dy is not None:
        dx, dscale, doffset = ops.layer_norm_grad(x, scale, mean, inverse, dy)
    row = Normalisation(x, scale, mean, inverse, _last(x, scale))
    return row.through_statistics(dx, dmean, dinverse), dscale, doffset


@layer_norm.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample(tuple(array(rng, s, dtype) for s in ((3, 4), (4,), (4,))), label=dtype)
    for label, x, row in _SHAPES:
        yield Sample(tuple(array(rng, s) for s in (x, row, row)), {"epsilon": 0.1}, label=label)
    yield Sample((array(rng, (4, 3)).T, *(array(rng, (4,)) for _ in range(2))), label="strided")
    large = [array(rng, s, "float32") for s in ((7, 1027), (1027,), (1027,))]
    yield Sample(tuple(large), label="large")


@layer_norm.rejects
def _() -> Iterator[Reject]:
    x, row = np.ones((4, 3)), np.ones(3)
    yield Reject((x, np.ones(4), row), match="the shape of the last axes of x")
    yield Reject((x, np.array(1.0), row), match="the shape of the last axes of x, those that are")
    yield Reject((x, row, np.ones(4)), match="the shape of scale")
    yield Reject((x.astype("complex64"), row, row), error=TypeError, match="real")


@op(infer="layer_norm_grad", outputs=3)
def layer_norm_grad(
    x: TensorLike,
    scale: TensorLike,
    mean: TensorLike,
    inverse: TensorLike,
    dy: TensorLike,
    /,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradients of layer_norm, seen through the mean and the variance too.

    With x̂ = (x - mean) · inverse, g = dy · scale and M for the mean over a row:
    dx = inverse · (g - M(g) - x̂ · M(g · x̂)).

    Args:
        x: [..., *row], what was normalised.
        scale: [*row].
        mean: [..., 1], one number for each row, as layer_norm computed it.
        inverse: [..., 1], likewise: 1 / √(variance + ε).
        dy: [..., *row], the gradient of the result.

    Returns:
        dx [..., *row], dscale [*row] and doffset [*row], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> dx, dscale, doffset = penstock.ops.layer_norm_grad(
        ...     [[1.0, 3.0]], [1.0, 1.0], [[2.0]], [[1.0]], [[1.0, 0.0]])
        >>> dscale, doffset
        (Tensor([-1.,  0.], shape=(2,), dtype=float32), Tensor([1., 0.], shape=(2,), dtype=float32))
    """


layer_norm_grad.batch(_batch.norm_gradient)


@layer_norm_grad.reference
def _(x: Any, scale: Any, mean: Any, inverse: Any, dy: Any) -> Any:
    x, dy, axes = wider(x), wider(dy), _last(x, scale)
    normal, g = (x - mean) * inverse, dy * scale
    slope = (g * normal).mean(axes, keepdims=True)
    dx = inverse * (g - g.mean(axes, keepdims=True) - normal * slope)
    return dx, (dy * normal).sum(_leading(x, scale)), dy.sum(_leading(x, scale))


@layer_norm_grad.vjp
def _(node: Node, gx: Any, gscale: Any = None, goffset: Any = None) -> Gradients:
    x, scale, mean, inverse, dy = node.inputs
    return Normalisation(x, scale, mean, inverse, _last(x, scale)).second(dy, gx, gscale, goffset)


def _statistics(x: Shape, row: Shape) -> Shape:
    return (*x[: len(x) - len(row)], *(1 for _ in row))


@layer_norm_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(x: Shape, row: Shape, dtype: str) -> tuple[Any, ...]:
        mean = array(rng, _statistics(x, row), dtype)
        inverse = array(rng, mean.shape, dtype, 0.5, 2.0)
        return array(rng, x, dtype), array(rng, row, dtype), mean, inverse, array(rng, x, dtype)

    for dtype in FLOATS:
        yield Sample(args((3, 4), (4,), dtype), label=dtype)
    for label, x, row in _SHAPES:
        yield Sample(args(x, row, "float64"), label=label)
    yield Sample(args((7, 1027), (1027,), "float32"), label="large")


@layer_norm_grad.rejects
def _() -> Iterator[Reject]:
    x, row, one = np.ones((4, 3)), np.ones(3), np.ones((4, 1))
    yield Reject((x, row, np.ones(4), one, x), match="what the normalisation returned")
    yield Reject((x, row, one, one, x[:3]), match="the shape of x")


@op(infer="rms_norm", outputs=2, public=1)
def rms_norm(x: TensorLike, scale: TensorLike, /, epsilon: float = 1e-6) -> Tensor:
    """Divide each row by its root mean square: y = scale · x / √(mean(x²) + ε).

    A row is what the last axes hold, as many as scale has.

    Args:
        x: [..., *row], any real dtype.
        scale: [*row].
        epsilon: Keeps the root away from zero.

    Returns:
        x's shape, of the promoted dtype.

    Raises:
        ValueError: `scale` has not the shape of a row.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.nn.rms_norm([[1.0, -1.0], [3.0, 3.0]], [1.0, 2.0], epsilon=0.0)
        Tensor([[ 1., -2.],
                [ 1.,  2.]], shape=(2, 2), dtype=float32)

    Source:
        Zhang and Sennrich, 2019, "Root mean square layer normalization". https://arxiv.org/abs/1910.07467
    """


rms_norm.batch(_batch.leading)


@rms_norm.reference
def _(x: Any, scale: Any, epsilon: float) -> Any:
    x = wider(x)
    mean = np.square(x).mean(_last(x, scale), keepdims=True)
    inverse = 1 / np.sqrt(mean + x.dtype.type(epsilon))
    return x * inverse * scale, inverse


@rms_norm.vjp
def _(node: Node, dy: Any, dinverse: Any = None) -> Gradients:
    x, scale = node.inputs
    inverse = node.outputs[1]
    dx, dscale = None, None
    if dy is not None:
        dx, dscale = ops.rms_norm_grad(x, scale, inverse, dy)
    row = Normalisation(x, scale, None, inverse, _last(x, scale))
    return row.through_statistics(dx, None, dinverse), dscale


@rms_norm.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 4), dtype), array(rng, (4,), dtype)), label=dtype)
    for label, x, row in _SHAPES:
        yield Sample((array(rng, x), array(rng, row)), {"epsilon": 0.1}, label=label)
    yield Sample((array(rng, (4, 3)).T, array(rng, (4,))), label="strided")
    yield Sample((array(rng, (7, 1027), "float32"), array(rng, (1027,), "float32")), label="large")


@rms_norm.rejects
def _() -> Iterator[Reject]:
    x = np.ones((4, 3))
    yield Reject((x, np.ones(4)), match="the shape of the last axes of x")
    yield Reject((x, np.ones((1, 4, 3))), match="the shape of the last axes of x, those that are")


@op(infer="rms_norm_grad", outputs=2)
def rms_norm_grad(
    x: TensorLike, scale: TensorLike, inverse: TensorLike, dy: TensorLike, /
) -> tuple[Tensor, Tensor]:
    """Take the gradients of rms_norm, seen through the mean square too.

    With x̂ = x · inverse, g = dy · scale and M for the mean over a row: dx = inverse · (g - x̂ · M(g · x̂)).

    Args:
        x: [..., *row], what was normalised.
        scale: [*row].
        inverse: [..., 1], one number for each row, as rms_norm computed it: 1 / √(mean(x²) + ε).
        dy: [..., *row], the gradient of the result.

    Returns:
        dx [..., *row] and dscale [*row], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> dx, dscale = penstock.ops.rms_norm_grad([[1.0, -1.0]], [1.0, 1.0], [[1.0]], [[1.0, 2.0]])
        >>> dx, dscale
        (Tensor([[1.5, 1.5]], shape=(1, 2), dtype=float32), Tensor([ 1., -2.], shape=(2,), dtype=float32))
    """


rms_norm_grad.batch(_batch.norm_gradient)


@rms_norm_grad.reference
def _(x: Any, scale: Any, inverse: Any, dy: Any) -> Any:
    x, dy = wider(x), wider(dy)
    normal, g = x * inverse, dy * scale
    slope = (g * normal).mean(_last(x, scale), keepdims=True)
    return inverse * (g - normal * slope), (dy * normal).sum(_leading(x, scale))


@rms_norm_grad.vjp
def _(node: Node, gx: Any, gscale: Any = None) -> Gradients:
    x, scale, inverse, dy = node.inputs
    row = Normalisation(x, scale, None, inverse, _last(x, scale))
    dx, dscale, _, dinverse, ddy = row.second(dy, gx, gscale, None)
    return dx, dscale, dinverse, ddy


@rms_norm_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(x: Shape, row: Shape, dtype: str) -> tuple[Any, ...]:
        inverse = array(rng, _statistics(x, row), dtype, 0.5, 2.0)
        return array(rng, x, dtype), array(rng, row, dtype), inverse, array(rng, x, dtype)

    for dtype in FLOATS:
        yield Sample(args((3, 4), (4,), dtype), label=dtype)
    for label, x, row in _SHAPES:
        yield Sample(args(x, row, "float64"), label=label)
    yield Sample(args((7, 1027), (1027,), "float32"), label="large")


@rms_norm_grad.rejects
def _() -> Iterator[Reject]:
    x, row, one = np.ones((4, 3)), np.ones(3), np.ones((4, 1))
    yield Reject((x, row, np.ones(4), x), match="what the normalisation returned")
    yield Reject((x, row, one, x[:3]), match="the shape of x")
