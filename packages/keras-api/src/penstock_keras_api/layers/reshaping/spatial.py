"""What layers that change the sizes of sequences, images and volumes have in common."""

from __future__ import annotations

from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.layers.input_spec import InputSpec
from penstock_keras_api.layers.layer import Layer


class Spatial(Layer):
    """A layer with `rank` axes besides batch and channels.

    Args:
        rank: 1 for sequences, 2 for images, 3 for volumes.
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such order.
    """

    def __init__(self, rank: int, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rank = rank
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    @property
    def _axes(self) -> range:
        """The axes besides batch and channels."""
        first = 2 if self.data_format == "channels_first" else 1
        return range(first, first + self._rank)

    def _size(self, size: Any, number: int) -> Any:
        """Return the new size of an axis; `number` counts them from 0."""
        raise NotImplementedError(f"{type(self).__name__} has no method _size(size, number)")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        made = list(input_shape)
        for number, axis in enumerate(self._axes):
            if made[axis] is not None:
                made[axis] = self._size(made[axis], number)
        return tuple(made)


def as_pairs(layer: str, name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Make pairs (before, after) for each axis: of a number, a number for each axis, or pairs.

    Raises:
        ValueError: It is none of these, or a number is negative.
    """
    if isinstance(value, int):
        value = (value,) * rank
    if isinstance(value, list | tuple) and len(value) == rank:
        made = tuple((n, n) if isinstance(n, int) else tuple(n) for n in value)
        if all(
            len(pair) == 2 and all(isinstance(n, int) and n >= 0 for n in pair) for pair in made
        ):
            return made
    raise InvalidValueError(
        f"[{layer}] got {name}={value!r}; use a whole number of at least 0, or {rank} of them, or {rank} pairs (before, "
        "after)"
    )


def as_numbers(layer: str, name: str, value: Any, rank: int) -> tuple[int, ...]:
    """Make a number above 0 for each axis, of one or of as many.

    Raises:
        ValueError: It is neither.
    """
    made = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(made) != rank or not all(isinstance(n, int) and n > 0 for n in made):
        raise InvalidValueError(
            f"[{layer}] got {name}={value!r}; use a whole number above 0, or {rank} of them"
        )
    return made
