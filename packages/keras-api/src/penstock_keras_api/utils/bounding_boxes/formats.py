"""Boxes around things in images: the ways to write four numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError

FORMATS: Final = (
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
)  # fmt: skip


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Write boxes in another format.

    Args:
        boxes: [..., 4]; or a dictionary whose "boxes" are those, of which the rest stays.
        source: "xyxy", "yxyx", "xywh", "center_xywh" or "center_yxhw" in pixels; "rel_xyxy", "rel_yxyx", "rel_xywh"
            or "rel_center_xywh" as parts of the image.
        target: Another of these.
        height: The image's height, if only one of the formats is relative.
        width: Its width.
        dtype: The dtype of the result.

    Returns:
        Of the shape of `boxes`; a dictionary if they are one.

    Raises:
        ValueError: A format is not known, or the image's size is missing.

    >>> convert_format([[10.0, 20.0, 40.0, 60.0]], "xyxy", "center_xywh").tolist()
    [[25.0, 40.0, 30.0, 40.0]]
    """
    if isinstance(boxes, dict):
        made = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": made}
    for name in (source, target):
        if name not in FORMATS:
            raise InvalidValueError(
                f"[convert_format] got {name!r}; use one of {', '.join(FORMATS)}"
            )
    x = ps.cast(ps.asarray(boxes), dtype)
    if not x.ndim or x.shape[-1] != 4:
        raise ShapeError(
            f"[convert_format] got boxes of shape {tuple(x.shape)}; give four numbers on the last axis"
        )
    if source == target:
        return x
    was, becomes = source.startswith("rel_"), target.startswith("rel_")
    corners = _TO_CORNERS[source.removeprefix("rel_")](x)
    if was != becomes:
        if height is None or width is None:
            raise InvalidValueError(
                f"[convert_format] got source={source!r} and target={target!r} without the image's size; give height "
                "and width"
            )
        size = _size(height, width, x.dtype)
        corners = corners * size if was else corners / size
    return _FROM_CORNERS[target.removeprefix("rel_")](corners)


def _size(height: Any, width: Any, dtype: Any) -> Any:
    h, w = (ps.cast(ps.asarray(n), dtype) for n in (height, width))
    size = ps.stack([w, h, w, h], -1)
    return ps.expand_dims(size, axis=-2) if size.ndim > 1 else size


def _pick(x: Any, *order: int) -> Any:
    return ps.stack([x[..., n] for n in order], -1)


def _from_size(x: Any) -> Any:
    return ps.concat([x[..., :2], x[..., :2] + x[..., 2:]], -1)


def _from_centre(x: Any) -> Any:
    half = x[..., 2:] / 2
    return ps.concat([x[..., :2] - half, x[..., :2] + half], -1)


def _to_size(x: Any) -> Any:
    return ps.concat([x[..., :2], x[..., 2:] - x[..., :2]], -1)


def _to_centre(x: Any) -> Any:
    return ps.concat([(x[..., :2] + x[..., 2:]) / 2, x[..., 2:] - x[..., :2]], -1)


_TO_CORNERS: Final[dict[str, Callable[[Any], Any]]] = {
    "xyxy": lambda x: x,
    "yxyx": lambda x: _pick(x, 1, 0, 3, 2),
    "xywh": _from_size,
    "center_xywh": _from_centre,
    "center_yxhw": lambda x: _from_centre(_pick(x, 1, 0, 3, 2)),
}
_FROM_CORNERS: Final[dict[str, Callable[[Any], Any]]] = {
    "xyxy": lambda x: x,
    "yxyx": lambda x: _pick(x, 1, 0, 3, 2),
    "xywh": _to_size,
    "center_xywh": _to_centre,
    "center_yxhw": lambda x: _pick(_to_centre(x), 1, 0, 3, 2),
}
