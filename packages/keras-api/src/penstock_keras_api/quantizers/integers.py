"""Floats as small integers, and two 4-bit integers as one byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t


def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: Sequence[int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-07,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Scale by the largest absolute value, and round.

    Args:
        inputs: [...], floats.
        axis: Along which axes the largest value is taken; None for all.
        value_range: The least and the largest result.
        dtype: The dtype of the result.
        epsilon: Keeps the divisor away from 0.
        to_numpy: Whether to return NumPy arrays.

    Returns:
        The integers; and the scale, by which they are divided to go back, with size 1 on the axes.

    >>> values, scale = abs_max_quantize([[0.5, -1.0]], axis=-1)
    >>> values.tolist(), round(float(scale[0, 0]), 3)
    ([[63, -127]], 127.0)
    """
    x = _f(inputs)
    axes = None if axis is None else tuple(tree.flatten(axis))
    largest = ps.max(ps.abs(x), axis=axes, keepdims=True)
    scale = ps.cast(value_range[1] / (ps.cast(largest, "float32") + epsilon), x.dtype)
    values = ps.clip(ps.round(x * scale), value_range[0], value_range[1])
    made = ps.cast(values, dtype), scale
    return (made[0].numpy(), made[1].numpy()) if to_numpy else made


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: Sequence[int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-07,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """Map the numbers of each block of rows from their least to their largest.

    Args:
        inputs: [rows, columns], floats.
        block_size: How many rows a block has; the last one may have fewer.
        value_range: The least and the largest result.
        dtype: The dtype of the results.
        epsilon: Keeps the divisor away from 0.
        to_numpy: Whether to return NumPy arrays.

    Returns:
        The integers [rows, columns], the scales [blocks, columns] and the zero points [blocks, columns]: an integer q
        stands for (q - zero point) · scale.

    Raises:
        ValueError: There are other than two axes.
    """
    x = _f(inputs)
    if x.ndim != 2:
        raise InvalidValueError(
            f"[abs_max_quantize_grouped_with_zero_point] got shape {tuple(x.shape)}; give a matrix"
        )
    rows, columns = x.shape
    blocks = -(-rows // block_size)
    # The last block is filled up with zeros, as Keras fills it.
    full = ps.pad(x, ((0, blocks * block_size - rows), (0, 0)))
    parts = ps.reshape(full, (blocks, block_size, columns))
    least, most = ps.min(parts, axis=1, keepdims=True), ps.max(parts, axis=1, keepdims=True)
    low, high = value_range
    flat = ps.abs(most - least) < epsilon
    most = ps.where(flat, most + 1.0, most)
    least = ps.where(flat, least - 1.0, least)
    scale = (most - least) / (high - low)
    zero = ps.clip(ps.round(low - least / scale), low, high)
    values = ps.clip(ps.round(parts / scale) + zero, low, high)
    values = ps.reshape(values, (-1, columns))[:rows]
    made = (ps.cast(values, dtype), scale[:, 0], ps.cast(zero[:, 0], dtype))
    return tuple(t.numpy() for t in made) if to_numpy else made  # type: ignore[return-value]


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Put two 4-bit integers into each byte: the first into the lower half.

    Args:
        arr: [...], integers of 4 bits.
        axis: Along which axis two become one; an odd one is filled up with 0.
        dtype: "int8" or "uint8".

    Returns:
        The bytes, their shape, and the number of integers along the axis.

    Raises:
        ValueError: The dtype is another.
    """
    x = _bytes("pack_int4", arr, dtype)
    axis = axis % x.ndim
    count = x.shape[axis]
    moved = ps.moveaxis(x, axis, 0)
    if count % 2:
        moved = ps.pad(moved, [(0, 1)] + [(0, 0)] * (x.ndim - 1))
    low, high = (ps.bitwise_and(ps.cast(moved[n::2], "int32"), 15) for n in (0, 1))
    made = ps.bitwise_or(low, ps.bitwise_left_shift(high, 4))
    if dtype == "int8":
        made = ps.where(made > 127, made - 256, made)
    made = ps.moveaxis(ps.cast(made, dtype), 0, axis)
    shape: Any = tuple(made.shape)
    return made, shape, count


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """Take the 4-bit integers out of bytes; see `pack_int4`.

    Args:
        packed: The bytes.
        orig_len: How many integers there were along the axis.
        axis: Which axis.
        dtype: "int8" or "uint8".

    Raises:
        ValueError: The dtype is another.
    """
    x = _bytes("unpack_int4", packed, dtype)
    axis = axis % x.ndim
    moved = ps.bitwise_and(ps.cast(ps.moveaxis(x, axis, 0), "int32"), 255)
    halves = ps.stack([ps.bitwise_and(moved, 15), ps.bitwise_right_shift(moved, 4)], 1)
    made = ps.reshape(halves, (-1, *moved.shape[1:]))[:orig_len]
    if dtype == "int8":
        made = ps.where(made > 7, made - 16, made)
    return ps.moveaxis(ps.cast(made, dtype), 0, axis)


def _bytes(where: str, x: Any, dtype: str) -> Any:
    if dtype not in ("int8", "uint8"):
        raise InvalidValueError(f"[{where}] got dtype={dtype!r}; use 'int8' or 'uint8'")
    return _t(x)
