"""The numerical work of linear algebra on NumPy arrays, by LAPACK.

With the extra `penstock[linalg]` it is that of the package scipy-openblas32: loaded on first use, on one thread, so
that results depend on nothing else. Without it NumPy's serves. Both have the functions below, by the same names.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.linalg import LinAlgError

_ROW_MAJOR = 101
_LETTERS = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


class Lapack(Protocol):
    """What both have: functions of matrices in the last two axes, whatever the axes before them."""

    def cholesky(self, x: Any, /) -> Any: ...
    def qr(self, x: Any, mode: Any, /) -> Any: ...
    def lu(self, x: Any, /) -> tuple[Any, Any]: ...
    def solve(self, a: Any, b: Any, /) -> Any: ...
    def triangular_solve(self, a: Any, b: Any, lower: bool, unit: bool) -> Any: ...
    def inv(self, x: Any, /) -> Any: ...
    def svd(self, x: Any, full_matrices: bool, compute_uv: bool = True, /) -> Any: ...
    def eigh(self, x: Any, /) -> Any: ...
    def eigvalsh(self, x: Any, /) -> Any: ...
    def eig(self, x: Any, /) -> Any: ...
    def eigvals(self, x: Any, /) -> Any: ...


@functools.cache
def lapack() -> Lapack:
    """Load LAPACK: OpenBLAS's if the extra is installed, else NumPy's."""
    try:
        import scipy_openblas32 as package
    except ImportError:
        return NumpyLapack()
    from pathlib import Path  # slow to import

    folder = Path(package.get_lib_dir())
    library = next(iter(sorted(folder.glob("libscipy_openblas*"))), None)
    return NumpyLapack() if library is None else OpenBlas(ctypes.CDLL(str(library)))


class NumpyLapack:
    """NumPy's LAPACK, and what NumPy does not offer of it, column by column."""

    cholesky = staticmethod(np.linalg.cholesky)
    qr = staticmethod(np.linalg.qr)
    inv = staticmethod(np.linalg.inv)
    eigh = staticmethod(np.linalg.eigh)
    eigvalsh = staticmethod(np.linalg.eigvalsh)
    eig = staticmethod(np.linalg.eig)
    eigvals = staticmethod(np.linalg.eigvals)

    def svd(self, x: Any, full_matrices: bool, compute_uv: bool = True) -> Any:
        """U, S and Vh, or S alone."""
        return np.linalg.svd(x, full_matrices) if compute_uv else np.linalg.svd(x, False, False)

    def solve(self, a: Any, b: Any) -> Any:
        """Solve a x = b; both get as many axes, or NumPy 1 takes b for vectors."""
        missing = a.ndim - b.ndim
        return np.linalg.solve(a, b[(np.newaxis,) * max(missing, 0)])

    def lu(self, x: Any) -> tuple[Any, Any]:
        """L and U in one array, and for each of its rows the row of x that it is."""
        work = np.array(x)
        order = np.broadcast_to(np.arange(x.shape[-2]), x.shape[:-1]).copy()
        for step in range(min(x.shape[-2:])):
            _eliminate(work, order, step)
        return work, order

    def triangular_solve(self, a: Any, b: Any, lower: bool, unit: bool) -> Any:
        """Solve a x = b, where of a only a triangle is read."""
        n = a.shape[-1]
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        x = np.array(np.broadcast_to(b, shape + b.shape[-2:]))
        for i in range(n) if lower else range(n - 1, -1, -1):
            known = np.s_[:i] if lower else np.s_[i + 1 :]
            x[..., i, :] -= np.matmul(a[..., i, np.newaxis, known], x[..., known, :])[..., 0, :]
            if not unit:
                x[..., i, :] /= a[..., i, i, np.newaxis]
        return x


_EMPTY = NumpyLapack()


def _eliminate(work: Any, order: Any, step: int) -> None:
    """One column: bring its largest element up, and subtract its row from the rows below."""
    largest = step + np.abs(work[..., step:, step]).argmax(-1)[..., np.newaxis]
    places = np.concatenate([np.full_like(largest, step), largest], -1)
    swapped = places[..., ::-1]
    rows = np.take_along_axis(work, swapped[..., np.newaxis], -2)
    np.put_along_axis(work, places[..., np.newaxis], rows, -2)
    np.put_along_axis(order, places, np.take_along_axis(order, swapped, -1), -1)
    pivot = work[..., step, step][..., np.newaxis]
    factor = work[..., step + 1 :, step]
    factor /= np.where(pivot == 0, 1, pivot)  # a column of zeros stays one
    work[..., step + 1 :, step + 1 :] -= (
        factor[..., :, np.newaxis] * work[..., np.newaxis, step, step + 1 :]
    )


class OpenBlas:
    """LAPACK of the package scipy-openblas32, by its C interface, matrix by matrix."""

    def __init__(self, library: Any) -> None:
        self._library = library
        library.scipy_openblas_set_num_threads(1)
        library.scipy_LAPACKE_set_nancheck(0)  # NaN comes out where it goes in

    def cholesky(self, x: Any) -> Any:
        """The lower triangular factor."""
        if not x.size:
            return _EMPTY.cholesky(x)
        y, n = _copy(x), x.shape[-1]
        for m in _matrices(y):
            self._need("potrf", "Matrix is not positive definite", y, b"L", n, m, n)
        return np.tril(y)

    def qr(self, x: Any, mode: Any) -> Any:
        """Q and R, by Householder's reflections."""
        if not x.size:
            return _EMPTY.qr(x, mode)
        rows, columns = x.shape[-2:]
        k = min(rows, columns)
        wide = rows if mode == "complete" else k
        work = _copy(x)
        q = np.zeros((*x.shape[:-1], wide), x.dtype)
        tau = np.zeros(k, x.dtype)
        make = "ungqr" if x.dtype.kind == "c" else "orgqr"
        for m, turned in zip(_matrices(work), _matrices(q), strict=True):
            self._call("geqrf", x, rows, columns, m, columns, tau)
            turned[:, :k] = m[:, :k]
            self._call(make, x, rows, wide, k, turned, wide, tau)
        return q, np.triu(work[..., :wide, :])

    def lu(self, x: Any) -> tuple[Any, Any]:
        """L and U in one array, and for each of its rows the row of x that it is."""
        if not x.size:
            return _EMPTY.lu(x)
        rows, columns = x.shape[-2:]
        work = _copy(x)
        order = np.empty((*x.shape[:-2], rows), np.int64)
        swaps = np.zeros(min(rows, columns), np.int32)
        for m, places in zip(_matrices(work), order.reshape(-1, rows), strict=True):
            self._call("getrf", x, rows, columns, m, columns, swaps)
            places[:] = np.arange(rows)
            for i, j in enumerate(swaps - 1):
                places[[i, j]] = places[[j, i]]
        return work, order

    def solve(self, a: Any, b: Any) -> Any:
        """Solve a x = b."""
        n, sides = b.shape[-2:]
        work, x = _together(a, b)
        if not x.size:
            return x
        swaps = np.zeros(n, np.int32)
        for m, side in zip(_matrices(work), _matrices(x), strict=True):
            self._need("gesv", "Singular matrix", x, n, sides, m, n, swaps, side, sides)
        return x

    def triangular_solve(self, a: Any, b: Any, lower: bool, unit: bool) -> Any:
        """Solve a x = b, where of a only a triangle is read."""
        n, sides = b.shape[-2:]
        work, x = _together(a, b)
        if not x.size:
            return x
        flags = (b"L" if lower else b"U", b"N", b"U" if unit else b"N")
        for m, side in zip(_matrices(work), _matrices(x), strict=True):
            if self._call("trtrs", x, *flags, n, sides, m, n, side, sides):
                side[...] = _EMPTY.triangular_solve(m, side, lower, unit)  # a 0: infinity
        return x

    def inv(self, x: Any) -> Any:
        """Solve x y = 1."""
        return self.solve(x, np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape))

    def svd(self, x: Any, full_matrices: bool, compute_uv: bool = True) -> Any:
        """U, S and Vh, or S alone."""
        if not x.size:
            return _EMPTY.svd(x, full_matrices, compute_uv)
        rows, columns = x.shape[-2:]
        k = min(rows, columns)
        left, right = (rows, columns) if full_matrices else (k, k)
        work, batch = _copy(x), x.shape[:-2]
        u, vh = (_identity(batch, s, x.dtype) for s in ((rows, left), (right, columns)))
        s = np.zeros((*batch, k), x.real.dtype)
        job = b"N" if not compute_uv else b"A" if full_matrices else b"S"
        together = zip(_matrices(work), s.reshape(-1, k), _matrices(u), _matrices(vh), strict=True)
        for m, values, ones, others in together:
            given = (job, rows, columns, m, columns, values, ones, left, others, columns)
            self._need("gesdd", "SVD did not converge", x, *given)
        return (u, s, vh) if compute_uv else s

    def eigh(self, x: Any) -> Any:
        """Eigenvalues, rising, and eigenvectors, of what is below the diagonal."""
        if not x.size:
            return _EMPTY.eigh(x)
        v, n = _copy(x), x.shape[-1]
        w = np.zeros(x.shape[:-1], x.real.dtype)
        for m, values in zip(_matrices(v), w.reshape(-1, n), strict=True):
            name = "heevd" if x.dtype.kind == "c" else "syevd"
            self._need(name, "Eigenvalues did not converge", x, b"V", b"L", n, m, n, values)
        return w, v

    def eigvalsh(self, x: Any) -> Any:
        """Eigenvalues of what is below the diagonal, rising."""
        return self.eigh(x)[0]

    def eig(self, x: Any) -> Any:
        """Eigenvalues and eigenvectors, complex."""
        if not x.size:
            return _EMPTY.eig(x)
        if not np.isfinite(x).all():
            raise LinAlgError("Array must not contain infs or NaNs")
        n, kind = x.shape[-1], np.result_type(x.dtype, np.complex64)
        w, v = np.zeros(x.shape[:-1], kind), np.zeros(x.shape, kind)
        together = zip(_matrices(_copy(x)), w.reshape(-1, n), _matrices(v), strict=True)
        for m, values, vectors in together:
            if x.dtype.kind == "c":
                given = (b"N", b"V", n, m, n, values, None, n, vectors, n)
                self._need("geev", "Eigenvalues did not converge", x, *given)
            else:
                self._real_eig(m, values, vectors)
        return w, v

    def eigvals(self, x: Any) -> Any:
        """Eigenvalues, complex."""
        return self.eig(x)[0]

    def _real_eig(self, m: Any, values: Any, vectors: Any) -> None:
        """Of a real matrix: two columns hold the parts of a pair of conjugate vectors."""
        n = len(m)
        real, imag, columns = np.zeros(n, m.dtype), np.zeros(n, m.dtype), np.zeros_like(m)
        given = (b"N", b"V", n, m, n, real, imag, None, n, columns, n)
        self._need("geev", "Eigenvalues did not converge", m, *given)
        values.real, values.imag = real, imag
        vectors[...] = columns
        for i in np.flatnonzero(imag > 0):
            vectors[:, i] = columns[:, i] + 1j * columns[:, i + 1]
            vectors[:, i + 1] = vectors[:, i].conj()

    def _need(self, name: str, failure: str, like: Any, *arguments: Any) -> None:
        if self._call(name, like, *arguments):
            raise LinAlgError(failure)

    def _call(self, name: str, like: Any, *arguments: Any) -> int:
        function = getattr(self._library, f"scipy_LAPACKE_{_LETTERS[like.dtype.name]}{name}")
        status: int = function(_ROW_MAJOR, *map(_argument, arguments))
        if status < 0:
            raise LinAlgError(f"{name} refuses argument {-status}")
        return status


def _argument(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, bytes):
        return ctypes.c_char(value)
    return None if value is None else ctypes.c_int(max(value, 0))


def _copy(x: Any) -> Any:
    return np.array(x, order="C")


def _matrices(x: Any) -> Iterator[Any]:
    """One matrix after another, as a view."""
    return iter(x.reshape(-1, *x.shape[-2:]))


def _together(a: Any, b: Any) -> tuple[Any, Any]:
    """Copies of matrices and right sides, with the same axes before the last two."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return tuple(_copy(np.broadcast_to(x, batch + x.shape[-2:])) for x in (a, b))


def _identity(batch: tuple[int, ...], shape: tuple[int, int], dtype: Any) -> Any:
    return np.broadcast_to(np.eye(*shape, dtype=dtype), batch + shape).copy()
