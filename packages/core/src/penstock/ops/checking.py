"""An op that fails when what was promised does not hold."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:bool", effects="io", host_only=True)
def assert_true(condition: TensorLike, message: str = "") -> Tensor:
    """Fail with a message unless a condition holds everywhere; also `assert` inside of `@function`.

    Args:
        condition: [...], bool.
        message: What to say.

    Returns:
        The condition.

    Raises:
        ValueError: The condition does not hold.
        TypeError: The condition is not bool.

    Example:
        >>> penstock.assert_true(penstock.asarray(3) > 2, "three is more than two")
        Tensor(True, shape=(), dtype=bool)
    """


@assert_true.reference
def _(condition: Any, message: str) -> Any:
    if not np.all(condition):
        raise ValueError(f"[assert_true] {message or 'the condition does not hold'}")
    return condition


assert_true.not_differentiable("a condition is true or false")


@assert_true.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield Sample((np.array(True),), label="0-d")
    yield Sample((np.array([True, True]), "all of them"), label="many")
    yield Sample((np.zeros((0,), bool),), label="empty")
    yield Sample((np.ones((3, 2), bool).T,), label="strided")


@assert_true.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.array([True, False]), "x stays below 1"), match="x stays below 1")
    yield Reject((np.array(False),), match="the condition does not hold")
    yield Reject((np.array([1]),), error=TypeError, match="bool")
