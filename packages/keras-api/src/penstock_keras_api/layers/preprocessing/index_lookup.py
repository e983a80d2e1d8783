"""Tokens as indices, and back: what `StringLookup` and `IntegerLookup` have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.preprocessing.data import batches
from penstock_keras_api.layers.preprocessing.encoding import (
    ENCODINGS,
    check_mode,
    encode,
    encoded_shape,
)


class IndexLookup(Layer):
    """Number the tokens of a vocabulary; other tokens share the numbers before them.

    Numbers begin with the mask's, in the mode "int", then there are those of tokens out of the vocabulary, then the
    vocabulary's.

    Args:
        max_tokens: The size of the vocabulary at most, with mask and other tokens.
        num_oov_indices: How many numbers there are for tokens out of the vocabulary.
        mask_token: What gets the number 0 in the mode "int", and is left out in others.
        oov_token: What stands for a token out of the vocabulary.
        vocabulary: Tokens, or a file with one in each line.
        idf_weights: A factor for each token, for "tf_idf".
        invert: Return tokens of numbers.
        output_mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        sparse: Return `penstock.sparse` tensors for vectors.
        pad_to_max_tokens: Make vectors of the size `max_tokens`, however small the vocabulary is.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is out of range, or some do not go together.
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        sparse: bool,
        pad_to_max_tokens: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = check_mode(type(self).__name__, mode, ("int", *ENCODINGS))
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = invert
        self.sparse = sparse
        self.pad_to_max_tokens = pad_to_max_tokens
        self._check_settings(vocabulary, idf_weights)
        self.input_vocabulary = _plain(vocabulary)
        self.input_idf_weights = _plain(idf_weights)
        self.built = True
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_settings(self, vocabulary: Any, idf_weights: Any) -> None:
        is_int, is_idf = self.output_mode == "int", self.output_mode == "tf_idf"
        wrong = {
            f"max_tokens={self.max_tokens}; use None, or 2 and more": self.max_tokens is not None
            and self.max_tokens <= 1,
            "pad_to_max_tokens=True without max_tokens; give it": self.pad_to_max_tokens
            and self.max_tokens is None,
            f"num_oov_indices={self.num_oov_indices}; use 0 or more": self.num_oov_indices < 0,
            "invert=True, which goes with output_mode='int'": self.invert and not is_int,
            "sparse=True with output_mode='int'; use it with 'multi_hot', 'count' or 'tf_idf'": self.sparse
            and is_int,
            "idf_weights, which go with output_mode='tf_idf'": idf_weights is not None
            and not is_idf,
            "a vocabulary without idf_weights, which output_mode='tf_idf' needs": vocabulary
            is not None
            and is_idf
            and idf_weights is None,
        }
        for text, is_wrong in wrong.items():
            if is_wrong:
                raise InvalidValueError(f"[{type(self).__name__}] got {text}")

    # ---- what kinds of tokens differ in

    def _token(self, value: Any) -> Any:
        """Make a token of an item of a vocabulary."""
        raise NotImplementedError

    def _oov_bins(self, x: Any) -> Any:
        """Put tokens out of the vocabulary into bins."""
        raise NotImplementedError

    def _tokens(self, inputs: Any) -> Any:
        """Check and convert what is to be looked up."""
        raise NotImplementedError

    # ---- the vocabulary

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens of data, those that rank higher in their order among equals.

        Args:
            data: An array of tokens, or a dataset of batches. For "tf_idf" each row is a document.
            steps: How many batches to take; None takes all.

        Raises:
            TypeError: The data is nothing of the kind.
        """
        self.reset_state()
        for batch in batches(self.name, data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forget what was learnt."""
        self._counts: Counter[Any] = Counter()
        self._document_counts: Counter[Any] = Counter()
        self._documents = 0
        self._saved_size: int | None = None
        self._keep([], None)

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch."""
        x = self._tokens(data)
        listed = x.numpy()
        rows = listed.reshape(1, -1) if listed.ndim < 2 else listed.reshape(len(listed), -1)
        self._count(rows.tolist())

    def _count(self, rows: list[list[Any]]) -> None:
        """Count the tokens of documents."""
        self._documents += len(rows)
        for row in rows:
            self._counts.update(row)
            self._document_counts.update(set(row))

    def finalize_state(self) -> None:
        """Make the vocabulary of the tokens that were counted."""
        if not self._counts:
            return
        counts = {self._token(token): n for token, n in self._counts.items()}
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        ranked = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            ranked = ranked[: self.max_tokens - len(self._specials())]
        weights = None
        if self.output_mode == "tf_idf":
            documents = {self._token(token): n for token, n in self._document_counts.items()}
            weights = [np.log(1 + self._documents / (1 + documents[token])) for token in ranked]
        self._keep(ranked, weights)

    def _specials(self) -> list[Any]:
        """Return the tokens that stand before the vocabulary."""
        masks = self.mask_token is not None and self.output_mode == "int"
        return [self.mask_token] * masks + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary.

        Args:
            vocabulary: Tokens, or a file with one in each line; with or without mask and oov tokens in front.
            idf_weights: A factor for each of them, for "tf_idf".

        Raises:
            ValueError: There are no tokens, too many, one is there twice, or a special one stands elsewhere; or weights
                are missing, or not as many.
            OSError: The file cannot be read.
        """
        name = type(self).__name__
        if isinstance(vocabulary, str | Path):
            tokens = [self._token(line) for line in ps.lookup.read_vocabulary(vocabulary)]
        else:
            tokens = [self._token(item) for item in _plain(vocabulary)]
        if not tokens:
            raise InvalidValueError(
                f"[{name}] got an empty vocabulary; give at least one token, or adapt(data)"
            )
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise InvalidValueError(
                f"[{name}] got {'no ' if idf_weights is None else ''}idf_weights with output_mode={self.output_mode!r}; "
                "they go with 'tf_idf', and only there"
            )
        weights = None if idf_weights is None else [float(w) for w in _plain(idf_weights)]
        if weights is not None and len(weights) != len(tokens):
            raise InvalidValueError(
                f"[{name}] got {len(weights)} idf_weights for {len(tokens)} tokens; give one for each"
            )
        specials = self._specials()
        if specials and tokens[: len(specials)] == specials:
            tokens = tokens[len(specials) :]
        self._check_tokens(name, tokens)
        self._keep(tokens, weights)

    def _check_tokens(self, name: str, tokens: list[Any]) -> None:
        for special in dict.fromkeys([self.mask_token, self.oov_token]):
            if special in tokens and special is not None:
                raise InvalidValueError(
                    f"[{name}] the vocabulary has the special token {special!r} at {tokens.index(special)}; put it in "
                    "front, remove it, or choose another mask_token or oov_token"
                )
        if len(set(tokens)) != len(tokens):
            twice = [token for token, n in Counter(tokens).items() if n > 1][:5]
            raise InvalidValueError(
                f"[{name}] the vocabulary has tokens twice: {twice}; remove one of each"
            )
        size = len(tokens) + len(self._specials())
        if self.max_tokens is not None and size > self.max_tokens:
            raise InvalidValueError(
                f"[{name}] the vocabulary has {size} tokens with special ones, and max_tokens is {self.max_tokens}; "
                "raise it, or give fewer"
            )

    def _keep(self, tokens: list[Any], weights: list[float] | None) -> None:
        """Take over a vocabulary, and make its tables."""
        self._words = tokens
        specials = self._specials()
        with ps.graph.eagerly():
            first = len(specials)
            keys, numbers = list(tokens), list(range(first, first + len(tokens)))
            if self.mask_token is not None:
                keys.append(self.mask_token)
                numbers.append(0 if self.output_mode == "int" else _DROPPED)
            self._table = ps.lookup.StaticHashTable(
                self._as_tensor(keys), np.array(numbers, np.int64), _MISSING
            )
            self._all = self._as_tensor([*specials, *tokens])
            self._idf = None
            if self.output_mode == "tf_idf":
                self._idf = ps.asarray(self._factors(weights or []))

    def _factors(self, weights: list[float]) -> Any:
        """Return a factor for each place of a vector; tokens out of the vocabulary get the mean."""
        given = np.array(weights, np.float32)
        missing = len(self._specials()) + len(self._words) - len(given)
        mean = given.mean() if len(given) else 1.0
        factors = np.concatenate([np.full(missing, mean), given])
        return np.pad(factors, (0, self.vocabulary_size() - len(factors))).astype(np.float32)

    def _as_tensor(self, tokens: Sequence[Any]) -> Any:
        raise NotImplementedError

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in the order of their numbers.

        Args:
            include_special_tokens: Whether mask and oov tokens are among them.
        """
        return [*self._specials(), *self._words] if include_special_tokens else list(self._words)

    def vocabulary_size(self) -> int:
        """Return how many tokens there are, with special ones; `max_tokens` if vectors are padded to it."""
        if self.pad_to_max_tokens and self.max_tokens is not None and self.output_mode != "int":
            return self.max_tokens
        if not self._words and self._saved_size is not None:
            return self._saved_size
        return len(self._specials()) + len(self._words)

    def expect_size(self, size: Any) -> None:
        """Be told how large the vocabulary was that is read later, so that layers behind this one fit it.

        Args:
            size: What `vocabulary_size` returned, or None. A number smaller than that of the special tokens is passed over.
        """
        if isinstance(size, int) and size >= len(self._specials()):
            self._saved_size = size

    # ---- calling

    def call(self, inputs: Any) -> Any:
        """Return the numbers of tokens, vectors of them, or the tokens of numbers."""
        if isinstance(inputs, ps.ragged.RaggedTensor):
            return inputs.with_values(self.call(inputs.flat_values))
        if self.invert:
            return self._inverted(ps.asarray(inputs))
        return self.encoded(self.numbers(inputs))

    def numbers(self, tokens: Any, valid: Any = None) -> Any:
        """Return the numbers of tokens; those that are not valid count nowhere.

        Args:
            tokens: [...], tokens.
            valid: [...], bool, or None for all.
        """
        found = self._numbers(self._tokens(tokens))
        return found if valid is None else ps.where(valid, found, _DROPPED)

    def encoded(self, numbers: Any) -> Any:
        """Return what the layer returns for such numbers."""
        mode, size = self.output_mode, self.vocabulary_size()
        return encode(numbers, mode, size, self._output_dtype(), idf=self._idf, sparse=self.sparse)

    def counts(self, tokens: Any, valid: Any = None) -> Any:
        """Count how often each token of the vocabulary occurs in each row."""
        numbers = self.numbers(tokens, valid)
        return encode(numbers, "count", self.vocabulary_size(), self._output_dtype())

    def from_counts(self, counts: Any) -> Any:
        """Make what the layer returns of such counts."""
        if self.output_mode == "multi_hot":
            counts = ps.cast(counts > 0, counts.dtype)
        return counts * self._idf if self.output_mode == "tf_idf" else counts

    def _numbers(self, x: Any) -> Any:
        found = self._table(x)
        begin = len(self._specials()) - self.num_oov_indices
        if self.num_oov_indices == 0:
            self._refuse_others(found)
            return found
        other = begin + (self._oov_bins(x) if self.num_oov_indices > 1 else 0)
        return ps.where(ps.equal(found, _MISSING), other, found)

    def _refuse_others(self, found: Any) -> None:
        known = ps.all(ps.not_equal(found, _MISSING))
        text = f"[{self.name}] got a token that is not in the vocabulary, and num_oov_indices is 0; use 1, or clean the data"
        if known.is_symbolic:
            ps.assert_true(known, text)
        elif not known.item():
            raise InvalidValueError(text)

    def _inverted(self, numbers: Any) -> Any:
        ids = ps.cast(numbers, "int64")
        size = int(self._all.shape[0])
        inside = (ids >= 0) & (ids < size)
        oov = self._as_tensor([self.oov_token])[0]
        return ps.where(inside, ps.take(self._all, ps.where(inside, ids, 0)), oov)

    def _output_dtype(self) -> str:
        return self.compute_dtype if self.output_mode == "tf_idf" else "int64"

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return encoded_shape(input_shape, self.output_mode, self.vocabulary_size())

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what stands for the output."""
        dtype = self._all.dtype.name if self.invert else self._output_dtype()
        shape = self.compute_output_shape(inputs.shape)
        return KerasTensor(shape, dtype, sparse=self.sparse)

    # ---- keeping

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary that was learnt into a folder; one that was given is part of the configuration."""
        if self.input_vocabulary is None and self._words:
            lines = "\n".join(map(str, self.get_vocabulary()))
            Path(dir_path, "vocabulary.txt").write_text(lines, "utf-8")
            if self._idf is not None:
                factors = "\n".join(map(repr, self._idf.tolist()[: len(self.get_vocabulary())]))
                Path(dir_path, "idf_weights.txt").write_text(factors, "utf-8")

    def load_assets(self, dir_path: Any) -> None:
        """Read what `save_assets` wrote."""
        path = Path(dir_path, "vocabulary.txt")
        if self.input_vocabulary is not None or not path.exists():
            return
        tokens = path.read_text("utf-8").split("\n")
        factors = Path(dir_path, "idf_weights.txt")
        weights = list(map(float, factors.read_text().split("\n"))) if factors.exists() else None
        self.set_vocabulary(tokens, weights)

    def _config(self) -> dict[str, Any]:
        """Return the settings that all lookups have."""
        return {
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self.vocabulary_size() if self._words else None,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer of what `get_config` returned."""
        made = {k: v for k, v in config.items() if k != "vocabulary_size"}
        if cls.__name__ == "StringLookup":
            made.pop("oov_method", None)
        layer = cls(**made)
        layer.expect_size(config.get("vocabulary_size"))
        return layer


_MISSING = -2
_DROPPED = -1


def _plain(value: Any) -> Any:
    """Turn a tensor or an array into a list."""
    if value is None or isinstance(value, str | Path):
        return None if value is None else str(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [item.decode() if isinstance(item, bytes) else item for item in value]
