"""What layers that draw random numbers have in common."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.random.seed import SeedGenerator


class NoiseLayer(Layer):
    """A layer that changes numbers at random while training.

    Each layer has its own `SeedGenerator`, whose state is one of its variables: every call and every step of `fit`
    draws other numbers, and a saved state continues where it stood.

    Args:
        seed: Where the stream of random numbers begins; None for anywhere.
        kwargs: As in `Layer`.

    Raises:
        ValueError: The seed is no whole number of at least 0.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.supports_masking = True
        self.built = True

    def _begin_stream(self, amount: float) -> None:
        """Make the layer's generator, unless it never draws."""
        if amount > 0:
            self.seed_generator = SeedGenerator(self.seed)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)


def checked_rate(layer: str, rate: Any) -> Any:
    """Check a probability.

    Raises:
        ValueError: It is no number from 0 to 1.
    """
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise InvalidValueError(f"[{layer}] got rate={rate!r}; use a number from 0 to 1")
    return rate


def filled_shape(shape: Any, x: Any) -> tuple[Any, ...] | None:
    """Put the sizes of a tensor where a shape has None."""
    if shape is None:
        return None
    return tuple(n if size is None else size for size, n in zip(shape, x.shape, strict=True))
