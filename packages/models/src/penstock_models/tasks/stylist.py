"""A model that paints a picture in another one's style."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets.schema import Preset


class Stylist:
    """Paint a picture in a style: that of another picture, or the one that the network knows.

    Args:
        run: A function of a scaled picture and, if `takes_style`, a scaled style that returns "image" from 0 to 1.
        content: Scales the picture.
        style: Scales the style, or None if the network knows only one.
        preset: What is known about it.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        run: Callable[..., Mapping[str, Any]],
        content: ImageScaler,
        style: ImageScaler | None,
        preset: Preset | None = None,
    ) -> None:
        self.preset = preset
        self._run = run
        self._content = content
        self._style = style

    def predict(self, image: Any, style: Any = None) -> np.ndarray[Any, Any]:
        """Return the picture, painted.

        Args:
            image: A path, a PIL image or an array [height, width, 3].
            style: Likewise; what a network of one style does not take.

        Returns:
            uint8 [height, width, 3].

        Raises:
            FormatError: A file is no picture.
            TypeError: A style is missing, or one too many.
        """
        if (style is None) != (self._style is None):
            raise TypeError(
                "[Stylist] give a picture for the style: predict(image, style)"
                if style is None
                else "[Stylist] this network knows one style of its own; leave `style` out"
            )
        given = [self._content(read_image(image)[None])]
        if self._style is not None:
            given.append(self._style(read_image(style)[None]))
        painted = self._run(*given)["image"].numpy()[0]
        pixels: np.ndarray[Any, Any] = np.clip(np.rint(painted * 255.0), 0, 255).astype(np.uint8)
        return pixels


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> Stylist:
    """Return the stylist of a preset; arguments as in `image_classifier.of`."""
    content = ImageScaler.of(preset.input)
    size = preset.options.get("style_size")
    style = ImageScaler(size, preset.input.mean, preset.input.scale) if size else None
    return Stylist(loader.graph(preset, files), content, style, preset)
