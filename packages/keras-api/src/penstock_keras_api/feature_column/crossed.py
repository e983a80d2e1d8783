"""Categories of several features together: each combination is hashed into a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.feature_column.base import (
    CategoricalColumn,
    FeatureColumn,
    Ids,
    Rows,
    is_present,
)
from penstock_keras_api.feature_column.categorical import HashedColumn, WeightedColumn
from penstock_keras_api.feature_column.specs import VarLenFeature

_KEY: Final = 0xDECAFCAFFE
_MULTIPLIER: Final = 0xC6A4A7935BD1E995 - 2**64

# Hashes are 64 bits without a sign. They are kept in int64, whose sums and products have the same bits and for which there
# are kernels; only shifts and remainders need care.


@dataclass(frozen=True)
class CrossedColumn(CategoricalColumn):
    """Combinations of features; see `crossed_column`."""

    keys: tuple[Any, ...]
    hash_bucket_size: int
    hash_key: int | None = None

    @property
    def name(self) -> str:
        """The names of what is combined, in alphabetical order."""
        names = [leaf if isinstance(leaf, str) else leaf.name for leaf in self._leaves()]
        return "_X_".join(sorted(names))

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """Those of what is combined."""
        made: dict[str, Any] = {}
        for leaf in self._leaves():
            made |= (
                {leaf: VarLenFeature("string")}
                if isinstance(leaf, str)
                else leaf.parse_example_spec
            )
        return made

    @property
    def num_buckets(self) -> int:
        """How many buckets there are."""
        return self.hash_bucket_size

    def _leaves(self) -> list[Any]:
        """List what is combined: a cross inside counts as what it combines."""
        return [
            leaf
            for key in self.keys
            for leaf in (key._leaves() if isinstance(key, CrossedColumn) else [key])
        ]

    def transform(self, rows: Rows) -> Ids:
        """Hash every combination of a row."""
        key = _KEY if self.hash_key is None else self.hash_key
        hashed = ps.asarray(np.full((1, 1), _signed(key), np.int64))
        present = ps.asarray(np.ones((1, 1), bool))
        # TensorFlow's order for dense features: columns first, then features.
        for leaf in sorted(self._leaves(), key=lambda leaf: isinstance(leaf, str)):
            fingerprints, there = _fingerprints(leaf, rows)
            hashed = _flat(_mixed(hashed[:, :, None], fingerprints[:, None, :]))
            present = _flat(present[:, :, None] & there[:, None, :])
        return Ids(ps.where(present, _remainder(hashed, self.hash_bucket_size), -1), present)


def _flat(combined: Any) -> Any:
    """Make [rows, a * b] of [rows, a, b]."""
    rows, a, b = combined.shape
    return ps.reshape(combined, (rows, a * b))


def _fingerprints(leaf: Any, rows: Rows) -> tuple[Any, Any]:
    """Return 64 bits for each value of a feature, and whether there is one."""
    if isinstance(leaf, str):
        x = rows.raw(leaf)
        present = is_present(x)
        if x.dtype == "string":
            return _fingerprint64(x), present
        if x.dtype.kind == "float":
            raise InvalidValueError(
                f"[crossed_column] the feature {leaf!r} is {x.dtype.name}; sort numbers into ranges first: "
                f"bucketized_column(numeric_column({leaf!r}), boundaries)"
            )
        return ps.cast(x, "int64"), present
    found = leaf.ids(rows)
    return found.ids, found.present


def _fingerprint64(text: Any) -> Any:
    """Return FarmHash's fingerprint itself, out of two remainders of it.

    Modulo 2^62 gives all but the two highest bits. These are t in low + t · 2^62, and 2^62 is 4 modulo 5.
    """
    low = ps.strings.to_hash_bucket_fast(text, 1 << 62)
    rest = ps.strings.to_hash_bucket_fast(text, 5)
    high = ((rest - low % 5 + 5) * 4) % 5
    return low + high * (1 << 62)


def _mixed(a: Any, b: Any) -> Any:
    """Mix two hashes into one, as TensorFlow's crossed columns do."""
    k = ps.asarray(np.int64(_MULTIPLIER))
    mixed = ps.bitwise_xor(ps.bitwise_xor(a, k), _shifted(b * k) * k) * k
    mixed = _shifted(mixed) * k
    return _shifted(mixed)


def _shifted(x: Any) -> Any:
    shifted = ps.bitwise_and(ps.bitwise_right_shift(x, 47), (1 << 17) - 1)
    return ps.bitwise_xor(x, shifted)


def _remainder(x: Any, n: int) -> Any:
    """Divide 64 bits without a sign: all but the last bit first, then that."""
    half = ps.bitwise_and(ps.bitwise_right_shift(x, 1), (1 << 63) - 1)
    return (half % n * 2 + ps.bitwise_and(x, 1)) % n


def _signed(key: int) -> int:
    """Return the number of int64 that has the same bits."""
    return (key + (1 << 63)) % (1 << 64) - (1 << 63)


def crossed_column(
    keys: Sequence[Any], hash_bucket_size: int, hash_key: int | None = None
) -> CrossedColumn:
    """Make a category of every combination of values, hashed into buckets as TensorFlow does.

    Args:
        keys: At least two: features that hold text or integers, or categorical columns.
        hash_bucket_size: How many buckets there are.
        hash_key: Where hashing begins; other keys put other combinations together.

    Returns:
        A column.

    Raises:
        ValueError: There are fewer keys, no bucket, or a key that cannot be combined.

    >>> from penstock.keras import feature_column as fc
    >>> both = fc.crossed_column(["kind", "place"], 5)
    >>> fc.DenseFeatures([fc.indicator_column(both)])({"kind": ["cat"], "place": ["home"]}).tolist()
    [[0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    if isinstance(keys, str) or len(keys) < 2:
        raise InvalidValueError(
            f"[crossed_column] got keys={keys!r}; give at least two: crossed_column(['a', 'b'], 1000)"
        )
    if not hash_bucket_size or hash_bucket_size < 1:
        raise InvalidValueError(
            f"[crossed_column] got hash_bucket_size={hash_bucket_size}; use 1 or more"
        )
    for key in keys:
        if isinstance(key, HashedColumn | WeightedColumn) or not isinstance(
            key, str | CategoricalColumn
        ):
            what = key.name if isinstance(key, FeatureColumn) else repr(key)
            raise InvalidValueError(
                f"[crossed_column] cannot combine {what}; give the feature's name itself for what would be hashed twice, "
                "and bucketized_column(...) for numbers"
            )
    return CrossedColumn(tuple(keys), hash_bucket_size, hash_key)
