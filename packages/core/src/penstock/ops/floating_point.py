"""Floating point numbers as they are stored: the sign bit, and the next number."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import BOOLEAN, sum_to
from penstock.ops._samples import FLOATS, array, binary, dtypes_without_order, no_broadcast, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="predicate:real", broadcasts=True)
def signbit(x: TensorLike, /) -> Tensor:
    """Say which elements have the sign bit set: negative ones, -0 and negative NaN among them.

    Args:
        x: [...], any real dtype.

    Returns:
        [...], bool.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.signbit([1.0, -0.0, -2.0])
        Tensor([False,  True,  True], shape=(3,), dtype=bool)
    """


signbit.reference(np.signbit)
signbit.not_differentiable(BOOLEAN)
signbit.rejects(dtypes_without_order())


@signbit.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary((*FLOATS, "int64", "int8", "uint8"))(rng)
    for dtype in FLOATS:
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan], dtype)
        yield Sample((special,), label=f"special {dtype}")


@op(infer="elementwise:real_float", broadcasts=True)
def nextafter(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Find the number next to x in the direction of y; y itself where the two are equal.

    Args:
        x: [...], any real dtype; integers and booleans are taken as float32. bfloat16 is computed in float32.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: x or y is complex or a string tensor.

    Example:
        >>> (penstock.nextafter(1.0, 2.0) - 1.0).item() == 2.0**-23
        True
    """


nextafter.reference(np.nextafter)


@nextafter.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    return sum_to(dz, node.inputs[0]), None  # a step as small as can be beside x


@nextafter.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(FLOATS)(rng)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0])
    yield Sample((special, special[::-1].copy()), label="special", differentiable=False)
    yield Sample((array(rng, (3,)), np.inf), label="upwards")


@nextafter.rejects
def _() -> Iterator[Reject]:
    yield from no_broadcast()
    yield Reject((np.ones(2, "complex64"), 1.0), error=TypeError, match="take the real part")
