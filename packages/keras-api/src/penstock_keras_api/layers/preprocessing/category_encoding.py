"""Categories that are numbers already, as vectors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.encoding import check_mode, encode, encoded_shape


class CategoryEncoding(Layer):
    """Write whole numbers as vectors: one hot for each, or one vector for all of a row.

    Args:
        num_tokens: How many numbers there are: 0, ..., num_tokens - 1.
        output_mode: "one_hot" for a vector for each number, "multi_hot" for a vector of ones for the numbers of a row,
            "count" for how often each occurs in it.
        sparse: Return `penstock.sparse` tensors.
        kwargs: As in `Layer`.

    Raises:
        ValueError: There is no such mode, or num_tokens is not above 0; in a call: a number is out of range, or weights
            are given in a mode other than "count".

    >>> from penstock import keras
    >>> keras.layers.CategoryEncoding(4)([[0, 1], [2, 2]]).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        mode = "one_hot" if output_mode == "binary" else output_mode
        self.output_mode = check_mode("CategoryEncoding", mode, ("count", "one_hot", "multi_hot"))
        if num_tokens is None or num_tokens < 1:
            raise InvalidValueError(
                f"[CategoryEncoding] got num_tokens={num_tokens!r}; use a number above 0, one more than the largest input"
            )
        self.num_tokens = num_tokens
        self.sparse = sparse
        self.built = True

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """Write numbers as vectors."""
        if count_weights is not None and self.output_mode != "count":
            raise InvalidValueError(
                f"[{self.name}] got count_weights with output_mode={self.output_mode!r}; they go with output_mode='count'"
            )
        ids = ps.cast(ps.asarray(inputs), "int64")
        if not ids.is_symbolic:
            self._check(ids)
        weights = None if count_weights is None else ps.asarray(count_weights)
        return encode(
            ids,
            self.output_mode,
            self.num_tokens,
            self.compute_dtype,
            weights=weights,
            sparse=self.sparse,
        )

    def _check(self, ids: Any) -> None:
        numbers = ids.numpy()
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < self.num_tokens):
            raise InvalidValueError(
                f"[{self.name}] got the numbers {numbers.min()} to {numbers.max()}; expected 0 to {self.num_tokens - 1}: "
                "give a larger num_tokens, or use IntegerLookup"
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        """Return what stands for the output."""
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, self.compute_dtype, sparse=self.sparse)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        made = {"num_tokens": self.num_tokens, "output_mode": self.output_mode}
        if self.sparse:
            made["sparse"] = True
        return {**super().get_config(), **made}
