"""Windows that slide over the sides of a tensor: their arguments, and the sizes that follow."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError

Sizes = tuple[int, ...]


def with_defaults(function: Any, **defaults: Any) -> Any:
    """Return a copy of a function whose arguments have other defaults.

    >>> with_defaults(lambda a, b=1: (a, b), b=2)(0)
    (0, 2)
    """
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    old = dict(zip(reversed(names), reversed(function.__defaults__ or ()), strict=False)) | defaults
    made = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        tuple(old[name] for name in names if name in old),
        function.__closure__,
    )
    made.__annotations__ = function.__annotations__
    made.__doc__ = function.__doc__
    made.__qualname__ = function.__qualname__
    return made


def sizes_of(value: Any, rank: int, layer: str, name: str, least: int = 1) -> Sizes:
    """Make a tuple with a number for each side of one number or several.

    Raises:
        ValueError: There is another number of them, or one is too small.

    >>> sizes_of(3, 2, "Conv2D", "kernel_size")
    (3, 3)
    """
    items = list(value) if isinstance(value, list | tuple) else [value] * rank
    try:
        sizes = tuple(operator.index(item) for item in items)
    except TypeError:
        sizes = ()
    if len(sizes) != rank:
        raise InvalidValueError(
            f"[{layer}] got {name}={value!r}; use one whole number, or {rank} of them"
        )
    if min(sizes) < least:
        raise InvalidValueError(
            f"[{layer}] got {name}={value!r}; use whole numbers of at least {least}"
        )
    return sizes


def padding_of(value: Any, layer: str, allowed: Sequence[str] = ("valid", "same")) -> str:
    """Check a kind of padding.

    Raises:
        ValueError: There is no such kind.
    """
    found = value.lower() if isinstance(value, str) else value
    if found not in allowed:
        raise InvalidValueError(
            f"[{layer}] got padding={value!r}; use one of {', '.join(map(repr, allowed))}"
        )
    return str(found)


def positive(value: Any, layer: str, name: str) -> int:
    """Check that a number is a whole one above 0.

    Raises:
        ValueError: It is not.
    """
    return sizes_of(value, 1, layer, name)[0]


def output_sizes(
    layer: str,
    sides: Sequence[int | None],
    window: Sizes,
    strides: Sizes,
    dilation: Sizes,
    padding: str,
) -> list[int | None]:
    """Return how often a window fits on each side.

    Raises:
        ValueError: It does not fit.

    >>> output_sizes("Conv1D", (9,), (3,), (2,), (1,), "valid")
    [4]
    """
    made: list[int | None] = []
    for side, w, s, d in zip(sides, window, strides, dilation, strict=True):
        if side is None:
            made.append(None)
            continue
        size = -(-side // s) if padding != "valid" else (side - (w - 1) * d - 1) // s + 1
        if size <= 0:
            raise ShapeError(
                f"[{layer}] got sides {tuple(sides)}, on which a window of {window} with dilation {dilation} does not "
                "fit; use padding='same', a smaller window or larger inputs"
            )
        made.append(size)
    return made


def transposed_size(
    side: int | None, window: int, stride: int, dilation: int, padding: str, extra: int | None
) -> int | None:
    """Return the size that a transposed convolution makes of a side.

    >>> transposed_size(5, 3, 2, 1, "same", None)
    10
    """
    if side is None:
        return None
    span = (window - 1) * dilation + 1
    if extra is None:
        return side * stride + (max(span - stride, 0) if padding == "valid" else 0)
    cut = 2 * (span // 2) if padding == "same" else 0
    return (side - 1) * stride + span - cut + extra


def channel_axis(data_format: str) -> int:
    """Return the axis of channels."""
    return -1 if data_format == "channels_last" else 1


def split_shape(shape: Sequence[Any], data_format: str) -> tuple[Any, list[Any], Any]:
    """Split a shape into batch, sides and channels."""
    if data_format == "channels_last":
        return shape[0], list(shape[1:-1]), shape[-1]
    return shape[0], list(shape[2:]), shape[1]


def join_shape(
    batch: Any, sides: Sequence[Any], channels: Any, data_format: str
) -> tuple[Any, ...]:
    """Make a shape of batch, sides and channels."""
    if data_format == "channels_last":
        return (batch, *sides, channels)
    return (batch, channels, *sides)


def channels_last(x: Any, data_format: str) -> Any:
    """Bring the channels to the end, where the ops want them."""
    return x if data_format == "channels_last" else ps.moveaxis(x, 1, -1)


def channels_back(x: Any, data_format: str) -> Any:
    """Bring the channels from the end to where the layer has them."""
    return x if data_format == "channels_last" else ps.moveaxis(x, -1, 1)
