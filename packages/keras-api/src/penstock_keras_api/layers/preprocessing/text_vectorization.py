"""Text as indices of words, or as vectors of how often they occur."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import DTypeError, GraphError, InvalidValueError, ShapeError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.data import batches
from penstock_keras_api.layers.preprocessing.encoding import check_mode, encoded_shape
from penstock_keras_api.layers.preprocessing.string_lookup import StringLookup
from penstock_keras_api.layers.preprocessing.tokens import (
    Tokens,
    compacted,
    grams,
    split_text,
    windows,
)
from penstock_keras_api.saving import serialization

_UPPER, _LOWER = string.ascii_uppercase, string.ascii_lowercase
_STANDARDS: Final[dict[str, tuple[str, str]]] = {
    "lower": (_UPPER, _LOWER),
    "strip_punctuation": (string.punctuation, ""),
    "lower_and_strip_punctuation": (_UPPER + string.punctuation, _LOWER),
}
_ROWS_AT_ONCE: Final = 4096


class TextVectorization(Layer):
    """Cut text into words, and write these as numbers or as vectors.

    Each text is standardised, cut into words, these are joined to n-grams, and looked up in a vocabulary; all of that
    is part of the graph, so that saved models take raw text.

    In a graph the number of words must be known: give `output_sequence_length` in the mode "int".

    Args:
        max_tokens: The size of the vocabulary at most, with the mask and the token for other words.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation" (all of ASCII), None, or a function of
            a string tensor.
        split: "whitespace", "character", None, or a function of a string tensor [texts] that returns [texts, words],
            with "" where there is no word, or a ragged tensor.
        ngrams: Join words: a number n for those of up to n words, or a tuple of numbers of words.
        output_mode: "int" for numbers, "multi_hot", "count" or "tf_idf" for vectors.
        output_sequence_length: Cut or fill up each text to so many numbers.
        pad_to_max_tokens: Make vectors of the size `max_tokens`, however small the vocabulary is.
        vocabulary: Words, or a file with one in each line; else `adapt` learns them.
        idf_weights: A factor for each word, for "tf_idf".
        sparse: Return `penstock.sparse` tensors for vectors.
        ragged: Return `penstock.ragged.RaggedTensor`s for numbers, outside of graphs.
        encoding: Of files of words: "utf-8".
        name: As in `Layer`.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range, or some do not go together; in a call: the texts are neither [texts]
            nor [texts, 1].
        TypeError: In a call: the input is no text.
        GraphError: In a graph: the number of words is not known.

    >>> from penstock import keras
    >>> layer = keras.layers.TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer([["foo qux bar"], ["Baz!"]]).tolist()
    [[4, 1, 3, 0], [2, 0, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[Any], Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[[Any], Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.standardize = _choice("standardize", standardize, _STANDARDS)
        self.split = _choice("split", split, ("whitespace", "character"))
        self.ngrams = ngrams
        self._widths = _widths(ngrams)
        mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = check_mode(
            "TextVectorization", mode, ("int", "multi_hot", "count", "tf_idf")
        )
        self.output_sequence_length = output_sequence_length
        self.ragged = ragged
        self.sparse = sparse
        self.encoding = encoding
        self._check_settings()
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            mask_token="",
            output_mode=self.output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            dtype=self.dtype_policy,
        )
        self.built = True

    def _check_settings(self) -> None:
        length = self.output_sequence_length
        if length is not None and (self.output_mode != "int" or length < 1):
            raise InvalidValueError(
                f"[TextVectorization] got output_sequence_length={length!r} with output_mode={self.output_mode!r}; use "
                "a number above 0, with output_mode='int'"
            )
        if self.ragged and self.output_mode != "int":
            raise InvalidValueError(
                f"[TextVectorization] got ragged=True with output_mode={self.output_mode!r}; use it with 'int'"
            )

    @property
    def max_tokens(self) -> int | None:
        """The size of the vocabulary at most."""
        return self._lookup_layer.max_tokens

    @property
    def pad_to_max_tokens(self) -> bool:
        """Whether vectors are of that size."""
        return self._lookup_layer.pad_to_max_tokens

    # ---- the vocabulary

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent words of texts.

        Args:
            data: An array of texts, or a dataset of batches of them.
            batch_size: How many texts of an array to look at together.
            steps: How many batches to take; None takes all.

        Raises:
            TypeError: The data is nothing of the kind.
        """
        self.reset_state()
        for batch in batches(self.name, data, steps, batch_size or _ROWS_AT_ONCE):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the words of a batch."""
        words = self._words_of(self._texts(data))
        if self._widths:
            made, valid = (t.numpy() for t in grams(words, self._widths))
        else:
            made, size = words.values.numpy(), words.values.shape[-1]
            valid = np.arange(int(size)) < words.counts.numpy()[..., None]
        size = made.shape[-1]
        rows = zip(made.reshape(-1, size), valid.reshape(-1, size), strict=True)
        self._lookup_layer._count([row[kept].tolist() for row, kept in rows])

    def finalize_state(self) -> None:
        """Make the vocabulary of the words that were counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was learnt."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the words in the order of their numbers."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return how many words there are, with special ones."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # ---- calling

    def call(self, inputs: Any) -> Any:
        """Return numbers or vectors of texts."""
        x = self._texts(inputs)
        if self.output_mode == "int":
            return self._as_numbers(x)
        if x.is_symbolic and isinstance(self.split, str):
            lookup = self._lookup_layer
            counts = windows(self._standardized(x), self.split, self._widths, lookup.counts)
            return lookup.from_counts(counts)
        numbers, _counts = self._numbers(x)
        return self._lookup_layer.encoded(numbers)

    def _as_numbers(self, x: Any) -> Any:
        length = self.output_sequence_length
        numbers, counts = self._numbers(x)
        if self.split is None and not self._widths:
            return numbers
        if self.ragged:
            return _ragged(numbers, counts, length)
        if length is None:
            return numbers
        kept = numbers[..., :length]
        missing = length - kept.shape[-1]
        return ps.pad(kept, [(0, 0)] * (kept.ndim - 1) + [(0, missing)]) if missing else kept

    def _texts(self, inputs: Any) -> Any:
        x = ps.asarray(inputs)
        if x.dtype != "string":
            raise DTypeError(
                f"[{self.name}] got {x.dtype.name}; expected text, an array of strings"
            )
        if self.split is None or x.ndim < 2:
            return x
        if x.shape[-1] != 1:
            raise ShapeError(
                f"[{self.name}] got texts of shape {tuple(x.shape)}; expected [texts] or [texts, 1], to cut each into words"
            )
        return ps.squeeze(x, -1)

    def _standardized(self, x: Any) -> Any:
        if callable(self.standardize):
            return self.standardize(x)
        if self.standardize is None:
            return x
        return ps.strings.translate(x, *_STANDARDS[self.standardize])

    def _numbers(self, x: Any) -> tuple[Any, Any]:
        """Return the numbers of the words of texts, or of their n-grams, and how many there are."""
        words = self._words_of(x)
        if not self._widths:
            return self._lookup_layer.numbers(words.values), words.counts
        joined, valid = grams(words, self._widths)
        numbers = self._lookup_layer.numbers(joined, valid)
        counts = ps.sum(ps.cast(valid, "int64"), axis=-1)
        return compacted(numbers, valid) if self.output_mode == "int" else numbers, counts

    def _words_of(self, x: Any) -> Tokens:
        """Return the words of texts."""
        x = self._standardized(x)
        size = None
        if x.is_symbolic and not callable(self.split):
            if self.split is not None and self.output_sequence_length is None:
                raise GraphError(
                    f"[{self.name}] in a graph the number of words must be known; give output_sequence_length=..., or "
                    "call the layer outside of the model, on the data"
                )
            size = (self.output_sequence_length or 0) + max(self._widths, default=1) - 1
        return split_text(x, self.split, size)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        shape = tuple(input_shape)
        if self.split is not None:
            shape = (*shape[:-1], None) if len(shape) > 1 and shape[-1] == 1 else (*shape, None)
        if self.output_mode == "int":
            if self.output_sequence_length is not None and self.split is not None:
                return (*shape[:-1], self.output_sequence_length)
            return shape
        return encoded_shape(shape, self.output_mode, self.vocabulary_size())

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what stands for the output."""
        dtype = self.compute_dtype if self.output_mode == "tf_idf" else "int64"
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, dtype, sparse=self.sparse, ragged=self.ragged)

    # ---- keeping

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary that was learnt into a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        lookup = self._lookup_layer
        return {
            **super().get_config(),
            "max_tokens": self.max_tokens,
            "standardize": _serialized(self.standardize),
            "split": _serialized(self.split),
            "ngrams": self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "encoding": self.encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer of what `get_config` returned."""
        made = {k: v for k, v in config.items() if k != "vocabulary_size"}
        for key in ("standardize", "split"):
            if isinstance(made.get(key), dict):
                made[key] = serialization.deserialize_keras_object(made[key])
        if isinstance(made.get("ngrams"), list):
            made["ngrams"] = tuple(made["ngrams"])
        layer = cls(**made)
        layer._lookup_layer.expect_size(config.get("vocabulary_size"))
        return layer


def _serialized(value: Any) -> Any:
    return serialization.serialize_keras_object(value) if callable(value) else value


def _choice(what: str, value: Any, allowed: Any) -> Any:
    if value is None or callable(value) or value in allowed:
        return value
    names = ", ".join(map(repr, allowed))
    raise InvalidValueError(
        f"[TextVectorization] got {what}={value!r}; use {names}, None or a function"
    )


def _widths(ngrams: int | Sequence[int] | None) -> tuple[int, ...]:
    if ngrams is None:
        return ()
    widths = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else tuple(ngrams)
    if not widths or min(widths) < 1:
        raise InvalidValueError(
            f"[TextVectorization] got ngrams={ngrams!r}; use a number above 0, or a tuple of them"
        )
    return widths


def _ragged(numbers: Any, counts: Any, length: int | None) -> Any:
    if length is not None:
        counts = ps.minimum(counts, length)
    return ps.ragged.from_dense(numbers, lengths=counts)
