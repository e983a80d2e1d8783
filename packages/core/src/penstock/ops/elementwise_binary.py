"""Arithmetic of two tensors, element by element, with broadcasting."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import no_flow, sum_to
from penstock.ops._samples import COMPLEX, FLOATS, INTEGERS, REALS, binary, no_broadcast

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


@op(infer="elementwise:numeric", broadcasts=True)
def add(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Add element by element: z = x + y.

    Args:
        x: [...], any numeric dtype.
        y: [...], any numeric dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or both are boolean.

    Example:
        >>> penstock.add([[1.0], [2.0]], [10.0, 20.0])
        Tensor([[11., 21.],
                [12., 22.]], shape=(2, 2), dtype=float32)
    """


add.reference(np.add)
add.samples(binary())


@add.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    return sum_to(dz, x), sum_to(dz, y)


@add.rejects
def _() -> Iterator[Reject]:
    yield from no_broadcast()
    yield Reject(
        (np.ones(2), np.array([b"a"], object)),
        error=TypeError,
        match="strings go with strings only",
    )
    yield Reject((np.ones(2, "uint64"), np.ones(2, "int8")), error=TypeError, match="astype")
    yield Reject((np.ones(2, bool), np.ones(2, bool)), error=TypeError, match="got bool; expected")


@op(infer="elementwise:numeric", broadcasts=True)
def subtract(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Subtract element by element: z = x - y.

    Args:
        x: [...], any numeric dtype.
        y: [...], any numeric dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or both are boolean.

    Example:
        >>> penstock.subtract([3.0, 4.0], 1.0)
        Tensor([2., 3.], shape=(2,), dtype=float32)
    """


subtract.reference(np.subtract)
subtract.samples(binary())
subtract.rejects(no_broadcast)


@subtract.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    return sum_to(dz, x), -sum_to(dz, y) if node.needs(1) else None


@op(infer="elementwise:numeric", broadcasts=True)
def multiply(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Multiply element by element: z = x · y.

    Args:
        x: [...], any numeric dtype.
        y: [...], any numeric dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or both are boolean.

    Example:
        >>> penstock.multiply([2, 3], [4, 5])
        Tensor([ 8, 15], shape=(2,), dtype=int64)
    """


multiply.reference(np.multiply)
multiply.samples(binary())
multiply.rejects(no_broadcast)


@multiply.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    dx = sum_to(dz * y, x) if node.needs(0) else None
    return dx, sum_to(dz * x, y) if node.needs(1) else None


@op(infer="true_divide", broadcasts=True)
def divide(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Divide element by element: z = x / y. Floats follow IEEE 754: 1 / 0 is infinity.

    Args:
        x: [...], any numeric dtype; integers and booleans are taken as float32.
        y: [...], any numeric dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote.

    Example:
        >>> penstock.divide([1, 3], 2)
        Tensor([0.5, 1.5], shape=(2,), dtype=float32)
    """


divide.reference(np.divide)
divide.samples(binary(y=(0.5, 3.0)))
divide.rejects(no_broadcast)


@divide.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    dx = dz / y
    return sum_to(dx, x), -sum_to(dx * node.outputs[0], y) if node.needs(1) else None


@op(infer="elementwise:numeric", broadcasts=True)
def power(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Raise x to the power y, element by element; also written x ** y.

    The gradient with respect to x is 0 where y is 0; that with respect to y is 0 where x is 0.

    Args:
        x: [...], any numeric dtype.
        y: [...], any numeric dtype; the shapes must broadcast. Integer powers of integers are not negative.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast, or an integer gets a negative power.
        TypeError: The dtypes do not promote, or both are boolean.

    Example:
        >>> penstock.power([2.0, 3.0], 2)
        Tensor([4., 9.], shape=(2,), dtype=float32)
    """


@power.reference
def _(x: Any, y: Any) -> Any:
    z = np.power(x, y)
    return z if z.dtype.kind in "iu" else np.where(y == 2, np.square(x), z)


@power.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    dx, dy = None, None
    # 0 ** -1 and log(0) never enter: y == 0 and x == 0 are replaced first, as their gradient is 0.
    if node.needs(0):
        dx = sum_to(dz * (y * x ** ops.where(y == 0, 1.0, y - 1.0)), x)
    if node.needs(1):
        dy = sum_to(dz * (node.outputs[0] * ops.log(ops.where(x == 0, 1.0, x))), y)
    return dx, dy


@power.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(FLOATS + INTEGERS + COMPLEX, x=(0.3, 2.0), y=(0.0, 3.0))(rng)
    yield Sample((np.array([-2.0, 0.0, 3.0]), 3.0), label="negative base", differentiable=False)
    yield Sample((np.array([0.0, 2.0]), np.zeros(2)), label="to the 0", differentiable=False)


@power.rejects
def _() -> Iterator[Reject]:
    yield from no_broadcast()
    yield Reject((np.array([2]), np.array([-1])), match="negative integer powers")


@op(infer="elementwise:real", broadcasts=True)
def maximum(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Take the larger of two elements; NaN if one of them is NaN. Ties share the gradient.

    Args:
        x: [...], any real dtype.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.maximum([1.0, 5.0], 3.0)
        Tensor([3., 5.], shape=(2,), dtype=float32)
    """


maximum.reference(np.maximum)
maximum.samples(binary(REALS))
maximum.rejects(no_broadcast)


@maximum.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    share = ops.where(x == y, dz * 0.5, dz)
    dx = sum_to(ops.where(x >= y, share, 0.0), x) if node.needs(0) else None
    return dx, sum_to(ops.where(x <= y, share, 0.0), y) if node.needs(1) else None


@op(infer="elementwise:real", broadcasts=True)
def minimum(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Take the smaller of two elements; NaN if one of them is NaN. Ties share the gradient.

    Args:
        x: [...], any real dtype.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.minimum([1.0, 5.0], 3.0)
        Tensor([1., 3.], shape=(2,), dtype=float32)
    """


minimum.reference(np.minimum)
minimum.samples(binary(REALS))
minimum.rejects(no_broadcast)


@minimum.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    share = ops.where(x == y, dz * 0.5, dz)
    dx = sum_to(ops.where(x <= y, share, 0.0), x) if node.needs(0) else None
    return dx, sum_to(ops.where(x >= y, share, 0.0), y) if node.needs(1) else None


@op(infer="elementwise:real", broadcasts=True)
def floor_divide(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Divide and round down, element by element; also written x // y.

    Args:
        x: [...], any real dtype.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype. An integer divided by 0 gives 0. Beside an infinity nothing
        is rounded: ∞ // 2 is ∞, and 1 // -∞ is -0.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.floor_divide([7, -7], 2)
        Tensor([ 3, -4], shape=(2,), dtype=int64)
    """


@floor_divide.reference
def _(x: Any, y: Any) -> Any:
    made = np.floor_divide(x, y)
    if made.dtype.kind != "f":
        return made
    # NumPy would round ±0 beside an infinity down, and make NaN of an infinity.
    return np.where(np.isinf(x) | np.isinf(y), x / y, made)


floor_divide.vjp(no_flow)
floor_divide.rejects(no_broadcast)


@floor_divide.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(REALS, y=(0.5, 3.0))(rng)
    yield Sample((np.array([7, -7, 7, -7, 5]), np.array([2, 2, -2, -2, 0])), label="signs")
    inf = np.inf
    for dtype in ("float32", "float64"):
        x = np.array([inf, -inf, 1, -1, inf, 1, -1, 0], dtype)
        y = np.array([2, 2, -inf, inf, -inf, inf, -inf, -inf], dtype)
        yield Sample((x, y), label=f"infinite {dtype}", differentiable=False)


@op(infer="elementwise:real", broadcasts=True)
def remainder(x: TensorLike, y: TensorLike, /) -> Tensor:
    """Take what division leaves, x - y·⌊x / y⌋, with the sign of y; also written x % y.

    Args:
        x: [...], any real dtype.
        y: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, of the promoted dtype. An integer divided by 0 leaves 0.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: The dtypes do not promote, or are boolean or complex.

    Example:
        >>> penstock.remainder([7, -7], 3)
        Tensor([1, 2], shape=(2,), dtype=int64)
    """


remainder.reference(np.remainder)
remainder.rejects(no_broadcast)


@remainder.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    return sum_to(dz, x), -sum_to(dz * (x // y), y) if node.needs(1) else None


@remainder.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(REALS, y=(0.5, 3.0))(rng)
    yield Sample((np.array([7, -7, 7, -7, 5]), np.array([2, 2, -2, -2, 0])), label="signs")
    yield Sample((np.array([7.5, -7.5]), np.array([-2.0, 2.0])), label="signs of floats")
