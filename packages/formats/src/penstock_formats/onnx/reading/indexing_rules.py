"""Rules for positions and sizes that more than one kind of node follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.errors import FormatError

if TYPE_CHECKING:
    from penstock_formats.onnx.reading.table import Call


def slices_of(
    call: Call, shape: Sequence[Any], bounds: list[list[int] | None]
) -> tuple[slice, ...]:
    """Make Python's slices of the bounds of a Slice node.

    Args:
        call: The node; before opset 10 it has the bounds as attributes.
        shape: The sizes of what is cut.
        bounds: Starts, ends, axes and steps, as far as they are inputs.

    Returns:
        A slice for each axis.
    """
    rank = len(shape)
    padded = [*bounds, *[None] * (4 - len(bounds))]
    starts = padded[0] if padded[0] is not None else call.need("starts")
    ends = padded[1] if padded[1] is not None else call.need("ends")
    axes = padded[2] if padded[2] is not None else call.attr("axes")
    steps = padded[3] if padded[3] is not None else [1] * len(starts)
    axes = list(range(len(starts))) if axes is None else axes
    if not len(starts) == len(ends) == len(axes) == len(steps) or any(
        not -rank <= a < rank for a in axes
    ):
        raise call.wrong(
            f"has {len(starts)} starts, {len(ends)} ends, axes {list(axes)} and {len(steps)} steps for {rank} axes",
            "it needs one of each: export the model again",
        )
    made = [slice(None)] * rank
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == 0:
            raise call.wrong(
                "has a step of 0", "a step goes forward or backward: export the model again"
            )
        made[axis % rank] = one_slice(start, end, step, shape[axis])
    return tuple(made)


def one_slice(start: Any, end: Any, step: int, size: Any) -> slice:
    """Make Python's slice of bounds, of which very large and very small numbers stand for the ends."""
    if step < 0 and all(isinstance(n, int) for n in (start, end, size)):
        return _backwards(start, end, step, size)
    far = (1 << 31) - 1
    first: Any = start
    last: Any = end
    if isinstance(end, int):
        if step > 0 and end >= far:
            last = None
        if step < 0 and end <= -far:
            last = None
    if isinstance(start, int):
        if step > 0 and start <= -far:
            first = None
        if step < 0 and start >= far:
            first = None
    return slice(first, last, step)


def _backwards(start: int, end: int, step: int, size: int) -> slice:
    """Bring the bounds of steps backwards inside; unlike Python, a start before the first element stands for it."""
    if not size:
        return slice(0, 0)
    first = min(max(start + size if start < 0 else start, 0), size - 1)
    last = min(max(end + size if end < 0 else end, -1), size - 1)
    return slice(first, None if last < 0 else last, step)


def split_sizes(size: Any, given: list[int] | None, parts: int | None, outputs: int) -> list[Any]:
    """Return the sizes into which Split cuts an axis."""
    if given is not None:
        return list(given)
    count = parts or outputs
    if count != outputs and outputs:
        raise FormatError(
            f"[onnx] Split makes {count} parts, and has {outputs} outputs; export the model again"
        )
    each = -(-size // count)
    return [*[each] * (count - 1), size - each * (count - 1)]
