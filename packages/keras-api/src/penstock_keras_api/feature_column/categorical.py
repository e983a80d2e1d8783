"""Columns of categories: numbers as they are, words of a vocabulary, and hashed values; with weights."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.feature_column.base import (
    CategoricalColumn,
    Ids,
    Rows,
    check_dtype,
    check_key,
    is_present,
)
from penstock_keras_api.feature_column.specs import VarLenFeature


@dataclass(frozen=True)
class IdentityColumn(CategoricalColumn):
    """Integers that are categories already; see `categorical_column_with_identity`."""

    key: str
    number_buckets: int
    default_value: int | None = None

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """One feature of any length."""
        return {self.key: VarLenFeature("int64")}

    @property
    def num_buckets(self) -> int:
        """How many categories there are."""
        return self.number_buckets

    def transform(self, rows: Rows) -> Ids:
        """Return the numbers; what is out of range is the default.

        Raises:
            ValueError: They are no integers, or one that is known now is out of range.
        """
        x = rows.raw(self.key)
        if x.dtype.kind not in ("signed", "unsigned"):
            raise InvalidValueError(
                f"[categorical_column_with_identity] the feature {self.key!r} is {x.dtype.name}; expected integers; use "
                "categorical_column_with_vocabulary_list for text"
            )
        ids, present = ps.cast(x, "int64"), is_present(x)
        inside = (ids >= 0) & (ids < self.number_buckets)
        if self.default_value is not None:
            ids = ps.where(inside | ~present, ids, self.default_value)
        elif not ids.is_symbolic and not bool(ps.all(inside | ~present).item()):
            raise InvalidValueError(
                f"[categorical_column_with_identity] the feature {self.key!r} has values outside of 0 to "
                f"{self.number_buckets - 1}; raise num_buckets, or give default_value"
            )
        return Ids(ids, present)


def categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> IdentityColumn:
    """Take integers as categories.

    Args:
        key: The feature.
        num_buckets: How many categories there are: 0 to num_buckets - 1.
        default_value: What stands for numbers out of range; None refuses them.

    Returns:
        A column.

    Raises:
        ValueError: There is no category, or the default is none of them.

    >>> from penstock.keras import feature_column as fc
    >>> day = fc.categorical_column_with_identity("day", 3)
    >>> fc.DenseFeatures([fc.indicator_column(day)])({"day": [2]}).tolist()
    [[0.0, 0.0, 1.0]]
    """
    check_key(key, "categorical_column_with_identity")
    if num_buckets < 1 or (default_value is not None and not 0 <= default_value < num_buckets):
        raise InvalidValueError(
            f"[categorical_column_with_identity] got num_buckets={num_buckets}, default_value={default_value}; use at "
            "least 1 bucket, and a default from 0 to num_buckets - 1"
        )
    return IdentityColumn(key, num_buckets, default_value)


@dataclass(frozen=True)
class VocabularyColumn(CategoricalColumn):
    """Words of a vocabulary; see `categorical_column_with_vocabulary_list` and `_file`."""

    key: str
    vocabulary: tuple[Any, ...]
    dtype: str
    default_value: int = -1
    num_oov_buckets: int = 0

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """One feature of any length."""
        return {self.key: VarLenFeature(self.dtype)}

    @property
    def num_buckets(self) -> int:
        """Words, and buckets for others."""
        return len(self.vocabulary) + self.num_oov_buckets

    def transform(self, rows: Rows) -> Ids:
        """Look words up.

        Raises:
            ValueError: The feature is of another kind than the vocabulary.
        """
        x = rows.raw(self.key)
        if (x.dtype == "string") != (self.dtype == "string"):
            raise InvalidValueError(
                f"[categorical_column_with_vocabulary] the feature {self.key!r} is {x.dtype.name}, the vocabulary "
                f"{self.dtype}; convert one: dtype='int64' for numbers"
            )
        present = is_present(x)
        found = _table(self.vocabulary, self.dtype, self.num_oov_buckets)(
            x if self.dtype == "string" else ps.cast(x, "int64")
        )
        if self.default_value != -1:
            found = ps.where((found < 0) & present, self.default_value, found)
        return Ids(ps.where(present, found, -1), present)


@functools.lru_cache(maxsize=256)
def _table(words: tuple[Any, ...], dtype: str, buckets: int) -> Any:
    with ps.graph.eagerly():
        keys = list(words) if dtype == "string" else np.asarray(words, np.int64)
        return ps.lookup.VocabularyTable(keys, buckets)


def categorical_column_with_vocabulary_list(
    key: str,
    vocabulary_list: Sequence[Any],
    dtype: Any = None,
    default_value: int = -1,
    num_oov_buckets: int = 0,
) -> VocabularyColumn:
    """Number words by their place in a list.

    Args:
        key: The feature.
        vocabulary_list: The words, or integers, each once.
        dtype: "string" or "int64"; by default that of the list.
        default_value: The number of other words; -1 leaves them out.
        num_oov_buckets: Or how many buckets other words are hashed into.

    Returns:
        A column.

    Raises:
        ValueError: The list is empty, has a word twice, or both defaults and buckets are asked for.

    >>> from penstock.keras import feature_column as fc
    >>> kind = fc.categorical_column_with_vocabulary_list("kind", ["cat", "dog"])
    >>> fc.DenseFeatures([fc.indicator_column(kind)])({"kind": ["dog", "cow"]}).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    where = "categorical_column_with_vocabulary_list"
    check_key(key, where)
    words = tuple(
        w.encode() if isinstance(w, str) else w.item() if hasattr(w, "item") else w
        for w in vocabulary_list
    )
    if not words or len(set(words)) != len(words):
        twice = sorted({repr(w) for w in words if words.count(w) > 1})
        raise InvalidValueError(
            f"[{where}] {key!r} has {len(words)} words, and twice {', '.join(twice) or 'none'}; give each word once, and "
            "at least one: sorted(set(words))"
        )
    kind = check_dtype(
        where, dtype or ps.asarray(list(vocabulary_list)).dtype, ("string", "signed")
    )
    return _vocabulary_column(where, key, words, kind, default_value, num_oov_buckets)


def categorical_column_with_vocabulary_file(
    key: str,
    vocabulary_file: Any,
    vocabulary_size: int | None = None,
    dtype: Any = "string",
    default_value: int | None = None,
    num_oov_buckets: int = 0,
    file_format: str | None = None,
) -> VocabularyColumn:
    """Number words by their line in a file, which is read now and saved with graphs.

    Args:
        key: The feature.
        vocabulary_file: A file with a word in each line.
        vocabulary_size: How many lines to take; all by default.
        dtype: "string" or "int64".
        default_value: The number of other words; -1, the default, leaves them out.
        num_oov_buckets: Or how many buckets other words are hashed into.
        file_format: "text", which is the default; no other is read.

    Returns:
        A column.

    Raises:
        ValueError: The file has fewer words, or both defaults and buckets are asked for.
        OSError: The file cannot be read.
    """
    where = "categorical_column_with_vocabulary_file"
    check_key(key, where)
    if file_format not in (None, "text"):
        raise InvalidValueError(
            f"[{where}] got file_format={file_format!r}; only 'text' is read: write a word in each line"
        )
    words: list[Any] = list(ps.lookup.read_vocabulary(Path(vocabulary_file)))
    size = len(words) if vocabulary_size is None else vocabulary_size
    if not 1 <= size <= len(words):
        raise InvalidValueError(
            f"[{where}] got vocabulary_size={vocabulary_size}, and {vocabulary_file} has {len(words)} words; leave "
            "vocabulary_size out to take all of them"
        )
    kind = check_dtype(where, dtype, ("string", "signed"))
    words = words[:size] if kind == "string" else [int(w) for w in words[:size]]
    default = -1 if default_value is None else default_value
    return _vocabulary_column(where, key, tuple(words), kind, default, num_oov_buckets)


def _vocabulary_column(
    where: str, key: str, words: tuple[Any, ...], dtype: str, default: int, buckets: int
) -> VocabularyColumn:
    if buckets < 0 or (buckets and default != -1):
        raise InvalidValueError(
            f"[{where}] got default_value={default} and num_oov_buckets={buckets}; use one of them for other words"
        )
    return VocabularyColumn(key, words, dtype, default, buckets)


@dataclass(frozen=True)
class HashedColumn(CategoricalColumn):
    """Values hashed into buckets; see `categorical_column_with_hash_bucket`."""

    key: str
    hash_bucket_size: int
    dtype: str = "string"

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """One feature of any length."""
        return {self.key: VarLenFeature(self.dtype)}

    @property
    def num_buckets(self) -> int:
        """How many buckets there are."""
        return self.hash_bucket_size

    def transform(self, rows: Rows) -> Ids:
        """Hash text, or the digits of integers.

        Raises:
            ValueError: The feature is neither.
        """
        x = rows.raw(self.key)
        check_dtype(
            f"feature {self.key!r} of hash buckets", x.dtype, ("string", "signed", "unsigned")
        )
        present = is_present(x)
        text = x if x.dtype == "string" else ps.as_string(x)
        place = ps.strings.to_hash_bucket_fast(text, self.hash_bucket_size)
        return Ids(ps.where(present, place, -1), present)


def categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = "string"
) -> HashedColumn:
    """Hash values into buckets, by FarmHash's 64-bit fingerprint modulo the number of buckets, as TensorFlow does.

    Args:
        key: The feature.
        hash_bucket_size: How many buckets there are.
        dtype: "string", or integers, whose digits are hashed.

    Returns:
        A column.

    Raises:
        ValueError: There is no bucket, or the dtype is another.

    >>> from penstock.keras import feature_column as fc
    >>> word = fc.categorical_column_with_hash_bucket("word", 4)
    >>> fc.DenseFeatures([fc.indicator_column(word)])({"word": ["cat"]}).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """
    check_key(key, "categorical_column_with_hash_bucket")
    size: Any = hash_bucket_size
    if not isinstance(size, int) or hash_bucket_size < 1:
        raise InvalidValueError(
            f"[categorical_column_with_hash_bucket] got hash_bucket_size={hash_bucket_size}; use 1 or more"
        )
    kind = check_dtype("categorical_column_with_hash_bucket", dtype, ("string", "signed"))
    return HashedColumn(key, hash_bucket_size, kind)


@dataclass(frozen=True)
class WeightedColumn(CategoricalColumn):
    """Categories with a weight for each; see `weighted_categorical_column`."""

    categorical_column: CategoricalColumn
    weight_feature_key: str
    dtype: str = "float32"

    @property
    def name(self) -> str:
        """Those of categories and weights."""
        return f"{self.categorical_column.name}_weighted_by_{self.weight_feature_key}"

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """That of the categories, and the weights."""
        return {
            **self.categorical_column.parse_example_spec,
            self.weight_feature_key: VarLenFeature(self.dtype),
        }

    @property
    def num_buckets(self) -> int:
        """How many categories there are."""
        return self.categorical_column.num_buckets

    def transform(self, rows: Rows) -> Ids:
        """Return categories and weights."""
        found = self.categorical_column.ids(rows)
        weights = ps.cast(rows.raw(self.weight_feature_key), "float32")
        weights = ps.where(ps.isnan(weights), 0.0, weights)
        return Ids(found.ids, found.present, weights)


def weighted_categorical_column(
    categorical_column: CategoricalColumn, weight_feature_key: str, dtype: Any = "float32"
) -> WeightedColumn:
    """Give each category of a row a weight.

    Args:
        categorical_column: The categories.
        weight_feature_key: The feature that has the weights, of the shape of the categories.
        dtype: The dtype in serialized examples.

    Returns:
        A column.

    Raises:
        TypeError: The column has no categories.
        ValueError: The dtype is not that of numbers.

    >>> from penstock.keras import feature_column as fc
    >>> word = fc.categorical_column_with_identity("word", 3)
    >>> column = fc.indicator_column(fc.weighted_categorical_column(word, "count"))
    >>> fc.DenseFeatures([column])({"word": [[2, 0]], "count": [[0.5, 4.0]]}).tolist()
    [[4.0, 0.0, 0.5]]
    """
    check_key(weight_feature_key, "weighted_categorical_column")
    if not isinstance(categorical_column, CategoricalColumn):
        raise InvalidTypeError(
            f"[weighted_categorical_column] got {categorical_column!r}; expected a categorical column: "
            "categorical_column_with_vocabulary_list('word', [...])"
        )
    kind = check_dtype("weighted_categorical_column", dtype, ("float", "signed"))
    return WeightedColumn(categorical_column, weight_feature_key, kind)
