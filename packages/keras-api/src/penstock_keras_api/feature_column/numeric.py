"""Columns of numbers: as they are, or sorted into ranges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api.feature_column.base import (
    CategoricalColumn,
    DenseColumn,
    Ids,
    Rows,
    check_dtype,
    check_key,
)
from penstock_keras_api.feature_column.specs import FixedLenFeature


@dataclass(frozen=True)
class NumericColumn(DenseColumn):
    """Numbers as they are; see `numeric_column`."""

    key: str
    shape: tuple[int, ...] = (1,)
    default_value: tuple[float, ...] | None = None
    dtype: str = "float32"
    normalizer_fn: Callable[[Any], Any] | None = None

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """One feature of a fixed length."""
        return {self.key: FixedLenFeature(self.shape, self.dtype, self.default_value)}

    @property
    def variable_shape(self) -> tuple[int, ...]:
        """The shape of a row."""
        return self.shape

    def transform(self, rows: Rows) -> Any:
        """Return the numbers in float32, normalised.

        Raises:
            ValueError: They are text, or a row has another shape.
        """
        x = rows.raw(self.key)
        if x.dtype == "string":
            raise InvalidValueError(
                f"[numeric_column] the feature {self.key!r} is text; convert it: penstock.strings.to_number, or use "
                "categorical_column_with_vocabulary_list"
            )
        sizes = tuple(s for s in x.shape[1:] if isinstance(s, int))
        if len(sizes) == x.ndim - 1 and sizes != self.shape:
            raise ShapeError(
                f"[numeric_column] a row of the feature {self.key!r} has shape {sizes}, the column {self.shape}; write "
                f"numeric_column({self.key!r}, shape={sizes})"
            )
        if self.default_value is not None and x.dtype.kind == "float":
            filling = np.reshape(np.asarray(self.default_value, np.float32), self.shape)
            x = ps.where(ps.isnan(x), ps.cast(ps.asarray(filling), x.dtype), x)
        if self.normalizer_fn is not None:
            x = self.normalizer_fn(x)
        return ps.cast(ps.asarray(x), "float32")


def numeric_column(
    key: str,
    shape: Any = (1,),
    default_value: Any = None,
    dtype: Any = "float32",
    normalizer_fn: Callable[[Any], Any] | None = None,
) -> NumericColumn:
    """Take numbers as they are.

    Args:
        key: The feature.
        shape: The shape of a row.
        default_value: What stands for a missing number (NaN): one, or one for each place.
        dtype: The dtype in serialized examples.
        normalizer_fn: A function of the tensor, applied after the default.

    Returns:
        A column.

    Raises:
        TypeError: The key is no text, or `normalizer_fn` is no function.
        ValueError: The shape or the default is not understood.

    >>> from penstock.keras import feature_column as fc
    >>> column = fc.numeric_column("age", normalizer_fn=lambda x: (x - 40) / 10)
    >>> fc.DenseFeatures([column])({"age": [30, 60]}).tolist()
    [[-1.0], [2.0]]
    """
    check_key(key, "numeric_column")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not all(isinstance(s, int) and s > 0 for s in sizes):
        raise InvalidValueError(
            f"[numeric_column] got shape={shape}; use whole numbers above 0: shape=(3,)"
        )
    if normalizer_fn is not None and not callable(normalizer_fn):
        raise InvalidTypeError(
            f"[numeric_column] got normalizer_fn={normalizer_fn!r}; expected a function of a tensor"
        )
    name = check_dtype("numeric_column", dtype, ("float", "signed", "unsigned"))
    return NumericColumn(key, sizes, _filling(default_value, sizes), name, normalizer_fn)


def _filling(default: Any, shape: tuple[int, ...]) -> tuple[float, ...] | None:
    if default is None:
        return None
    values = np.asarray(default, np.float64)
    if values.ndim and values.shape != shape:
        raise InvalidValueError(
            f"[numeric_column] got default_value of shape {values.shape} for shape {shape}; give one number, or one for "
            "each place"
        )
    return tuple(np.broadcast_to(values, shape).ravel().tolist())


@dataclass(frozen=True)
class BucketizedColumn(DenseColumn, CategoricalColumn):
    """Numbers sorted into ranges; see `bucketized_column`."""

    source_column: NumericColumn
    boundaries: tuple[float, ...]

    @property
    def name(self) -> str:
        """That of the numbers, with _bucketized."""
        return f"{self.source_column.name}_bucketized"

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """That of the numbers."""
        return self.source_column.parse_example_spec

    @property
    def variable_shape(self) -> tuple[int, ...]:
        """A 1 in one of the ranges, for each number."""
        return (*self.source_column.shape, len(self.boundaries) + 1)

    @property
    def num_buckets(self) -> int:
        """Ranges times numbers of a row."""
        return (len(self.boundaries) + 1) * math.prod(self.source_column.shape)

    def transform(self, rows: Rows) -> Ids:
        """Number the ranges."""
        x = rows.of(self.source_column)
        count = math.prod(self.source_column.shape)
        edges = ps.asarray(np.asarray(self.boundaries, np.float32))
        place = ps.searchsorted(edges, ps.reshape(x, (-1,)), side="right")
        place = ps.reshape(ps.cast(place, "int64"), (-1, count))
        offset = np.arange(count, dtype=np.int64) * (len(self.boundaries) + 1)
        return Ids(place + ps.asarray(offset), ps.ones_like(place, "bool"))

    def dense(self, rows: Rows, tables: Any) -> Any:
        """Return a 1 for each number's range."""
        count = math.prod(self.source_column.shape)
        width = len(self.boundaries) + 1
        offset = np.arange(count, dtype=np.int64) * width
        hot = ps.nn.one_hot(rows.of(self).ids - ps.asarray(offset), width)
        return ps.reshape(ps.cast(hot, "float32"), (-1, *self.variable_shape))


def bucketized_column(
    source_column: NumericColumn, boundaries: Sequence[float]
) -> BucketizedColumn:
    """Sort numbers into ranges: below the first boundary, from it to the next, and so on.

    Args:
        source_column: A `numeric_column` of one axis.
        boundaries: Where ranges begin, rising.

    Returns:
        A column, for dense and for categorical use.

    Raises:
        ValueError: The source is no numeric column, or the boundaries do not rise.

    >>> from penstock.keras import feature_column as fc
    >>> age = fc.bucketized_column(fc.numeric_column("age"), [18, 65])
    >>> fc.DenseFeatures([age])({"age": [17, 18, 70]}).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    source: Any = source_column
    if not isinstance(source, NumericColumn) or len(source_column.shape) > 1:
        raise InvalidValueError(
            f"[bucketized_column] got the source {source_column!r}; expected a numeric column of one axis: "
            "numeric_column('age')"
        )
    edges = tuple(boundaries)
    if not edges or any(b <= a for a, b in itertools.pairwise(edges)):
        raise InvalidValueError(
            f"[bucketized_column] got boundaries={list(edges)}; give at least one, in rising order: sorted(set(...))"
        )
    return BucketizedColumn(source_column, edges)
