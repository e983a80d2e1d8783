"""How much boxes overlap."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock_keras_api.utils.bounding_boxes.formats import convert_format

_SMALL = 1e-7


def _corners(boxes: Any, bounding_box_format: str, image_shape: Any) -> Any:
    height, width = (None, None) if image_shape is None else (image_shape[0], image_shape[1])
    target = "xyxy"
    if bounding_box_format.startswith("rel_") and image_shape is None:
        target = "rel_xyxy"  # parts of the same image overlap as its pixels do
    return convert_format(boxes, bounding_box_format, target, height, width)


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """Compute the area that two boxes share over the area that they cover, for each pair.

    Args:
        boxes1: [n, 4] or [batch, n, 4].
        boxes2: [m, 4] or [batch, m, 4].
        bounding_box_format: As in `convert_format`.
        use_masking: Whether boxes of `mask_val` are no boxes; their pairs get it.
        mask_val: What they are filled with.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        [n, m] or [batch, n, m].

    Raises:
        ValueError: The format is not known.

    >>> compute_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0]], "xyxy").tolist()
    [[0.3333333432674408]]
    """
    a, b = (_corners(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    first, second = ps.expand_dims(a, axis=-2), ps.expand_dims(b, axis=-3)
    sides = ps.maximum(
        ps.minimum(first[..., 2:], second[..., 2:]) - ps.maximum(first[..., :2], second[..., :2]),
        0.0,
    )
    shared = sides[..., 0] * sides[..., 1]
    covered = _area(first) + _area(second) - shared
    made = ps.divide_no_nan(shared, covered)
    if not use_masking:
        return made
    empty = ps.expand_dims(ps.all(a == mask_val, axis=-1), axis=-1) | ps.expand_dims(
        ps.all(b == mask_val, axis=-1), axis=-2
    )
    return ps.where(empty, ps.full_like(made, mask_val), made)


def _area(boxes: Any) -> Any:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None
) -> Any:
    """Compute the overlap of two boxes, less what their centres and the ratios of their sides differ.

    Args:
        boxes1: [..., 4].
        boxes2: [..., 4], each to be compared with that at the same place.
        bounding_box_format: As in `convert_format`.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        [...]: 1 for equal boxes.

    Raises:
        ValueError: The format is not known.
    """
    a, b = (_corners(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    low, high = ps.minimum(a[..., :2], b[..., :2]), ps.maximum(a[..., 2:], b[..., 2:])
    sides = ps.maximum(ps.minimum(a[..., 2:], b[..., 2:]) - ps.maximum(a[..., :2], b[..., :2]), 0.0)
    shared = sides[..., 0] * sides[..., 1]
    iou = shared / (_area(a) + _area(b) - shared + _SMALL)
    around = ps.sum(ps.square(high - low), axis=-1) + _SMALL
    apart = ps.sum(ps.square((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2), axis=-1)
    shape = 4 / math.pi**2 * ps.square(_slope(b) - _slope(a))
    weight = shape / (shape - iou + 1 + _SMALL)
    return iou - (apart / around + shape * ps.stop_gradient(weight))


def _slope(boxes: Any) -> Any:
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return ps.atan(width / (height + _SMALL))
