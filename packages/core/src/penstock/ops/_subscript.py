"""NumPy's indexing, `x[...]` and `x[...] = v`, made of slices, gathers and scatters.

A subscript is taken apart once into a `Plan`: first a slice of every axis, then one gather over the axes that are
indexed by arrays, then new axes. Assignment runs the same three steps backwards.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penstock import _native, ops
from penstock._dataclass import dataclass, field
from penstock.errors import AxisError, InvalidValueError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Dim, Tensor

    Size: TypeAlias = int | Dim


@dataclass
class Plan:
    """What a subscript means for a tensor of a given shape."""

    starts: list[Any] = field(default_factory=list)
    sizes: list[Any] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)  # axes indexed by an int
    arrays: dict[int, Tensor] = field(
        default_factory=dict
    )  # by axis, counted without the dropped ones
    place: int = 0  # among the sliced axes, where the axes of the arrays go
    new_axes: list[int] = field(default_factory=list)  # of the result

    def kept(self) -> list[Any]:
        """The sizes after slicing, without the dropped axes."""
        return [size for axis, size in enumerate(self.sizes) if axis not in self.dropped]


def getitem(x: Tensor, key: Any) -> Tensor:
    """Return the elements that a NumPy subscript selects; the result never shares memory that can change."""
    if not x.is_symbolic:
        for quick in (_plain, _picked):
            found = quick(x, key)
            if found is not None:
                return found
    if _is_single_mask(key):
        return ops.reshape(x, (1, *x.shape))[: int(bool(key))]
    plan = _plan(x, key)
    y = _sliced(x, plan)
    if plan.arrays:
        if plan.dropped:
            y = ops.reshape(y, plan.kept())
        y = _gather(y, plan)
    shape = _shape_with_new_axes(plan)
    return y if len(shape) == y.ndim and not plan.new_axes else ops.reshape(y, shape)


def _plain(x: Tensor, key: Any) -> Tensor | None:
    """Take what most subscripts say, whole numbers, slices, new axes, of a tensor with a value; None for all others."""
    shape: tuple[Any, ...] = x.shape
    items = _without_ellipsis(key if type(key) is tuple else (key,), len(shape))
    starts, sizes, steps = [0] * len(shape), list(shape), [1] * len(shape)
    kept: list[int] = []
    axis = 0
    for item in items:
        if item is None:
            kept.append(1)
            continue
        if axis == len(shape):
            return None
        size = shape[axis]
        if type(item) is int:
            starts[axis], sizes[axis] = item + size if item < 0 else item, 1
            if not 0 <= starts[axis] < size:
                return None
        elif type(item) is slice and all(type(b) is int or b is None for b in _parts_of(item)):
            if item.step == 0:
                return None
            start, stop, step = item.indices(size)
            count = len(range(start, stop, step))
            starts[axis], sizes[axis], steps[axis] = (start, count, step) if count else (0, 0, 1)
            kept.append(count)
        else:
            return None
        axis += 1
    kept += shape[axis:]
    if tuple(sizes) != shape or steps.count(1) != len(steps):
        x = ops.slice(x, starts, sizes, steps)
    return x if tuple(kept) == x.shape else ops.reshape(x, kept)


def _without_ellipsis(items: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """Put slices of everything in the place of one `...`; leave two of them to who says that this is wrong."""
    places = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(places) != 1:
        return items
    (at,) = places
    used = sum(item is not None for item in items) - 1
    return (*items[:at], *(slice(None),) * (rank - used), *items[at + 1 :])


def _picked(x: Tensor, key: Any) -> Tensor | None:
    """Take what one array says, numbers of rows or a mask of the leading axes; None for all other subscripts."""
    if type(key) not in (_native.Tensor, np.ndarray) or not key.ndim:
        return None
    key = asarray(key)
    if key.is_symbolic:
        return None
    if key.dtype == "bool":
        if key.shape != x.shape[: key.ndim]:
            return None
        if key.ndim > 1:
            x, key = ops.reshape(x, (key.size, *x.shape[key.ndim :])), ops.reshape(key, (-1,))
        return ops.take(x, ops.nonzero(key)[0], 0)
    if key.dtype != "int64" and key.dtype != "int32":
        return None
    try:
        return ops.take(x, key, 0)
    except IndexError:  # whoever takes the subscript apart knows better what to say
        return None


def _parts_of(item: slice) -> tuple[Any, Any, Any]:
    return item.start, item.stop, item.step


def setitem(x: Tensor, key: Any, value: Any) -> Tensor:
    """Return x with the elements that a NumPy subscript selects replaced."""
    if _is_whole_mask(x, key) and np.ndim(value) == 0:
        mask, filling = asarray(key), ops.astype(asarray(value), x.dtype)
        return ops.where(ops.reshape(mask, (*mask.shape, *[1] * (x.ndim - mask.ndim))), filling, x)
    if _is_single_mask(key):
        whole = ops.broadcast_to(_fitting(x, value), x.shape)
        return whole if bool(key) else x
    plan = _plan(x, key)
    value = ops.broadcast_to(_fitting(x, value), _shape_with_new_axes(plan))
    if plan.arrays:
        part = ops.reshape(_sliced(x, plan), plan.kept())
        value = _scatter(part, ops.reshape(value, _gathered_shape(plan)), plan)
    update = ops.reshape(value, plan.sizes)
    if _is_everything(x, plan):
        return update
    return ops.slice_update(x, update, plan.starts, plan.steps)


def _fitting(x: Tensor, value: Any) -> Tensor:
    # As in NumPy, leading axes of size 1 are no obstacle, and a number is converted to x's dtype.
    value = ops.astype(asarray(value), x.dtype)
    extra = 0
    while value.ndim - extra > x.ndim and value.shape[extra] == 1:
        extra += 1
    return ops.reshape(value, value.shape[extra:]) if extra else value


# ---- taking a subscript apart


def _plan(x: Tensor, key: Any) -> Plan:
    items = _expand(x, key if isinstance(key, tuple) else (key,))
    plan = Plan()
    kinds = ""  # one letter for each item: s(lice), n(ew axis), a(rray), i(nt)
    axis = 0
    for item in items:
        if item is None:
            kinds += "n"
            continue
        size = x.shape[axis]
        if isinstance(item, slice):
            kinds += "s"
            start, count, step = _bounds(item, size)
        elif isinstance(item, _native.Tensor):
            kinds += "a"
            start, count, step = 0, size, 1
            plan.arrays[axis - len(plan.dropped)] = item
        else:
            kinds += "i"
            start, count, step = _position(item, size, axis), 1, 1
            plan.dropped.append(axis)
        plan.starts.append(start)
        plan.sizes.append(count)
        plan.steps.append(step)
        axis += 1
    _lay_out(plan, kinds)
    return plan


def _lay_out(plan: Plan, kinds: str) -> None:
    """Find the places of the gathered and the new axes in the result, by NumPy's rules."""
    gathered = _common_shape(plan)
    if not plan.arrays:
        kinds = kinds.replace("i", "")
    else:
        # Arrays (and ints beside them) that are not neighbours put their axes first.
        first, last = (find(kinds) for find in (_first_index, _last_index))
        together = not set(kinds[first : last + 1]) & set("sn")
        kinds = (
            kinds[:first] + "A" + kinds[last + 1 :]
            if together
            else "A" + kinds.translate(_NO_INDEX)
        )
        plan.place = kinds[: kinds.index("A")].count("s")
    axis = 0
    for kind in kinds:
        if kind == "n":
            plan.new_axes.append(axis)
        axis += len(gathered) if kind == "A" else 1


_NO_INDEX = str.maketrans("", "", "ai")


def _first_index(kinds: str) -> int:
    return min(i for i, kind in enumerate(kinds) if kind in "ai")


def _last_index(kinds: str) -> int:
    return max(i for i, kind in enumerate(kinds) if kind in "ai")


def _expand(x: Tensor, key: tuple[Any, ...]) -> list[Any]:
    """Replace `...` by slices, masks by the positions of their true elements, other sequences by tensors."""
    items: list[Any] = []
    hole, used = None, 0
    for item in key:
        if item is Ellipsis:
            if hole is not None:
                raise AxisError("[getitem] got two '...' in one subscript; use one")
            hole = len(items)
        elif item is None or isinstance(item, slice) or _is_int(item):
            items.append(item)
            used += item is not None
        else:
            indices = _as_indices(x, item, used)
            items += indices
            used += len(indices)
    if used > x.ndim:
        raise AxisError(
            f"[getitem] got {used} indices for a tensor of rank {x.ndim}, of shape {x.shape}; "
            "leave some out, or insert axes with None"
        )
    at = len(items) if hole is None else hole
    return items[:at] + [slice(None)] * (x.ndim - used) + items[at:]


def _is_int(item: Any) -> bool:
    if isinstance(item, bool | np.bool_ | _native.Tensor | np.ndarray):
        return False
    return isinstance(item, _native.Dim) or hasattr(item, "__index__")


def _as_indices(x: Tensor, item: Any, axis: int) -> list[Tensor]:
    """Convert an array, list or tensor to index tensors: one, or for a mask one for each of its axes."""
    if isinstance(item, float | complex | str | bytes):
        raise _not_an_index(item)
    if isinstance(item, list | tuple) and not len(item):
        item = np.zeros(0, np.int64)
    index = asarray(item)
    if index.dtype == "bool":
        return _true_positions(x, index, axis)
    if index.dtype.kind not in ("signed", "unsigned"):
        raise _not_an_index(item)
    return [index]


def _not_an_index(item: Any) -> AxisError:
    what = getattr(item, "dtype", None) or type(item).__name__
    return AxisError(
        f"[getitem] {what} is no index; use ints, slices, None, '...', or arrays of integers or booleans"
    )


def _true_positions(x: Tensor, mask: Tensor, axis: int) -> list[Tensor]:
    if mask.is_symbolic:
        raise AxisError(
            "[getitem] a mask that is computed in the graph has no known number of true elements; "
            "use penstock.where(mask, x, other), or compute the mask outside"
        )
    sizes = x.shape[axis : axis + mask.ndim]
    if len(sizes) < mask.ndim or any(m != s for m, s in zip(mask.shape, sizes, strict=False)):
        raise AxisError(
            f"[getitem] the mask has shape {mask.shape} where the tensor has {tuple(sizes)}; "
            "they must be equal"
        )
    if not mask.ndim:
        raise AxisError("[getitem] a single True or False is no index; use None to insert an axis")
    return [asarray(positions) for positions in np.nonzero(np.asarray(mask))]


def _position(item: Any, size: Size, axis: int) -> Size:
    index = item if isinstance(item, _native.Dim) else operator.index(item)
    # One question about a symbolic size, not two.
    inside = size >= -index if index < 0 else size > index
    if not inside:
        raise AxisError(f"[getitem] index {index} is out of range for axis {axis} of size {size}")
    return size + index if index < 0 else index


def _bounds(item: slice, size: Size) -> tuple[Size, Size, int]:
    """Find first position, number and distance of the elements of a slice; `size` may be symbolic."""
    step = 1 if item.step is None else operator.index(item.step)
    if step == 0:
        raise InvalidValueError("[getitem] the step of a slice must not be 0; use -1 to reverse")
    lowest, highest = (0, size) if step > 0 else (-1, size - 1)

    def clipped(bound: Any) -> Any:
        if not isinstance(bound, _native.Dim):
            bound = operator.index(bound)
        return max(bound + size, lowest) if bound < 0 else min(bound, highest)

    first, last = (lowest, highest) if step > 0 else (highest, lowest)
    start = first if item.start is None else clipped(item.start)
    stop = last if item.stop is None else clipped(item.stop)
    # Only two given ends can have passed each other.
    both = item.start is not None and item.stop is not None
    if both and ((stop <= start) if step > 0 else (stop >= start)):
        return 0, 0, 1
    length = stop - start if step > 0 else start - stop
    return start, (length + (abs(step) - 1)) // abs(step), step


# ---- the three steps


def _sliced(x: Tensor, plan: Plan) -> Tensor:
    if _is_everything(x, plan):
        return x
    return ops.slice(x, plan.starts, plan.sizes, plan.steps)


def _is_everything(x: Tensor, plan: Plan) -> bool:
    pairs = zip(plan.sizes, x.shape, strict=True)
    return all(step == 1 for step in plan.steps) and all(
        size is given or (isinstance(size, int) and isinstance(given, int) and size == given)
        for size, given in pairs
    )


def _common_shape(plan: Plan) -> tuple[Any, ...]:
    shapes = [index.shape for index in plan.arrays.values()]
    if len(shapes) <= 1 or all(all(isinstance(d, int) for d in shape) for shape in shapes):
        try:
            return shapes[0] if len(shapes) == 1 else np.broadcast_shapes(*shapes)
        except ValueError:
            raise AxisError(
                f"[getitem] got index arrays of shapes {', '.join(map(str, shapes))}, which do not broadcast; "
                "reshape one of them, or insert an axis of size 1"
            ) from None
    first, *others = plan.arrays.values()
    for index in others:
        first = first + index  # the op knows how symbolic sizes broadcast
    return first.shape


def _gathered_shape(plan: Plan) -> list[Any]:
    rest = [size for axis, size in enumerate(plan.kept()) if axis not in plan.arrays]
    return [*rest[: plan.place], *_common_shape(plan), *rest[plan.place :]]


def _shape_with_new_axes(plan: Plan) -> list[Any]:
    shape = _gathered_shape(plan)
    for axis in plan.new_axes:
        shape.insert(axis, 1)
    return shape


def _order(plan: Plan, ndim: int) -> list[int]:
    """The indexed axes first, then the others."""
    return [*plan.arrays, *(axis for axis in range(ndim) if axis not in plan.arrays)]


def _gather(x: Tensor, plan: Plan) -> Tensor:
    _check_ranges(x, plan)
    if len(plan.arrays) == 1:
        ((axis, index),) = plan.arrays.items()
        return _moved(ops.take(x, index, axis), axis, plan.place, index.ndim)
    y = ops.gather_nd(ops.transpose(x, _order(plan, x.ndim)), _coordinates(plan))
    return _moved(y, 0, plan.place, len(_common_shape(plan)))


def _moved(y: Tensor, source: int, destination: int, count: int) -> Tensor:
    """Move `count` neighbouring axes."""
    if source == destination or not count:
        return y
    order = [axis for axis in range(y.ndim) if not source <= axis < source + count]
    order[destination:destination] = range(source, source + count)
    return ops.transpose(y, order)


def _scatter(x: Tensor, value: Tensor, plan: Plan) -> Tensor:
    """Put a value in the gathered layout back to where it was gathered from; of several the last one stays."""
    _check_ranges(x, plan)
    if len(plan.arrays) == 1:
        ((axis, index),) = plan.arrays.items()
        return ops.scatter(x, index, _moved(value, plan.place, axis, index.ndim), axis)
    order = _order(plan, x.ndim)
    value = _moved(value, plan.place, 0, len(_common_shape(plan)))
    updated = ops.scatter_nd_update(ops.transpose(x, order), _coordinates(plan), value)
    return ops.transpose(updated, sorted(range(len(order)), key=order.__getitem__))


def _coordinates(plan: Plan) -> Tensor:
    """The index arrays side by side, as `gather_nd` wants them."""
    shape = _common_shape(plan)
    indices = (ops.astype(index, "int64") for index in plan.arrays.values())
    return ops.stack([ops.broadcast_to(index, shape) for index in indices], -1)


def _check_ranges(x: Tensor, plan: Plan) -> None:
    # The kernels check too. Here the message can name the axis of the subscript.
    for axis, index in plan.arrays.items():
        size = x.shape[axis]
        if index.is_symbolic or not isinstance(size, int):
            continue
        values = np.asarray(index)
        wrong = values[(values >= size) | (values < -size)]
        if wrong.size:
            raise AxisError(
                f"[getitem] index {wrong.flat[0]} is out of range for axis {axis} of size {size}"
            )


def _is_single_mask(key: Any) -> bool:
    """Whether one truth value, as a tensor or an array, takes all or nothing."""
    if not isinstance(key, _native.Tensor | np.ndarray) or key.ndim:
        return False
    return str(getattr(key.dtype, "name", "")) == "bool"


def _is_whole_mask(x: Tensor, key: Any) -> bool:
    if (
        not isinstance(key, _native.Tensor | np.ndarray)
        or str(getattr(key.dtype, "name", "")) != "bool"
    ):
        return False
    shape: Sequence[Any] = key.shape
    return 0 < len(shape) <= x.ndim and all(
        bool(m == s) for m, s in zip(shape, x.shape, strict=False)
    )
