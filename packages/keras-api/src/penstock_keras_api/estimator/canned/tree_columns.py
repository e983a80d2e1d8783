"""Feature columns as trees want them: one matrix, in the graph, with a column for each number or category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.feature_column.base import CategoricalColumn, DenseColumn, Rows
from penstock_keras_api.feature_column.layers import sorted_columns
from penstock_keras_api.feature_column.numeric import BucketizedColumn

MOST_CATEGORIES = 255


class TreeColumns:
    """Columns for trees.

    Args:
        feature_columns: Feature columns.

    Raises:
        TypeError: A column is none.
        ValueError: A column has too many categories, or vectors that are trained.
    """

    def __init__(self, feature_columns: Any) -> None:
        self._columns: list[Any] = list(sorted_columns("BoostedTrees", feature_columns))
        self.names: list[str] = []
        counts: list[int] = []
        for column in self._columns:
            width, categories = _size(column)
            name = column.name
            self.names += [name] if width == 1 else [f"{name}_{i}" for i in range(width)]
            counts += [categories] * width
        self.categories = np.array(counts)

    @property
    def any_categories(self) -> bool:
        """Whether any column is categorical."""
        return bool((self.categories > 0).any())

    def matrix(self, features: Mapping[str, Any]) -> Any:
        """Compute [rows, columns], float32; NaN where nothing is known.

        Args:
            features: Features by key.

        Returns:
            A tensor, in a graph or not.

        Raises:
            ValueError: There is no such feature, or a row has several categories.
        """
        rows = Rows(features)
        parts = [_numbers(column, rows) for column in self._columns]
        return parts[0] if len(parts) == 1 else ps.concat(parts, axis=1)


def _size(column: Any) -> tuple[int, int]:
    """Return how many columns it becomes, and how many categories each has; 0 for numbers."""
    if isinstance(column, BucketizedColumn):
        return int(np.prod(column.source_column.shape)), 0
    if isinstance(column, DenseColumn):
        if column.tables():
            raise InvalidValueError(
                f"[BoostedTrees] the column {column.name!r} has vectors that would be trained by gradients; use "
                "indicator_column, or the categorical column itself"
            )
        return column.width, 0
    if isinstance(column, CategoricalColumn) and column.num_buckets <= MOST_CATEGORIES:
        return 1, int(column.num_buckets)
    raise InvalidValueError(
        f"[BoostedTrees] the column {column.name!r} has more than {MOST_CATEGORIES} categories; wrap it in "
        "indicator_column, or hash it into fewer"
    )


def _numbers(column: Any, rows: Rows) -> Any:
    if isinstance(column, BucketizedColumn):
        width = len(column.boundaries) + 1
        offset = np.arange(int(np.prod(column.source_column.shape)), dtype=np.int64) * width
        return ps.cast(column.ids(rows).ids - ps.asarray(offset), "float32")
    if isinstance(column, DenseColumn):
        return ps.reshape(column.dense(rows, {}), (-1, column.width))
    ids = column.ids(rows).ids
    if ids.shape[-1] != 1:
        raise InvalidValueError(
            f"[BoostedTrees] rows have {ids.shape[-1]} values of {column.name!r}; wrap the column in indicator_column"
        )
    return ps.where(ids >= 0, ps.cast(ids, "float32"), float("nan"))
