"""Systems of linear equations, inverses and determinants. The last two axes are the matrices."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._lapack import lapack
from penstock.ops._matrices import (
    KINDS,
    above,
    adjoint,
    adjoint_array,
    below,
    conjugated,
    for_lapack,
    need_solvable,
    no_matrix,
    not_square,
    square,
    well_conditioned,
)
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_SINGULAR = "use penstock.linalg.pinv or lstsq, or add a small number to the diagonal"


@op(infer="matrix:solve", name="solve")
def solve_(a: TensorLike, b: TensorLike, /) -> Tensor:
    """Solve a x = b for x, the right sides being the columns of b.

    Args:
        a: [..., n, n], any numeric dtype; integers are taken as float32.
        b: [..., n, k], any numeric dtype; the leading axes must broadcast.

    Returns:
        [..., n, k], of the promoted dtype.

    Raises:
        ValueError: a is not square or is singular, or the shapes do not fit.
        TypeError: a or b is a string tensor.

    Example:
        >>> penstock.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [[2.0], [8.0]])
        Tensor([[1.],
                [2.]], shape=(2, 1), dtype=float32)
    """


solve_.batch(_batch.aligned)


@solve_.reference
def _(a: Any, b: Any) -> Any:
    a, b = for_lapack(a, b)
    return need_solvable(lambda: lapack().solve(a, b), _SINGULAR)


@solve_.vjp
@conjugated
def _(node: Node, dx: Tensor) -> Gradients:
    (a, b), (x,) = node.inputs, node.outputs
    db = solve_(adjoint(a), dx)
    return sum_to(-ops.matmul(db, adjoint(x)), a), sum_to(db, b)


def _systems(rng: np.random.Generator, lower: bool | None = None) -> Iterator[tuple[Any, ...]]:
    """Matrices with right sides; triangular ones if `lower` says which."""

    def pair(a: tuple[int, ...], b: tuple[int, ...], dtype: str) -> tuple[Any, Any]:
        matrix = well_conditioned(rng, a, dtype)
        return matrix, array(rng, b, dtype)

    for dtype in KINDS:
        yield (*pair((3, 3), (3, 2), dtype), dtype)
    yield (*pair((2, 3, 3), (2, 3, 1), "float64"), "batch")
    yield (*pair((2, 1, 3, 3), (4, 3, 2), "float64"), "batch broadcast")
    yield (*pair((3, 3), (2, 3, 1), "float64"), "one matrix, many sides")
    yield (*pair((3, 3), (3, 0), "float64"), "no sides")
    yield (*pair((0, 0), (0, 2), "float64"), "empty")
    yield (*pair((0, 3, 3), (0, 3, 1), "float64"), "no matrices")
    strided = well_conditioned(rng, (3, 3), "float64").T, array(rng, (4, 3)).T
    yield (*strided, "strided")
    yield (*pair((40, 40), (40, 3), "float64"), "large")


@solve_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for a, b, label in _systems(rng):
        yield Sample((a, b), label=label)


def _no_system() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones((2, 1))), match="expected square matrices")
    yield Reject((np.eye(3), np.ones((2, 1))), match="as many rows in both; transpose one")
    yield Reject((np.ones((2, 3, 3)), np.ones((3, 3, 1))), match="do not broadcast")
    yield Reject((np.ones(3), np.ones((3, 1))), match="at least 2 axes")


@solve_.rejects
def _() -> Iterator[Reject]:
    yield from _no_system()
    yield Reject((np.zeros((2, 2)), np.ones((2, 1))), match="singular matrix; use .*pinv or lstsq")


@op(infer="matrix:solve", name="triangular_solve")
def triangular_solve_(
    a: TensorLike, b: TensorLike, /, *, lower: bool = True, unit_diagonal: bool = False
) -> Tensor:
    """Solve a x = b for x, where of a only a triangle is read.

    Args:
        a: [..., n, n], any numeric dtype; integers are taken as float32.
        b: [..., n, k], any numeric dtype; the leading axes must broadcast.
        lower: Read the lower triangle; otherwise the upper one.
        unit_diagonal: Take the diagonal for ones, without reading it.

    Returns:
        [..., n, k], of the promoted dtype; infinite or NaN where an element of the diagonal is 0.

    Raises:
        ValueError: a is not square, or the shapes do not fit.
        TypeError: a or b is a string tensor.

    Example:
        >>> penstock.linalg.triangular_solve([[2.0, 0.0], [1.0, 4.0]], [[2.0], [9.0]])
        Tensor([[1.],
                [2.]], shape=(2, 1), dtype=float32)
    """


triangular_solve_.batch(_batch.aligned)


@triangular_solve_.reference
def _(a: Any, b: Any, lower: bool, unit_diagonal: bool) -> Any:
    a, b = for_lapack(a, b)
    return lapack().triangular_solve(a, b, lower, unit_diagonal)


@triangular_solve_.vjp
@conjugated
def _(node: Node, dx: Tensor) -> Gradients:
    (a, b), (x,) = node.inputs, node.outputs
    lower, unit = node.attrs["lower"], node.attrs["unit_diagonal"]
    db = triangular_solve_(adjoint(a), dx, lower=not lower, unit_diagonal=unit)
    da = (below if lower else above)(-ops.matmul(db, adjoint(x)), 0.0 if unit else 1.0)
    return sum_to(da, a), sum_to(db, b)


@triangular_solve_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for a, b, label in _systems(rng):
        for lower in (True, False):
            yield Sample((a, b), {"lower": lower}, label=f"{label} {lower}")
    a, b = array(rng, (3, 3)), array(rng, (3, 2))
    yield Sample((a, b), {"unit_diagonal": True}, label="unit")
    yield Sample((a, b), {"lower": False, "unit_diagonal": True}, label="unit upper")


triangular_solve_.rejects(_no_system)


@op(infer="matrix:square")
def inv(x: TensorLike, /) -> Tensor:
    """Invert square matrices. To solve equations use `solve`, which is faster and more exact.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square, or singular.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.inv([[2.0, 0.0], [0.0, 4.0]])
        Tensor([[0.5 , 0.  ],
                [0.  , 0.25]], shape=(2, 2), dtype=float32)
    """


inv.batch(_batch.same)
inv.samples(square(well_conditioned))


@inv.reference
def _(x: Any) -> Any:
    return need_solvable(lambda: lapack().inv(for_lapack(x)), _SINGULAR)


@inv.vjp
@conjugated
def _(node: Node, dy: Tensor) -> Gradients:
    inverse = adjoint(node.outputs[0])
    return (-ops.matmul(ops.matmul(inverse, dy), inverse),)


@inv.rejects
def _() -> Iterator[Reject]:
    yield from not_square()
    yield Reject((np.zeros((2, 2)),), match="singular matrix; use penstock.linalg.pinv")


@op(infer="matrix:pinv", name="pinv")
def pinv_(x: TensorLike, /, *, rtol: float | None = None) -> Tensor:
    """Find the Moore-Penrose inverse P: the least squares solution of x y = b is P b.

    The gradient is right where the rank of x does not change nearby.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.
        rtol: Singular values below this part of the largest count as 0; by default max(m, n) times the dtype's eps.

    Returns:
        [..., n, m], of x's dtype or float32.

    Raises:
        ValueError: x has fewer than two axes.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.pinv([[2.0, 0.0], [0.0, 0.0]])
        Tensor([[0.5, 0. ],
                [0. , 0. ]], shape=(2, 2), dtype=float32)
    """


pinv_.batch(_batch.same)


@pinv_.reference
def _(x: Any, rtol: float | None) -> Any:
    u, s, vh = need_solvable(lambda: lapack().svd(for_lapack(x), False), _SINGULAR)
    if rtol is None:
        rtol = max(x.shape[-2:]) * np.finfo(s.dtype).eps
    kept = s > rtol * s.max(-1, keepdims=True, initial=0)
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0)
    return adjoint_array(vh) @ (inverse[..., np.newaxis] * adjoint_array(u))


@pinv_.vjp
@conjugated
def _(node: Node, dy: Tensor) -> Gradients:
    (x,), (p,) = node.inputs, node.outputs
    ph, dh = adjoint(p), adjoint(dy)
    right = ops.matmul(ops.matmul(dh, p), ph)  # of x's shape, as `left`
    left = ops.matmul(ph, ops.matmul(p, dh))
    through = -ops.matmul(ph, ops.matmul(dy, ph))
    return (
        through
        + (right - ops.matmul(x, ops.matmul(p, right)))
        + (left - ops.matmul(ops.matmul(left, p), x)),
    )


@pinv_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in KINDS:
        yield Sample((well_conditioned(rng, (4, 3), dtype),), label=dtype)
    for shape in ((3, 3), (2, 4), (2, 3, 2)):
        yield Sample((well_conditioned(rng, shape, "float64"),), label=f"{shape}")
    thin = array(rng, (4, 1)) @ array(rng, (1, 3))
    yield Sample((thin,), {"rtol": 1e-6}, label="rank 1", differentiable=False)
    yield Sample((array(rng, (0, 3)),), label="empty")
    yield Sample((well_conditioned(rng, (3, 4), "float64").T,), label="strided")
    yield Sample((well_conditioned(rng, (40, 30), "float64"),), label="large")


pinv_.rejects(no_matrix)


@op(infer="matrix:number")
def det(x: TensorLike, /) -> Tensor:
    """Take the determinant of square matrices.

    The gradient is right for singular matrices too; the second derivative only for others.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        [...], of x's dtype or float32; 1 for a matrix without elements.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.det([[1.0, 2.0], [3.0, 4.0]])
        Tensor(-2., shape=(), dtype=float32)
    """


det.batch(_batch.same)
det.samples(square(well_conditioned))


@det.reference
def _(x: Any) -> Any:
    return np.linalg.det(for_lapack(x))


@det.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    factor = ops.reshape(dy, (*dy.shape, 1, 1))
    return (factor * ops.matrix_transpose(adjugate(x)),)


det.rejects(not_square)


@op(infer="matrix:square")
def adjugate(x: TensorLike, /) -> Tensor:
    """Make the matrices of cofactors, transposed: det(x) x⁻¹, which exists also where x⁻¹ does not.

    The gradient is right where x is not singular.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.round(penstock.linalg.adjugate([[1.0, 2.0], [3.0, 4.0]]))
        Tensor([[ 4., -2.],
                [-3.,  1.]], shape=(2, 2), dtype=float32)
    """


adjugate.batch(_batch.same)


@adjugate.reference
def _(x: Any) -> Any:
    u, s, vh = lapack().svd(for_lapack(x), True)
    others = np.empty_like(s)  # the product of the other singular values
    for i in range(s.shape[-1]):
        others[..., i] = np.prod(np.delete(s, i, -1), -1)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    inner = adjoint_array(vh) * others[..., np.newaxis, :]
    return turn[..., np.newaxis, np.newaxis] * (inner @ adjoint_array(u))


@adjugate.vjp
@conjugated
def _(node: Node, dy: Tensor) -> Gradients:
    (x,), (y,) = node.inputs, node.outputs
    inverse = adjoint(inv(x))
    along = ops.sum(dy * ops.conj(y), (-2, -1), keepdims=True)
    return (along * inverse - ops.matmul(ops.matmul(adjoint(y), dy), inverse),)


@adjugate.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from square(well_conditioned)(rng)
    yield Sample((np.ones((2, 2)),), label="singular", differentiable=False)


adjugate.rejects(not_square)


@op(infer="matrix:slogdet", name="slogdet", outputs=2)
def slogdet_(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """Take the sign and the logarithm of the absolute value of determinants: det(x) = sign · e^logabsdet.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        (sign, logabsdet): [...] each, of x's dtype or float32, and of its real dtype; 0 and -inf for singular matrices.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> sign, logabsdet = penstock.linalg.slogdet([[1.0, 0.0], [0.0, -1.0]])
        >>> sign.item(), logabsdet.item()
        (-1.0, 0.0)
    """


slogdet_.batch(_batch.same)
slogdet_.samples(square(well_conditioned))


@slogdet_.reference
def _(x: Any) -> Any:
    return tuple(np.linalg.slogdet(for_lapack(x)))


@slogdet_.vjp
def _(node: Node, dsign: Tensor | None, dlog: Tensor | None) -> Gradients:
    (x,), (sign, _) = node.inputs, node.outputs
    factor = dlog
    if dsign is not None and x.dtype.kind == "complex":
        turning = ops.complex(0.0, ops.imag(dsign * sign))
        factor = turning if factor is None else factor + turning
    if factor is None:
        return (None,)
    factor = ops.reshape(factor, (*factor.shape, 1, 1))
    return (factor * ops.matrix_transpose(inv(x)),)


slogdet_.rejects(not_square)
