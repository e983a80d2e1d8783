"""What all feature columns are: recipes that make numbers of raw rows, in a graph or not.

Rows are dense here: a feature with several values in a row is [rows, values], and places without a value hold "" (text),
-1 (integers) or NaN (floats). Sparse and ragged tensors become such before anything else happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.ragged import RaggedTensor
from penstock.sparse import CooTensor, CsrTensor


class FeatureColumn:
    """A recipe that makes numbers of the features of rows.

    Columns are plain values: two with the same settings are equal, and what they compute is computed once.
    """

    @property
    def name(self) -> str:
        """What the column is called, which its variables are named after."""
        raise NotImplementedError(f"{type(self).__name__} has no name")

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """Which features it reads."""
        raise NotImplementedError(f"{type(self).__name__} does not say which features it reads")

    def transform(self, rows: Rows) -> Any:
        """Compute what the column makes of rows, before any weights."""
        raise NotImplementedError(f"{type(self).__name__} transforms nothing")


class DenseColumn(FeatureColumn):
    """A column that is numbers in every row: [rows, ...]."""

    @property
    def variable_shape(self) -> tuple[int, ...]:
        """The shape of a row."""
        raise NotImplementedError(f"{type(self).__name__} has no shape")

    @property
    def width(self) -> int:
        """How many numbers a row has."""
        return int(np.prod(self.variable_shape))

    def tables(self) -> dict[str, tuple[tuple[int, ...], Any, bool]]:
        """Say which variables it needs: by name the shape, the initializer and whether it is trained."""
        return {}

    def dense(self, rows: Rows, tables: Mapping[str, Any]) -> Any:
        """Compute [rows, ...]."""
        return rows.of(self)


class CategoricalColumn(FeatureColumn):
    """A column that is categories in every row: numbers from 0 to num_buckets - 1."""

    @property
    def num_buckets(self) -> int:
        """How many categories there are."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many categories it has")

    def ids(self, rows: Rows) -> Ids:
        """Compute the categories."""
        made: Ids = rows.of(self)
        return made


@dataclass(frozen=True)
class Ids:
    """The categories of rows.

    Args:
        ids: [rows, values], int64; -1 for what belongs to no category.
        present: [rows, values], whether there is a value.
        weights: [rows, values], float32, or None for 1.
    """

    ids: Any
    present: Any
    weights: Any = None


class Rows:
    """The features of some rows, and what columns made of them.

    Args:
        features: Arrays or tensors by key, [rows], [rows, values] or more.

    Raises:
        TypeError: It is no dictionary.
    """

    def __init__(self, features: Mapping[str, Any]) -> None:
        if not isinstance(features, Mapping):
            raise InvalidTypeError(
                f"[feature_column] got {type(features).__name__} as features; expected a dictionary of them by name: "
                "{'age': [39, 50]}"
            )
        self._features = features
        self._made: dict[Any, Any] = {}

    def raw(self, key: str) -> Any:
        """Return a feature as it is, at least [rows, values].

        Raises:
            ValueError: There is no such feature.
        """
        if key not in self._features:
            raise InvalidValueError(
                f"[feature_column] there is no feature {key!r}; the rows have {', '.join(map(repr, self._features))}"
            )
        place = ("raw", key)
        if place not in self._made:
            value = ps.asarray(as_dense(self._features[key]))
            self._made[place] = ps.expand_dims(value, -1) if value.ndim == 1 else value
        return self._made[place]

    def of(self, column: FeatureColumn) -> Any:
        """Return what a column makes of the rows; it is computed once."""
        if column not in self._made:
            self._made[column] = column.transform(self)
        return self._made[column]


def as_dense(value: Any) -> Any:
    """Make a dense tensor of a sparse or ragged one; what has no value is "", -1 or NaN."""
    if isinstance(value, CsrTensor):
        value = value.to_coo()
    if isinstance(value, RaggedTensor):
        return value.to_dense(missing_of(value.dtype))
    if isinstance(value, CooTensor):
        places, values = value.indices.numpy(), value.values.numpy()
        empty = missing_of(value.dtype)
        dense = np.full(tuple(int(s) for s in value.shape), empty, values.dtype)
        dense[tuple(places.T)] = values
        return dense
    return value


def missing_of(dtype: Any) -> Any:
    """Return what stands where there is no value."""
    return {"string": "", "float": np.nan}.get(ps.dtypes.as_dtype(dtype).kind, -1)


def is_present(values: Any) -> Any:
    """Say where there is a value."""
    if values.dtype == "string":
        return ps.strings.length(values) > 0
    return ~ps.isnan(values) if values.dtype.kind == "float" else values != -1


def check_key(key: Any, where: str) -> str:
    """Refuse a key that is no text."""
    if not isinstance(key, str):
        raise InvalidTypeError(
            f"[{where}] got the key {key!r}; expected the name of a feature: {where}('age')"
        )
    return key


def check_dtype(where: str, dtype: Any, kinds: tuple[str, ...]) -> str:
    """Refuse a dtype of another kind, and return its name."""
    found = ps.dtypes.as_dtype(dtype)
    if found.kind not in kinds:
        names = {"string": "'string'", "signed": "'int64'", "float": "'float32'"}
        raise InvalidValueError(
            f"[{where}] got dtype {found.name}; use {' or '.join(names[k] for k in kinds if k in names)}"
        )
    return str(found.name)
