"""A picture with what was found on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import InvalidValueError
from penstock_models.preprocessing import read_image

COLOURS = ("#22b8f0", "#ffb02e", "#35d0ae", "#ff4d3d", "#b48cff", "#f76fb3")


def draw_boxes(image: Any, found: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Draw boxes with their labels on a picture.

    Args:
        image: The picture, as in `read_image`.
        found: A "label", a "score" and a "box" in parts of the picture's width and height, for each thing.
        path: The file to write; its suffix says the format.

    Returns:
        The path.

    Raises:
        FormatError: The picture cannot be read.
        ValueError: There is no format for such a suffix.
        OSError: The file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(read_image(image))
    drawing = ImageDraw.Draw(picture)
    wide = max(2, round(max(picture.size) / 250))
    font = ImageFont.load_default(max(11, round(max(picture.size) / 45)))
    colours = {label: i for i, label in enumerate(dict.fromkeys(thing["label"] for thing in found))}
    for thing in reversed(found):  # the surest on top
        colour = COLOURS[colours[thing["label"]] % len(COLOURS)]
        left, top, right, bottom = _pixels(thing["box"], picture.size)
        drawing.rectangle((left, top, right, bottom), outline=colour, width=wide)
        words = f"{thing['label']} {thing['score']:.0%}"
        around = drawing.textbbox((left + wide, top + wide), words, font=font)
        drawing.rectangle((left, top, around[2] + wide, around[3] + wide), fill=colour)
        drawing.text((left + wide, top + wide), words, fill="black", font=font)
    target = Path(path)
    try:
        picture.save(target)
    except ValueError as error:
        raise InvalidValueError(
            f"[predict] {target} cannot be written: {error}; give a name such as found.png"
        ) from None
    return target


def _pixels(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a box in pixels, within the picture and not turned inside out."""
    width, height = size
    left, right = (min(max(box[i], 0.0), 1.0) * (width - 1) for i in (0, 2))
    top, bottom = (min(max(box[i], 0.0), 1.0) * (height - 1) for i in (1, 3))
    return left, top, max(left, right), max(top, bottom)
