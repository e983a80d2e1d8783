"""Padding with what is there: which element each place of a padded axis takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import InvalidValueError

if TYPE_CHECKING:
    from penstock._native import Tensor


# Places run from -before to size + after; each function brings them back to 0 .. size - 1.


def _edge(at: Tensor, size: Any) -> Tensor:
    return ops.minimum(ops.maximum(at, 0), size - 1)


def _reflect(at: Tensor, size: Any) -> Tensor:
    return ops.subtract(size - 1, ops.abs(ops.subtract(size - 1, ops.abs(at))))


def _symmetric(at: Tensor, size: Any) -> Tensor:
    front = ops.where(at < 0, -1 - at, at)
    return ops.where(front >= size, 2 * size - 1 - front, front)


def _wrap(at: Tensor, size: Any) -> Tensor:
    return ops.remainder(at, size)


_PLACES: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "edge": _edge,
    "reflect": _reflect,
    "symmetric": _symmetric,
    "wrap": _wrap,
}


def reflected(x: Tensor, widths: Sequence[Any], mode: str) -> Tensor:
    """Pad every axis that has a width, one after the other.

    Args:
        x: [...], any dtype but string.
        widths: Before and after axis 0, before and after axis 1, and so on.
        mode: "edge", "reflect", "symmetric" or "wrap".

    Returns:
        x's shape, each axis larger by its two widths.

    Raises:
        ValueError: The mode is unknown, the widths are not two for each axis, or more than an axis can give.
    """
    if mode not in _PLACES:
        known = ", ".join(repr(name) for name in ("constant", *_PLACES))
        raise InvalidValueError(f"[pad] got mode {mode!r}; use one of {known}")
    if len(widths) != 2 * x.ndim:
        raise InvalidValueError(
            f"[pad] got {len(widths)} widths for {x.ndim} axes; expected {2 * x.ndim}: before and after for each axis"
        )
    for axis, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        size = x.shape[axis]
        _check(axis, size, before, after, mode)
        if before or after:
            places = ops.arange(-before, size + after, dtype="int64")
            x = ops.take(x, _PLACES[mode](places, size), axis=axis)
    return x


def _check(axis: int, size: Any, before: Any, after: Any, mode: str) -> None:
    if before < 0 or after < 0:
        raise InvalidValueError(
            f"[pad] got widths ({before}, {after}) for axis {axis}; they must not be negative; slice x to make it smaller"
        )
    most = {"reflect": size - 1, "symmetric": size}.get(mode)
    wide = max(before, after)
    if wide and (size == 0 or (most is not None and wide > most)):
        limit = "" if most is None else f"; mode {mode!r} can add at most {most} on a side"
        raise InvalidValueError(
            f"[pad] got widths ({before}, {after}) for axis {axis} of size {size}{limit}; pad in several steps, or use "
            "mode 'constant'"
        )
