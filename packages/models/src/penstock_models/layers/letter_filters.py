"""Vectors of words, from their letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock_keras_api.layers import Conv1D, Embedding, Layer


class LetterFilters(Layer):
    """Make a vector of each word's letters: the strongest answer of each filter that slides over them.

    Args:
        num_characters: How many letters are known; 0 is padding.
        width: How many numbers a letter has.
        filters: How many filters of each size there are.
        kernel_sizes: How many letters the filters see at once.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: A size is below 1.

    Source:
        Ma and Hovy, 2016, "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF",
        https://arxiv.org/abs/1603.01354.

    >>> from penstock import keras
    >>> LetterFilters(90, filters=6)(keras.Input((None, 16), dtype="int32")).shape
    (None, None, 12)
    """

    def __init__(
        self,
        num_characters: int,
        width: int = 32,
        filters: int = 64,
        kernel_sizes: Sequence[int] = (3, 5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_characters = num_characters
        self.width = width
        self.filters = filters
        self.kernel_sizes = tuple(kernel_sizes)
        self.table = Embedding(num_characters, width, name="letters")
        self.convolutions = [
            Conv1D(filters, size, padding="same", activation="relu", name=f"filters_{size}")
            for size in self.kernel_sizes
        ]

    def build(self, input_shape: Any) -> None:
        """Make the table and the filters."""
        self.table.build()
        for convolution in self.convolutions:
            convolution.build((None, input_shape[-1], self.width))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, words, filters] for the letters' numbers [batch, words, letters]."""
        letters = self.table(ps.reshape(inputs, (-1, inputs.shape[2])))
        found = [ps.max(convolution(letters), axis=1) for convolution in self.convolutions]
        return ps.reshape(ps.concat(found, -1), (inputs.shape[0], inputs.shape[1], -1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the vectors."""
        return (*input_shape[:2], self.filters * len(self.kernel_sizes))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {n: getattr(self, n) for n in ("num_characters", "width", "filters")}
        return {**super().get_config(), **own, "kernel_sizes": list(self.kernel_sizes)}
