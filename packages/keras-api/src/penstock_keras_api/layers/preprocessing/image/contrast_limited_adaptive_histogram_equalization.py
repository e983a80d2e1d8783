"""Values made equally frequent in each part of images."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import ImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import check_value_range

_BINS: Final = 256


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Make values about equally frequent in each tile of images, and go smoothly from tile to tile.

    How often a value counts in a tile is limited, so that noise in even parts is not made large. It happens also when
    not training.

    Args:
        value_range: The smallest and the largest value of pixels.
        clip_limit: How often a value counts at most, as a multiple of the mean.
        tile_grid_size: The number of tiles along height and width.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The range is none, the limit is not above 0, or the tiles are not two numbers above 0.

    Source:
        Zuiderveld, 1994, "Contrast limited adaptive histogram equalization".

    >>> from penstock import keras
    >>> layer = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1), clip_limit=512.0)
    >>> [round(v[0], 1) for v in layer([[[10.0], [20.0]]])[0].tolist()]
    [127.5, 255.0]
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        name = type(self).__name__
        self.value_range = check_value_range(name, value_range)
        if clip_limit <= 0:
            raise InvalidValueError(f"[{name}] got clip_limit={clip_limit}; use a number above 0")
        tiles = tuple(tile_grid_size)
        if len(tiles) != 2 or not all(isinstance(n, int) and n > 0 for n in tiles):
            raise InvalidValueError(
                f"[{name}] got tile_grid_size={tile_grid_size!r}; use two numbers above 0"
            )
        self.clip_limit = clip_limit
        self.tile_grid_size = tiles

    def _transformed(self, images: Any, made: Transformation) -> Any:
        low, high = map(float, self.value_range)
        bytes_ = (images - low) * (255.0 / (high - low))
        equal = self._equalized(bytes_, int(made["height"]), int(made["width"]), made["batch"])
        return ps.cast(equal, images.dtype) * ((high - low) / 255.0) + low

    def _equalized(self, values: Any, height: int, width: int, batch: Any) -> Any:
        """Equalise values from 0 to 255."""
        rows, columns = self.tile_grid_size
        high, wide = math.ceil(height / rows), math.ceil(width / columns)  # of a tile
        sides = [(0, 0), (0, high * rows - height), (0, wide * columns - width), (0, 0)]
        padded = ps.pad(values, sides, mode="symmetric") if sides[1:3] != [(0, 0)] * 2 else values
        bins = ps.cast(ps.clip(ps.floor(padded), 0, _BINS - 1), "int64")
        channels = int(values.shape[-1])
        y, x = np.arange(high * rows), np.arange(wide * columns)
        shape = (batch, rows, columns, channels)
        table = self._tables(bins + _places(shape, y // high, x // wide), shape, high * wide)
        made: Any = 0.0
        for i, down in _neighbours(y / high - 0.5, rows):
            for j, right in _neighbours(x / wide - 0.5, columns):
                weight = np.float32(down[:, None, None] * right[None, :, None])
                made = made + ps.take(table, bins + _places(shape, i, j)) * ps.asarray(weight)
        return made[:, :height, :width]

    def _tables(self, places: Any, shape: Any, pixels: int) -> Any:
        """Count values in tiles, and return which value each becomes in each tile."""
        counts = ps.bincount(ps.reshape(places, (-1,)), length=math.prod(shape) * _BINS)
        counts = ps.reshape(ps.cast(counts, "float32"), (*shape, _BINS))
        limit = self.clip_limit * pixels / _BINS
        excess = ps.sum(ps.maximum(counts - limit, 0.0), axis=-1, keepdims=True)
        below = ps.cumsum(ps.minimum(counts, limit) + excess / _BINS, -1)
        first = below[..., :1]
        scaled = (below - first) * (255.0 / ps.maximum(below[..., -1:] - first, 1e-6))
        return ps.reshape(scaled, (-1,))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }


def _places(shape: Any, i: Any, j: Any) -> Any:
    """Return where the table of each pixel begins, given the rows and columns of tiles: [batch, rows, columns, channels]."""
    batch, rows, columns, channels = shape
    tile = i[:, None] * columns + j[None, :]
    begins = (tile[:, :, None] * channels + np.arange(channels)) * _BINS
    image = ps.reshape(ps.arange(0, batch), (batch, 1, 1, 1)) * (rows * columns * channels * _BINS)
    return ps.cast(image, "int64") + ps.asarray(begins.astype(np.int64))


def _neighbours(place: Any, count: int) -> list[tuple[Any, Any]]:
    """Return the two tiles between which places lie, and how much each counts."""
    first = np.floor(place).astype(int)
    share = place - first
    ends = [(first, 1.0 - share), (first + 1, share)]
    return [(np.clip(tile, 0, count - 1), weight) for tile, weight in ends]
