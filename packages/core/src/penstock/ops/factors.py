"""Factors, eigenvalues and solutions, with the names, arguments and results of the array API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops._matrices import adjoint
from penstock.ops.conversion import asarray
from penstock.ops.norms import matrix_rank

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class LeastSquares(NamedTuple):
    """What `lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def cholesky(x: TensorLike, /, *, upper: bool = False) -> Tensor:
    """Find the lower triangular L with L Lᴴ = x, or the upper triangular U with Uᴴ U = x.

    Of x its Hermitian part, (x + xᴴ) / 2, is taken.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32. It must be positive definite.
        upper: Find U.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square, or not positive definite.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]], upper=True)
        Tensor([[2., 1.],
                [0., 2.]], shape=(2, 2), dtype=float32)
    """
    factor = ops.cholesky_(x)
    return adjoint(factor) if upper else factor


def eigh(x: TensorLike, /) -> EighResult:
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
        >>> penstock.linalg.eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """
    return EighResult(*ops.eigh_(x))


def qr(x: TensorLike, /, *, mode: str = "reduced") -> QRResult:
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
        >>> penstock.linalg.qr(penstock.ones((3, 2))).Q.shape
        (3, 2)
    """
    return QRResult(*ops.qr_(x, mode=mode))


def slogdet(x: TensorLike, /) -> SlogdetResult:
    """Take the sign and the logarithm of the absolute value of determinants: det(x) = sign · e^logabsdet.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        (sign, logabsdet): [...] each, of x's dtype or float32, and of its real dtype; 0 and -inf for singular matrices.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.slogdet([[1.0, 0.0], [0.0, -1.0]]).sign.item()
        -1.0
    """
    return SlogdetResult(*ops.slogdet_(x))


def svd(x: TensorLike, /, *, full_matrices: bool = True) -> SVDResult:
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
        >>> penstock.linalg.svd([[3.0, 0.0], [0.0, 4.0]]).S
        Tensor([4., 3.], shape=(2,), dtype=float32)
    """
    return SVDResult(*ops.svd_(x, full_matrices=full_matrices))


def solve(a: TensorLike, b: TensorLike, /) -> Tensor:
    """Solve a x = b for x.

    Args:
        a: [..., n, n], any numeric dtype; integers are taken as float32.
        b: [..., n, k], the right sides as columns, or [n]; the leading axes must broadcast.

    Returns:
        [..., n, k], or [..., n] for a vector, of the promoted dtype.

    Raises:
        ValueError: a is not square or is singular, or the shapes do not fit.
        TypeError: a or b is a string tensor.

    Example:
        >>> penstock.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 8.0])
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """
    b = asarray(b)
    if b.ndim != 1:
        return ops.solve_(a, b)
    return ops.squeeze(ops.solve_(a, ops.expand_dims(b, -1)), -1)


def triangular_solve(
    a: TensorLike, b: TensorLike, /, *, lower: bool = True, unit_diagonal: bool = False
) -> Tensor:
    """Solve a x = b for x, where of a only a triangle is read.

    Args:
        a: [..., n, n], any numeric dtype; integers are taken as float32.
        b: [..., n, k], the right sides as columns, or [n]; the leading axes must broadcast.
        lower: Read the lower triangle; otherwise the upper one.
        unit_diagonal: Take the diagonal for ones, without reading it.

    Returns:
        [..., n, k], or [..., n] for a vector, of the promoted dtype; infinite or NaN where the diagonal has a 0.

    Raises:
        ValueError: a is not square, or the shapes do not fit.
        TypeError: a or b is a string tensor.

    Example:
        >>> penstock.linalg.triangular_solve([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0])
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """
    b = asarray(b)
    flags = {"lower": lower, "unit_diagonal": unit_diagonal}
    if b.ndim != 1:
        return ops.triangular_solve_(a, b, **flags)
    return ops.squeeze(ops.triangular_solve_(a, ops.expand_dims(b, -1), **flags), -1)


def cholesky_solve(factor: TensorLike, b: TensorLike, /) -> Tensor:
    """Solve a x = b for x, where a = L Lᴴ is given by its Cholesky factor.

    Args:
        factor: [..., n, n], lower triangular: what `cholesky` returns; only its lower triangle is read.
        b: [..., n, k], the right sides as columns, or [n]; the leading axes must broadcast.

    Returns:
        [..., n, k], or [..., n] for a vector, of the promoted dtype; infinite or NaN where the diagonal has a 0.

    Raises:
        ValueError: The factor is not square, or the shapes do not fit.
        TypeError: The factor or b is a string tensor.

    Example:
        >>> factor = penstock.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]])
        >>> penstock.linalg.cholesky_solve(factor, [8.0, 12.0])
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """
    factor = asarray(factor)
    half = triangular_solve(factor, b, lower=True)
    upper = ops.matrix_transpose(factor)
    if factor.dtype.kind == "complex":
        upper = ops.conj(upper)
    return triangular_solve(upper, half, lower=False)


def pinv(x: TensorLike, /, *, rtol: Any = None) -> Tensor:
    """Find the Moore-Penrose inverse P: the least squares solution of x y = b is P b.

    The gradient is right where the rank of x does not change nearby.

    Args:
        x: [..., m, n], any numeric dtype; integers are taken as float32.
        rtol: A number, or [...]: singular values below this part of the largest count as 0; by default max(m, n) times
            the dtype's eps.

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
    if getattr(rtol, "ndim", 0) == 0:
        return ops.pinv_(x, rtol=None if rtol is None else float(rtol))
    u, s, vh = ops.svd_(x, full_matrices=False)
    kept = s > ops.expand_dims(asarray(rtol, s.dtype), -1) * s[..., :1]
    inverse = ops.where(kept, 1.0 / ops.where(kept, s, 1.0), 0.0)
    return ops.matmul(adjoint(vh) * ops.expand_dims(inverse, -2), adjoint(u))


def lstsq(a: TensorLike, b: TensorLike, /, *, rtol: Any = None) -> LeastSquares:
    """Find the x that makes |a x - b| least, and of several the shortest.

    Args:
        a: [..., m, n], any numeric dtype; integers are taken as float32.
        b: [..., m, k], or [m].
        rtol: Singular values below this part of the largest count as 0; by default max(m, n) times the dtype's eps.

    Returns:
        (solution, residuals, rank, singular_values): [..., n, k] or [n]; the squared lengths of a x - b, [..., k] or
        []; [...] int64; [..., min(m, n)].

    Raises:
        ValueError: The shapes do not fit.
        TypeError: a or b is a string tensor.

    Example:
        >>> fit = penstock.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
        >>> penstock.round(fit.solution * 100) / 100
        Tensor([1., 2.], shape=(2,), dtype=float32)
    """
    a, b = asarray(a), asarray(b)
    if a.ndim < 2 or b.ndim < 1 or a.shape[-2] != b.shape[0 if b.ndim == 1 else -2]:
        raise ShapeError(
            f"[lstsq] got matrices of shape {a.shape} and right sides of shape {b.shape}; expected as many rows in "
            "both; transpose one of them"
        )
    sides = ops.expand_dims(b, -1) if b.ndim == 1 else b
    solution = ops.matmul(pinv(a, rtol=rtol), sides)
    misses = ops.abs(ops.matmul(a, solution) - sides)
    residuals = ops.sum(ops.square(misses), -2)
    if b.ndim == 1:
        solution, residuals = ops.squeeze(solution, -1), ops.squeeze(residuals, -1)
    return LeastSquares(solution, residuals, matrix_rank(a, rtol=rtol), ops.svdvals(a))


def matrix_diagonal(x: TensorLike, /, *, offset: int = 0) -> Tensor:
    """Read a diagonal of matrices, which are the last two axes.

    Args:
        x: [..., m, n], any dtype.
        offset: Which diagonal: 0 the main one, above it the positive numbers, below it the negative ones.

    Returns:
        [..., k], of x's dtype.

    Raises:
        IndexError: x has fewer than two axes.

    Example:
        >>> penstock.linalg.diagonal(penstock.ones((5, 2, 3))).shape
        (5, 2)
    """
    return ops.diagonal(x, offset, -2, -1)


def matrix_trace(x: TensorLike, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Add up a diagonal of matrices, which are the last two axes.

    Args:
        x: [..., m, n], any dtype but string.
        offset: Which diagonal: 0 the main one, above it the positive numbers, below it the negative ones.
        dtype: What to convert to first; by default the dtype that `sum` would have.

    Returns:
        [...], of that dtype.

    Raises:
        IndexError: x has fewer than two axes.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.trace(penstock.ones((5, 3, 3))).tolist()
        [3.0, 3.0, 3.0, 3.0, 3.0]
    """
    return ops.sum(matrix_diagonal(x, offset=offset), -1, dtype=dtype)


def cond(x: TensorLike, /) -> Tensor:
    """Divide the largest singular value of matrices by the smallest: by how much `solve` may amplify errors.

    Args:
        x: [..., m, n], any numeric dtype, not empty; integers are taken as float32.

    Returns:
        [...], of x's real dtype; infinite for singular matrices.

    Raises:
        ValueError: x has fewer than two axes, or no elements.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.cond([[4.0, 0.0], [0.0, 2.0]])
        Tensor(2., shape=(), dtype=float32)
    """
    values = ops.svdvals(x)
    if values.shape[-1] == 0:
        raise InvalidValueError(
            "[cond] got matrices without elements; they have no condition number"
        )
    return values[..., 0] / values[..., -1]
