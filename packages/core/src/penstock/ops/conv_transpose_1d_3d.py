"""Transposed convolutions over sequences and volumes, made of other convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conv_transpose import other_way
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, TensorLike


def conv1d_transpose(
    x: TensorLike,
    filter: TensorLike,
    stride: int = 1,
    padding: str = "valid",
    dilation: int = 1,
    output_padding: int | None = None,
    explicit_padding: Sequence[int] | None = None,
) -> Tensor:
    """Let every position spread a filter over a longer sequence: the transpose of conv1d, with its filter.

    Args:
        x: [batch, length, channels], any real dtype.
        filter: [width, filters, channels]: the filter of the conv1d that leads the other way.
        stride: The step between windows.
        padding: "valid", "same" or "explicit"; conv2d_transpose tells what lengths follow.
        dilation: The step between the cells of a window.
        output_padding: Positions added behind, fewer than the stride.
        explicit_padding: (before, behind), with padding="explicit": what is cut off.

    Returns:
        [batch, positions, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0], (1, 2, 1))
        >>> penstock.nn.conv1d_transpose(x, penstock.ones((3, 1, 1)), stride=2)[0, :, 0]
        Tensor([1., 1., 3., 2., 2.], shape=(5,), dtype=float32)
    """
    x, filter = asarray(x), asarray(filter)
    for name, t, layout in (
        ("x", x, "[batch, length, channels]"),
        ("filter", filter, "[width, filters, channels]"),
    ):
        if t.ndim != 3:
            raise ShapeError(
                f"[conv1d_transpose] {name} has shape {t.shape}; expected 3 axes, {layout}; reshape it"
            )
    y = ops.conv2d_transpose(
        ops.expand_dims(x, 1),
        ops.expand_dims(filter, 0),
        (1, stride),
        padding,
        None if explicit_padding is None else (0, 0, *explicit_padding),
        (1, dilation),
        None if output_padding is None else (0, output_padding),
    )
    return ops.squeeze(y, 1)


def conv3d_transpose(
    x: TensorLike,
    filter: TensorLike,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    explicit_padding: Ints | None = None,
    dilations: Ints = (1, 1, 1),
    output_padding: Ints | None = None,
) -> Tensor:
    """Let every cell spread a filter over a larger volume: the transpose of conv3d, with its filter.

    Args:
        x: [batch, depth, height, width, channels], any real dtype.
        filter: [depth, height, width, filters, channels]: the filter of the conv3d that leads the other way.
        strides: Steps between the windows: one number, or one for each side.
        padding: "valid", "same" or "explicit"; conv2d_transpose tells what sizes follow.
        explicit_padding: (front, back, top, bottom, left, right), with padding="explicit": what is cut off.
        dilations: Steps between the cells of a window: one number, or one for each side.
        output_padding: Layers, rows and columns added behind, fewer than the stride: one number, or one for each side.

    Returns:
        [batch, depth, rows, columns, filters], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit, or an attribute is out of range.
        TypeError: x or the filter is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([1.0, 2.0], (1, 1, 1, 2, 1))
        >>> penstock.nn.conv3d_transpose(x, penstock.ones((1, 1, 3, 1, 1)), strides=2)[0, 0, 0, :, 0]
        Tensor([1., 1., 3., 2., 2.], shape=(5,), dtype=float32)
    """
    x, filter = asarray(x), asarray(filter)
    if x.ndim != 5 or filter.ndim != 5:
        raise ShapeError(
            f"[conv3d_transpose] got shapes {x.shape} and {filter.shape}; expected 5 axes each, [batch, depth, height, "
            "width, channels] and [depth, height, width, filters, channels]; reshape them"
        )
    steps = _three("strides", strides, 1)
    extra = None if output_padding is None else _three("output_padding", output_padding, 0)
    if extra is not None and any(e >= s for e, s in zip(extra, steps, strict=True)):
        raise InvalidValueError(
            f"[conv3d_transpose] got output_padding {extra} with strides {steps}; use numbers from 0 to stride - 1"
        )
    attrs = {
        "strides": steps,
        "padding": padding.lower(),
        "explicit_padding": explicit_padding,
        "dilations": _three("dilations", dilations, 1),
        "output_padding": extra,
    }
    shape, conv = other_way(x, filter, attrs)
    return ops.conv3d_input_grad(x, filter, shape, **conv)


def _three(name: str, value: Ints, least: int) -> tuple[int, ...]:
    sides = (value,) * 3 if isinstance(value, int) else tuple(value)
    if len(sides) != 3 or min(sides) < least:
        raise InvalidValueError(
            f"[conv3d_transpose] got {name} {value}; expected one or three numbers of at least {least}"
        )
    return sides
