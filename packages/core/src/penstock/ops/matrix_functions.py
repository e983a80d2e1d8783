"""Functions of matrices in the sense of their power series: exponential, square root, logarithm."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops import _batch
from penstock.ops._declare import Gradients, Node, Reject, op
from penstock.ops._matrices import (
    for_lapack,
    not_square,
    positive_definite,
    square,
    well_conditioned,
)

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="matrix:square")
def matrix_exp(x: TensorLike, /) -> Tensor:
    """Take the exponential of square matrices: 1 + x + x² / 2 + x³ / 6 + ...

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.matrix_exp([[0.0, 1.0], [0.0, 0.0]])
        Tensor([[1., 1.],
                [0., 1.]], shape=(2, 2), dtype=float32)
    """


@op(infer="matrix:square")
def sqrtm(x: TensorLike, /) -> Tensor:
    """Take the principal square root of square matrices: y y = x, its eigenvalues having positive real parts.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32. It must not have an eigenvalue that is 0 or
            negative.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square, or has no such root.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.sqrtm([[4.0, 0.0], [0.0, 9.0]])
        Tensor([[2., 0.],
                [0., 3.]], shape=(2, 2), dtype=float32)
    """


@op(infer="matrix:square")
def logm(x: TensorLike, /) -> Tensor:
    """Take the principal logarithm of square matrices: e^y = x.

    Args:
        x: [..., n, n], any numeric dtype; integers are taken as float32. It must not have an eigenvalue that is 0 or
            negative.

    Returns:
        [..., n, n], of x's dtype or float32.

    Raises:
        ValueError: x is not square, or has no such logarithm.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.linalg.logm([[1.0, 1.0], [0.0, 1.0]])
        Tensor([[0., 1.],
                [0., 0.]], shape=(2, 2), dtype=float32)
    """


# ---- references, which compute in double precision


def _wide(x: Any) -> Any:
    return for_lapack(x).astype("complex128" if x.dtype.kind == "c" else "float64")


def _norm(x: Any) -> float:
    """The largest 1-norm of the matrices; 0 where there are none."""
    return float(np.abs(x).sum(-2).max(initial=0.0))


# Coefficients of the Padé approximant of degree 13 of the exponential, exact to 2⁻⁵³ up to the norm _REACH.
_PADE = [
    math.factorial(26 - k) * math.factorial(13) // math.factorial(13 - k) // math.factorial(k)
    for k in range(14)
]
_REACH = 5.37


@matrix_exp.reference
def _(x: Any) -> Any:
    work = _wide(x)
    norm = _norm(work)
    if not np.isfinite(norm):
        return np.full_like(work, np.nan)
    halvings = max(0, math.ceil(math.log2(norm / _REACH))) if norm else 0
    work = work / 2.0**halvings
    weights = [c / _PADE[0] for c in _PADE]
    power = np.broadcast_to(np.eye(x.shape[-1]), work.shape)
    even, odd = np.zeros_like(work), np.zeros_like(work)
    for k in range(0, 14, 2):
        even = even + weights[k] * power
        odd = odd + weights[k + 1] * power
        power = power @ work @ work
    odd = work @ odd
    made = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        made = made @ made
    return made


def _root(x: Any) -> Any:
    """Denman and Beavers' iteration, scaled by the determinant while it is far from the end."""
    y, z = x, np.broadcast_to(np.eye(x.shape[-1]), x.shape)
    try:
        for _ in range(100):
            size = np.abs(np.linalg.det(y) * np.linalg.det(z)) ** (-1 / (2 * max(x.shape[-1], 1)))
            scale = size[..., np.newaxis, np.newaxis]
            scale = np.where(np.abs(scale - 1) > 1e-2, scale, 1.0)
            y, z, before = (
                (scale * y + np.linalg.inv(z) / scale) / 2,
                (scale * z + np.linalg.inv(y) / scale) / 2,
                y,
            )
            if not np.isfinite(_norm(y)):
                break
            if _norm(y - before) <= 1e-15 * _norm(y):
                return y
            if _norm(y - before) <= 1e-8 * _norm(y) and _norm(y @ y - x) <= 1e-11 * _norm(x):
                return y
    except np.linalg.LinAlgError:
        pass
    raise InvalidValueError(
        "x has an eigenvalue that is 0 or negative, or is not finite; convert it: "
        "x.astype(penstock.complex128), and add a small number to the diagonal"
    )


@sqrtm.reference
def _(x: Any) -> Any:
    return _root(_wide(x))


@logm.reference
def _(x: Any) -> Any:
    work, eye = _wide(x), np.eye(x.shape[-1])
    roots = 0
    while _norm(work - eye) > 0.25:
        work = _root(work)
        roots += 1
    # log w = ∫ (w - 1) / (1 + t (w - 1)) dt, t from 0 to 1, by Gauss' quadrature.
    rest = work - eye
    places, weights = np.polynomial.legendre.leggauss(12)
    made = sum(
        w / 2 * np.linalg.solve(eye + (p + 1) / 2 * rest, rest)
        for p, w in zip(places, weights, strict=True)
    )
    return made * 2.0**roots


# ---- gradients


def _through_blocks(function: Callable[[Tensor], Tensor]) -> Callable[..., Gradients]:
    """Differentiate any such function: f([[xᵀ, g], [0, xᵀ]]) has the gradient in its upper right block."""

    def rule(node: Node, dy: Tensor) -> Gradients:
        (x,) = node.inputs
        turned = ops.matrix_transpose(x)
        n = x.shape[-1]
        below = ops.concat([ops.zeros_like(x), turned], -1)
        whole = ops.concat([ops.concat([turned, ops.astype(dy, x.dtype)], -1), below], -2)
        return (function(whole)[..., :n, n:],)

    return rule


for _op, _maker in (
    (matrix_exp, well_conditioned),
    (sqrtm, positive_definite),
    (logm, positive_definite),
):
    _op.batch(_batch.same)
    _op.vjp(_through_blocks(_op))
    _op.samples(square(_maker))

matrix_exp.rejects(not_square)


@sqrtm.rejects
@logm.rejects
def _() -> Iterator[Reject]:
    yield from not_square()
    negative = np.array([[-1.0, 0.0], [0.0, -2.0]])
    yield Reject((negative,), match="0 or negative, or is not finite; convert it")
