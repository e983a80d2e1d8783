"""Pooling over volumes [batch, depth, height, width, channels]."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.pool import (
    averaged,
    largest,
    read_at_the_largest,
    shared,
    to_the_largest,
    windows_of,
)

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike

_CASES: tuple[tuple[str, tuple[int, ...], dict[str, Any]], ...] = (
    ("plain", (2, 2, 4, 2, 3), {"pool_size": (2, 2, 1)}),
    ("overlapping", (1, 3, 4, 3, 1), {"pool_size": (3, 2, 2), "strides": (1, 2, 1)}),
    ("same", (1, 3, 3, 4, 1), {"pool_size": (2, 3, 3), "padding": "same"}),
    ("gaps", (1, 3, 3, 3, 1), {"pool_size": 1, "strides": 2}),
    ("no volumes", (0, 2, 2, 2, 1), {"pool_size": 2}),
)
_ATTRS = ("pool_size", "strides", "padding")


def _volumes(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (2, 2, 4, 2, 3), dtype),), {"pool_size": 2}, label=dtype)
    for label, shape, attrs in _CASES:
        yield Sample((array(rng, shape),), attrs, label=label)
    large = array(rng, (2, 7, 9, 11, 17), "float32")
    yield Sample((large, 3, 2, "same"), label="large")


def _rejected_volumes() -> Iterator[Reject]:
    x = np.ones((1, 4, 4, 4, 2))
    yield Reject((x[0], 2), match=r"expected 5 axes, \[batch, depth, height, width, channels\]")
    yield Reject((x, 5), match="use padding='same', a smaller window")
    yield Reject((x, (2, 2)), match="one or three numbers of at least 1")
    yield Reject((x, 2), {"padding": "explicit"}, match="use 'valid' or 'same'")


@op(infer="pool3d:real")
def max_pool3d(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> Tensor:
    """Take the largest element of each window; NaN if there is one. Padding never wins.

    Args:
        x: [batch, depth, height, width, channels], any real dtype.
        pool_size: The sides of the window: one number, or one for each side.
        strides: Steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that a side of the result is ceil(size / stride)).

    Returns:
        [batch, depth, rows, columns, channels], of x's dtype.

    Raises:
        ValueError: x has not 5 axes, the window is larger than the volume, or an attribute is out of range.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0, 3.0, 4.0], (1, 1, 2, 2, 1))
        >>> penstock.nn.max_pool3d(x, (1, 2, 2))[0, 0, 0, 0]
        Tensor([4.], shape=(1,), dtype=float32)
    """


max_pool3d.rejects(_rejected_volumes)
max_pool3d.batch(_batch.merged)
max_pool3d.reference(largest)


@max_pool3d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    attrs = {name: node.attrs[name] for name in _ATTRS}
    return (ops.max_pool3d_grad(node.inputs[0], node.outputs[0], dy, **attrs),)


@max_pool3d.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _volumes(rng)
    yield Sample((array(rng, (1, 2, 4, 4, 2), "int32"), 2), label="int32")


@op(infer="max_pool3d_grad")
def max_pool3d_grad(
    x: TensorLike,
    y: TensorLike,
    dy: TensorLike,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
) -> Tensor:
    """Take the gradient of max_pool3d: each dy goes to the first maximum of its window.

    Args:
        x: [batch, depth, height, width, channels], the volumes.
        y: [batch, depth, rows, columns, channels], what max_pool3d returned.
        dy: The gradient of y, of its shape.
        pool_size: As given to max_pool3d.
        strides: As given to max_pool3d.
        padding: As given to max_pool3d.

    Returns:
        x's shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> x, one = penstock.reshape([1.0, 2.0, 2.0], (1, 1, 1, 3, 1)), penstock.ones((1, 1, 1, 1, 1))
        >>> penstock.ops.max_pool3d_grad(x, 2 * one, one, (1, 1, 3))[0, 0, 0, :, 0]
        Tensor([0., 1., 0.], shape=(3,), dtype=float32)
    """


max_pool3d_grad.batch(_batch.all_merged)


max_pool3d_grad.reference(to_the_largest)
max_pool3d_grad.vjp(read_at_the_largest)


@max_pool3d_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in _volumes(rng):
        x, *rest = sample.args
        attrs = {**dict(zip(_ATTRS, rest, strict=False)), **sample.kwargs}
        y = largest(x, **attrs)
        yield Sample((x, y, array(rng, y.shape, x.dtype.name)), attrs, label=sample.label)
    ties = np.ones((1, 2, 3, 3, 1))
    args = ties, np.ones((1, 1, 2, 2, 1)), array(rng, (1, 1, 2, 2, 1))
    yield Sample(args, {"pool_size": 2, "strides": 1}, label="ties")


@max_pool3d_grad.rejects
def _() -> Iterator[Reject]:
    args = np.ones((1, 2, 4, 4, 1)), np.ones((1, 1, 2, 3, 1)), np.ones((1, 1, 2, 2, 1))
    yield Reject(args, {"pool_size": 2}, match="the shape of the pooling's result")


@op(infer="pool3d:float")
def avg_pool3d(
    x: TensorLike, pool_size: Ints, strides: Ints | None = None, padding: str = "valid"
) -> Tensor:
    """Average the elements of each window. Padding is not counted.

    Args:
        x: [batch, depth, height, width, channels], any real dtype; integers are taken as float32.
        pool_size: The sides of the window: one number, or one for each side.
        strides: Steps between windows; None stands for `pool_size`, so that they touch.
        padding: "valid" (none) or "same" (so that a side of the result is ceil(size / stride)).

    Returns:
        [batch, depth, rows, columns, channels], of x's dtype or float32.

    Raises:
        ValueError: x has not 5 axes, the window is larger than the volume, or an attribute is out of range.
        TypeError: x is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0, 3.0, 4.0], (1, 1, 2, 2, 1))
        >>> penstock.nn.avg_pool3d(x, (1, 2, 2))[0, 0, 0, 0]
        Tensor([2.5], shape=(1,), dtype=float32)
    """


avg_pool3d.jvp(_tangents.linear)


avg_pool3d.samples(_volumes)
avg_pool3d.rejects(_rejected_volumes)
avg_pool3d.batch(_batch.merged)
avg_pool3d.reference(averaged)


@avg_pool3d.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    attrs = {name: node.attrs[name] for name in _ATTRS}
    return (ops.avg_pool3d_grad(dy, node.inputs[0].shape, **attrs),)


@op(infer="avg_pool3d_grad")
def avg_pool3d_grad(
    dy: TensorLike,
    input_shape: ShapeLike,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
) -> Tensor:
    """Take the gradient of avg_pool3d: each dy is shared by the elements of its window.

    Args:
        dy: [batch, depth, rows, columns, channels], the gradient of the pooling's result.
        input_shape: The shape of the volumes, [batch, depth, height, width, channels].
        pool_size: As given to avg_pool3d.
        strides: As given to avg_pool3d.
        padding: As given to avg_pool3d.

    Returns:
        `input_shape`, of dy's dtype.

    Raises:
        ValueError: The shapes do not fit together, or an attribute is out of range.

    Example:
        >>> penstock.ops.avg_pool3d_grad([[[[[6.0]]]]], (1, 1, 1, 3, 1), (1, 1, 3))[0, 0, 0, :, 0]
        Tensor([2., 2., 2.], shape=(3,), dtype=float32)
    """


avg_pool3d_grad.jvp(_tangents.linear)


avg_pool3d_grad.batch(_batch.all_merged)


avg_pool3d_grad.reference(shared)


@avg_pool3d_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    attrs = {name: node.attrs[name] for name in _ATTRS}
    return (ops.avg_pool3d(ddx, **attrs),)


@avg_pool3d_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in _volumes(rng):
        x, *rest = sample.args
        attrs = {**dict(zip(_ATTRS, rest, strict=False)), **sample.kwargs}
        dy = array(rng, (x.shape[0], *windows_of(x.shape, attrs).out, x.shape[-1]), x.dtype.name)
        yield Sample((dy, x.shape), attrs, label=sample.label)


@avg_pool3d_grad.rejects
def _() -> Iterator[Reject]:
    args = np.ones((1, 1, 2, 3, 1)), (1, 2, 4, 4, 1), 2
    yield Reject(args, match="the shape of the pooling's result")
