"""Boxes that follow what happens to their image."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.utils.bounding_boxes.formats import convert_format


def _in_pixels(where: str, bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        raise InvalidValueError(
            f"[{where}] got bounding_box_format={bounding_box_format!r}; use 'xyxy', after convert_format(boxes, "
            f"{bounding_box_format!r}, 'xyxy', height, width)"
        )


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Turn, move, scale and shear boxes about a centre; the results are boxes around the turned ones.

    Args:
        boxes: [batch, n, 4].
        angle: [batch], in degrees, as are the shears.
        translate_x: [batch], in widths of the image.
        translate_y: [batch], in heights.
        scale: [batch].
        shear_x: [batch].
        shear_y: [batch].
        height: The image's height.
        width: The image's width.
        center_x: [batch], in widths; by default the middle.
        center_y: [batch], in heights; by default the middle.
        bounding_box_format: "xyxy".

    Returns:
        [batch, n, 4].

    Raises:
        ValueError: The format is another.
    """
    _in_pixels("affine_transform", bounding_box_format)
    x = ps.cast(ps.asarray(boxes), "float32")
    turn, lean_x, lean_y = (_column(n) * (math.pi / 180) for n in (angle, shear_x, shear_y))
    wide, tall = (ps.cast(ps.asarray(n), "float32") - 1 for n in (width, height))
    middle_x = wide * (0.5 if center_x is None else _column(center_x))
    middle_y = tall * (0.5 if center_y is None else _column(center_y))
    apart = turn - lean_y
    slope, near = ps.tan(lean_x), ps.cos(lean_y)
    a = ps.cos(turn) + ps.sin(apart) * slope / near
    b = ps.cos(apart) * slope / near + ps.sin(turn)
    c, d = -ps.sin(apart) / near, ps.cos(apart) / near
    across = ps.stack([x[..., 0], x[..., 2], x[..., 0], x[..., 2]], -1)
    down = ps.stack([x[..., 1], x[..., 1], x[..., 3], x[..., 3]], -1)
    across = across - middle_x + wide * _column(translate_x)
    down = down - middle_y + tall * _column(translate_y)
    new_x = _column(scale) * (a * across + b * down) + middle_x
    new_y = _column(scale) * (c * across + d * down) + middle_y
    ends = [
        ps.min(new_x, axis=-1),
        ps.min(new_y, axis=-1),
        ps.max(new_x, axis=-1),
        ps.max(new_y, axis=-1),
    ]
    return ps.stack(ends, -1)


def _column(value: Any) -> Any:
    return ps.reshape(ps.cast(ps.asarray(value), "float32"), (-1, 1, 1))


def crop(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any,
    width: Any,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Move boxes into a part of their image, and cut off what lies outside.

    Args:
        boxes: [..., 4].
        top: Where the part begins.
        left: Where it begins.
        height: How high it is.
        width: How wide it is.
        bounding_box_format: "xyxy".

    Raises:
        ValueError: The format is another.

    >>> crop([[10.0, 20.0, 40.0, 60.0]], 10, 5, 50, 30).tolist()
    [[5.0, 10.0, 30.0, 50.0]]
    """
    _in_pixels("crop", bounding_box_format)
    x = ps.cast(ps.asarray(boxes), "float32") - ps.asarray([left, top, left, top], dtype="float32")
    return ps.clip(x, 0.0, ps.asarray([width, height, width, height], dtype="float32"))


def pad(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Move boxes into an image with something above and on the left.

    Args:
        boxes: [..., 4].
        top: How many rows are above.
        left: How many columns are on the left.
        height: Kept for compatibility.
        width: Kept for compatibility.
        bounding_box_format: "xyxy".

    Raises:
        ValueError: The format is another.

    >>> pad([[10.0, 20.0, 40.0, 60.0]], 10, 5).tolist()
    [[15.0, 30.0, 45.0, 70.0]]
    """
    _in_pixels("pad", bounding_box_format)
    return ps.cast(ps.asarray(boxes), "float32") + ps.asarray(
        [left, top, left, top], dtype="float32"
    )


def clip_to_image_size(
    bounding_boxes: dict[str, Any],
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Cut off what lies outside of the image; boxes without any area get the label -1.

    Args:
        bounding_boxes: A dictionary with "boxes" [..., 4] and "labels" [...].
        height: The image's height, for formats in pixels.
        width: Its width.
        bounding_box_format: "xyxy" or "rel_xyxy".

    Raises:
        ValueError: The format is another, or the image's size is missing.
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        _in_pixels("clip_to_image_size", bounding_box_format)
    relative = bounding_box_format == "rel_xyxy"
    if not relative and (height is None or width is None):
        raise InvalidValueError(
            "[clip_to_image_size] got boxes in pixels without the image's size; give height and width"
        )
    size = [1, 1, 1, 1] if relative else [width, height, width, height]
    boxes = ps.cast(ps.asarray(bounding_boxes["boxes"]), "float32")
    boxes = ps.clip(boxes, 0.0, ps.asarray(size, dtype="float32"))
    labels = ps.asarray(bounding_boxes["labels"])
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    labels = ps.where(area > 0, labels, ps.full_like(labels, -1))
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Write boxes as how far they are from anchors, as detectors learn it.

    Args:
        anchors: [n, 4].
        boxes: [n, 4] or [batch, n, 4].
        anchor_format: As in `convert_format`.
        box_format: As in `convert_format`.
        encoding_format: "center_yxhw" or "center_xywh".
        variance: Four numbers by which the result is divided.
        image_shape: (height, width, channels), for relative formats.

    Returns:
        Of the shape of `boxes`: the distances of the centres in sides of the anchors, and the logarithms of the ratios
        of the sides.

    Raises:
        ValueError: A format is not known, or `variance` has not four numbers.
    """
    where = _encoding("encode_box_to_deltas", encoding_format)
    height, width = (None, None) if image_shape is None else (image_shape[0], image_shape[1])
    a = convert_format(anchors, anchor_format, encoding_format, height, width)
    b = convert_format(boxes, box_format, encoding_format, height, width)
    centres = (b[..., :2] - a[..., :2]) / a[..., 2:]
    made = ps.concat([centres, ps.log(b[..., 2:] / a[..., 2:])], -1)
    return made if variance is None else made / _four(where, variance)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Undo `encode_box_to_deltas`.

    Args:
        anchors: [n, 4]; or several of them in a dictionary, whose keys `boxes_delta` has too.
        boxes_delta: [n, 4] or [batch, n, 4].
        anchor_format: As in `convert_format`.
        box_format: The format of the result.
        encoded_format: "center_yxhw" or "center_xywh".
        variance: Four numbers by which the deltas were divided.
        image_shape: (height, width, channels), for relative formats.

    Raises:
        ValueError: A format is not known, or `variance` has not four numbers.
    """
    if isinstance(anchors, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {k: decode_deltas_to_boxes(anchors[k], boxes_delta[k], *rest) for k in anchors}
    where = _encoding("decode_deltas_to_boxes", encoded_format)
    height, width = (None, None) if image_shape is None else (image_shape[0], image_shape[1])
    a = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = ps.cast(ps.asarray(boxes_delta), "float32")
    if variance is not None:
        deltas = deltas * _four(where, variance)
    centres = deltas[..., :2] * a[..., 2:] + a[..., :2]
    made = ps.concat([centres, ps.exp(deltas[..., 2:]) * a[..., 2:]], -1)
    return convert_format(made, encoded_format, box_format, height, width)


def _encoding(where: str, name: str) -> str:
    if name not in ("center_yxhw", "center_xywh"):
        raise InvalidValueError(f"[{where}] got {name!r}; use 'center_yxhw' or 'center_xywh'")
    return where


def _four(where: str, variance: Any) -> Any:
    if len(variance) != 4:
        raise InvalidValueError(f"[{where}] got variance={variance!r}; give four numbers")
    return ps.asarray(list(variance), dtype="float32")
