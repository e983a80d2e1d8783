"""Matrix products."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock._native import Tensor
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import NUMERIC, array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock.annotations import TensorLike


@op(infer="matmul")
def matmul_(
    x: TensorLike, y: TensorLike, /, *, transpose_x: bool = False, transpose_y: bool = False
) -> Tensor:
    """Multiply matrices, of two axes or more: z[..., i, j] = Σₖ x[..., i, k] y[..., k, j].

    Args:
        x: [..., m, k], any numeric dtype; [..., k, m] with `transpose_x`.
        y: [..., k, n], any numeric dtype; [..., n, k] with `transpose_y`. The leading axes must broadcast.
        transpose_x: Swap the last two axes of x first; nothing is copied.
        transpose_y: Swap the last two axes of y first.

    Returns:
        [..., m, n], of the promoted dtype.

    Raises:
        ValueError: The inner sizes differ, or the leading axes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean.

    Example:
        >>> penstock.matmul([[1.0, 2.0]], [[3.0], [4.0]])
        Tensor([[11.]], shape=(1, 1), dtype=float32)
    """


matmul_.jvp(_tangents.linear_in_each)


matmul_.batch(_batch.aligned)


@matmul_.reference
def _(x: Any, y: Any, transpose_x: bool, transpose_y: bool) -> Any:
    x, y = wider(x), wider(y)
    return np.matmul(
        x.swapaxes(-1, -2) if transpose_x else x, y.swapaxes(-1, -2) if transpose_y else y
    )


@matmul_.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    tx, ty = node.attrs["transpose_x"], node.attrs["transpose_y"]
    dx = sum_to(_left_gradient(dz, y, tx, ty), x) if node.needs(0) else None
    if not node.needs(1):
        return dx, None
    if y.ndim == 2 < x.ndim and not tx:
        # One product over all rows, in place of a matrix for each of the batch and their sum.
        x, dz = ops.flatten(x, 0, -2), ops.flatten(dz, 0, -2)
    return dx, sum_to(_right_gradient(dz, x, tx, ty), y)


def _left_gradient(dz: Tensor, y: Tensor, tx: bool, ty: bool) -> Tensor:
    if tx:
        return matmul_(y, dz, transpose_x=ty, transpose_y=True)
    return matmul_(dz, y, transpose_y=not ty)


def _right_gradient(dz: Tensor, x: Tensor, tx: bool, ty: bool) -> Tensor:
    if ty:
        return matmul_(dz, x, transpose_x=True, transpose_y=tx)
    return matmul_(x, dz, transpose_x=not tx)


@matmul_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in NUMERIC:
        pair = array(rng, (3, 4), dtype), array(rng, (4, 2), dtype)
        yield Sample(pair, label=dtype)
    for tx, ty in ((True, False), (False, True), (True, True)):
        x = array(rng, (2, 4, 3) if tx else (2, 3, 4))
        y = array(rng, (2, 5, 4) if ty else (2, 4, 5))
        yield Sample((x, y), {"transpose_x": tx, "transpose_y": ty}, label=f"transposed {tx} {ty}")
    yield Sample((array(rng, (2, 1, 3, 4)), array(rng, (3, 4, 2))), label="batch broadcast")
    yield Sample((array(rng, (3, 4)), array(rng, (2, 4, 2))), label="one matrix, many")
    yield Sample((array(rng, (2, 3, 4)), array(rng, (4, 5))), label="many, one matrix")
    turned = array(rng, (2, 2, 3, 4)), array(rng, (5, 4))
    yield Sample(turned, {"transpose_y": True}, label="many, one transposed matrix")
    yield Sample((array(rng, (0, 3, 4)), array(rng, (4, 5))), label="none, one matrix")
    yield Sample((array(rng, (3, 0)), array(rng, (0, 2))), label="sum of nothing")
    yield Sample((array(rng, (0, 4)), array(rng, (4, 2))), label="empty")
    yield Sample((array(rng, (4, 3)).T, array(rng, (2, 4)).T), label="strided")
    large = array(rng, (67, 129), "float32"), array(rng, (129, 71), "float32")
    yield Sample(large, label="large", differentiable=False)


@matmul_.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones((4, 5))), match=r"last axis of x \(3\).*transpose one")
    yield Reject((np.ones((2, 2, 3)), np.ones((3, 3, 2))), match="do not broadcast")
    yield Reject((np.ones(3), np.ones((3, 2))), match="at least 2 axes")
    flags = np.ones((2, 2), bool)
    yield Reject((flags, flags), error=TypeError, match="got bool; expected .*astype")


def matmul(
    x: TensorLike, y: TensorLike, /, *, transpose_x: bool = False, transpose_y: bool = False
) -> Tensor:
    """Multiply matrices, batches of matrices, or vectors with them; also written x @ y.

    A vector, on the left a row and on the right a column, loses its axis in the result.

    Args:
        x: [..., m, k] or [k], any numeric dtype; [..., k, m] with `transpose_x`.
        y: [..., k, n] or [k], any numeric dtype; [..., n, k] with `transpose_y`. Leading axes must broadcast.
        transpose_x: Swap the last two axes of x first; a vector stays as it is.
        transpose_y: Swap the last two axes of y first; a vector stays as it is.

    Returns:
        [..., m, n], of the promoted dtype.

    Raises:
        ValueError: The inner sizes differ, the leading axes do not broadcast, or x or y is a single number.
        TypeError: The dtypes do not promote, or are boolean.

    Example:
        >>> penstock.matmul([1.0, 2.0], [3.0, 4.0])
        Tensor(11., shape=(), dtype=float32)
    """
    if type(x) is Tensor and not (transpose_x or transpose_y):
        return x @ y  # natively, if both are matrices
    return _with_vectors(x, y, transpose_x, transpose_y)


def _with_vectors(
    x: TensorLike, y: TensorLike, transpose_x: bool = False, transpose_y: bool = False
) -> Tensor:
    x, y = ops.asarray(x), ops.asarray(y)
    if x.ndim != 1 and y.ndim != 1:
        return matmul_(x, y, transpose_x=transpose_x, transpose_y=transpose_y)
    left, right = x.ndim == 1, y.ndim == 1
    z = matmul_(
        ops.reshape(x, (1, *x.shape)) if left else x,
        ops.reshape(y, (*y.shape, 1)) if right else y,
        transpose_x=transpose_x and not left,
        transpose_y=transpose_y and not right,
    )
    rows = () if left else z.shape[-2:-1]
    columns = () if right else z.shape[-1:]
    return ops.reshape(z, (*z.shape[:-2], *rows, *columns))
