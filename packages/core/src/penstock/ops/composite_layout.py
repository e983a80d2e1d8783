"""Blocks of an image as channels and back, rows turned round as far as they are long, and ranks of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def space_to_depth(x: TensorLike, block_size: int) -> Tensor:
    """Lay each block of an image into the channels of one pixel.

    Args:
        x: [batch, height, width, channels], any dtype but string; block_size divides height and width.
        block_size: The height and the width of a block, 1 or more.

    Returns:
        [batch, height / block_size, width / block_size, channels * block_size²], of x's dtype.

    Raises:
        ValueError: x has not 4 axes, or the blocks do not divide it.

    Example:
        >>> penstock.nn.space_to_depth(penstock.ones((1, 4, 6, 3)), 2).shape
        (1, 2, 3, 12)
    """
    x = _images(x, "space_to_depth", block_size)
    batch, height, width, channels = x.shape
    if height % block_size or width % block_size:
        raise ShapeError(
            f"[space_to_depth] got images of {height} by {width} for blocks of {block_size}; block_size must divide "
            "both; pad or crop them"
        )
    rows, columns = height // block_size, width // block_size
    blocks = ops.reshape(x, (batch, rows, block_size, columns, block_size, channels))
    moved = ops.permute_dims(blocks, (0, 1, 3, 2, 4, 5))
    return ops.reshape(moved, (batch, rows, columns, block_size * block_size * channels))


def depth_to_space(x: TensorLike, block_size: int) -> Tensor:
    """Lay the channels of each pixel out as a block: what `space_to_depth` did, undone. Also called pixel shuffle.

    Args:
        x: [batch, height, width, channels], any dtype but string; block_size² divides channels.
        block_size: The height and the width of a block, 1 or more.

    Returns:
        [batch, height * block_size, width * block_size, channels / block_size²], of x's dtype.

    Raises:
        ValueError: x has not 4 axes, or the channels do not make blocks.

    Example:
        >>> penstock.nn.depth_to_space(penstock.ones((1, 2, 3, 12)), 2).shape
        (1, 4, 6, 3)
    """
    x = _images(x, "depth_to_space", block_size)
    batch, height, width, channels = x.shape
    area = block_size * block_size
    if channels % area:
        raise ShapeError(
            f"[depth_to_space] got {channels} channels for blocks of {block_size}; expected a multiple of {area}"
        )
    blocks = ops.reshape(x, (batch, height, width, block_size, block_size, channels // area))
    moved = ops.permute_dims(blocks, (0, 1, 3, 2, 4, 5))
    return ops.reshape(moved, (batch, height * block_size, width * block_size, channels // area))


def _images(x: TensorLike, name: str, block_size: int) -> Tensor:
    x = asarray(x)
    if x.ndim != 4:
        raise ShapeError(
            f"[{name}] x has shape {x.shape}; expected 4 axes, [batch, height, width, channels]; reshape it"
        )
    if block_size < 1:
        raise InvalidValueError(f"[{name}] got block_size={block_size}; it must be 1 or more")
    return x


def reverse_sequence(
    x: TensorLike, seq_lengths: TensorLike, axis: int = 1, batch_axis: int = 0
) -> Tensor:
    """Turn the first elements of each sequence round, and leave the padding behind them where it is.

    Args:
        x: [...], any dtype but string.
        seq_lengths: [batch], any integer dtype: how many elements of each sequence are turned round.
        axis: The axis along which sequences run.
        batch_axis: The axis that counts sequences.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: The lengths are not one for each sequence, or both axes are the same.
        IndexError: x has no such axis.

    Example:
        >>> penstock.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3])
        Tensor([[2, 1, 3],
                [6, 5, 4]], shape=(2, 3), dtype=int64)
    """
    x, lengths = asarray(x), asarray(seq_lengths)
    if x.ndim < 2 or axis % x.ndim == batch_axis % x.ndim:
        raise ShapeError(
            f"[reverse_sequence] got x of shape {x.shape}, axis={axis} and batch_axis={batch_axis}; expected two "
            "different axes"
        )
    moved = ops.moveaxis(x, (batch_axis, axis), (0, 1))
    batch, size = moved.shape[:2]  # size may be a symbol
    steps: Any = size
    if lengths.ndim != 1 or lengths.shape[0] != batch:
        raise ShapeError(
            f"[reverse_sequence] got seq_lengths of shape {lengths.shape} for {batch} sequences; expected one length "
            "for each"
        )
    place = ops.expand_dims(ops.arange(steps, dtype="int64"), axis=0)
    length = ops.expand_dims(ops.cast(lengths, "int64"), axis=1)
    source = ops.where(place < length, length - 1 - place, place)
    source = ops.reshape(source, (batch, size, *[1] * (x.ndim - 2)))
    turned = ops.take_along_axis(moved, ops.broadcast_to(source, moved.shape), axis=1)
    return ops.moveaxis(turned, (0, 1), (batch_axis, axis))


def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Tell whether the right class is among the k with the largest predictions; ties count as among them.

    Args:
        targets: [batch], any integer dtype: the right classes.
        predictions: [batch, classes], any real dtype.
        k: How many are looked at.

    Returns:
        [batch], bool; False where the target's prediction is not finite.

    Raises:
        ValueError: The shapes do not fit.
        IndexError: A target is not a class.

    Example:
        >>> penstock.nn.in_top_k([0, 2], [[0.1, 0.7, 0.2], [0.1, 0.7, 0.2]], k=2)
        Tensor([False,  True], shape=(2,), dtype=bool)
    """
    targets, predictions = asarray(targets), asarray(predictions)
    if predictions.ndim != 2 or targets.ndim != 1:
        raise ShapeError(
            f"[in_top_k] got targets of shape {targets.shape} and predictions of shape {predictions.shape}; expected "
            "[batch] and [batch, classes]"
        )
    own = ops.take_along_axis(predictions, ops.expand_dims(targets, axis=1), axis=1)
    larger = ops.sum(predictions > own, axis=1)
    return (larger < k) & ops.isfinite(ops.squeeze(own, axis=1))
