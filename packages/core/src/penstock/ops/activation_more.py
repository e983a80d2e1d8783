"""Activations made of other ops: what Keras and PyTorch offer besides those that have kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def log_sigmoid(x: TensorLike, /) -> Tensor:
    """Take ln(sigmoid(x)) = -ln(1 + e⁻ˣ), without overflow.

    Args:
        x: [...], any real dtype; integers are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.log_sigmoid([-1000.0, 1000.0])
        Tensor([-1000.,    -0.], shape=(2,), dtype=float32)
    """
    return -ops.softplus(ops.negative(x))


def hard_tanh(x: TensorLike, /, min_value: float = -1.0, max_value: float = 1.0) -> Tensor:
    """Limit to an interval, by default [-1, 1].

    Args:
        x: [...], any real dtype.
        min_value: The lower end.
        max_value: The upper end.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.nn.hard_tanh([-2.0, 0.5])
        Tensor([-1. ,  0.5], shape=(2,), dtype=float32)
    """
    return ops.clip(x, min_value, max_value)


def tanh_shrink(x: TensorLike, /) -> Tensor:
    """Take x - tanh(x).

    Args:
        x: [...], any real dtype; integers are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is a string tensor.

    Example:
        >>> penstock.nn.tanh_shrink([0.0])
        Tensor([0.], shape=(1,), dtype=float32)
    """
    return ops.subtract(x, ops.tanh(x))


def soft_shrink(x: TensorLike, /, threshold: float = 0.5) -> Tensor:
    """Move towards zero by a threshold, and no further than zero.

    Args:
        x: [...], any real dtype.
        threshold: How far.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.nn.soft_shrink([-2.0, 0.25, 2.0])
        Tensor([-1.5,  0. ,  1.5], shape=(3,), dtype=float32)
    """
    return ops.subtract(x, ops.clip(x, -threshold, threshold))


def hard_shrink(x: TensorLike, /, threshold: float = 0.5) -> Tensor:
    """Set what is no further from zero than a threshold to zero.

    Args:
        x: [...], any real dtype.
        threshold: How far.

    Returns:
        [...], of x's dtype.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.hard_shrink([-2.0, 0.25, 2.0])
        Tensor([-2.,  0.,  2.], shape=(3,), dtype=float32)
    """
    x = asarray(x)
    return ops.where(ops.abs(x) > threshold, x, 0)


def threshold(x: TensorLike, /, threshold: float = 0.0, value: float = 0.0) -> Tensor:
    """Keep what is above a threshold; the rest becomes a value.

    Args:
        x: [...], any real dtype.
        threshold: What must be exceeded.
        value: What takes the place of the rest.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.threshold([-2.0, 2.0], 1.0, 7.0)
        Tensor([7., 2.], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    return ops.where(x > threshold, x, value)


def squareplus(x: TensorLike, /, b: float = 4.0) -> Tensor:
    """Take (x + √(x² + b)) / 2, a smooth relu without exponentials.

    Args:
        x: [...], any real dtype; integers are taken as float32.
        b: How smooth.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.squareplus([0.0])
        Tensor([1.], shape=(1,), dtype=float32)
    """
    return ops.divide(ops.add(x, ops.sqrt(ops.square(x) + b)), 2.0)


def sparse_plus(x: TensorLike, /) -> Tensor:
    """Take 0 below -1, x above 1, and (x + 1)² / 4 between.

    Args:
        x: [...], any real dtype; integers are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.sparse_plus([-2.0, 0.0, 3.0])
        Tensor([0.  , 0.25, 3.  ], shape=(3,), dtype=float32)
    """
    x = asarray(x)
    curve = ops.square(ops.clip(x, -1.0, 1.0) + 1.0) / 4.0
    return ops.where(x > 1.0, x, curve)


def sparse_sigmoid(x: TensorLike, /) -> Tensor:
    """Take (x + 1) / 2, limited to [0, 1].

    Args:
        x: [...], any real dtype; integers are taken as float32.

    Returns:
        [...], of x's dtype or float32.

    Raises:
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.sparse_sigmoid([-2.0, 0.0, 2.0])
        Tensor([0. , 0.5, 1. ], shape=(3,), dtype=float32)
    """
    return ops.clip(ops.divide(ops.add(x, 1.0), 2.0), 0.0, 1.0)


def prelu(x: TensorLike, alpha: TensorLike, /) -> Tensor:
    """Keep what is positive, and multiply the rest by learned slopes.

    Args:
        x: [...], any real dtype.
        alpha: The slopes; the shapes must broadcast.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.nn.prelu([-2.0, 2.0], [0.25])
        Tensor([-0.5,  2. ], shape=(2,), dtype=float32)
    """
    x = asarray(x)
    return ops.relu(x) + ops.multiply(alpha, ops.minimum(x, 0))


def glu(x: TensorLike, /, axis: int = -1) -> Tensor:
    """Multiply the first half of an axis by the sigmoid of the second half.

    Args:
        x: [...], any real dtype; the axis has an even size.
        axis: The axis to split.

    Returns:
        x's shape with half the size of the axis, of x's dtype or float32.

    Raises:
        ValueError: The size of the axis is odd.
        IndexError: x has no such axis.

    Example:
        >>> penstock.nn.glu([2.0, 0.0])
        Tensor([1.], shape=(1,), dtype=float32)

    Source:
        Dauphin et al., 2016, "Language modeling with gated convolutional networks".
    """
    value, gate = _halves("glu", x, axis)
    return value * ops.sigmoid(gate)


def swiglu(x: TensorLike, /, axis: int = -1) -> Tensor:
    """Multiply the silu of the first half of an axis by the second half.

    Args:
        x: [...], any real dtype; the axis has an even size.
        axis: The axis to split.

    Returns:
        x's shape with half the size of the axis, of x's dtype or float32.

    Raises:
        ValueError: The size of the axis is odd.
        IndexError: x has no such axis.

    Example:
        >>> penstock.nn.swiglu([0.0, 2.0])
        Tensor([0.], shape=(1,), dtype=float32)

    Source:
        Shazeer, 2020, "GLU variants improve transformer", https://arxiv.org/abs/2002.05202.
    """
    gate, value = _halves("swiglu", x, axis)
    return ops.silu(gate) * value


def _halves(name: str, x: TensorLike, axis: int) -> tuple[Tensor, Tensor]:
    x = asarray(x)
    size = int(ops.flip(x, axis).shape[axis])
    if size % 2:
        raise ShapeError(
            f"[{name}] x has shape {x.shape}; expected an even size along axis {axis}, to split it into halves; pad it"
        )
    first, second = ops.split(x, 2, axis)
    return first, second


def sparsemax(x: TensorLike, /, axis: int = -1) -> Tensor:
    """Project onto the probabilities: like softmax, with exact zeros.

    Args:
        x: [...], any real dtype; integers are taken as float32.
        axis: What the probabilities lie along.

    Returns:
        x's shape, of x's dtype or float32; it adds up to 1 along the axis.

    Raises:
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.sparsemax([3.0, 2.5, -1.0])
        Tensor([0.75, 0.25, 0.  ], shape=(3,), dtype=float32)

    Source:
        Martins and Astudillo, 2016, "From softmax to sparsemax", https://arxiv.org/abs/1602.02068.
    """
    x = ops.moveaxis(asarray(x), axis, -1)
    x = x if x.dtype.kind == "float" else ops.cast(x, "float32")
    falling = ops.flip(ops.sort(x, -1), -1)
    sums = ops.cumsum(falling, -1)
    ranks = ops.cumsum(ops.ones_like(falling), -1)
    support = ops.sum(ops.cast(falling * ranks + 1.0 > sums, "int64"), -1, keepdims=True)
    tau = (ops.take_along_axis(sums, support - 1, -1) - 1.0) / ops.cast(support, x.dtype)
    return ops.moveaxis(ops.relu(x - tau), -1, axis)


def gumbel_softmax(
    logits: TensorLike,
    temperature: float = 1.0,
    *,
    hard: bool = False,
    axis: int = -1,
    seed: int | None = None,
) -> Tensor:
    """Draw classes as nearly one-hot rows that have gradients: softmax((logits + Gumbel noise) / temperature).

    Args:
        logits: [...], a float dtype.
        temperature: The lower, the nearer to one-hot; above 0.
        hard: Return exact one-hot rows, with the gradient of the soft ones.
        axis: What the classes lie along.
        seed: Draw the same in every call; None continues the stream that `set_seed` began.

    Returns:
        The logits' shape and dtype.

    Raises:
        IndexError: There is no such axis.
        ValueError: The temperature is not positive.

    Example:
        >>> float(penstock.sum(penstock.nn.gumbel_softmax([1.0, 2.0], hard=True, seed=1)))
        1.0

    Source:
        Jang, Gu and Poole, 2016, "Categorical reparameterization with Gumbel-softmax".
    """
    from penstock.ops.distributions import gumbel

    logits = asarray(logits)
    if not temperature > 0:
        raise InvalidValueError(
            f"[gumbel_softmax] got temperature={temperature}; use a number above 0"
        )
    noise = gumbel(logits.shape, dtype=logits.dtype, seed=seed)
    soft = ops.softmax((logits + noise) / temperature, axis)
    if not hard:
        return soft
    index = ops.argmax(soft, axis, keepdims=True)
    exact = ops.put_along_axis(ops.zeros_like(soft), index, ops.ones((), soft.dtype), axis)
    return ops.stop_gradient(exact - soft) + soft
