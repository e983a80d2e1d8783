"""Linear algebra against NumPy, SciPy and PyTorch: values, gradients of results that no phase changes, errors."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.ops import _lapack

torch = pytest.importorskip("torch")
scipy_linalg = pytest.importorskip("scipy.linalg")

Array = np.ndarray[Any, Any]
DTYPES = ("float64", "complex128")


def matrices(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return np.asarray(x + 1j * rng.standard_normal(shape) if "complex" in dtype else x, dtype)


def definite(shape: tuple[int, ...], dtype: str) -> Array:
    x = matrices(shape, dtype)
    return np.asarray(x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1]))


def hermitian(x: Any, turned: Any) -> Any:
    return (x + turned) / 2


# Each loss is written once, for a namespace `m` with PyTorch's names; none depends on signs or phases of vectors.
Loss = Callable[[Any, Any], Any]


def _weights(m: Any, like: Any) -> Any:
    n = like.shape[-1]
    return m.asarray(np.linspace(0.5, 2.0, n))


def _eigh(m: Any, x: Any) -> Any:
    w, v = m.linalg.eigh((x + m.conj(m.mT(x))) / 2)
    size = m.abs(v)
    return m.sum(w * w * _weights(m, w)) + m.sum(size * size * _weights(m, w))


def _eig(m: Any, x: Any) -> Any:
    w, v = m.linalg.eig(x)
    size = m.abs(v)
    return m.sum(m.real(w * w * w)) + m.sum(size * size * m.abs(w)[..., None, :])


def _svd(m: Any, x: Any) -> Any:
    u, s, vh = m.svd(x)
    low_rank = m.matmul(u[..., :, :1] * s[..., None, :1], vh[..., :1, :])
    size_u, size_v = m.abs(u), m.abs(vh)
    together = m.sum(size_u**4 * _weights(m, s)) + m.sum(size_v**4)
    size = m.abs(low_rank - 1.0)
    return m.sum(s * s * s) + together + m.sum(size * size)


def _qr(m: Any, x: Any) -> Any:
    q, r = m.linalg.qr(x)
    size_q, size_r = m.abs(q), m.abs(r)
    return m.sum(size_q**4 * _weights(m, q)) + m.sum(size_r**3)


def _lu(m: Any, x: Any) -> Any:
    _, lower, upper = m.linalg.lu(x)
    size_l, size_u = m.abs(lower - 0.5), m.abs(upper - 0.5)
    return m.sum(size_l * size_l * _weights(m, lower)) + m.sum(size_u**3)


def _cholesky(m: Any, x: Any) -> Any:
    factor = m.linalg.cholesky((x + m.conj(m.mT(x))) / 2)
    size = m.abs(factor - 0.5)
    return m.sum(size * size * _weights(m, factor))


def _slogdet(m: Any, x: Any) -> Any:
    sign, size = m.linalg.slogdet(x)
    return m.sum(size * size) + m.sum(m.real(sign * (0.3 - 0.7j if sign_is_complex(sign) else 0.3)))


def sign_is_complex(x: Any) -> bool:
    return "complex" in str(x.dtype)


def _of(name: str) -> Loss:
    def loss(m: Any, x: Any) -> Any:
        size = m.abs(getattr(m.linalg, name)(x) - 0.25)
        return m.sum(size * size)

    return loss


def _solve(m: Any, x: Any) -> Any:
    size = m.abs(m.linalg.solve(x, x * x - 1.0) - 0.25)
    return m.sum(size * size)


class Ours:
    """Penstock under the names that the losses use."""

    linalg, abs, sum, matmul, conj, real = ps.linalg, ps.abs, ps.sum, ps.matmul, ps.conj, ps.real
    asarray, mT = staticmethod(ps.asarray), staticmethod(ps.matrix_transpose)  # noqa: N815

    @staticmethod
    def svd(x: Any) -> Any:
        return ps.linalg.svd(x, full_matrices=False)


class Theirs:
    """PyTorch under the same names."""

    linalg, abs, sum, matmul, real = torch.linalg, torch.abs, torch.sum, torch.matmul, torch.real
    asarray, conj = staticmethod(torch.tensor), torch.conj

    @staticmethod
    def mT(x: Any) -> Any:
        return x.mT

    @staticmethod
    def svd(x: Any) -> Any:
        return torch.linalg.svd(x, full_matrices=False)


LOSSES: dict[str, tuple[Loss, tuple[tuple[int, ...], ...]]] = {
    "eigh": (_eigh, ((4, 4), (2, 3, 3))),
    "eig": (_eig, ((4, 4), (2, 3, 3))),
    "svd": (_svd, ((4, 4), (5, 3), (3, 5), (2, 3, 2))),
    "qr": (_qr, ((4, 4), (5, 3), (3, 5), (2, 3, 2))),
    "lu": (_lu, ((4, 4), (5, 3), (3, 5), (2, 3, 3))),
    "slogdet": (_slogdet, ((4, 4), (2, 3, 3))),
    "solve": (_solve, ((4, 4), (2, 3, 3))),
    "inv": (_of("inv"), ((4, 4), (2, 3, 3))),
    "det": (_of("det"), ((4, 4), (2, 3, 3))),
    "pinv": (_of("pinv"), ((4, 4), (5, 3), (3, 5))),
    "matrix_exp": (_of("matrix_exp"), ((4, 4), (2, 3, 3))),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_torch(name: str, dtype: str) -> None:
    loss, shapes = LOSSES[name]
    for shape in shapes:
        x = matrices(shape, dtype)
        z = torch.tensor(x, requires_grad=True)
        theirs = loss(Theirs, z)
        theirs.backward()
        ours, gradient = ps.value_and_grad(lambda v, f=loss: f(Ours, v))(ps.asarray(x))
        np.testing.assert_allclose(float(ours), float(theirs.detach()), rtol=1e-9)
        expected = (
            z.grad.resolve_conj().numpy().conj()
        )  # of complex tensors it is the conjugate of ours
        np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient_of_cholesky_equals_torch(dtype: str) -> None:
    x = definite((2, 4, 4), dtype)
    z = torch.tensor(x, requires_grad=True)
    _cholesky(Theirs, z).backward()
    gradient = ps.grad(lambda v: _cholesky(Ours, v))(ps.asarray(x))
    np.testing.assert_allclose(gradient, z.grad.resolve_conj().numpy().conj(), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "complex64", *DTYPES])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 3, 2), (0, 3), (3, 0)])
def test_factors_multiply_to_the_matrix(shape: tuple[int, ...], dtype: str, close: Any) -> None:
    x = matrices(shape, dtype)
    k = min(shape[-2:])
    for full in (True, False):
        u, s, vh = ps.linalg.svd(x, full_matrices=full)
        middle = np.zeros((*shape[:-2], u.shape[-1], vh.shape[-2]), dtype)
        middle[..., range(k), range(k)] = s.numpy()
        close(u @ middle @ vh, x)
    for mode in ("reduced", "complete"):
        q, r = ps.linalg.qr(x, mode=mode)
        close(q @ r, x)
        close(ps.conj(q.mT) @ q, identity(q.numpy()))
    p, lower, upper = ps.linalg.lu(x)
    close(p @ lower @ upper, x)


def test_lu_equals_scipy(close: Any) -> None:
    for shape in ((5, 5), (6, 3), (3, 6)):
        x = matrices(shape, "float64")
        for actual, expected in zip(ps.linalg.lu(x), scipy_linalg.lu(x), strict=True):
            close(actual, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_matrices_equal_scipy(dtype: str) -> None:
    for scale in (1e-3, 1.0, 30.0):
        x = scale * matrices((5, 5), dtype)
        expected = scipy_linalg.expm(x)
        difference = np.abs(ps.linalg.matrix_exp(x).numpy() - expected).max()
        assert difference < 1e-10 * np.abs(expected).max()
    x = definite((5, 5), dtype)
    np.testing.assert_allclose(ps.linalg.sqrtm(x), scipy_linalg.sqrtm(x), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ps.linalg.logm(x), scipy_linalg.logm(x), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, -1, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_vector_norms_equal_numpy(ord: float, dtype: str, close: Any) -> None:
    x = matrices((3, 4), dtype)
    for axis in (0, 1):
        actual = ps.linalg.vector_norm(x, axis=axis, ord=ord)
        close(actual, np.linalg.norm(x, ord, axis))
    close(ps.linalg.vector_norm(x, ord=ord), np.linalg.norm(x.ravel(), ord))


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_matrix_norms_equal_numpy(ord: Any, dtype: str, close: Any) -> None:
    x = matrices((2, 3, 4), dtype)
    close(ps.linalg.matrix_norm(x, ord=ord), np.linalg.norm(x, ord, (-2, -1)))
    kept = ps.linalg.matrix_norm(x, ord=ord, keepdims=True)
    close(kept, np.linalg.norm(x, ord, (-2, -1), keepdims=True))


def test_the_norm_of_nothing_has_a_gradient() -> None:
    for ord in (1, 2, 3):
        slope = ps.grad(lambda v, p=ord: ps.linalg.vector_norm(v, ord=p))(ps.zeros(3))
        assert slope.tolist() == [0, 0, 0]


def test_products_equal_numpy(close: Any) -> None:
    x, y = matrices((4, 3), "complex128"), matrices((4, 3), "complex128", 1)
    close(ps.linalg.cross(x, y), np.cross(x, y))
    close(ps.linalg.cross(x.T, y.T, axis=0), np.cross(x.T, y.T, axis=0))
    close(ps.vecdot(x, y), np.sum(x.conj() * y, -1))
    close(ps.vecdot(x, y, axis=0), np.sum(x.conj() * y, 0))
    close(ps.linalg.outer(x[0], y[:, 0]), np.outer(x[0], y[:, 0]))
    square = matrices((2, 3, 3), "float64")
    for n in (-3, -1, 0, 1, 2, 7):
        close(ps.linalg.matrix_power(square, n), np.linalg.matrix_power(square, n))
    close(ps.linalg.trace(square, offset=1), np.trace(square, 1, -2, -1))
    close(ps.linalg.diagonal(square, offset=-1), np.diagonal(square, -1, -2, -1))


def test_least_squares_equal_numpy(close: Any) -> None:
    for shape in ((6, 3), (3, 6)):
        a, b = matrices(shape, "float64"), matrices((shape[0], 2), "float64", 1)
        fit = ps.linalg.lstsq(a, b)
        solution, _, rank, values = np.linalg.lstsq(a, b)
        close(fit.solution, solution)
        close(fit.singular_values, values)
        close(fit.residuals, np.sum((a @ solution - b) ** 2, 0))
        assert fit.rank.item() == rank
        close(ps.linalg.lstsq(a, b[:, 0]).solution, solution[:, 0])


def test_rank_and_inverse_take_a_tolerance() -> None:
    x = np.diag([1.0, 1e-3, 1e-9])
    assert ps.linalg.matrix_rank(x).item() == 3
    assert ps.linalg.matrix_rank(np.stack([x, x]), rtol=[1e-6, 1e-2]).tolist() == [2, 1]
    many = ps.linalg.pinv(np.stack([x, x]), rtol=ps.asarray([1e-6, 1e-2])).numpy()
    for made, rtol in zip(many, (1e-6, 1e-2), strict=True):
        np.testing.assert_allclose(made, np.linalg.pinv(x, rcond=rtol), atol=1e-9)
        np.testing.assert_allclose(ps.linalg.pinv(x, rtol=rtol), made, atol=1e-9)


def test_the_determinant_of_a_singular_matrix_has_a_gradient(differences: Any) -> None:
    x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    (expected,) = differences(lambda a: float(np.linalg.det(a)), [x])
    np.testing.assert_allclose(ps.grad(ps.linalg.det)(ps.asarray(x)), expected, atol=1e-8)


def test_a_traced_solution_serves_every_size(close: Any) -> None:
    run = ps.function(lambda a, b: ps.linalg.solve(a, b))
    for n in (3, 4, 6):
        a, b = definite((n, n), "float64"), matrices((n, 2), "float64")
        close(run(ps.asarray(a), ps.asarray(b)), np.linalg.solve(a, b))


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: ps.linalg.outer(np.eye(2), [1.0]), "flatten them"),
        (lambda: ps.linalg.cross([1.0, 2.0], [3.0, 4.0]), "pad vectors of two with a 0"),
        (lambda: ps.vecdot([1.0, 2.0], [1.0]), "check axis, or slice"),
        (lambda: ps.linalg.matrix_power(np.ones((2, 3)), 2), "expected square matrices"),
        (lambda: ps.linalg.matrix_norm([1.0]), "use vector_norm"),
        (lambda: ps.linalg.matrix_norm(np.eye(2), ord=3), 'use "fro", "nuc", 1, -1'),
        (lambda: ps.linalg.lstsq(np.eye(3), [1.0]), "transpose one of them"),
        (lambda: ps.linalg.cond(np.ones((0, 0))), "no condition number"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda x: ps.linalg.svd(x).U, "use full_matrices=False"),
        (lambda x: ps.linalg.qr(x, mode="complete").Q, 'use mode="reduced"'),
    ],
)
def test_vectors_that_are_free_have_no_gradient(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        ps.grad(lambda x: ps.sum(call(x)))(ps.asarray(matrices((4, 2), "float64")))


@pytest.mark.parametrize("dtype", ["float32", "complex64", *DTYPES])
def test_both_lapacks_agree(dtype: str, close: Any) -> None:
    pytest.importorskip("scipy_openblas32")
    with_extra, without = _lapack.lapack(), _lapack.NumpyLapack()
    assert isinstance(with_extra, _lapack.OpenBlas)
    for shape in ((4, 4), (5, 3), (2, 3, 5), (0, 3)):
        x = matrices(shape, dtype)
        close(with_extra.svd(x, False, False), without.svd(x, False, False))
        for actual, expected in zip(with_extra.lu(x), without.lu(x), strict=True):
            close(actual, expected)
        for mode in ("reduced", "complete"):
            q, r = with_extra.qr(x, mode)
            close(q @ r, x)
            close(q.conj().swapaxes(-1, -2) @ q, identity(q))
    for shape in ((4, 4), (2, 3, 3), (0, 0)):
        x, b = definite(shape, dtype).astype(dtype), matrices((*shape[:-1], 2), dtype, 1)
        close(with_extra.cholesky(x), without.cholesky(x))
        close(with_extra.eigvalsh(x), without.eigvalsh(x))
        for lower in (True, False):
            given = (x, b, lower, lower)
            close(with_extra.triangular_solve(*given), without.triangular_solve(*given))
        close(x @ with_extra.solve(x, b), b)
        w, v = with_extra.eig(x)
        close(x.astype(v.dtype) @ v, v * w[..., np.newaxis, :])


def identity(q: Any) -> Any:
    eye = np.eye(q.shape[-1], dtype=q.dtype)
    return np.broadcast_to(eye, (*q.shape[:-2], *eye.shape))


def test_a_zero_on_the_diagonal_makes_infinity() -> None:
    a, b = np.diag([2.0, 0.0]), np.array([4.0, 1.0])
    np.testing.assert_array_equal(ps.linalg.triangular_solve(a, b), [2.0, math.inf])


@pytest.mark.parametrize("name", ps.linalg.__all__)
def test_manual_is_complete(name: str, run_examples: Any) -> None:
    doc = inspect.getdoc(getattr(ps.linalg, name)) or ""
    assert all(section in doc for section in ("Args:", "Returns:", "Raises:", "Example:"))
    run_examples(name, doc)


def test_a_factor_solves_for_its_matrix() -> None:
    rng = np.random.default_rng(5)
    for dtype in ("float64", "complex128"):
        m = rng.normal(size=(3, 4, 4)).astype(dtype)
        if dtype == "complex128":
            m = m + 1j * rng.normal(size=m.shape)
        a = m @ np.conj(np.swapaxes(m, -1, -2)) + 4 * np.eye(4)
        b = rng.normal(size=(3, 4, 2)).astype(dtype)
        factor = ps.linalg.cholesky(a)
        np.testing.assert_allclose(ps.linalg.cholesky_solve(factor, b), np.linalg.solve(a, b))
    with pytest.raises(ValueError, match=r"\[triangular_solve\]"):
        ps.linalg.cholesky_solve(np.eye(3), np.ones(4))
