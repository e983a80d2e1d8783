"""Lookup tables: from words or numbers to other values, without a change once they are made.

vocabulary = penstock.lookup.VocabularyTable(["the", "fox"], num_oov_buckets=1)
ids = vocabulary(["the", "dog"])  # [0, 2]

A table is two tensors, its keys in rising order and their values, and a search by halving. So it works in graphs and is
saved with them, and needs no initialisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import DTypeError, InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import DType, Tensor
    from penstock.annotations import TensorLike

__all__ = ["StaticHashTable", "VocabularyTable", "read_vocabulary"]


class StaticHashTable:
    """Map keys to values, and every other key to a default.

    Args:
        keys: [n], strings or integers, each once.
        values: [n], of any dtype: what stands for each key.
        default_value: A single value for keys that the table has not got.

    Raises:
        ValueError: The lengths differ, or a key is given twice.
        TypeError: The keys are neither strings nor integers, or the default does not fit the values.

    Example:
        >>> table = penstock.lookup.StaticHashTable(["a", "b"], [1.5, 2.5], 0.0)
        >>> table(["b", "?"])
        Tensor([2.5, 0. ], shape=(2,), dtype=float32)
    """

    def __init__(self, keys: TensorLike, values: TensorLike, default_value: Any) -> None:
        found, held = asarray(keys), asarray(values)
        if found.ndim != 1 or held.ndim != 1 or found.shape != held.shape:
            raise ShapeError(
                f"[StaticHashTable] got keys of shape {found.shape} and values of shape {held.shape}; expected as many "
                "of both, [n]"
            )
        _need_keys("StaticHashTable", found.dtype)
        order = _rising(found)
        self._keys = ops.take(found, order)
        self._values = ops.take(held, order)
        self._default = _like(held, default_value)

    @property
    def key_dtype(self) -> DType:
        """The dtype of the keys."""
        return self._keys.dtype

    @property
    def value_dtype(self) -> DType:
        """The dtype of the values."""
        return self._values.dtype

    def __len__(self) -> int:
        return int(self._keys.shape[0])

    def lookup(self, keys: TensorLike) -> Tensor:
        """Find what stands for keys.

        Args:
            keys: [...], of the table's dtype.

        Returns:
            [...], of the dtype of the values.

        Raises:
            TypeError: The keys are of another kind than the table's.

        Example:
            >>> penstock.lookup.StaticHashTable([3, 7], ["c", "g"], "?").lookup([7, 4]).tolist()
            [b'g', b'?']
        """
        place = find(self._keys, keys)
        if not len(self):
            return ops.broadcast_to(self._default, place.shape)
        found = ops.take(self._values, ops.maximum(place, 0))
        return ops.where(place >= 0, found, self._default)

    __call__ = lookup


class VocabularyTable:
    """Number the words of a vocabulary; other words share buckets behind them.

    Args:
        vocabulary: [n], strings or integers, each once: word i has the number i.
        num_oov_buckets: How many buckets there are for other words. With 0 these get the number -1.
        unknown: What `inverse` gives for numbers that stand for no word.

    Raises:
        ValueError: A word is given twice, or the number of buckets is negative.
        TypeError: The words are neither strings nor integers.

    Example:
        >>> table = penstock.lookup.VocabularyTable(["the", "fox"])
        >>> table(["fox", "dog", "the"])
        Tensor([1, 2, 0], shape=(3,), dtype=int64)
        >>> table.inverse([0, 2]).tolist()
        [b'the', b'[UNK]']
    """

    def __init__(
        self, vocabulary: TensorLike, num_oov_buckets: int = 1, *, unknown: Any = None
    ) -> None:
        words = asarray(vocabulary)
        if words.ndim != 1:
            raise ShapeError(
                f"[VocabularyTable] got words of shape {words.shape}; expected a list, [n]; reshape them"
            )
        if num_oov_buckets < 0:
            raise InvalidValueError(
                f"[VocabularyTable] got num_oov_buckets={num_oov_buckets}; use 0 or more"
            )
        _need_keys("VocabularyTable", words.dtype)
        order = _rising(words)
        self._words = words
        self._sorted = ops.take(words, order)
        self._numbers = asarray(order)
        self._buckets = num_oov_buckets
        if unknown is None:
            unknown = "[UNK]" if words.dtype == "string" else -1
        self._unknown = _like(words, unknown)

    def __len__(self) -> int:
        """Count the numbers there are: words and buckets."""
        return int(self._words.shape[0]) + self._buckets

    def lookup(self, words: TensorLike) -> Tensor:
        """Find the numbers of words.

        Args:
            words: [...], of the vocabulary's dtype.

        Returns:
            [...], int64, from 0 to len(table) - 1; without buckets -1 for other words. The bucket of a string is
            `to_hash_bucket_fast`'s, that of an integer the bucket of its digits.

        Raises:
            TypeError: The words are of another kind than the vocabulary's.

        Example:
            >>> penstock.lookup.VocabularyTable(["a"], 0).lookup(["a", "b"])
            Tensor([ 0, -1], shape=(2,), dtype=int64)
        """
        words = asarray(words)
        place = find(self._sorted, words)
        size = int(self._words.shape[0])
        if self._buckets:
            texts = words if words.dtype == "string" else ops.as_string(words)
            other = ops.string_to_hash_bucket_fast(texts, self._buckets) + size
        else:
            other = ops.full(place.shape, -1, "int64")
        if not size:
            return other
        return ops.where(place >= 0, ops.take(self._numbers, ops.maximum(place, 0)), other)

    __call__ = lookup

    def inverse(self, numbers: TensorLike) -> Tensor:
        """Find the words of numbers.

        Args:
            numbers: [...], integers.

        Returns:
            [...], of the vocabulary's dtype; `unknown` for numbers of no word.

        Raises:
            TypeError: The numbers are not integers.

        Example:
            >>> penstock.lookup.VocabularyTable(["a", "b"]).inverse([1]).tolist()
            [b'b']
        """
        numbers = ops.astype(asarray(numbers), "int64")
        size = int(self._words.shape[0])
        if not size:
            return ops.broadcast_to(self._unknown, numbers.shape)
        inside = (numbers >= 0) & (numbers < size)
        return ops.where(
            inside, ops.take(self._words, ops.where(inside, numbers, 0)), self._unknown
        )


def find(rising: Tensor, keys: TensorLike) -> Tensor:
    """Find the places of keys in a list that rises; -1 for those that it has not got."""
    keys = asarray(keys)
    if (keys.dtype == "string") != (rising.dtype == "string"):
        raise DTypeError(
            f"[lookup] got keys of {keys.dtype.name} for a table of {rising.dtype.name}; convert them: "
            "penstock.as_string(keys), or penstock.strings.to_number(keys, 'int64')"
        )
    if rising.dtype == "string":
        return ops.string_search(keys, rising)
    _need_keys("lookup", keys.dtype)
    size = int(rising.shape[0])
    if not size:
        return ops.full(keys.shape, -1, "int64")
    place = ops.searchsorted(rising, ops.reshape(keys, (-1,)))
    place = ops.minimum(ops.reshape(place, keys.shape), size - 1)
    return ops.where(ops.take(rising, place) == keys, place, -1)


def _need_keys(name: str, dtype: DType) -> None:
    if dtype.kind not in ("string", "signed", "unsigned"):
        raise DTypeError(
            f"[{name}] got keys of {dtype.name}; expected strings or integers; convert them: penstock.as_string(keys)"
        )


def _rising(keys: Tensor) -> Any:
    """Find the order in which keys rise; strings by their bytes. No key may be given twice."""
    listed = keys.tolist()
    order = sorted(range(len(listed)), key=listed.__getitem__)
    for before, after in pairwise(order):
        if listed[before] == listed[after]:
            raise InvalidValueError(
                f"[lookup] the key {listed[before]!r} is given twice, at {before} and {after}; remove one"
            )
    return np.array(order, np.int64)


def _like(values: Tensor, default: Any) -> Tensor:
    """Make a single value of the dtype of others."""
    value = asarray(default)
    if value.ndim or (value.dtype == "string") != (values.dtype == "string"):
        raise DTypeError(
            f"[lookup] got the default {default!r} for values of {values.dtype.name}; give one of that dtype"
        )
    held = ops.astype(value, values.dtype)
    if value.is_symbolic or value.dtype == held.dtype or held.dtype.kind in ("float", "complex"):
        return held
    if held.item() != value.item():
        raise DTypeError(
            f"[lookup] got the default {default!r}, which {held.dtype.name} does not hold; give values of another "
            "dtype: penstock.astype(values, ...)"
        )
    return held


def read_vocabulary(path: str | PathLike[str], *, column: int = 0) -> Sequence[bytes]:
    r"""Read the words of a file: one in each line, or the first of those that tabs separate.

    Args:
        path: The file.
        column: Which word of each line to take, where tabs separate several.

    Returns:
        The words, in the order of the lines; line ends are not part of them.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line has no such column.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "words.txt"
        >>> _ = path.write_text("the\nfox\n")
        >>> penstock.lookup.VocabularyTable(penstock.lookup.read_vocabulary(path))("fox").item()
        1
    """
    words = []
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        columns = line.split(b"\t")
        if not 0 <= column < len(columns):
            raise InvalidValueError(
                f"[read_vocabulary] line {number} of {path} has {len(columns)} columns; use column=0 to "
                f"{len(columns) - 1}"
            )
        words.append(columns[column])
    return words
