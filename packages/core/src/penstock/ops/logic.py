"""Comparisons, truth values, and the choice between two tensors."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import BOOLEAN, sum_to
from penstock.ops._samples import FLOATS, NUMERIC, REALS, array, binary, no_broadcast, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="comparison", broadcasts=True)
def equal(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where two tensors are equal; also written x == y. NaN equals nothing.

    Args:
        x: [...], any dtype.
        y: [...], any dtype that promotes with x's; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote.

    Example:
        >>> penstock.equal([1, 2, 3], 2)
        Tensor([False,  True, False], shape=(3,), dtype=bool)
    """


equal.reference(np.equal)
equal.not_differentiable(BOOLEAN)
equal.samples(binary((*NUMERIC, "bool")))
equal.rejects(no_broadcast)


@op(infer="comparison", broadcasts=True)
def not_equal(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where two tensors differ; also written x != y. NaN differs from everything.

    Args:
        x: [...], any dtype.
        y: [...], any dtype that promotes with x's; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote.

    Example:
        >>> penstock.not_equal([1, 2, 3], 2)
        Tensor([ True, False,  True], shape=(3,), dtype=bool)
    """


not_equal.reference(np.not_equal)
not_equal.not_differentiable(BOOLEAN)
not_equal.samples(binary((*NUMERIC, "bool")))
not_equal.rejects(no_broadcast)


@op(infer="comparison", broadcasts=True)
def less(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where x is below y; also written x < y. False where one of them is NaN.

    Args:
        x: [...], any real dtype or bool.
        y: [...], any real dtype or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote or have no order.

    Example:
        >>> penstock.less([1, 2, 3], 2)
        Tensor([ True, False, False], shape=(3,), dtype=bool)
    """


less.reference(np.less)
less.not_differentiable(BOOLEAN)
less.samples(binary((*REALS, "bool")))


@less.rejects
def _() -> Iterator[Reject]:
    yield from no_broadcast()
    yield Reject((np.ones(2, "complex64"), 1.0), error=TypeError, match="complex64.*no order")


@op(infer="comparison", broadcasts=True)
def less_equal(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where x is not above y; also written x <= y. False where one of them is NaN.

    Args:
        x: [...], any real dtype or bool.
        y: [...], any real dtype or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote or have no order.

    Example:
        >>> penstock.less_equal([1, 2, 3], 2)
        Tensor([ True,  True, False], shape=(3,), dtype=bool)
    """


less_equal.reference(np.less_equal)
less_equal.not_differentiable(BOOLEAN)
less_equal.samples(binary((*REALS, "bool")))
less_equal.rejects(no_broadcast)


@op(infer="comparison", broadcasts=True)
def greater(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where x is above y; also written x > y. False where one of them is NaN.

    Args:
        x: [...], any real dtype or bool.
        y: [...], any real dtype or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote or have no order.

    Example:
        >>> penstock.greater([1, 2, 3], 2)
        Tensor([False, False,  True], shape=(3,), dtype=bool)
    """


greater.reference(np.greater)
greater.not_differentiable(BOOLEAN)
greater.samples(binary((*REALS, "bool")))
greater.rejects(no_broadcast)


@op(infer="comparison", broadcasts=True)
def greater_equal(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where x is not below y; also written x >= y. False where one of them is NaN.

    Args:
        x: [...], any real dtype or bool.
        y: [...], any real dtype or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote or have no order.

    Example:
        >>> penstock.greater_equal([1, 2, 3], 2)
        Tensor([False,  True,  True], shape=(3,), dtype=bool)
    """


greater_equal.reference(np.greater_equal)
greater_equal.not_differentiable(BOOLEAN)
greater_equal.samples(binary((*REALS, "bool")))
greater_equal.rejects(no_broadcast)


def _not_boolean() -> Iterator[Reject]:
    yes = np.ones((2, 3), bool)
    yield Reject((yes, np.ones(4, bool)), match=r"\(2, 3\) and \(4,\).*do not broadcast")
    yield Reject((yes, np.ones(3)), error=TypeError, match="got float64; expected bool")


@op(infer="elementwise:bool", broadcasts=True)
def logical_and(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where both truth values are true; also written x & y.

    Args:
        x: [...], bool.
        y: [...], bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: x or y is not boolean; compare it first, as in `x != 0`.

    Example:
        >>> penstock.logical_and([True, True], [True, False])
        Tensor([ True, False], shape=(2,), dtype=bool)
    """


logical_and.reference(np.logical_and)
logical_and.not_differentiable(BOOLEAN)
logical_and.samples(binary(("bool",)))
logical_and.rejects(_not_boolean)


@op(infer="elementwise:bool", broadcasts=True)
def logical_or(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where at least one truth value is true; also written x | y.

    Args:
        x: [...], bool.
        y: [...], bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: x or y is not boolean; compare it first, as in `x != 0`.

    Example:
        >>> penstock.logical_or([True, False], [False, False])
        Tensor([ True, False], shape=(2,), dtype=bool)
    """


logical_or.reference(np.logical_or)
logical_or.not_differentiable(BOOLEAN)
logical_or.samples(binary(("bool",)))
logical_or.rejects(_not_boolean)


@op(infer="elementwise:bool", broadcasts=True)
def logical_xor(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Say where just one of two truth values is true.

    Args:
        x: [...], bool.
        y: [...], bool; the shapes must broadcast.

    Returns:
        [...], bool.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: One of them is not boolean; compare it first, as in `x != 0`.

    Example:
        >>> penstock.logical_xor([True, False], True)
        Tensor([False,  True], shape=(2,), dtype=bool)
    """


logical_xor.reference(np.logical_xor)
logical_xor.not_differentiable(BOOLEAN)
logical_xor.samples(binary(("bool",)))
logical_xor.rejects(_not_boolean)


@op(infer="elementwise:bool", broadcasts=True)
def logical_not(x: TensorLike, /) -> Tensor:
    """Negate each truth value; also written ~x.

    Args:
        x: [...], bool.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is not boolean; compare it first, as in `x == 0`.

    Example:
        >>> penstock.logical_not([True, False])
        Tensor([False,  True], shape=(2,), dtype=bool)
    """


logical_not.reference(np.logical_not)
logical_not.not_differentiable(BOOLEAN)
logical_not.samples(unary(("bool",)))


@logical_not.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2),), error=TypeError, match="got float64; expected bool")


@op(infer="predicate", broadcasts=True)
def isnan(x: TensorLike, /) -> Tensor:
    """Say which elements are not a number (NaN).

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.isnan([1.0, float("nan")])
        Tensor([False,  True], shape=(2,), dtype=bool)
    """


isnan.reference(np.isnan)
isnan.not_differentiable(BOOLEAN)


@isnan.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary(NUMERIC)(rng)
    for dtype in FLOATS:
        yield Sample((np.array([0, np.nan, np.inf, -np.inf], dtype),), label=f"special {dtype}")


@op(infer="predicate", broadcasts=True)
def isinf(x: TensorLike, /) -> Tensor:
    """Say which elements are infinite, of either sign.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.isinf([1.0, -float("inf")])
        Tensor([False,  True], shape=(2,), dtype=bool)
    """


isinf.reference(np.isinf)
isinf.not_differentiable(BOOLEAN)


@isinf.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary(NUMERIC)(rng)
    for dtype in FLOATS:
        yield Sample((np.array([0, np.nan, np.inf, -np.inf], dtype),), label=f"special {dtype}")


@op(infer="predicate", broadcasts=True)
def isfinite(x: TensorLike, /) -> Tensor:
    """Say which elements are neither infinite nor NaN.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.isfinite([1.0, float("inf"), float("nan")])
        Tensor([ True, False, False], shape=(3,), dtype=bool)
    """


isfinite.reference(np.isfinite)
isfinite.not_differentiable(BOOLEAN)


@isfinite.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary(NUMERIC)(rng)
    for dtype in FLOATS:
        yield Sample((np.array([0, np.nan, np.inf, -np.inf], dtype),), label=f"special {dtype}")


@op(infer="where", broadcasts=True)
def where(condition: TensorLike, x: TensorLike, y: TensorLike, /) -> Tensor:
    """Choose element by element: x where the condition holds, otherwise y.

    Args:
        condition: [...], bool.
        x: [...], any dtype.
        y: [...], any dtype that promotes with x's; the three shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the dtype to which x and y promote.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The condition is not boolean, or the dtypes do not promote.

    Example:
        >>> penstock.where([True, False], [1.0, 2.0], 0.0)
        Tensor([1., 0.], shape=(2,), dtype=float32)
    """


where.reference(np.where)


@where.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    condition, x, y = node.inputs
    dx = sum_to(ops.where(condition, dz, 0.0), x) if node.needs(1) else None
    dy = sum_to(ops.where(condition, 0.0, dz), y) if node.needs(2) else None
    return None, dx, dy


@where.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for sample in binary((*NUMERIC, "bool"))(rng):
        x, y = sample.args
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        yield Sample((array(rng, shape, "bool"), x, y), label=sample.label)
    yield Sample((array(rng, (3, 1), "bool"), array(rng, (2,)), 1.0), label="broadcast condition")


@where.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2), 1.0, 2.0), error=TypeError, match="expected bool; compare it")
    yield Reject((np.ones(2, bool), np.ones(3), 0.0), match="do not broadcast")
