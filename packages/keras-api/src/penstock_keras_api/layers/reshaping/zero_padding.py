"""Zeros around sequences, images and volumes."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.layers.reshaping.spatial import Spatial, as_pairs


class _ZeroPadding(Spatial):
    """Puts zeros at the ends."""

    _pairs: tuple[tuple[int, int], ...]

    def _size(self, size: Any, number: int) -> Any:
        return size + sum(self._pairs[number])

    def call(self, inputs: Any) -> Any:
        """Put the zeros."""
        widths = [(0, 0)] * inputs.ndim
        for axis, pair in zip(self._axes, self._pairs, strict=True):
            widths[axis] = pair
        return ps.pad(inputs, widths)


class ZeroPadding1D(_ZeroPadding):
    """Put zeros at the ends of sequences.

    Args:
        padding: How much: a number, or a pair (before, after).
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `padding` has another form.

    >>> from penstock import keras
    >>> keras.layers.ZeroPadding1D(1)(keras.Input((6, 3))).shape
    (None, 8, 3)
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(1, data_format, **kwargs)
        pair = padding if isinstance(padding, int) else (padding,)
        self._pairs = as_pairs("ZeroPadding1D", "padding", pair, 1)
        self.padding = self._pairs[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding2D(_ZeroPadding):
    """Put zeros at the ends of images.

    Args:
        padding: How much: a number, one for each axis, or pairs (before, after).
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `padding` has another form.

    >>> from penstock import keras
    >>> keras.layers.ZeroPadding2D(1)(keras.Input((6, 6, 3))).shape
    (None, 8, 8, 3)
    """

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(2, data_format, **kwargs)
        self._pairs = as_pairs("ZeroPadding2D", "padding", padding, 2)
        self.padding = self._pairs

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}


class ZeroPadding3D(_ZeroPadding):
    """Put zeros at the ends of volumes.

    Args:
        padding: How much: a number, one for each axis, or pairs (before, after).
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `padding` has another form.

    >>> from penstock import keras
    >>> keras.layers.ZeroPadding3D(1)(keras.Input((6, 6, 6, 3))).shape
    (None, 8, 8, 8, 3)
    """

    def __init__(
        self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(3, data_format, **kwargs)
        self._pairs = as_pairs("ZeroPadding3D", "padding", padding, 3)
        self.padding = self._pairs

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}
