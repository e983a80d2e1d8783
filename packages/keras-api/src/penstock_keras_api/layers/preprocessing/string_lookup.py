"""Words as indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import DTypeError
from penstock_keras_api.layers.preprocessing.hashing import as_salt, hashed
from penstock_keras_api.layers.preprocessing.index_lookup import IndexLookup


class StringLookup(IndexLookup):
    """Number the words of a vocabulary; other words share the numbers before them.

    Args:
        max_tokens: The size of the vocabulary at most, with mask and other tokens.
        num_oov_indices: How many numbers there are for words out of the vocabulary; of several, each word has one, by
            its hash.
        mask_token: What gets the number 0 in the mode "int", and is left out in others.
        oov_token: What stands for a word out of the vocabulary.
        vocabulary: Words, or a file with one in each line; else `adapt` learns them.
        idf_weights: A factor for each word, for "tf_idf".
        invert: Return words of numbers.
        output_mode: "int" for numbers, "one_hot", "multi_hot", "count" or "tf_idf" for vectors; see `CategoryEncoding`.
        pad_to_max_tokens: Make vectors of the size `max_tokens`, however small the vocabulary is.
        sparse: Return `penstock.sparse` tensors for vectors.
        encoding: Of files of words: "utf-8".
        name: As in `Layer`.
        salt: One or two numbers, without which nobody can tell the numbers of words out of the vocabulary.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range, or some do not go together; in a call: a word is not in the vocabulary
            and `num_oov_indices` is 0.
        TypeError: In a call: the input is no text.

    >>> from penstock import keras
    >>> layer = keras.layers.StringLookup(vocabulary=["a", "b", "c"])
    >>> layer(["c", "a", "z"]).tolist(), layer.get_vocabulary()
    ([3, 1, 0], ['[UNK]', 'a', 'b', 'c'])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        self.salt = as_salt("StringLookup", salt)
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
        return (
            value.decode(self.encoding, "surrogateescape")
            if isinstance(value, bytes)
            else str(value)
        )

    def _as_tensor(self, tokens: Sequence[Any]) -> Any:
        encoded = [t.encode("utf-8", "surrogateescape") for t in tokens]
        return (
            ps.asarray(np.array([*encoded, b"x"], object)[:-1])
            if encoded
            else ps.asarray(np.array([b"x"], object))[:0]
        )

    def _tokens(self, inputs: Any) -> Any:
        x = ps.asarray(inputs)
        if x.dtype != "string":
            raise DTypeError(
                f"[{self.name}] got {x.dtype.name}; expected strings: use IntegerLookup for numbers, or "
                "penstock.as_string"
            )
        return x

    def _oov_bins(self, x: Any) -> Any:
        return hashed(self.name, x, self.num_oov_indices, self.salt)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            **self._config(),
            "oov_method": "floormod",  # which Keras writes, though words are hashed
            "salt": self.salt,
            "encoding": self.encoding,
        }
