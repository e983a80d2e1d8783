"""Shapes rearranged: functions made of reshape, transpose, concat and slice."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import AxisError, InvalidTypeError, InvalidValueError, ShapeError
from penstock.ops._reflection import reflected
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, Ints, TensorLike


def normalise_axis(name: str, axis: int, ndim: int) -> int:
    """Turn a negative axis into the one that it means; `name` is the function, for the error message."""
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"[{name}] axis {axis} is out of range for a tensor of rank {ndim}"
            + (f": use {-ndim} to {ndim - 1}" if ndim else ": it has no axes")
        )
    return operator.index(axis) % ndim


def normalise_axes(name: str, axis: Ints, ndim: int) -> list[int]:
    """Do so for several axes, all different."""
    axes = [normalise_axis(name, a, ndim) for a in ([axis] if isinstance(axis, int) else axis)]
    if len(set(axes)) < len(axes):
        raise InvalidValueError(f"[{name}] got axes {tuple(axes)}; name each axis once")
    return axes


def expand_dims(x: TensorLike, /, axis: int = 0) -> Tensor:
    """Insert an axis of size 1.

    Args:
        x: [...], any dtype.
        axis: Where the axis stands in the result.

    Returns:
        x's shape with the new axis.

    Raises:
        IndexError: The result has no such axis.

    Example:
        >>> penstock.expand_dims([1, 2], -1).shape
        (2, 1)
    """
    x = asarray(x)
    at = normalise_axis("expand_dims", axis, x.ndim + 1)
    return ops.reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: TensorLike, /, axis: Axis = None) -> Tensor:
    """Remove axes of size 1.

    Args:
        x: [...], any dtype.
        axis: Which axes; None for all that have size 1.

    Returns:
        x's shape without these axes.

    Raises:
        ValueError: An axis has another size.
        IndexError: x has no such axis.

    Example:
        >>> penstock.squeeze([[[1, 2]]], axis=0).shape
        (1, 2)
    """
    x = asarray(x)
    if axis is None:
        return ops.reshape(x, [d for d in x.shape if d != 1])
    axes = normalise_axes("squeeze", axis, x.ndim)
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(
                f"[squeeze] axis {a} of shape {x.shape} has size {x.shape[a]}; only axes of size 1 can go. "
                "Use penstock.reshape to merge axes"
            )
    return ops.reshape(x, [d for a, d in enumerate(x.shape) if a not in axes])


def flatten(x: TensorLike, /, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """Merge neighbouring axes into one, in row-major order.

    Args:
        x: [...], any dtype.
        start_axis: The first axis to merge.
        end_axis: The last axis to merge.

    Returns:
        x's shape with one axis in place of those merged; a single number gets one axis.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> penstock.flatten(penstock.ones((2, 3, 4)), start_axis=1).shape
        (2, 12)
    """
    x = asarray(x)
    if not x.ndim:
        return ops.reshape(x, (1,))
    first, last = (normalise_axis("flatten", a, x.ndim) for a in (start_axis, end_axis))
    merged: Any = 1
    for size in x.shape[first : last + 1]:
        merged = merged * size
    return ops.reshape(x, (*x.shape[:first], merged, *x.shape[last + 1 :]))


def permute_dims(x: TensorLike, /, axes: Ints) -> Tensor:
    """Put the axes into another order: the array API's name for `transpose`.

    Args:
        x: [...], any dtype.
        axes: For each axis of the result, the axis of x that it comes from.

    Returns:
        x's sizes in the new order.

    Raises:
        ValueError: `axes` does not name every axis once.
        IndexError: x has no such axis.

    Example:
        >>> penstock.permute_dims(penstock.ones((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    return ops.transpose(x, axes)


def matrix_transpose(x: TensorLike, /) -> Tensor:
    """Swap the last two axes.

    Args:
        x: [..., m, n], any dtype.

    Returns:
        [..., n, m].

    Raises:
        IndexError: x has fewer than two axes.

    Example:
        >>> penstock.matrix_transpose(penstock.ones((2, 3, 4))).shape
        (2, 4, 3)
    """
    return swapaxes(x, -1, -2)


def swapaxes(x: TensorLike, axis1: int, axis2: int, /) -> Tensor:
    """Swap two axes.

    Args:
        x: [...], any dtype.
        axis1: One axis.
        axis2: The other.

    Returns:
        x's shape with the two sizes swapped.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> penstock.swapaxes(penstock.ones((2, 3, 4)), 0, -1).shape
        (4, 3, 2)
    """
    x = asarray(x)
    order = list(range(x.ndim))
    first, second = (normalise_axis("swapaxes", a, x.ndim) for a in (axis1, axis2))
    order[first], order[second] = second, first
    return ops.transpose(x, order)


def moveaxis(x: TensorLike, source: Ints, destination: Ints, /) -> Tensor:
    """Move axes to other places; the others keep their order.

    Args:
        x: [...], any dtype.
        source: The axes to move.
        destination: Where each of them goes.

    Returns:
        x's sizes in the new order.

    Raises:
        ValueError: There are not as many places as axes, or one is named twice.
        IndexError: x has no such axis.

    Example:
        >>> penstock.moveaxis(penstock.ones((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    x = asarray(x)
    origin, places = (
        normalise_axes("moveaxis", source, x.ndim),
        normalise_axes("moveaxis", destination, x.ndim),
    )
    if len(origin) != len(places):
        raise InvalidValueError(
            f"[moveaxis] got {len(origin)} axes and {len(places)} places; give one place for each axis"
        )
    order = [a for a in range(x.ndim) if a not in origin]
    for place, a in sorted(zip(places, origin, strict=True)):
        order.insert(place, a)
    return ops.transpose(x, order)


def stack(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Join tensors along a new axis.

    Args:
        xs: [...] each, of one shape, any dtypes that promote.
        axis: Where the new axis stands in the result.

    Returns:
        The common shape with the new axis, of the promoted dtype.

    Raises:
        ValueError: There are no tensors, or their shapes differ.
        IndexError: The result has no such axis.

    Example:
        >>> penstock.stack([[1, 2], [3, 4]], axis=1)
        Tensor([[1, 3],
                [2, 4]], shape=(2, 2), dtype=int64)
    """
    try:
        parts = [asarray(x) for x in xs]
    except TypeError:
        raise InvalidTypeError(
            f"[stack] got {type(xs).__name__}; give a list or tuple of tensors"
        ) from None
    if not parts:
        raise InvalidValueError("[stack] got no tensors; give at least one")
    for number, part in enumerate(parts):
        if part.shape != parts[0].shape:
            raise ShapeError(
                f"[stack] got shapes {parts[0].shape} and {part.shape} (xs[{number}]); expected equal ones; reshape, or "
                "join along an axis that is there with penstock.concat"
            )
    axis = normalise_axis("stack", axis, parts[0].ndim + 1)
    return ops.concat([expand_dims(x, axis) for x in parts], axis)


def unstack(x: TensorLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Take the slices along an axis apart: the inverse of `stack`.

    Args:
        x: [...], any dtype; the size of the axis is known.
        axis: The axis that goes.

    Returns:
        The slices, in order, each of x's shape without the axis.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> [part.tolist() for part in penstock.unstack([[1, 2], [3, 4]], axis=1)]
        [[1, 3], [2, 4]]
    """
    x = asarray(x)
    lead = (slice(None),) * normalise_axis("unstack", axis, x.ndim)
    return tuple(x[(*lead, i)] for i in range(int(x.shape[len(lead)])))


def broadcast_arrays(*arrays: TensorLike) -> list[Tensor]:
    """Broadcast tensors against one another.

    Args:
        arrays: [...] each, any dtypes; the shapes must broadcast.

    Returns:
        The tensors, all of the common shape.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> [t.shape for t in penstock.broadcast_arrays([[1], [2]], [3, 4, 5])]
        [(2, 3), (2, 3)]
    """
    tensors = [asarray(x) for x in arrays]
    shape = common_shape(tensors)
    return [ops.broadcast_to(x, shape) for x in tensors]


def broadcast_shapes(*shapes: Any) -> tuple[Any, ...]:
    """Find the shape to which shapes broadcast.

    Args:
        shapes: Shapes, known ones.

    Returns:
        The common shape.

    Raises:
        ValueError: They do not broadcast.

    Example:
        >>> penstock.broadcast_shapes((2, 1), (3,))
        (2, 3)
    """
    common: list[Any] = []
    for shape in shapes:
        sizes = [shape] if isinstance(shape, int) else list(shape)
        lead = len(sizes) - len(common)
        common = [1] * lead + common
        sizes = [1] * -lead + sizes
        common = [_broadcast_size(a, b, shapes) for a, b in zip(common, sizes, strict=True)]
    return tuple(common)


def _broadcast_size(a: Any, b: Any, shapes: Any) -> Any:
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    raise ShapeError(
        f"[broadcast_shapes] got {', '.join(map(str, shapes))}, which do not broadcast: counted from the last axis, "
        "sizes must be equal or 1; reshape one of them"
    )


def common_shape(tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    """The shape to which tensors broadcast, symbolic sizes among them."""
    return broadcast_shapes(*(x.shape for x in tensors))


def split(
    x: TensorLike, /, indices_or_sections: int | Sequence[int], axis: int = 0
) -> list[Tensor]:
    """Cut along an axis.

    Args:
        x: [...], any dtype.
        indices_or_sections: The number of equal parts, or the positions where to cut.
        axis: The axis to cut.

    Returns:
        The parts, in order.

    Raises:
        ValueError: The axis cannot be cut into so many equal parts.
        IndexError: x has no such axis.

    Example:
        >>> [part.tolist() for part in penstock.split([1, 2, 3], [1])]
        [[1], [2, 3]]
    """
    x = asarray(x)
    axis = normalise_axis("split", axis, x.ndim)
    cuts: list[Any]
    if isinstance(indices_or_sections, int):
        sections, size = indices_or_sections, x.shape[axis]
        if sections < 1 or size % sections:
            raise ShapeError(
                f"[split] axis {axis} has size {size}, which {sections} parts do not divide; "
                "give the positions where to cut instead"
            )
        cuts = [size // sections * i for i in range(sections)]
    else:
        cuts = [0, *indices_or_sections]
    lead = (slice(None),) * axis
    ends = [*cuts[1:], None]
    return [x[(*lead, slice(begin, end))] for begin, end in zip(cuts, ends, strict=True)]


def flip(x: TensorLike, /, axis: Axis = None) -> Tensor:
    """Reverse the order of the elements along axes.

    Args:
        x: [...], any dtype.
        axis: Which axes; None for all.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> penstock.flip([1, 2, 3])
        Tensor([3, 2, 1], shape=(3,), dtype=int64)
    """
    x = asarray(x)
    axes = range(x.ndim) if axis is None else normalise_axes("flip", axis, x.ndim)
    return x[tuple(slice(None, None, -1 if a in axes else 1) for a in range(x.ndim))]


def pad(
    x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: float = 0.0
) -> Tensor:
    """Add elements before and after each axis: one value, or a reflection of what is there.

    Args:
        x: [...], any dtype but string.
        pad_width: How many to add. A pair (before, after) for each axis; one pair, or one number, for all axes; or the
            pairs one after the other.
        mode: "constant" adds `constant_values`, "edge" repeats the last element, "reflect" goes back without it
            (3 2 | 1 2 3 | 2 1), "symmetric" with it (2 1 | 1 2 3 | 3 2), "wrap" goes on at the other end.
        constant_values: What mode "constant" adds: one number.

    Returns:
        x's shape, each axis larger by its two widths, of x's dtype.

    Raises:
        ValueError: There are not two widths for each axis, one is negative, or it is more than the axis can reflect.

    Example:
        >>> penstock.pad([[1, 2]], ((0, 1), (2, 0)))
        Tensor([[0, 0, 1, 2],
                [0, 0, 0, 0]], shape=(2, 4), dtype=int64)
        >>> penstock.pad([1, 2, 3], (2, 1), mode="reflect")
        Tensor([3, 2, 1, 2, 3, 2], shape=(6,), dtype=int64)
    """
    x = asarray(x)
    if mode == "constant":
        return ops.pad_(x, _pad_widths(pad_width, x.ndim), constant_values)
    return reflected(x, _pad_widths(pad_width, x.ndim), mode)


def _pad_widths(widths: Any, ndim: int) -> list[Any]:
    """The widths as the op wants them: before and after axis 0, before and after axis 1, and so on."""
    if not hasattr(widths, "__len__"):
        return [widths] * (2 * ndim)
    flat = list(widths)
    if any(hasattr(pair, "__len__") for pair in flat):
        flat = [*itertools.chain.from_iterable(flat)]
    return flat * ndim if len(flat) == 2 else flat
