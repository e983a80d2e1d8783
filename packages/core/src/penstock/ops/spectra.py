"""Eigenvalues and singular values. The last two axes are the matrices, those before them a batch."""
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
    adjoint,
    conjugated,
    diagonal_of,
    for_lapack,
    hermitian,
    hermitian_array,
    need_solvable,
    no_matrix,
    not_square,
    on_diagonal,
    positive_definite,
    reciprocal_differences,
    square,
    well_conditioned,
)
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

_NOT_FOUND = "look for NaN or infinity in x"


@op(infer="matrix:eigh", name="eigh", outputs=2)
def eigh_(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """Find the eigenvalues and eigenvectors of Hermitian matrices: x = V diag(w) Vᴴ.

    Of x its Hermitian part, (x + xᴴ) / 2, is taken. Each vector is determined but for its sign (a complex one but for
    its phase), so a gradient is right for results that do not depend on it, and where all eigenvalues differ.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        (eigenvalues, eigenvectors): [..., n], rising, real; and [..., n, n], the vectors as columns.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> values, vectors = penstock.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])
        >>> values
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """


@op(infer="matrix:eigvalsh")
def eigvalsh(x: TensorLike, /) -> Tensor:
    """Find the eigenvalues of Hermitian matrices; of x its Hermitian part, (x + xᴴ) / 2, is taken.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        [..., n], rising, real.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]])
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """


@eigh_.reference
def _(x: Any) -> Any:
    given = hermitian_array(for_lapack(x))
    return tuple(need_solvable(lambda: lapack().eigh(given), _NOT_FOUND))


@eigvalsh.reference
def _(x: Any) -> Any:
    given = hermitian_array(for_lapack(x))
    return need_solvable(lambda: lapack().eigvalsh(given), _NOT_FOUND)


@eigh_.vjp
@conjugated
def _(node: Node, dw: Tensor | None, dv: Tensor | None) -> Gradients:
    w, v = node.outputs
    inner = None if dw is None else on_diagonal(dw)
    if dv is not None:
        turning = reciprocal_differences(w) * ops.matmul(adjoint(v), dv)
        inner = turning if inner is None else inner + turning
    if inner is None:
        return (None,)
    inner = ops.astype(inner, v.dtype)
    return (hermitian(ops.matmul(ops.matmul(v, inner), adjoint(v))),)


@eigvalsh.vjp
@conjugated
def _(node: Node, dw: Tensor) -> Gradients:
    _, v = eigh_(node.inputs[0])
    scaled = v * ops.expand_dims(dw, -2)
    return (hermitian(ops.matmul(scaled, adjoint(v))),)


eigvalsh.samples(square(positive_definite))


@eigh_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in square(positive_definite)(rng):
        yield Sample(sample.args, label=sample.label, differentiable=False)


@op(infer="matrix:eig", outputs=2)
def eig(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """Find the eigenvalues and eigenvectors of square matrices: x V = V diag(w).

    Each vector has length 1 and is determined but for its phase, so a gradient is right for results that do not depend
    on it, and where all eigenvalues differ. For Hermitian matrices `eigh` is faster and more exact.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        (eigenvalues, eigenvectors): [..., n] in no order and [..., n, n], the vectors as columns; both complex.

    Raises:
        ValueError: x is not square, or has elements that are not finite.
        TypeError: x is a string tensor.

    Example:
        >>> values, vectors = penstock.linalg.eig([[0.0, -1.0], [1.0, 0.0]])
        >>> values
        Tensor([0.+1.j, 0.-1.j], shape=(2,), dtype=complex64)
    """


@op(infer="matrix:eigvals")
def eigvals(x: TensorLike, /) -> Tensor:
    """Find the eigenvalues of square matrices.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        [..., n], complex, in no order.

    Raises:
        ValueError: x is not square, or has elements that are not finite.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.eigvals([[0.0, -1.0], [1.0, 0.0]])
        Tensor([0.+1.j, 0.-1.j], shape=(2,), dtype=complex64)
    """


@eig.reference
def _(x: Any) -> Any:
    return tuple(need_solvable(lambda: lapack().eig(for_lapack(x)), _NOT_FOUND))


@eigvals.reference
def _(x: Any) -> Any:
    return need_solvable(lambda: lapack().eigvals(for_lapack(x)), _NOT_FOUND)


@eig.vjp
@conjugated
def _(node: Node, dw: Tensor | None, dv: Tensor | None) -> Gradients:
    w, v = node.outputs
    inner = None if dw is None else on_diagonal(dw)
    if dv is not None:
        vh_dv = ops.matmul(adjoint(v), dv)
        # What would only lengthen the vectors is taken away.
        lengths = ops.expand_dims(ops.real(diagonal_of(vh_dv)), -2)
        rest = vh_dv - ops.matmul(adjoint(v), v * lengths)
        turning = ops.conj(reciprocal_differences(w)) * rest
        inner = turning if inner is None else inner + turning
    if inner is None:
        return (None,)
    return (ops.solve_(adjoint(v), ops.matmul(inner, adjoint(v))),)


@eigvals.vjp
@conjugated
def _(node: Node, dw: Tensor) -> Gradients:
    _, v = eig(node.inputs[0])
    return (ops.solve_(adjoint(v), ops.expand_dims(dw, -1) * adjoint(v)),)


@eig.samples
@eigvals.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in square(well_conditioned)(rng):
        yield Sample(sample.args, label=sample.label, differentiable=False)


@op(infer="matrix:svd", name="svd", outputs=3)
def svd_(x: TensorLike, /, *, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """Find the singular values and vectors of matrices: x = U diag(S) Vh.

    Each pair of vectors is determined but for its sign (complex ones but for their phase), so a gradient is right for
    results that do not depend on it, and where all singular values differ and are not 0.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.
        full_matrices: U and Vh are square. Otherwise they have k = min(m, n) columns and rows.

    Returns:
        (U, S, Vh): [..., m, m or k], [..., k] falling and real, [..., n or k, n].

    Raises:
        ValueError: x has fewer than two axes; or, for a gradient, U or Vh has vectors beyond the first k.
        TypeError: x is a string tensor.

    Example:
        >>> u, s, vh = penstock.linalg.svd([[3.0, 0.0], [0.0, 4.0]])
        >>> s
        Tensor([4., 3.], shape=(2,), dtype=float32)
    """


@op(infer="matrix:svdvals")
def svdvals(x: TensorLike, /) -> Tensor:
    """Find the singular values of matrices.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.

    Returns:
        [..., min(m, n)], falling, real.

    Raises:
        ValueError: x has fewer than two axes.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.svdvals([[3.0, 0.0], [0.0, 4.0]])
        Tensor([4., 3.], shape=(2,), dtype=float32)
    """


@svd_.reference
def _(x: Any, full_matrices: bool) -> Any:
    return tuple(need_solvable(lambda: lapack().svd(for_lapack(x), full_matrices), _NOT_FOUND))


@svdvals.reference
def _(x: Any) -> Any:
    given = for_lapack(x)
    return need_solvable(lambda: lapack().svd(given, False, False), _NOT_FOUND)


@svd_.vjp
@conjugated
def _(node: Node, du: Tensor | None, ds: Tensor | None, dvh: Tensor | None) -> Gradients:
    u, s, vh = node.outputs
    (x,) = node.inputs
    if node.attrs["full_matrices"] and x.shape[-2] != x.shape[-1]:
        if du is not None or dvh is not None:
            raise InvalidValueError(
                "[svd] the vectors beyond the first min(m, n) are free, so U and Vh have no gradient; "
                "use full_matrices=False"
            )
        u, vh = u[..., : s.shape[-1]], vh[..., : s.shape[-1], :]
    inner = None if ds is None else ops.astype(on_diagonal(ds), x.dtype)
    for part in (_of_u(u, s, du), _of_vh(vh, s, dvh), _of_phase(u, s, du, dvh)):
        inner = part if inner is None else inner if part is None else inner + part
    if inner is None:
        return (None,)
    made = ops.matmul(ops.matmul(u, inner), vh)
    return (_outside(made, u, s, vh, du, dvh),)


def _of_u(u: Tensor, s: Tensor, du: Tensor | None) -> Tensor | None:
    if du is None:
        return None
    turned = ops.matmul(adjoint(u), du)
    return (turned - adjoint(turned)) * reciprocal_differences(s * s) * ops.expand_dims(s, -2)


def _of_vh(vh: Tensor, s: Tensor, dvh: Tensor | None) -> Tensor | None:
    if dvh is None:
        return None
    turned = ops.matmul(vh, adjoint(dvh))
    return ops.expand_dims(s, -1) * (turned - adjoint(turned)) * reciprocal_differences(s * s)


def _of_phase(u: Tensor, s: Tensor, du: Tensor | None, dvh: Tensor | None) -> Tensor | None:
    """What turns the phases of both vectors against each other; real ones have none."""
    if u.dtype.kind != "complex" or du is None or dvh is None:
        return None
    turned = ops.imag(diagonal_of(ops.matmul(adjoint(u), du)))
    return on_diagonal(ops.complex(0.0, turned / s))


def _outside(
    made: Tensor, u: Tensor, s: Tensor, vh: Tensor, du: Tensor | None, dvh: Tensor | None
) -> Tensor:
    """Add what lies outside the spaces that the vectors span."""
    if du is not None:
        scaled = du / ops.expand_dims(s, -2)
        made = made + ops.matmul(scaled - ops.matmul(u, ops.matmul(adjoint(u), scaled)), vh)
    if dvh is not None:
        scaled = dvh / ops.expand_dims(s, -1)
        made = made + ops.matmul(u, scaled - ops.matmul(ops.matmul(scaled, adjoint(vh)), vh))
    return made


@svdvals.vjp
@conjugated
def _(node: Node, ds: Tensor) -> Gradients:
    u, _, vh = svd_(node.inputs[0], full_matrices=False)
    return (ops.matmul(u * ops.expand_dims(ds, -2), vh),)


def _rectangular(rng: np.random.Generator) -> Iterator[tuple[Any, str]]:
    for dtype in KINDS:
        yield well_conditioned(rng, (4, 3), dtype), dtype
    for shape in ((3, 3), (2, 4), (2, 3, 2)):
        yield well_conditioned(rng, shape, "float64"), f"{shape}"
    yield array(rng, (0, 3)), "no rows"
    yield array(rng, (2, 0)), "no columns"
    yield array(rng, (0, 2, 3)), "no matrices"
    yield well_conditioned(rng, (3, 4), "float64").T, "strided"
    yield well_conditioned(rng, (40, 30), "float64"), "large"


@svd_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for x, label in _rectangular(rng):
        for full in (True, False):
            flags = {"full_matrices": full}
            yield Sample((x,), flags, label=f"{label} {full}", differentiable=False)


@svdvals.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for x, label in _rectangular(rng):
        yield Sample((x,), label=label)


for _op in (eigh_, eigvalsh, eig, eigvals):
    _op.batch(_batch.same)
    _op.rejects(not_square)
svd_.batch(_batch.same)
svd_.rejects(no_matrix)
svdvals.batch(_batch.same)
svdvals.rejects(no_matrix)


@eigvals.rejects
@eig.rejects
def _() -> Iterator[Reject]:
    yield from not_square()
    bad = np.array([[np.nan, 1.0], [1.0, 1.0]])
    yield Reject((bad,), match="look for NaN or infinity in x")
