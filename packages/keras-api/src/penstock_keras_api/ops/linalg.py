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


ROWS: dict[str, Callable[..., Any]] = {
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
__all__ = sorted(ROWS)  # noqa: PLE0605 - made of the table
