"""Matrices taken apart: cholesky, qr, lu. The last two axes are the matrices, those before them a batch."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._lapack import lapack
from penstock.ops._matrices import (
    KINDS,
    above,
    adjoint,
    below,
    conjugated,
    for_lapack,
    hermitian,
    hermitian_array,
    need_solvable,
    no_matrix,
    not_square,
    positive_definite,
    square,
    well_conditioned,
)
from penstock.ops._samples import array
from penstock.ops.solving import triangular_solve_

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="matrix:square", name="cholesky")
def cholesky_(x: TensorLike, /) -> Tensor:
    """Find the lower triangular L with L Lᴴ = x. Of x its Hermitian part, (x + xᴴ) / 2, is taken.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32. It must be positive definite.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square, or not positive definite.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]])
        Tensor([[2., 0.],
                [1., 2.]], shape=(2, 2), dtype=float32)
    """


cholesky_.batch(_batch.same)
cholesky_.samples(square(positive_definite))


@cholesky_.reference
def _(x: Any) -> Any:
    given = hermitian_array(for_lapack(x))
    return need_solvable(
        lambda: lapack().cholesky(given),
        "add a small number to the diagonal, or use eigh",
    )


@cholesky_.vjp
@conjugated
def _(node: Node, dy: Tensor) -> Gradients:
    (factor,) = node.outputs
    inner = below(ops.matmul(adjoint(factor), dy), 0.5)
    left = triangular_solve_(adjoint(factor), inner, lower=False)
    both = adjoint(triangular_solve_(adjoint(factor), adjoint(left), lower=False))
    return (hermitian(both),)


@cholesky_.rejects
def _() -> Iterator[Reject]:
    yield from not_square()
    yield Reject((-np.eye(2),), match="not positive definite; add a small number")


@op(infer="matrix:qr", name="qr", outputs=2)
def qr_(x: TensorLike, /, *, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Find Q, whose columns are orthonormal, and the upper triangular R with Q R = x.

    The gradient is right where the first columns of x, as many as there are rows if x is wide, are independent.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.
        mode: "reduced" has k = min(m, n) columns in Q, "complete" m of them.

    Returns:
        (Q, R): [..., m, k] and [..., k, n], of x's dtype or float32.

    Raises:
        ValueError: x has fewer than two axes, or the mode is neither of these.
        TypeError: x is a string tensor.

    Example:
        >>> q, r = penstock.linalg.qr(penstock.ones((3, 2)))
        >>> q.shape, r.shape
        ((3, 2), (2, 2))
    """


qr_.batch(_batch.same)


@qr_.reference
def _(x: Any, mode: Any) -> Any:
    return tuple(lapack().qr(for_lapack(x), mode))


@qr_.vjp
@conjugated
def _(node: Node, dq: Tensor | None, dr: Tensor | None) -> Gradients:
    (x,), (q, r) = node.inputs, node.outputs
    rows, columns = x.shape[-2:]
    if node.attrs["mode"] == "complete" and rows > columns:
        raise InvalidValueError(
            '[qr] with mode="complete" more columns than rows of R are free, so Q has no gradient; '
            'use mode="reduced"'
        )
    if rows >= columns:
        return (_tall_qr(q, r, dq, dr),)
    # Wide: x = [X, Y], and Y = Q V adds to the gradient of Q.
    u = r[..., :rows]
    d_rest = None
    if dr is not None:
        rest, d_right = x[..., rows:], dr[..., rows:]
        d_rest = ops.matmul(q, d_right)
        from_rest = ops.matmul(rest, adjoint(d_right))
        dq = from_rest if dq is None else dq + from_rest
        dr = dr[..., :rows]
    d_left = _tall_qr(q, u, dq, dr)
    right = ops.zeros_like(x[..., rows:]) if d_rest is None else d_rest
    return (ops.concat([d_left, right], -1),)


def _tall_qr(q: Tensor, r: Tensor, dq: Tensor | None, dr: Tensor | None) -> Tensor:
    """The gradient where R is square."""
    # The diagonal of R is real.
    middle = ops.full(r.shape, 0, r.dtype)
    if dr is not None:
        middle = ops.matmul(r, adjoint(above(dr, 1.0)))
    if dq is not None:
        middle = middle - ops.matmul(adjoint(dq), q)
    sides = below(middle, 0.0)
    both = sides + adjoint(sides) + hermitian(middle - sides - above(middle, 0.0))
    inner = ops.matmul(q, both)
    if dq is not None:
        inner = inner + dq
    # inner R⁻ᴴ
    return adjoint(triangular_solve_(r, adjoint(inner), lower=False))


@qr_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in KINDS:
        yield Sample((well_conditioned(rng, (4, 3), dtype),), label=dtype)
    for shape in ((3, 3), (3, 5), (2, 4, 3)):
        yield Sample((well_conditioned(rng, shape, "float64"),), label=f"{shape}")
    complete = {"mode": "complete"}
    wide = well_conditioned(rng, (2, 3), "float64")
    yield Sample((wide,), complete, label="complete wide")
    tall = well_conditioned(rng, (4, 2), "float64")
    yield Sample((tall,), complete, label="complete tall", differentiable=False)
    yield Sample((array(rng, (0, 3)),), label="no rows")
    yield Sample((array(rng, (2, 0)),), label="no columns")
    yield Sample((well_conditioned(rng, (3, 4), "float64").T,), label="strided")
    yield Sample((well_conditioned(rng, (60, 40), "float64"),), label="large")


@qr_.rejects
def _() -> Iterator[Reject]:
    yield from no_matrix()
    yield Reject((np.eye(2),), {"mode": "raw"}, match='use "reduced" or "complete"')


@op(infer="matrix:lu", outputs=3)
def lu(x: TensorLike, /) -> tuple[Tensor, Tensor, Tensor]:
    """Find a permutation P, a lower triangular L with ones on its diagonal, and an upper triangular U: P L U = x.

    Rows are chosen by partial pivoting: the largest element of each column that is left comes to the diagonal.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.

    Returns:
        (P, L, U): [..., m, m], [..., m, k] and [..., k, n] with k = min(m, n), of x's dtype or float32.

    Raises:
        ValueError: x has fewer than two axes.
        TypeError: x is a string tensor.

    Example:
        >>> p, l, u = penstock.linalg.lu([[0.0, 1.0], [2.0, 3.0]])
        >>> p.tolist(), u.tolist()
        ([[0.0, 1.0], [1.0, 0.0]], [[2.0, 3.0], [0.0, 1.0]])
    """


lu.batch(_batch.same)


@lu.reference
def _(x: Any) -> Any:
    given = for_lapack(x)
    rows, columns = x.shape[-2:]
    k = min(rows, columns)
    work, order = lapack().lu(given)
    lower = np.tril(work[..., :k], -1) + np.eye(rows, k, dtype=work.dtype)
    turned = np.eye(rows, dtype=work.dtype)[order]
    return turned.swapaxes(-1, -2), lower, np.triu(work[..., :k, :])


@lu.vjp
@conjugated
def _(node: Node, dp: Tensor | None, dl: Tensor | None, du: Tensor | None) -> Gradients:
    (x,), (p, lower, upper) = node.inputs, node.outputs
    rows, columns = x.shape[-2:]
    dl = below(ops.zeros_like(lower) if dl is None else dl, 0.0)
    du = above(ops.zeros_like(upper) if du is None else du, 1.0)
    if rows < columns:
        made = _wide_lu(lower, upper, dl, du, rows)
    elif columns < rows:
        made = _tall_lu(lower, upper, dl, du, columns)
    else:
        made = _square_lu(lower, upper, dl, du)
    return (ops.matmul(p, made),)


def _square_lu(lower: Tensor, upper: Tensor, dl: Tensor, du: Tensor) -> Tensor:
    inner = below(ops.matmul(adjoint(lower), dl), 0.0) + above(ops.matmul(du, adjoint(upper)), 1.0)
    left = triangular_solve_(adjoint(lower), inner, lower=False)
    return adjoint(triangular_solve_(upper, adjoint(left), lower=False))


def _wide_lu(lower: Tensor, upper: Tensor, dl: Tensor, du: Tensor, rows: Any) -> Tensor:
    d_rest = triangular_solve_(adjoint(lower), du[..., rows:], lower=False)
    dl = dl - below(ops.matmul(d_rest, adjoint(upper[..., rows:])), 0.0)
    return ops.concat([_square_lu(lower, upper[..., :rows], dl, du[..., :rows]), d_rest], -1)


def _tall_lu(lower: Tensor, upper: Tensor, dl: Tensor, du: Tensor, columns: Any) -> Tensor:
    rest = lower[..., columns:, :]
    d_rest = adjoint(triangular_solve_(upper, adjoint(dl[..., columns:, :]), lower=False))
    du = du - above(ops.matmul(adjoint(rest), d_rest), 1.0)
    top = _square_lu(lower[..., :columns, :], upper, dl[..., :columns, :], du)
    return ops.concat([top, d_rest], -2)


@lu.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in KINDS:
        yield Sample((array(rng, (3, 3), dtype),), label=dtype)
    for shape in ((4, 2), (2, 4), (2, 3, 3)):
        yield Sample((array(rng, shape, "float64"),), label=f"{shape}")
    yield Sample((np.zeros((3, 3)),), label="zeros", differentiable=False)
    yield Sample((array(rng, (0, 3)),), label="no rows")
    yield Sample((array(rng, (0, 2, 3)),), label="no matrices")
    yield Sample((array(rng, (3, 4)).T,), label="strided")
    yield Sample((array(rng, (40, 40)),), label="large")


lu.rejects(no_matrix)
