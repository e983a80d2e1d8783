"""A model that paints a picture in a style."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets.schema import Preset


class Stylist:
    """Paint a picture in a style: that of another picture, one of several that the network knows, or its only one.

    Args:
        run: A function of a scaled picture, and of a scaled style or code if there is one, that returns "image", colours
            from 0 to 1.
        content: Scales the picture.
        style: Scales the picture of a style, or None if the network takes none.
        labels: The styles that the network knows by name.
        preset: What is known about it.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        run: Callable[..., Mapping[str, Any]],
        content: ImageScaler,
        style: ImageScaler | None,
        labels: Sequence[str] = (),
        preset: Preset | None = None,
    ) -> None:
        self.labels = list(labels)
        self.preset = preset
        self._run = run
        self._content = content
        self._style = style

    def predict(self, image: Any, style: Any = None) -> np.ndarray[Any, Any]:
        """Return the picture, painted.

        Args:
            image: A path, a PIL image or an array [height, width, 3].
            style: A picture; or a name of `labels`, or names with weights for a mixture: {"udnie": 1, "sketch": 2}.
                A network of one style takes none.

        Returns:
            uint8 [height, width, 3].

        Raises:
            FormatError: A file is no picture.
            TypeError: A style is missing, or one too many.
            ValueError: The network does not know the style.
        """
        pixels = read_image(image)
        picture = self._content(pixels[None])
        painted = self._run(picture, *self._given(style))["image"].numpy()[0]
        # Networks that halve pictures return some rows and columns too many.
        fitted = painted[: picture.shape[1], : picture.shape[2]]
        found: np.ndarray[Any, Any] = np.clip(np.rint(fitted * 255.0), 0, 255).astype(np.uint8)
        return found

    def _given(self, style: Any) -> list[Any]:
        """Return what the network is told about the style."""
        if self.labels:
            return [self._code(style)]
        if (style is None) != (self._style is None):
            raise InvalidTypeError(
                "[Stylist] give a picture for the style: predict(image, style)"
                if style is None
                else "[Stylist] this network knows one style of its own; leave `style` out"
            )
        return [] if self._style is None else [self._style(read_image(style)[None])]

    def _code(self, style: Any) -> np.ndarray[Any, Any]:
        """Return how much there is of each style: [1, styles], with the sum 1."""
        parts = style if isinstance(style, Mapping) else {style: 1.0}
        unknown = [name for name in parts if name not in self.labels]
        if unknown or not sum(parts.values()) > 0:
            raise InvalidValueError(
                f"[Stylist] got the style {style!r}; give one of {', '.join(self.labels)}, or several with weights: "
                f"{{{self.labels[0]!r}: 1, {self.labels[-1]!r}: 1}}"
            )
        code = np.array([[float(parts.get(name, 0.0)) for name in self.labels]], np.float32)
        shares: np.ndarray[Any, Any] = code / code.sum()
        return shares


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> Stylist:
    """Return the stylist of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    content = ImageScaler.of(preset.input)
    size = preset.options.get("style_size")
    style = ImageScaler(size, preset.input.mean, preset.input.scale) if size else None
    labels = labels_of(preset, files)
    graph = loader.graph(preset, files)
    if labels:
        run: Any = lambda picture, code: graph({"images": picture, "style": code})  # noqa: E731
        return Stylist(run, content, None, labels, preset)
    return Stylist(graph, content, style, (), preset)
