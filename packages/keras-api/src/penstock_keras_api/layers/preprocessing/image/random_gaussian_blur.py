"""Blur at random."""

from __future__ import annotations

from typing import Any, ClassVar

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.layers.preprocessing.image.base import Transformation
from penstock_keras_api.layers.preprocessing.image.color import ColorLayer
from penstock_keras_api.layers.preprocessing.image.factors import Range, as_range, between
from penstock_keras_api.layers.preprocessing.image.rows import by_rows, rows
from penstock_keras_api.random import draws


class RandomGaussianBlur(ColorLayer):
    """Blur some images with a Gaussian kernel while training; zeros lie around them.

    Args:
        factor: The probability: a pair that it is drawn from for each image, or a number for 0 to it.
        kernel_size: Width and height of the kernel, odd: a number, or a pair.
        sigma: The standard deviation in pixels: a pair that it is drawn from for each image, or a number for 0 to it.
        value_range: The smallest and the largest value of pixels.
        data_format: The order of axes.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`, and `bounding_box_format`.

    Raises:
        ValueError: The factor is not from 0 to 1, the size is not odd, sigma is negative, or the range is none.

    >>> from penstock import keras
    >>> layer = keras.layers.RandomGaussianBlur((1.0, 1.0), sigma=(0.5, 0.5))
    >>> [round(v[0]) for v in layer([[[0.0], [100.0], [0.0]]], training=True)[0].tolist()]
    [8, 62, 8]
    """

    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        sizes = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(sizes) != 2 or not all(isinstance(n, int) and n > 0 and n % 2 for n in sizes):
            raise InvalidValueError(
                f"[RandomGaussianBlur] got kernel_size={kernel_size!r}; use an odd number above 0, or a pair of them"
            )
        self.kernel_size = sizes
        self.sigma = as_range("RandomGaussianBlur", "sigma", sigma, (0, float("inf")))

    def _drawn(self, batch: Any, height: Any, width: Any, key: Any) -> Transformation:
        probability = super()._drawn(batch, height, width, key)["strength"]
        keys = [draws.other_key(key, i) for i in (1, 2)]
        return {
            "chosen": draws.uniform((batch, 1, 1, 1), seed=keys[0]) < probability,
            "sigma": between(draws.uniform((batch, 1, 1, 1), seed=keys[1]), self.sigma),
        }

    def _transformed(self, images: Any, made: Transformation) -> Any:
        sigma = ps.maximum(ps.cast(made["sigma"], images.dtype), 1e-6)
        blurred = images
        for axis, size in ((1, self.kernel_size[1]), (2, self.kernel_size[0])):
            blurred = _blurred(blurred, axis, size, sigma)
        changed = rows(blurred)
        return by_rows(lambda x, chosen: ps.where(chosen, changed, x), images, made["chosen"])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "kernel_size": self.kernel_size, "sigma": self.sigma}


def _blurred(x: Any, axis: int, size: int, sigma: Any) -> Any:
    """Blur along one axis: a weighted sum of shifted images."""
    half = size // 2
    bells = [ps.exp(-0.5 * (i / sigma) ** 2) for i in range(half + 1)]
    total = bells[0] + 2.0 * sum(bells[1:])
    padding = [(half, half) if i == axis else (0, 0) for i in range(4)]
    padded, length = ps.pad(x, padding), x.shape[axis]
    made = None
    for offset in range(-half, half + 1):
        part = padded[:, offset + half : offset + half + length]
        if axis == 2:
            part = padded[:, :, offset + half : offset + half + length]
        term = by_rows(lambda x, weight: x * weight, part, bells[abs(offset)] / total)
        made = term if made is None else made + term
    return made
