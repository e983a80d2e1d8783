"""Tensors in messages, as NumPy arrays."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from penstock_formats.tensorflow._problems import damaged, problem

DTYPES: Final = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""By their numbers in the files. A reference to a tensor has a number that is larger by 100."""

_FIELDS: Final = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "float16": "half_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "string": "string_val",
}
_MOST_FILLED: Final = 1 << 20


def dtype_of(number: int) -> str:
    """Name a dtype.

    Raises:
        FormatError: We have not got it.
    """
    name = DTYPES.get(number % 100)
    if name is None:
        raise problem(
            f"a tensor has the dtype number {number}", f"use one of {', '.join(DTYPES.values())}"
        )
    return name


def shape_of(message: Any) -> tuple[int | None, ...] | None:
    """Read a shape: None for any size, and for any number of axes."""
    if message.unknown_rank:
        return None
    sizes = [dim.size for dim in message.dim]
    if any(n < -1 for n in sizes):
        raise damaged(f"a shape is {sizes}")
    return tuple(None if n == -1 else n for n in sizes)


def whole_shape(message: Any) -> tuple[int, ...]:
    """Read a shape whose sizes are all known."""
    shape = shape_of(message)
    if shape is None or any(n is None for n in shape):
        raise damaged(f"a tensor has the shape {shape}")
    return tuple(n for n in shape if n is not None)


def array_of(message: Any) -> np.ndarray[Any, Any]:
    """Read a tensor.

    Raises:
        FormatError: Its numbers are not as many as its shape says.
    """
    name, shape = dtype_of(message.dtype), whole_shape(message.tensor_shape)
    count = math.prod(shape)
    if message.tensor_content and name != "string":
        dtype = np.dtype(name).newbyteorder("<")
        if len(message.tensor_content) != count * dtype.itemsize:
            raise damaged(
                f"a tensor of shape {shape} has {len(message.tensor_content):,} bytes instead of "
                f"{count * dtype.itemsize:,}"
            )
        return np.frombuffer(message.tensor_content, dtype).astype(name).reshape(shape)
    held = list(getattr(message, _FIELDS.get(name, "int_val")))
    if len(held) > count or (count and not held and name == "string"):
        raise damaged(f"a tensor of shape {shape} has {len(held)} values")
    if name == "float16":
        values: np.ndarray[Any, Any] = np.array(held or [0], np.uint16).view(np.float16)
    else:
        values = np.empty(len(held) or 1, object if name == "string" else name)
        values[:] = held or [0]
    if count and len(values) == 1:
        return np.broadcast_to(values[0], shape)  # takes no memory, whatever the shape claims
    if count > _MOST_FILLED and len(held) < count:
        raise damaged(f"a tensor of shape {shape} is given by {len(held)} values")
    # The last value stands for all that follow.
    full = np.empty(count, values.dtype)
    full[: len(held)] = values[: len(held)]
    full[len(held) :] = values[-1]
    return full.reshape(shape)
