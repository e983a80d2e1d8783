"""Whole numbers, such as identifiers, as indices without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import DTypeError, InvalidValueError
from penstock_keras_api.layers.preprocessing.hashing import as_salt, hashed
from penstock_keras_api.layers.preprocessing.index_lookup import IndexLookup


class IntegerLookup(IndexLookup):
    """Number the identifiers of a vocabulary; others share the numbers before them.

    Args:
        max_tokens: The size of the vocabulary at most, with mask and other tokens.
        num_oov_indices: How many numbers there are for identifiers out of the vocabulary.
        mask_token: What gets the number 0 in the mode "int", and is left out in others.
        oov_token: What stands for an identifier out of the vocabulary.
        vocabulary: Identifiers, or a file with one in each line; else `adapt` learns them.
        vocabulary_dtype: "int64".
        idf_weights: A factor for each identifier, for "tf_idf".
        invert: Return identifiers of numbers.
        output_mode: "int" for numbers, "one_hot", "multi_hot", "count" or "tf_idf" for vectors; see `CategoryEncoding`.
        sparse: Return `penstock.sparse` tensors for vectors.
        pad_to_max_tokens: Make vectors of the size `max_tokens`, however small the vocabulary is.
        oov_method: Which of several numbers an identifier out of the vocabulary gets: "floormod" for its remainder,
            "farmhash" for a hash.
        salt: One or two numbers, without which nobody can tell the hashes.
        name: As in `Layer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range, or some do not go together; in a call: an identifier is not in the
            vocabulary and `num_oov_indices` is 0.
        TypeError: In a call: the input has no whole numbers.

    >>> from penstock import keras
    >>> keras.layers.IntegerLookup(vocabulary=[12, 36, 1138])([[36, 7]]).tolist()
    [[2, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if ps.dtypes.as_dtype(vocabulary_dtype).name != "int64":
            raise InvalidValueError(
                f"[IntegerLookup] got vocabulary_dtype={vocabulary_dtype!r}; use 'int64'"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise InvalidValueError(
                f"[IntegerLookup] got oov_method={oov_method!r}; use 'floormod' or 'farmhash'"
            )
        self.vocabulary_dtype = vocabulary_dtype
        self.oov_method = oov_method
        self.salt = as_salt("IntegerLookup", salt)
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            name=name,
            **kwargs,
        )

    def _token(self, value: Any) -> Any:
        return int(value)

    def _as_tensor(self, tokens: Sequence[Any]) -> Any:
        return ps.asarray(np.array(tokens, np.int64))

    def _tokens(self, inputs: Any) -> Any:
        x = ps.asarray(inputs)
        if x.dtype.kind not in ("signed", "unsigned"):
            raise DTypeError(
                f"[{self.name}] got {x.dtype.name}; expected whole numbers: cast them to 'int64', or use StringLookup "
                "for text"
            )
        return ps.cast(x, "int64")

    def _oov_bins(self, x: Any) -> Any:
        if self.oov_method == "farmhash" or self.salt is not None:
            return hashed(self.name, x, self.num_oov_indices, self.salt)
        return ps.remainder(x, self.num_oov_indices)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            **self._config(),
            "vocabulary_dtype": self.vocabulary_dtype,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }
