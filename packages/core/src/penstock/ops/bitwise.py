"""Integers as rows of bits."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops._declare import Reject, Sample, op
from penstock.ops._gradients import WHOLE
from penstock.ops._samples import INTEGERS, binary, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _floats() -> Iterator[Reject]:
    pair = np.ones(2), np.ones(2, "int32")
    yield Reject(pair, error=TypeError, match="got float64; expected .*astype")
    yield Reject((np.ones((2, 3), int), np.ones(4, int)), match="do not broadcast")


def _shifts(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(INTEGERS, y=(0.0, 6.0))(rng)
    far = np.array([1, -1, 1, -1, 5]), np.array([63, 63, 64, 200, 0])
    yield Sample(far, label="far")


@op(infer="elementwise:bits", broadcasts=True)
def bitwise_and(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Combine integers bit by bit: 1 where both are 1; booleans likewise.

    Args:
        x: [...], an integer dtype, or bool.
        y: [...], an integer dtype, or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are not integers or bool.

    Example:
        >>> penstock.bitwise_and([6, 5], 3)
        Tensor([2, 1], shape=(2,), dtype=int64)
    """


bitwise_and.reference(np.bitwise_and)
bitwise_and.samples(binary((*INTEGERS, "bool")))
bitwise_and.rejects(_floats)
bitwise_and.not_differentiable(WHOLE)


@op(infer="elementwise:bits", broadcasts=True)
def bitwise_or(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Combine integers bit by bit: 1 where at least one is 1; booleans likewise.

    Args:
        x: [...], an integer dtype, or bool.
        y: [...], an integer dtype, or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are not integers or bool.

    Example:
        >>> penstock.bitwise_or([6, 4], 3)
        Tensor([7, 7], shape=(2,), dtype=int64)
    """


bitwise_or.reference(np.bitwise_or)
bitwise_or.samples(binary((*INTEGERS, "bool")))
bitwise_or.rejects(_floats)
bitwise_or.not_differentiable(WHOLE)


@op(infer="elementwise:bits", broadcasts=True)
def bitwise_xor(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Combine integers bit by bit: 1 where just one is 1; booleans likewise.

    Args:
        x: [...], an integer dtype, or bool.
        y: [...], an integer dtype, or bool; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are not integers or bool.

    Example:
        >>> penstock.bitwise_xor([6, 5], 3)
        Tensor([5, 6], shape=(2,), dtype=int64)
    """


bitwise_xor.reference(np.bitwise_xor)
bitwise_xor.samples(binary((*INTEGERS, "bool")))
bitwise_xor.rejects(_floats)
bitwise_xor.not_differentiable(WHOLE)


@op(infer="elementwise:integer", broadcasts=True)
def bitwise_left_shift(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Move the bits of x up by y places; what leaves the dtype is lost, so far shifts give 0.

    Args:
        x: [...], an integer dtype.
        y: [...], an integer dtype, not negative; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are not integers.

    Example:
        >>> penstock.bitwise_left_shift([1, 3], 2)
        Tensor([ 4, 12], shape=(2,), dtype=int64)
    """


@bitwise_left_shift.reference
def _(x: Any, y: Any) -> Any:
    return np.left_shift(x, y)


bitwise_left_shift.samples(_shifts)
bitwise_left_shift.rejects(_floats)
bitwise_left_shift.not_differentiable(WHOLE)


@op(infer="elementwise:integer", broadcasts=True)
def bitwise_right_shift(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Move the bits of x down by y places, keeping the sign: x // 2ʸ.

    Args:
        x: [...], an integer dtype.
        y: [...], an integer dtype, not negative; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are not integers.

    Example:
        >>> penstock.bitwise_right_shift([8, -8], 2)
        Tensor([ 2, -2], shape=(2,), dtype=int64)
    """


@bitwise_right_shift.reference
def _(x: Any, y: Any) -> Any:
    return np.right_shift(x, y)


bitwise_right_shift.samples(_shifts)
bitwise_right_shift.rejects(_floats)
bitwise_right_shift.not_differentiable(WHOLE)


@op(infer="elementwise:bits", broadcasts=True)
def bitwise_invert(x: TensorLike, /) -> Tensor:
    """Turn every bit of each element over: y = -x - 1 for signed integers; booleans become their opposite.

    Args:
        x: [...], an integer dtype, or bool.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is neither.

    Example:
        >>> penstock.bitwise_invert([0, 5])
        Tensor([-1, -6], shape=(2,), dtype=int64)
    """


bitwise_invert.reference(np.invert)
bitwise_invert.samples(unary((*INTEGERS, "bool")))


@bitwise_invert.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(2),), error=TypeError, match="got float64; expected .*astype")


bitwise_invert.not_differentiable(WHOLE)
