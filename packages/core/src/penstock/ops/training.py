"""Optimiser steps that are one op."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="adam_update", outputs=3)
def adam_update(
    parameter: TensorLike,
    m: TensorLike,
    v: TensorLike,
    gradient: TensorLike,
    learning_rate: TensorLike,
    step: TensorLike,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step of Adam, in the form that Keras uses.

    m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², then
    parameter ← parameter - learning_rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), where t is the step.

    Args:
        parameter: [...], a float dtype.
        m: [...], parameter's shape: the running mean of the gradient, zero at first.
        v: [...], parameter's shape: the running mean of its square, zero at first.
        gradient: [...], parameter's shape.
        learning_rate: [], a single number.
        step: [], a single number that counts from 1.
        beta_1: How much of m stays.
        beta_2: How much of v stays.
        epsilon: Keeps the divisor away from zero.

    Returns:
        The new parameter, m and v, of parameter's dtype.

    Raises:
        ValueError: The shapes differ.
        TypeError: The parameter is not of a float dtype.

    Example:
        >>> parameter, m, v = penstock.ops.adam_update([1.0], [0.0], [0.0], [2.0], 0.5, 1.0)
        >>> parameter, m
        (Tensor([0.5000008], shape=(1,), dtype=float32), Tensor([0.2], shape=(1,), dtype=float32))

    Source:
        Kingma and Ba, 2015, "Adam: a method for stochastic optimization", end of section 2.
        https://arxiv.org/abs/1412.6980
    """


adam_update.not_differentiable(
    "it is one fused step; write the step with elementwise ops to differentiate through it"
)


@adam_update.reference
def _(
    parameter: Any,
    m: Any,
    v: Any,
    gradient: Any,
    learning_rate: Any,
    step: Any,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Any:
    parameter, m, v, g, rate, t = map(wider, (parameter, m, v, gradient, learning_rate, step))
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g * g
    rate = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return parameter - rate * m / (np.sqrt(v) + epsilon), m, v


@adam_update.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(shape: tuple[int, ...], dtype: str) -> tuple[Any, ...]:
        parameter, m, gradient = (array(rng, shape, dtype) for _ in range(3))
        return parameter, m, array(rng, shape, dtype, 0.1, 1.0), gradient, 0.1, 3.0

    for dtype in ("float32", "float64"):
        yield Sample(args((3, 4), dtype), label=dtype)
    yield Sample(args((), "float32"), {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}, label="0-d")
    yield Sample(args((0, 2), "float32"), label="empty")
    yield Sample(args((4099,), "float32"), label="large")


@adam_update.rejects
def _() -> Iterator[Reject]:
    x = np.ones(3, "float32")
    yield Reject((x, x, x, np.ones(2, "float32"), 0.1, 1.0), match="the shape of parameter")
    yield Reject((x, x, x, x, x, 1.0), match="a single number")
    whole = x.astype(int)
    yield Reject((whole, x, x, x, 0.1, 1.0), error=TypeError, match="expected a float dtype")
