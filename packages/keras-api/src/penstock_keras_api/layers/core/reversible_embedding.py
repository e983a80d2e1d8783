"""A table of vectors that is also used the other way round: vectors become scores of its rows."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.core.embedding import Embedding


class ReversibleEmbedding(Embedding):
    """Look up rows of a table; with `reverse=True`, multiply with the table turned round: x · embeddingsᵀ.

    Args:
        input_dim: How many rows there are.
        output_dim: How many numbers a row has.
        tie_weights: Whether the way back uses the same table; else it has a matrix of its own.
        embeddings_initializer: What makes the table.
        embeddings_regularizer: What the table adds to the loss.
        embeddings_constraint: What the table is made to fulfil.
        mask_zero: Whether 0 marks steps to skip.
        reverse_dtype: The dtype of the way back; by default the layer's.
        logit_soft_cap: Keeps scores below it: cap · tanh(score / cap).
        kwargs: As in `Embedding`.

    Raises:
        ValueError: A size is no whole number above 0.

    >>> from penstock import keras
    >>> layer = keras.layers.ReversibleEmbedding(5, 3)
    >>> vectors = layer([[1, 2]])
    >>> layer(vectors, reverse=True).shape
    (1, 2, 5)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Any = None) -> None:
        """Make the table, and the matrix of the way back."""
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Look up rows; or make scores of vectors."""
        if not reverse:
            return super().call(inputs)
        dtype = ps.dtypes.as_dtype(self.reverse_dtype or self.compute_dtype).name
        matrix = (
            self.reverse_embeddings.value
            if not self.tie_weights
            else ps.transpose(self._with_update(self._table()))
        )
        scores = ps.matmul(ps.cast(inputs, dtype), ps.cast(matrix, dtype))
        if self.logit_soft_cap is not None:
            scores = ps.tanh(scores / self.logit_soft_cap) * self.logit_soft_cap
        return scores

    quantized_call = call

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the numbers are not 0, if that marks steps to skip; scores have no mask."""
        return super().compute_mask(inputs, mask) if inputs.dtype in ("int32", "int64") else None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> Any:
        """Return the shape of the output."""
        return (
            (*input_shape[:-1], self.input_dim)
            if reverse
            else super().compute_output_shape(input_shape)
        )

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """Return the shape and dtype of the output."""
        dtype = (self.reverse_dtype or self.compute_dtype) if reverse else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype)

    def _saved_variables(self) -> list[Any]:
        own = [] if self.tie_weights or not self.built else [self.reverse_embeddings]
        saved = super()._saved_variables()
        return [*saved[:1], *own, *saved[1:]]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
        return {**super().get_config(), **own}
