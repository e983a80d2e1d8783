"""Images with what was found in them: boxes, and which pixel belongs to what."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api._missing import MissingPluginError

Array = np.ndarray[Any, Any]


def plain(x: Any) -> Any:
    """Return values as a NumPy array; of dictionaries and None too."""
    if isinstance(x, Mapping):
        return {key: plain(value) for key, value in x.items()}
    return None if x is None else np.asarray(x.numpy() if hasattr(x, "numpy") else x)


def pictures(where: str, images: Any, data_format: str | None, value_range: Any = None) -> Array:
    """Return images as [batch, height, width, channels], uint8.

    Raises:
        ValueError: There are other than four axes.
    """
    x = plain(images)
    if x.ndim != 4:
        raise ShapeError(
            f"[{where}] got images of shape {x.shape}; give [batch, height, width, channels]"
        )
    if config.standardize_data_format(data_format) == "channels_first":
        x = np.moveaxis(x, 1, -1)
    if value_range is not None and tuple(value_range) != (0, 255):
        low, high = value_range
        x = (x - low) * (255 / (high - low))
    made: Array = np.clip(np.round(x), 0, 255).astype("uint8")
    return made


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Mapping[str, Any],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Sequence[int] = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> Array:
    """Draw boxes, with the names of what is in them.

    Args:
        images: [batch, height, width, 3], from 0 to 255.
        bounding_boxes: "boxes" [batch, n, 4] and "labels" [batch, n]; labels of -1 are no boxes. "confidences" too, if
            there are any.
        bounding_box_format: As in `keras.utils.bounding_boxes.convert_format`.
        class_mapping: Names of labels; without them nothing is written.
        color: Red, green and blue.
        line_thickness: In pixels.
        text_thickness: Kept for compatibility.
        font_scale: The size of letters, as a multiple of the usual one.
        data_format: "channels_last" or "channels_first".

    Returns:
        [batch, height, width, 3], uint8.

    Raises:
        ValueError: The shapes or the format do not fit.
        ImportError: Names are to be written, and Pillow is not installed.
    """
    from penstock_keras_api.utils.bounding_boxes import convert_format

    made = pictures("draw_bounding_boxes", images, data_format)
    given = plain(bounding_boxes)
    if not isinstance(given, dict) or "boxes" not in given or "labels" not in given:
        raise InvalidValueError(
            "[draw_bounding_boxes] got no boxes or labels; give {'boxes': [batch, n, 4], 'labels': [batch, n]}"
        )
    height, width = made.shape[1:3]
    boxes = convert_format(given["boxes"], bounding_box_format, "xyxy", height, width).numpy()
    scores = given.get("confidences")
    for n, image in enumerate(made):
        for k, box in enumerate(boxes[n]):
            label = int(given["labels"][n, k])
            if label < 0:
                continue
            _frame(image, box, color, line_thickness)
            if class_mapping is not None:
                text = str(class_mapping.get(label, label))
                text += "" if scores is None else f" {scores[n, k]:.2f}"
                made[n] = _written(image, text, box, color, font_scale)
    return made


def _frame(image: Array, box: Any, color: Sequence[int], thickness: int) -> None:
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(v)) for v in box)
    before, behind = thickness // 2, (thickness + 1) // 2
    rows = slice(max(top - before, 0), min(bottom + behind, height))
    columns = slice(max(left - before, 0), min(right + behind, width))
    for at in (top, bottom):
        image[max(at - before, 0) : max(min(at + behind, height), 0), columns] = color
    for at in (left, right):
        image[rows, max(at - before, 0) : max(min(at + behind, width), 0)] = color


def _written(image: Array, text: str, box: Any, color: Sequence[int], scale: float) -> Array:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise MissingPluginError(
            "[draw_bounding_boxes] names need Pillow: pip install pillow, or leave class_mapping out"
        ) from None
    picture = Image.fromarray(image)
    font = ImageFont.load_default(size=max(10 * scale, 1))
    place = (max(float(box[0]), 0.0), max(float(box[1]) - 12 * scale, 0.0))
    ImageDraw.Draw(picture).text(place, text, fill=tuple(int(c) for c in color), font=font)
    return np.asarray(picture)


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> Array:
    """Colour pixels by what they belong to.

    Args:
        images: [batch, height, width, 3], from 0 to 255.
        segmentation_masks: [batch, height, width] or [batch, height, width, 1], classes.
        num_classes: How many classes there are; by default one more than the largest.
        color_mapping: Red, green and blue of classes; by default colours around the circle.
        alpha: How much of the colour is seen, from 0 to 1.
        blend: Whether to put colours over the image, not in its place.
        ignore_index: The class of pixels that stay as they are.
        data_format: "channels_last" or "channels_first".

    Returns:
        [batch, height, width, 3], uint8.

    Raises:
        ValueError: The shapes do not fit.
    """
    made = pictures("draw_segmentation_masks", images, data_format)
    masks = plain(segmentation_masks)
    if masks.ndim == 4:
        first = config.standardize_data_format(data_format) == "channels_first"
        masks = masks[:, 0] if first and masks.shape[1] == 1 else masks[..., 0]
    if masks.shape != made.shape[:3]:
        raise ShapeError(
            f"[draw_segmentation_masks] got masks of shape {masks.shape} for images of {made.shape[:3]}; give a class "
            "for each pixel"
        )
    masks = masks.astype("int64")
    count = int(masks.max(initial=0)) + 1 if num_classes is None else num_classes
    colors = dict(color_mapping) if color_mapping is not None else class_colors(count)
    shown = np.zeros(made.shape, "float64")
    for label, color in colors.items():
        shown[masks == label] = color
    seen = (masks != ignore_index)[..., None]
    mixed = made * (1 - alpha) + shown * alpha if blend else shown
    result: Array = np.where(seen, np.clip(mixed, 0, 255), made).astype("uint8")
    return result


def class_colors(count: int) -> dict[int, tuple[int, int, int]]:
    """Return colours for classes, far apart on the circle.

    >>> class_colors(1)
    {0: (230, 46, 46)}
    """
    made = {}
    for n in range(count):
        red, green, blue = colorsys.hsv_to_rgb(n / count, 0.8, 0.9)
        made[n] = (round(red * 255 + 0.01), round(green * 255), round(blue * 255))
    return made
