"""The logarithm of the gamma function and its derivatives."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _special
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array, dtypes_without_order, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:real_float", broadcasts=True)
def lgamma(x: TensorLike, /) -> Tensor:
    """Take ln |Γ(x)|, where Γ(n + 1) = n! for whole numbers.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32; inf at 0, -1, -2, ...

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.exp(penstock.lgamma(5.0))
        Tensor(24., shape=(), dtype=float32)
    """


@lgamma.reference
def _(x: Any) -> Any:
    return _special.log_gamma(x).astype(x.dtype)


@lgamma.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * ops.digamma(node.inputs[0]),)


lgamma.samples(unary(FLOATS, 0.1, 6.0))
lgamma.rejects(dtypes_without_order(match="expected a real number"))


@op(infer="elementwise:real_float", broadcasts=True)
def digamma(x: TensorLike, /) -> Tensor:
    """Take the derivative of ln Γ.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.

    Returns:
        [...], of x's dtype or float32; -inf at 0, NaN at -1, -2, ...

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.digamma(1.0)
        Tensor(-0.5772157, shape=(), dtype=float32)
    """


@digamma.reference
def _(x: Any) -> Any:
    return _special.digamma(x).astype(x.dtype)


@digamma.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    # Reflected where x is negative: ψ'(x) = π² / sin²(πx) - ψ'(1 - x).
    side = ops.where(x > 0, x, 1.0 - x)
    slope = ops.polygamma(side, 1)
    # The distance to the nearest whole number, which is exact.
    mirrored = ops.square(np.pi / ops.sin(np.pi * (x - ops.round(x)))) - slope
    return (dy * ops.where(x > 0, slope, mirrored),)


digamma.samples(unary(FLOATS, 0.1, 6.0))
digamma.rejects(dtypes_without_order(match="expected a real number"))


@op(infer="elementwise:real_float", broadcasts=True)
def polygamma(x: TensorLike, n: int = 1) -> Tensor:
    """Take a higher derivative of ln Γ: (-1)ⁿ⁺¹ n! Σ 1 / (x + k)ⁿ⁺¹ over k = 0, 1, 2, ...

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32.
        n: How often `digamma` is differentiated, from 1 to 100.

    Returns:
        [...], of x's dtype or float32; NaN below 0.

    Raises:
        ValueError: n is out of range.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.polygamma(1.0, 1)  # π² / 6
        Tensor(1.644934, shape=(), dtype=float32)
    """


@polygamma.reference
def _(x: Any, n: int) -> Any:
    if not 1 <= n <= 100:
        raise ValueError(f"got n={n}; use 1 to 100, or penstock.digamma for 0")
    return _special.polygamma(n, x).astype(x.dtype)


@polygamma.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (dy * ops.polygamma(node.inputs[0], node.attrs["n"] + 1),)


@polygamma.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (3, 4), dtype, 0.5, 6.0),), label=dtype)
    yield Sample((array(rng, (3,), low=0.5), 3), label="third")
    yield Sample((array(rng, (), low=0.5), 2), label="0-d")
    yield Sample((np.ones((0, 3)),), label="empty")
    yield Sample((array(rng, (3, 4099), "float32", 0.5, 20.0), 2), label="large")


@polygamma.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2, "complex64"),), error=TypeError, match="expected a real number")
