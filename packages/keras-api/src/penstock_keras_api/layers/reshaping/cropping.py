"""Less of sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from penstock.errors import ShapeError
from penstock_keras_api.layers.reshaping.spatial import Spatial, as_pairs


class _Cropping(Spatial):
    """Leaves out what is at the ends."""

    _pairs: tuple[tuple[int, int], ...]

    def _size(self, size: Any, number: int) -> Any:
        left = size - sum(self._pairs[number])
        if isinstance(left, int) and left <= 0:
            raise ShapeError(
                f"[{self.name}] got an axis of size {size} and crops {self._pairs[number]} of it; crop less"
            )
        return left

    def call(self, inputs: Any) -> Any:
        """Leave out the ends."""
        self.compute_output_shape(tuple(n if isinstance(n, int) else None for n in inputs.shape))
        key: list[Any] = [slice(None)] * inputs.ndim
        for axis, (before, after) in zip(self._axes, self._pairs, strict=True):
            key[axis] = slice(before, -after if after else None)
        return inputs[tuple(key)]


class Cropping1D(_Cropping):
    """Leave out what is at the ends of sequences.

    Args:
        cropping: How much: a number, or a pair (before, after).
        kwargs: As in `Layer`.

    Raises:
        ValueError: `cropping` has another form.

    >>> from penstock import keras
    >>> keras.layers.Cropping1D(1)(keras.Input((6, 3))).shape
    (None, 4, 3)
    """

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(1, "channels_last", **kwargs)
        pair = cropping if isinstance(cropping, int) else (cropping,)
        self._pairs = as_pairs("Cropping1D", "cropping", pair, 1)
        self.cropping = self._pairs[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "cropping": self.cropping}


class Cropping2D(_Cropping):
    """Leave out what is at the ends of images.

    Args:
        cropping: How much: a number, one for each axis, or pairs (before, after).
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `cropping` has another form.

    >>> from penstock import keras
    >>> keras.layers.Cropping2D(1)(keras.Input((6, 6, 3))).shape
    (None, 4, 4, 3)
    """

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(2, data_format, **kwargs)
        self._pairs = as_pairs("Cropping2D", "cropping", cropping, 2)
        self.cropping = self._pairs

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}


class Cropping3D(_Cropping):
    """Leave out what is at the ends of volumes.

    Args:
        cropping: How much: a number, one for each axis, or pairs (before, after).
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `cropping` has another form.

    >>> from penstock import keras
    >>> keras.layers.Cropping3D(1)(keras.Input((6, 6, 6, 3))).shape
    (None, 4, 4, 4, 3)
    """

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(3, data_format, **kwargs)
        self._pairs = as_pairs("Cropping3D", "cropping", cropping, 3)
        self.cropping = self._pairs

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}
