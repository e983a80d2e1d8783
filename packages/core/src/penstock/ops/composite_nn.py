"""Convolution and pooling that are another one in disguise: over sequences, over everything, in two steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike


def conv1d(
    x: TensorLike,
    filter: TensorLike,
    stride: int = 1,
    padding: str = "valid",
    dilation: int = 1,
    groups: int = 1,
    explicit_padding: Sequence[int] | None = None,
) -> Tensor:
    """Slide filters over sequences: conv2d with one row.

    y[n, i, o] = Σ x[n, i·stride + p·dilation, c] · filter[p, c, o], summed over p and c.

    Args:
        x: [batch, length, channels], any real dtype.
        filter: [width, channels / groups, filters].
        stride: The step between windows.
        padding: "valid" (none), "same" (zeros, so that the result has ceil(length / stride) positions), "causal"
            (zeros in front only, so that no position sees later ones) or "explicit".
        dilation: The step between the cells of a window.
        groups: How many independent parts the channels are split into.
        explicit_padding: (before, behind), with padding="explicit".

    Returns:
        [batch, positions, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0, 3.0], (1, 3, 1))
        >>> penstock.nn.conv1d(x, penstock.ones((2, 1, 1)), padding="causal")[0, :, 0]
        Tensor([1., 3., 5.], shape=(3,), dtype=float32)
    """
    x, filter = _sequences(x, "conv1d", "x"), asarray(filter)
    if filter.ndim != 3:
        raise ShapeError(
            f"[conv1d] filter has shape {filter.shape}; expected 3 axes, [width, channels / groups, filters]; "
            "reshape it"
        )
    kind = padding.lower()
    if kind not in ("valid", "same", "causal", "explicit"):
        raise InvalidValueError(
            f"[conv1d] got padding {padding!r}; use 'valid', 'same', 'causal' or 'explicit'"
        )
    front = None if explicit_padding is None else (0, 0, *explicit_padding)
    if kind == "causal":
        kind, front = "explicit", (0, 0, int((filter.shape[0] - 1) * dilation), 0)
    y = ops.conv2d(
        ops.expand_dims(x, 1),
        ops.expand_dims(filter, 0),
        (1, stride),
        kind,
        front,
        (1, dilation),
        groups,
    )
    return ops.squeeze(y, 1)


def max_pool1d(
    x: TensorLike, pool_size: int, stride: int | None = None, padding: str = "valid"
) -> Tensor:
    """Take the largest element of each window of sequences; NaN if there is one.

    Args:
        x: [batch, length, channels], any real dtype.
        pool_size: The width of a window.
        stride: The step between windows; None stands for `pool_size`.
        padding: "valid" (none) or "same" (so that the result has ceil(length / stride) positions).

    Returns:
        [batch, positions, channels], of x's dtype.

    Raises:
        ValueError: x has not 3 axes, the window is too wide, or an attribute is out of range.
        TypeError: x is boolean, complex or a string tensor.

    Example:
        >>> penstock.nn.max_pool1d([[[1.0], [2.0], [5.0], [4.0]]], 2)[0, :, 0]
        Tensor([2., 5.], shape=(2,), dtype=float32)
    """
    row = ops.expand_dims(_sequences(x, "max_pool1d", "x"), 1)
    return ops.squeeze(ops.max_pool2d(row, (1, pool_size), _row_of(stride), padding), 1)


def avg_pool1d(
    x: TensorLike, pool_size: int, stride: int | None = None, padding: str = "valid"
) -> Tensor:
    """Average the elements of each window of sequences. Padding is not counted.

    Args:
        x: [batch, length, channels], any real dtype; integers are taken as float32.
        pool_size: The width of a window.
        stride: The step between windows; None stands for `pool_size`.
        padding: "valid" (none) or "same" (so that the result has ceil(length / stride) positions).

    Returns:
        [batch, positions, channels], of x's dtype or float32.

    Raises:
        ValueError: x has not 3 axes, the window is too wide, or an attribute is out of range.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.avg_pool1d([[[1.0], [3.0], [5.0], [4.0]]], 2)[0, :, 0]
        Tensor([2. , 4.5], shape=(2,), dtype=float32)
    """
    row = ops.expand_dims(_sequences(x, "avg_pool1d", "x"), 1)
    return ops.squeeze(ops.avg_pool2d(row, (1, pool_size), _row_of(stride), padding), 1)


def global_max_pool(x: TensorLike, /, *, keepdims: bool = False) -> Tensor:
    """Take the largest element of each channel, over all positions of a sample.

    Args:
        x: [batch, ..., channels], any real dtype.
        keepdims: Keep the axes of the positions, with size 1.

    Returns:
        [batch, channels], of x's dtype.

    Raises:
        ValueError: x has fewer than 3 axes.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.global_max_pool([[[1.0, 5.0], [3.0, 4.0]]])
        Tensor([[3., 5.]], shape=(1, 2), dtype=float32)
    """
    x = asarray(x)
    return ops.max(x, _positions(x, "global_max_pool"), keepdims=keepdims)


def global_avg_pool(x: TensorLike, /, *, keepdims: bool = False) -> Tensor:
    """Average each channel over all positions of a sample.

    Args:
        x: [batch, ..., channels], any real dtype; integers are taken as float32.
        keepdims: Keep the axes of the positions, with size 1.

    Returns:
        [batch, channels], of x's dtype or float32.

    Raises:
        ValueError: x has fewer than 3 axes.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.nn.global_avg_pool([[[1.0, 5.0], [3.0, 4.0]]])
        Tensor([[2. , 4.5]], shape=(1, 2), dtype=float32)
    """
    x = asarray(x)
    return ops.mean(x, _positions(x, "global_avg_pool"), keepdims=keepdims)


def separable_conv2d(
    x: TensorLike,
    depthwise_filter: TensorLike,
    pointwise_filter: TensorLike,
    strides: Ints = (1, 1),
    padding: str = "valid",
    dilations: Ints = (1, 1),
) -> Tensor:
    """Convolve each channel by itself, then mix the channels of each pixel.

    Args:
        x: [batch, height, width, channels], any real dtype.
        depthwise_filter: [height, width, channels, multiplier].
        pointwise_filter: [1, 1, channels * multiplier, filters].
        strides: Steps between windows: one number, or one for each side.
        padding: "valid" or "same", as for conv2d.
        dilations: Steps between the cells of a window: one number, or one for each side.

    Returns:
        [batch, rows, columns, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, or an attribute is out of range.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> x, depthwise = penstock.ones((1, 3, 3, 2)), penstock.ones((2, 2, 2, 1))
        >>> penstock.nn.separable_conv2d(x, depthwise, penstock.ones((1, 1, 2, 1)))[0, :, :, 0]
        Tensor([[8., 8.],
                [8., 8.]], shape=(2, 2), dtype=float32)
    """
    pointwise = asarray(pointwise_filter)
    if pointwise.ndim != 4 or any(n != 1 for n in pointwise.shape[:2]):
        raise ShapeError(
            f"[separable_conv2d] pointwise_filter has shape {pointwise.shape}; expected [1, 1, channels * "
            "multiplier, filters]; reshape it"
        )
    y = ops.depthwise_conv2d(x, depthwise_filter, strides, padding, None, dilations)
    return ops.conv2d(y, pointwise)


def _sequences(x: TensorLike, what: str, name: str) -> Tensor:
    x = asarray(x)
    if x.ndim != 3:
        raise ShapeError(
            f"[{what}] {name} has shape {x.shape}; expected 3 axes, [batch, length, channels]; reshape it"
        )
    return x


def _positions(x: Tensor, what: str) -> tuple[int, ...]:
    if x.ndim < 3:
        raise ShapeError(
            f"[{what}] x has shape {x.shape}; expected at least 3 axes, [batch, ..., channels]; reshape it"
        )
    return tuple(range(1, x.ndim - 1))


def _row_of(stride: int | None) -> tuple[int, int] | None:
    return None if stride is None else (1, stride)
