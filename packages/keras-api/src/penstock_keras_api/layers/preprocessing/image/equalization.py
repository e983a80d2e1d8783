"""Values made equally frequent."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import ImageLayer, Transformation
from penstock_keras_api.layers.preprocessing.image.factors import check_value_range


class Equalization(ImageLayer):
    """Make all values about equally frequent in each channel, also when not training.

    As in Keras the values of all images of a batch are counted together; call the layer on images by themselves to treat
    them so.

    Args:
        value_range: The smallest and the largest value of pixels.
        bins: Into how many bins values are counted.
        data_format: The order of axes.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The range is none, or there are fewer than two bins.

    >>> from penstock import keras
    >>> keras.layers.Equalization()([[[0.0], [1.0], [2.0], [255.0]]]).tolist()
    [[[0.0], [85.0], [170.0], [255.0]]]
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if bins < 2:
            raise InvalidValueError(f"[Equalization] got bins={bins}; use 2 or more")
        self.bins = bins
        self.value_range = list(check_value_range("Equalization", value_range))

    def _transformed(self, images: Any, made: Transformation) -> Any:
        low, high = map(float, self.value_range)
        bytes_ = (images - low) * (255.0 / (high - low))
        channels = int(images.shape[-1])
        parts = [self._equalized(bytes_[..., i : i + 1]) for i in range(channels)]
        return ps.concat(parts, axis=-1) * ((high - low) / 255.0) + low

    def _equalized(self, values: Any) -> Any:
        """Equalise values from 0 to 255."""
        bins = ps.cast(
            ps.clip(ps.floor(values * ((self.bins - 1) / 255.0)), 0, self.bins - 1), "int64"
        )
        counts = ps.bincount(ps.reshape(bins, (-1,)), length=self.bins)
        below = ps.cumsum(ps.cast(counts, "float32"), 0)
        first = ps.min(ps.where(below > 0, below, below[-1]))
        spread = below[-1] - first
        table = ps.round((below - first) / ps.maximum(spread, 1.0) * 255.0)
        return ps.where(spread > 0, ps.cast(ps.take(table, bins), values.dtype), values)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "bins": self.bins, "value_range": self.value_range}
