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
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step of Adam, in the form that Keras uses.

    m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², then
    parameter ← parameter - learning_rate · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), where t is the step. Before that the
    parameter loses learning_rate · weight_decay of itself.

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
        weight_decay: How much of the parameter goes at each step, times the learning rate, as AdamW has it.

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
    weight_decay: float = 0.0,
) -> Any:
    parameter, m, v, g, rate, t = map(wider, (parameter, m, v, gradient, learning_rate, step))
    parameter = parameter - parameter * (rate * weight_decay) if weight_decay else parameter
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
    yield Sample(args((5,), "float32"), {"weight_decay": 0.1}, label="decay")
    yield Sample(args((0, 2), "float32"), label="empty")
    yield Sample(args((4099,), "float32"), label="large")


@adam_update.rejects
def _() -> Iterator[Reject]:
    x = np.ones(3, "float32")
    yield Reject((x, x, x, np.ones(2, "float32"), 0.1, 1.0), match="the shape of parameter")
    yield Reject((x, x, x, x, x, 1.0), match="a single number")
    whole = x.astype(int)
    yield Reject((whole, x, x, x, 0.1, 1.0), error=TypeError, match="expected a float dtype")


@op(infer="adam_update_rows", outputs=3)
def adam_update_rows(
    parameter: TensorLike,
    m: TensorLike,
    v: TensorLike,
    indices: TensorLike,
    gradient: TensorLike,
    learning_rate: TensorLike,
    step: TensorLike,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step of Adam on some rows, and leave all others alone, also their m and v ("lazy" Adam).

    The rows of `gradient` with the same index are added up first. For the formula see `adam_update`; it differs
    from that with zeros for the other rows, where m and v decay and the parameter moves on.
    `Variable.scatter_adam` does the same to variables, in place.

    Args:
        parameter: [rows, ...], a float dtype.
        m: [rows, ...], parameter's shape: the running mean of the gradient, zero at first.
        v: [rows, ...], parameter's shape: the running mean of its square, zero at first.
        indices: [n], any integer dtype: the rows that change; negative ones count from the end.
        gradient: [n, ...], one row for each index.
        learning_rate: [], a single number.
        step: [], a single number that counts from 1.
        beta_1: How much of m stays.
        beta_2: How much of v stays.
        epsilon: Keeps the divisor away from zero.

    Returns:
        The new parameter, m and v, of parameter's dtype.

    Raises:
        ValueError: The shapes do not fit together.
        IndexError: An index is out of range.
        TypeError: The parameter is not of a float dtype, or the indices are not integers.

    Example:
        >>> p, m, v = penstock.ops.adam_update_rows(
        ...     [[1.0], [1.0]], [[0.0], [0.0]], [[0.0], [0.0]], [1, 1], [[1.0], [1.0]], 0.5, 1.0)
        >>> p[:, 0]
        Tensor([1.       , 0.5000008], shape=(2,), dtype=float32)
    """


adam_update_rows.not_differentiable(
    "it is one fused step; write the step with elementwise ops to differentiate through it"
)


@adam_update_rows.reference
def _(parameter: Any, m: Any, v: Any, indices: Any, gradient: Any, *rest: Any, **attrs: Any) -> Any:
    count = len(parameter)
    if indices.size and (indices.min() < -count or indices.max() >= count):
        raise IndexError(f"an index is out of range for {count} rows")
    rows, which = np.unique(indices % max(count, 1), return_inverse=True)
    summed = np.zeros((len(rows), *parameter.shape[1:]), wider(gradient).dtype)
    np.add.at(summed, which.reshape(-1), wider(gradient))
    results = [a.copy() for a in (parameter, m, v)]
    changed = adam_update.reference_fn(parameter[rows], m[rows], v[rows], summed, *rest, **attrs)  # type: ignore[misc]
    for result, change in zip(results, changed, strict=True):
        result[rows] = change
    return tuple(results)


@adam_update_rows.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    def args(shape: tuple[int, ...], indices: Any, dtype: str) -> tuple[Any, ...]:
        parameter, m = (array(rng, shape, dtype) for _ in range(2))
        v, gradient = array(rng, shape, dtype, 0.1, 1.0), (len(indices), *shape[1:])
        return parameter, m, v, np.array(indices, "int64"), array(rng, gradient, dtype), 0.1, 3.0

    for dtype in ("float32", "float64"):
        yield Sample(args((4, 3), [2, 0, 2], dtype), label=dtype)
    yield Sample(args((4,), [-1, 3], "float32"), {"beta_1": 0.5}, label="rows of one number")
    yield Sample(args((4, 2), [], "float32"), label="no rows")
    many = rng.integers(0, 500, 3000).tolist()
    yield Sample(args((500, 33), many, "float32"), label="large")


@adam_update_rows.rejects
def _() -> Iterator[Reject]:
    x, i = np.ones((3, 2), "float32"), np.array([0])
    yield Reject((x, x, x, i, x, 0.1, 1.0), match="one row of parameter for each index")
    yield Reject((x, x, x[:2], i, x[:1], 0.1, 1.0), match="the shape of parameter")
    yield Reject((x, x, x, i[0], x[:1], 0.1, 1.0), match=r"expected 1 axes, \[rows\]")
    yield Reject((x, x, x, i + 3, x[:1], 0.1, 1.0), error=IndexError, match="out of range")
    yield Reject((x.astype(int), x, x, i, x[:1], 0.1, 1.0), error=TypeError, match="float dtype")
