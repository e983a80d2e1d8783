"""Bounding boxes: their formats, and what becomes of them where images are cut or warped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError

FORMATS: Final = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
RELATIVE: Final = tuple(f"rel_{name}" for name in FORMATS[:4])


def check_format(layer: str, name: str | None) -> str | None:
    """Check the name of a format.

    Raises:
        ValueError: There is no such format.
    """
    if name is not None and name.lower() not in (*FORMATS, *RELATIVE):
        raise InvalidValueError(
            f"[{layer}] got bounding_box_format={name!r}; use one of {', '.join((*FORMATS, *RELATIVE))}"
        )
    return name


def to_corners(boxes: Any, name: str, height: Any, width: Any) -> Any:
    """Turn boxes [..., 4] of a format into (left, top, right, bottom) in pixels."""
    kind = name.lower()
    a, b, c, d = (boxes[..., i : i + 1] for i in range(4))
    if kind.startswith("rel_"):
        kind = kind.removeprefix("rel_")
        first, second = (height, width) if kind == "yxyx" else (width, height)
        a, b, c, d = a * first, b * second, c * first, d * second
    if kind in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    if kind.startswith("center"):
        a, b, c, d = a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0
    elif kind == "xywh":
        c, d = a + c, b + d
    return ps.concat([a, b, c, d], axis=-1)


def from_corners(corners: Any, name: str, height: Any, width: Any) -> Any:
    """Turn (left, top, right, bottom) in pixels into boxes of a format."""
    kind = name.lower()
    is_relative = kind.startswith("rel_")
    kind = kind.removeprefix("rel_")
    left, top, right, bottom = (corners[..., i : i + 1] for i in range(4))
    if is_relative:
        left, right, top, bottom = left / width, right / width, top / height, bottom / height
    wide, high = right - left, bottom - top
    made = {
        "xyxy": [left, top, right, bottom],
        "yxyx": [top, left, bottom, right],
        "xywh": [left, top, wide, high],
        "center_xywh": [left + wide / 2.0, top + high / 2.0, wide, high],
        "center_yxhw": [top + high / 2.0, left + wide / 2.0, high, wide],
    }
    return ps.concat(made[kind], axis=-1)


def clipped(corners: Any, labels: Any, height: Any, width: Any) -> tuple[Any, Any]:
    """Cut boxes off at the image; what has no area left gets the label -1."""
    limits = ps.stack([_number(width), _number(height)] * 2)
    inside = ps.minimum(ps.maximum(corners, 0.0), limits)
    area = (inside[..., 2] - inside[..., 0]) * (inside[..., 3] - inside[..., 1])
    return inside, ps.where(area > 0, labels, ps.full((), -1, labels.dtype))


def _number(size: Any) -> Any:
    return (
        ps.cast(ps.ops.size_of((size,)), "float32")
        if not isinstance(size, int)
        else ps.asarray(float(size))
    )


def around(corners: Any, move: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    """Return the boxes around what becomes of the corners of boxes, [..., 4].

    Args:
        corners: Left, top, right, bottom.
        move: Takes x and y of points, [..., 4] each, to those of other points.
    """
    left, top, right, bottom = (corners[..., i : i + 1] for i in range(4))
    x, y = move(
        ps.concat([left, right, right, left], axis=-1),
        ps.concat([top, top, bottom, bottom], axis=-1),
    )
    low = [ps.min(x, axis=-1, keepdims=True), ps.min(y, axis=-1, keepdims=True)]
    high = [ps.max(x, axis=-1, keepdims=True), ps.max(y, axis=-1, keepdims=True)]
    return ps.concat([*low, *high], axis=-1)
