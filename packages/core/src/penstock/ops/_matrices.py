"""What ops on matrices share: LAPACK's dtypes and errors, gradient conventions, samples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops._declare import Reject, Sample
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.ops._declare import Gradients, Node

Array = np.ndarray[Any, Any]


def for_lapack(*arrays: Any) -> Any:
    """Give arrays a dtype that LAPACK knows: float16 becomes float32."""
    made = tuple(x.astype("float32") if x.dtype == "float16" else x for x in arrays)
    return made if len(made) > 1 else made[0]


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of matrices."""
    return ops.matrix_transpose(conj(x))


def adjoint_array(x: Any) -> Any:
    """The conjugate transpose of NumPy's matrices."""
    return np.conj(x.swapaxes(-1, -2))


def conj(x: Tensor) -> Tensor:
    """Conjugate; a real tensor is returned as it is, without an op."""
    return ops.conj(x) if x.dtype.kind == "complex" else x


def real(x: Tensor) -> Tensor:
    """Take the real part; a real tensor is returned as it is, without an op."""
    return ops.real(x) if x.dtype.kind == "complex" else x


def hermitian(x: Tensor) -> Tensor:
    """The mean of matrices and their adjoints."""
    return (x + adjoint(x)) / 2


def hermitian_array(x: Any) -> Any:
    """The mean of NumPy's matrices and their adjoints."""
    return (x + adjoint_array(x)) / 2


def on_diagonal(d: Tensor) -> Tensor:
    """Make diagonal matrices of their diagonals."""
    zeros = ops.full((*d.shape, d.shape[-1]), 0, d.dtype)
    return ops.diagonal_scatter(zeros, d, 0, -2, -1)


def diagonal_of(x: Tensor) -> Tensor:
    """Read the diagonals of matrices."""
    return ops.diagonal(x, 0, -2, -1)


def below(x: Tensor, weight: float) -> Tensor:
    """Keep what is below the diagonal, and the diagonal times `weight`."""
    return _masked(x, weight, lower=True)


def above(x: Tensor, weight: float) -> Tensor:
    """Keep what is above the diagonal, and the diagonal times `weight`."""
    return _masked(x, weight, lower=False)


def _masked(x: Tensor, weight: float, lower: bool) -> Tensor:
    row, column = (_numbers(size) for size in x.shape[-2:])
    row = ops.reshape(row, (-1, 1))
    kept = column < row if lower else row < column
    return ops.where(kept, x, ops.where(row == column, x * weight, 0.0))


def _numbers(size: Any) -> Tensor:
    return ops.cumsum(ops.full((size,), 1, "int64"), 0)


def reciprocal_differences(w: Tensor) -> Tensor:
    """F[i, j] = 1 / (w[j] - w[i]), and 0 where the two are equal: what eigenvectors change by."""
    gap = ops.expand_dims(w, -2) - ops.expand_dims(w, -1)
    equal = gap == 0
    return ops.where(equal, 0.0, 1.0 / ops.where(equal, 1.0, gap))


def conjugated(rule: Callable[..., Gradients]) -> Callable[..., Gradients]:
    """Let a rule compute with gradients as textbooks do, g = dL/dRe + i dL/dIm: ours are their conjugates."""

    @functools.wraps(rule)
    def wrapped(node: Node, *grads: Tensor | None) -> Gradients:
        given = [None if g is None else conj(g) for g in grads]
        return tuple(
            None if g is None else _like(conj(g), x)
            for g, x in zip(rule(node, *given), node.inputs, strict=True)
        )

    return wrapped


def _like(gradient: Tensor, x: Tensor) -> Tensor:
    return gradient if x.dtype.kind == "complex" else real(gradient)


def need_solvable(call: Callable[[], Any], remedy: str) -> Any:
    """Call LAPACK, and say what to do where it finds a matrix that has no answer. The runtime names the op."""
    try:
        return call()
    except np.linalg.LinAlgError as error:
        raise InvalidValueError(f"{str(error).rstrip('.').lower()}; {remedy}") from None


# ---- samples

KINDS = ("float64", "float32", "complex128", "complex64")


def well_conditioned(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Draw matrices that are far from singular."""
    x = array(rng, shape, dtype, -1.0, 1.0)
    size = min(shape[-2:])
    return np.asarray(
        x + 3.0 * np.eye(shape[-2], shape[-1]) * (1.0 + np.arange(shape[-1]) / (size or 1)), dtype
    )


def positive_definite(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Draw Hermitian matrices with positive eigenvalues, all different."""
    x = array(rng, shape, dtype, -1.0, 1.0)
    made = x @ adjoint_array(x) + np.diag(1.0 + np.arange(shape[-1]))
    return np.asarray(hermitian_array(made), dtype)


Maker = Callable[["np.random.Generator", tuple[int, ...], str], Array]


def square(maker: Maker) -> Callable[[np.random.Generator], Iterator[Sample]]:
    """Make samples of an op on square matrices."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in KINDS:
            yield Sample((maker(rng, (3, 3), dtype),), label=dtype)
        yield Sample((maker(rng, (2, 1, 3, 3), "float64"),), label="batch")
        yield Sample((maker(rng, (1, 1), "float64"),), label="one number")
        yield Sample((maker(rng, (0, 0), "float64"),), label="empty")
        yield Sample((maker(rng, (0, 3, 3), "float64"),), label="no matrices")
        yield Sample((maker(rng, (5, 5), "float64")[::-1, ::-1][1:4, 1:4].T,), label="strided")
        yield Sample((maker(rng, (40, 40), "float64"),), label="large")

    return samples


def not_square() -> Iterator[Reject]:
    """Reject what is no square matrix."""
    yield Reject((np.ones((2, 3)),), match="expected square matrices")
    yield Reject((np.ones(3),), match="at least 2 axes; reshape it")
    yield Reject((np.array([[b"a"]], object),), error=TypeError, match="got string")


def no_matrix() -> Iterator[Reject]:
    """Reject what is no matrix."""
    yield Reject((np.ones(3),), match="at least 2 axes; reshape it")
    yield Reject((np.array([[b"a"]], object),), error=TypeError, match="got string")
