"""More of sequences, images and volumes."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.reshaping.spatial import Spatial, as_numbers

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class _UpSampling(Spatial):
    """Repeats numbers along axes."""

    _factors: tuple[int, ...]

    def _size(self, size: Any, number: int) -> Any:
        return size * self._factors[number]

    def call(self, inputs: Any) -> Any:
        """Repeat the numbers."""
        for axis, factor in zip(self._axes, self._factors, strict=True):
            inputs = ps.repeat(inputs, factor, axis=axis)
        return inputs


class UpSampling1D(_UpSampling):
    """Repeat the numbers of sequences.

    Args:
        size: How often.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `size` has another form.

    >>> from penstock import keras
    >>> keras.layers.UpSampling1D(2)(keras.Input((6, 3))).shape
    (None, 12, 3)
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(1, "channels_last", **kwargs)
        self._factors = as_numbers("UpSampling1D", "size", size, 1)
        self.size = self._factors[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "size": self.size}


class UpSampling2D(_UpSampling):
    """Repeat the numbers of images.

    Args:
        size: How often: a number, or one for each axis.
        data_format: The order of axes.
        interpolation: "nearest" repeats numbers; "bilinear", "bicubic", "lanczos3" and "lanczos5" go over smoothly.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `size` has another form, or there is no such interpolation.

    >>> from penstock import keras
    >>> keras.layers.UpSampling2D(2)(keras.Input((6, 6, 3))).shape
    (None, 12, 12, 3)
    """

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(2, data_format, **kwargs)
        self._factors = as_numbers("UpSampling2D", "size", size, 2)
        self.size = self._factors
        self.interpolation = interpolation.lower()
        if self.interpolation not in _INTERPOLATIONS:
            raise InvalidValueError(
                f"[UpSampling2D] got interpolation={interpolation!r}; use one of {', '.join(_INTERPOLATIONS)}"
            )

    def call(self, inputs: Any) -> Any:
        """Make the images larger."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        first = self.data_format == "channels_first"
        x = ps.moveaxis(inputs, 1, -1) if first else inputs
        sizes = [x.shape[axis] * n for axis, n in zip((1, 2), self._factors, strict=True)]
        y = ps.image.resize(x, sizes, method=self.interpolation)
        return ps.moveaxis(y, -1, 1) if first else y

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


class UpSampling3D(_UpSampling):
    """Repeat the numbers of volumes.

    Args:
        size: How often: a number, or one for each axis.
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `size` has another form.

    >>> from penstock import keras
    >>> keras.layers.UpSampling3D(2)(keras.Input((6, 6, 6, 3))).shape
    (None, 12, 12, 12, 3)
    """

    def __init__(
        self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(3, data_format, **kwargs)
        self._factors = as_numbers("UpSampling3D", "size", size, 3)
        self.size = self._factors

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}
