"""A table of vectors, looked up by whole numbers."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.core.adapted import Adapted


class Embedding(Adapted):
    """Look up the row of a table for each whole number: y = embeddings[x].

    Args:
        input_dim: How many rows there are; numbers are below it.
        output_dim: How many numbers a row has.
        embeddings_initializer: What makes the table.
        embeddings_regularizer: What the table adds to the loss.
        embeddings_constraint: What the table is made to fulfil.
        mask_zero: Whether 0 marks steps to skip; later layers then leave them out.
        weights: The table, or a list with it.
        lora_rank: The rank of an update that is trained in place of the table; see `enable_lora`.
        lora_alpha: The factor of the update; the rank by default.
        quantization_config: How `quantize` quantises the table.
        kwargs: As in `Layer`.

    Raises:
        ValueError: A size is no whole number above 0.

    >>> from penstock import keras
    >>> layer = keras.layers.Embedding(2, 2, weights=[[1.0, 2.0], [3.0, 4.0]])
    >>> layer([1, 0]).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """

    _matrix = "embeddings"

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_length", None)
        sizes: dict[str, Any] = {"input_dim": input_dim, "output_dim": output_dim}
        for name, size in sizes.items():
            if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
                raise InvalidValueError(
                    f"[Embedding] got {name}={size!r}; use a whole number above 0"
                )
        super().__init__(
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
            **kwargs,
        )
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        if weights is not None:
            self.build()
            is_list = isinstance(weights, list) and len(weights) == 1
            self.set_weights(weights if is_list and _ndim(weights[0]) == 2 else [weights])

    def build(self, input_shape: Any = None) -> None:
        """Make the table."""
        if self.built:
            return
        if self.quantization_mode is not None:
            self.quantized_build(input_shape, self.quantization_mode)
            self._make_integers((self.input_dim, self.output_dim))
        else:
            self.embeddings = self.add_weight(
                (self.input_dim, self.output_dim),
                self.embeddings_initializer,
                regularizer=self.embeddings_regularizer,
                constraint=self.embeddings_constraint,
                name="embeddings",
            )
        self.built = True
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def call(self, inputs: Any) -> Any:
        """Look up the rows."""
        if inputs.dtype not in ("int32", "int64"):
            inputs = ps.cast(inputs, "int32")
        rows = ps.nn.embedding(self._table(), inputs)
        if self.lora_enabled:
            a, b, factor = self._lora_parts()
            rows = rows + ps.cast(
                ps.matmul(ps.nn.embedding(a.value, inputs), b.value) * factor, rows.dtype
            )
        return ps.cast(rows, self.compute_dtype)

    quantized_call = call

    def _table(self) -> Any:
        return self.embeddings.value if self.quantization_mode is None else self._plain_matrix()

    def _reduced_axes(self) -> tuple[int, ...]:
        return (1,)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the numbers are not 0, if that marks steps to skip."""
        return ps.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the shape and dtype of the output."""
        return KerasTensor((*inputs.shape, self.output_dim), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            **self._adapted_config(),
        }


def _ndim(value: Any) -> int:
    return len(ps.asarray(value).shape)
