"""What `RandAugment` and `AugMix` choose from, and how: one operation for a whole batch, with a strength for each image."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.preprocessing.image.auto_contrast import AutoContrast
from penstock_keras_api.layers.preprocessing.image.equalization import Equalization
from penstock_keras_api.layers.preprocessing.image.random_brightness import RandomBrightness
from penstock_keras_api.layers.preprocessing.image.random_color_degeneration import (
    RandomColorDegeneration,
)
from penstock_keras_api.layers.preprocessing.image.random_contrast import RandomContrast
from penstock_keras_api.layers.preprocessing.image.random_posterization import RandomPosterization
from penstock_keras_api.layers.preprocessing.image.random_rotation import RandomRotation
from penstock_keras_api.layers.preprocessing.image.random_sharpness import RandomSharpness
from penstock_keras_api.layers.preprocessing.image.random_shear import RandomShear
from penstock_keras_api.layers.preprocessing.image.random_translation import RandomTranslation
from penstock_keras_api.layers.preprocessing.image.solarization import Solarization
from penstock_keras_api.random import draws


def operations(value_range: Any, factor: Any, interpolation: str, colors: bool = True) -> list[Any]:
    """Make the operations, as strong as a factor from 0 to 1 says.

    Args:
        value_range: Of pixels.
        factor: The range of strengths.
        interpolation: Of what warps images.
        colors: Whether those are among them that change brightness, contrast, colours and sharpness.

    Returns:
        Layers.
    """
    low, high = factor
    common: dict[str, Any] = {"value_range": value_range, "seed": 0}
    warp: dict[str, Any] = {"interpolation": interpolation, "seed": 0}
    least = max(1, round(8 - 7 * high))
    made: list[Any] = [
        AutoContrast(value_range),
        Equalization(value_range),
        Solarization(0.0, (1.0 - high, 1.0 - low), **common),
        RandomPosterization((least, 8), **common),
        RandomRotation(high * 30.0 / 360.0, **warp),
        RandomShear(high * 0.3, 0.0, **warp),
        RandomShear(0.0, high * 0.3, **warp),
        RandomTranslation(0.0, high * 0.3, **warp),
        RandomTranslation(high * 0.3, 0.0, **warp),
    ]
    if colors:
        made += [
            RandomBrightness(high * 0.5, **common),
            RandomContrast((low, high), **common),
            RandomColorDegeneration((low, high), **common),
            RandomSharpness((0.5 - high / 2, 0.5 + high / 2), **common),
        ]
    return made


class Choice:
    """One of several operations, drawn for a batch.

    Args:
        layers: The operations.
    """

    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers

    def drawn(self, key: Any) -> dict[str, Any]:
        """Draw which operation it is."""
        place = draws.uniform((), seed=key) * float(len(self.layers))
        return {"which": ps.cast(ps.floor(place), "int64"), "key": draws.other_key(key, 7)}

    def apply(self, images: Any, made: dict[str, Any], sizes: dict[str, Any], method: str) -> Any:
        """Apply it by one of its methods: `_transformed`, `_transformed_masks` or `_moved`."""

        def branch(layer: Any) -> Any:
            def run(x: Any) -> Any:
                sized = {
                    "batch": sizes["batch"],
                    "height": sizes["height"],
                    "width": sizes["width"],
                }
                drawn = layer._drawn(*sized.values(), made["key"])
                moved = getattr(layer, method)(x, {**sized, **drawn})
                return x if moved is None else ps.cast(moved, x.dtype)

            return run

        if not made["which"].is_symbolic and not images.is_symbolic:
            return branch(self.layers[int(made["which"].item())])(images)
        return ps.switch(made["which"], [branch(layer) for layer in self.layers], images)
