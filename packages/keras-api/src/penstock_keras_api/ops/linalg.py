"""`keras.ops.linalg`: matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api.ops.table import define
from penstock_keras_api.ops.table import floating as _f


def _svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return ps.linalg.svdvals(_f(x))
    return tuple(ps.linalg.svd(_f(x), full_matrices=full_matrices))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = _f(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    is_matrix = (axis is None and x.ndim == 2) or (isinstance(axis, tuple) and len(axis) == 2)
    if ord is None or not is_matrix:
        return ps.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=2 if ord is None else ord)
    if axis is not None:
        x = ps.moveaxis(x, axis, (-2, -1))
    made = ps.linalg.matrix_norm(x, ord=ord)
    if keepdims:
        for a in sorted(a % x.ndim for a in axis or (0, 1)):
            made = ps.expand_dims(made, axis=a)
    return made


def _solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    a, b = _f(a), _f(b)
    if b.ndim == a.ndim - 1:
        return ps.squeeze(ps.linalg.triangular_solve(a, b[..., None], lower=lower), -1)
    return ps.linalg.triangular_solve(a, b, lower=lower)


def _cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Invert A, given its factor: A = L Lᵀ, or Uᵀ U."""
    x = _f(x)
    half = ps.linalg.triangular_solve(x, ps.eye(x.shape[-1], dtype=x.dtype), lower=not upper)
    other = ps.swapaxes(half, -1, -2)
    return ps.matmul(half, other) if upper else ps.matmul(other, half)


def _lu_factor(x: Any) -> tuple[Any, Any]:
    """Factor into triangles, both in one matrix, and tell which rows were exchanged."""
    x = _f(x)
    order, lower, upper = ps.linalg.lu(x)
    wanted = ps.cast(ps.argmax(order, axis=-2), "int32")  # [..., rows]
    made = (
        ps.tril(lower, -1)[..., : x.shape[-2], : x.shape[-1]]
        if x.shape[-2] <= x.shape[-1]
        else None
    )
    if made is None:
        upper = ps.pad(
            upper, [(0, 0)] * (x.ndim - 2) + [(0, x.shape[-2] - upper.shape[-2]), (0, 0)]
        )
        made = ps.tril(lower, -1)
    else:
        made = ps.pad(made, [(0, 0)] * (x.ndim - 1) + [(0, x.shape[-1] - made.shape[-1])])
    return made + upper, _exchanges(wanted, min(x.shape[-2], x.shape[-1]))


def _exchanges(wanted: Any, steps: int) -> Any:
    """Turn an order of rows into exchanges of two rows, one after the other."""
    places = ps.cast(ps.arange(0, wanted.shape[-1], 1), "int32")
    now = ps.zeros_like(wanted) + places
    made = []
    for n in range(steps):
        row, first = wanted[..., n : n + 1], now[..., n : n + 1]
        at = ps.cast(ps.argmax(ps.cast(now == row, "int32"), axis=-1, keepdims=True), "int32")
        now = ps.where(places == at, first, now)
        now = ps.where(places == n, row, now)
        made.append(at)
    return ps.concat(made, -1)


def _matrix_rank(x: Any, tol: Any = None) -> Any:
    """Count the singular values above a number; by default the largest, times size and precision."""
    x = _f(x)
    values = ps.linalg.svdvals(x)
    if tol is None:
        size = max(x.shape[-2], x.shape[-1])
        tol = ps.max(values, axis=-1, keepdims=True) * (size * float(ps.finfo(x.dtype).eps))
    return ps.cast(ps.sum(ps.cast(values > tol, "int32"), axis=-1), "int32")


def jvp(fun: Any, primals: Any, tangents: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Compute a function and how it changes when its arguments change as given.

    Args:
        fun: A function of tensors.
        primals: Its arguments.
        tangents: How they change.
        has_aux: Whether it returns a second thing, which is passed through.

    Returns:
        The result, its change, and the second thing if there is one.
    """
    return tuple(ps.jvp(fun, tuple(primals), tuple(tangents), has_aux))


ROWS: dict[str, Callable[..., Any]] = {
    "cholesky_inverse": _cholesky_inverse,
    "lu_factor": _lu_factor,
    "matrix_rank": _matrix_rank,
    "cholesky": lambda x, upper=False: ps.linalg.cholesky(_f(x), upper=upper),
    "det": lambda x: ps.linalg.det(_f(x)),
    "eig": lambda x: tuple(ps.linalg.eig(_f(x))),
    "eigh": lambda x: tuple(ps.linalg.eigh(_f(x))),
    "inv": lambda x: ps.linalg.inv(_f(x)),
    "lstsq": lambda a, b, rcond=None: ps.linalg.lstsq(_f(a), _f(b), rtol=rcond)[0],
    "norm": _norm,
    "pinv": lambda x, rcond=None: ps.linalg.pinv(_f(x), rtol=rcond),
    "qr": lambda x, mode="reduced": tuple(ps.linalg.qr(_f(x), mode=mode)),
    "solve": lambda a, b: ps.linalg.solve(_f(a), _f(b)),
    "solve_triangular": _solve_triangular,
    "svd": _svd,
}
globals().update(define("linalg", ROWS))
__all__ = [*sorted(ROWS), "jvp"]  # noqa: PLE0604 - made of the table
