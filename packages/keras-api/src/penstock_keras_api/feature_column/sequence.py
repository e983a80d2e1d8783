"""Columns whose values have an order: text, clicks, measurements; and the layer that makes sequences of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import context
from penstock_keras_api.feature_column import categorical
from penstock_keras_api.feature_column.base import (
    CategoricalColumn,
    DenseColumn,
    FeatureColumn,
    Ids,
    Rows,
    check_dtype,
    check_key,
)
from penstock_keras_api.feature_column.dense import EmbeddingColumn, IndicatorColumn
from penstock_keras_api.feature_column.specs import VarLenFeature
from penstock_keras_api.layers import Layer
from penstock_keras_api.variable import Variable


@dataclass(frozen=True)
class SequenceCategoricalColumn(CategoricalColumn):
    """Categories in order."""

    categorical_column: CategoricalColumn

    @property
    def name(self) -> str:
        """That of the categories."""
        return self.categorical_column.name

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """That of the categories."""
        return self.categorical_column.parse_example_spec

    @property
    def num_buckets(self) -> int:
        """How many categories there are."""
        return self.categorical_column.num_buckets

    def transform(self, rows: Rows) -> Ids:
        """Return the categories."""
        return self.categorical_column.ids(rows)


@dataclass(frozen=True)
class SequenceNumericColumn(FeatureColumn):
    """Numbers in order; see `sequence_numeric_column`."""

    key: str
    shape: tuple[int, ...] = (1,)
    default_value: float = 0.0
    dtype: str = "float32"
    normalizer_fn: Callable[[Any], Any] | None = None

    @property
    def name(self) -> str:
        """The feature's key."""
        return self.key

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """One feature of any length."""
        return {self.key: VarLenFeature(self.dtype)}

    def transform(self, rows: Rows) -> tuple[Any, Any]:
        """Return [rows, steps, numbers of a step] and whether a step is there, [rows, steps]."""
        x = ps.cast(rows.raw(self.key), "float32")
        step = int(np.prod(self.shape))
        x = ps.reshape(x, (x.shape[0], -1, step))
        there = ~ps.isnan(x)
        filled = ps.where(there, x, self.default_value)
        if self.normalizer_fn is not None:
            filled = self.normalizer_fn(filled)
        return filled, ps.any(there, axis=-1)


def sequence_numeric_column(
    key: str,
    shape: Any = (1,),
    default_value: float = 0.0,
    dtype: Any = "float32",
    normalizer_fn: Callable[[Any], Any] | None = None,
) -> SequenceNumericColumn:
    """Take numbers in order; the shorter rows are filled up with NaN, or the feature is sparse or ragged.

    Args:
        key: The feature.
        shape: The shape of one step.
        default_value: What stands behind the end.
        dtype: The dtype in serialized examples.
        normalizer_fn: A function of the tensor.

    Returns:
        A column for `SequenceFeatures`.

    Raises:
        ValueError: The shape is none.

    >>> from penstock.keras import feature_column as fc
    >>> layer = fc.SequenceFeatures([fc.sequence_numeric_column("heat")])
    >>> values, lengths = layer({"heat": [[20.0, 21.0], [5.0, float("nan")]]})
    >>> values.tolist(), lengths.tolist()
    ([[[20.0], [21.0]], [[5.0], [0.0]]], [2, 1])
    """
    check_key(key, "sequence_numeric_column")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not all(isinstance(s, int) and s > 0 for s in sizes):
        raise InvalidValueError(
            f"[sequence_numeric_column] got shape={shape}; use whole numbers above 0: shape=(1,)"
        )
    kind = check_dtype("sequence_numeric_column", dtype, ("float", "signed"))
    return SequenceNumericColumn(key, sizes, float(default_value), kind, normalizer_fn)


def sequence_categorical_column_with_identity(
    key: str, num_buckets: int, default_value: int | None = None
) -> SequenceCategoricalColumn:
    """Take integers in order as categories.

    Args:
        key: The feature.
        num_buckets: As in `categorical_column_with_identity`.
        default_value: As there.

    Returns:
        A column for `indicator_column` and `embedding_column`.

    Raises:
        ValueError: As there.
    """
    return SequenceCategoricalColumn(
        categorical.categorical_column_with_identity(key, num_buckets, default_value)
    )


def sequence_categorical_column_with_vocabulary_list(
    key: str,
    vocabulary_list: Sequence[Any],
    dtype: Any = None,
    default_value: int = -1,
    num_oov_buckets: int = 0,
) -> SequenceCategoricalColumn:
    """Number words in order by their place in a list.

    Args:
        key: The feature.
        vocabulary_list: As in `categorical_column_with_vocabulary_list`.
        dtype: As there.
        default_value: As there.
        num_oov_buckets: As there.

    Returns:
        A column for `indicator_column` and `embedding_column`.

    Raises:
        ValueError: As there.
    """
    return SequenceCategoricalColumn(
        categorical.categorical_column_with_vocabulary_list(
            key, vocabulary_list, dtype, default_value, num_oov_buckets
        )
    )


def sequence_categorical_column_with_vocabulary_file(
    key: str,
    vocabulary_file: Any,
    vocabulary_size: int | None = None,
    num_oov_buckets: int = 0,
    default_value: int | None = None,
    dtype: Any = "string",
) -> SequenceCategoricalColumn:
    """Number words in order by their line in a file.

    Args:
        key: The feature.
        vocabulary_file: As in `categorical_column_with_vocabulary_file`.
        vocabulary_size: As there.
        num_oov_buckets: As there.
        default_value: As there.
        dtype: As there.

    Returns:
        A column for `indicator_column` and `embedding_column`.

    Raises:
        ValueError: As there.
        OSError: The file cannot be read.
    """
    return SequenceCategoricalColumn(
        categorical.categorical_column_with_vocabulary_file(
            key, vocabulary_file, vocabulary_size, dtype, default_value, num_oov_buckets
        )
    )


def sequence_categorical_column_with_hash_bucket(
    key: str, hash_bucket_size: int, dtype: Any = "string"
) -> SequenceCategoricalColumn:
    """Hash values in order.

    Args:
        key: The feature.
        hash_bucket_size: As in `categorical_column_with_hash_bucket`.
        dtype: As there.

    Returns:
        A column for `indicator_column` and `embedding_column`.

    Raises:
        ValueError: As there.
    """
    return SequenceCategoricalColumn(
        categorical.categorical_column_with_hash_bucket(key, hash_bucket_size, dtype)
    )


class SequenceFeatures(Layer):
    """Make sequences of features: [rows, steps, numbers], and how many steps each row has.

    Args:
        feature_columns: Sequence columns: numeric ones, and indicators or embeddings of categorical ones.
        trainable: Whether training changes the embeddings.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        TypeError: A column makes no sequence.

    >>> from penstock.keras import feature_column as fc
    >>> words = fc.sequence_categorical_column_with_identity("words", 3)
    >>> values, lengths = fc.SequenceFeatures([fc.indicator_column(words)])({"words": [[2, 0], [1, -1]]})
    >>> values.tolist(), lengths.tolist()
    ([[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]], [2, 1])
    """

    def __init__(
        self,
        feature_columns: Any,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        columns = (
            [feature_columns] if isinstance(feature_columns, FeatureColumn) else feature_columns
        )
        for column in columns:
            inner = getattr(column, "categorical_column", None)
            if not isinstance(column, SequenceNumericColumn) and not (
                isinstance(column, IndicatorColumn | EmbeddingColumn)
                and isinstance(inner, SequenceCategoricalColumn)
            ):
                raise InvalidTypeError(
                    f"[SequenceFeatures] got {column!r}; expected sequence columns: sequence_numeric_column(key), or "
                    "embedding_column(sequence_categorical_column_with_identity(key, n), 8)"
                )
        self._columns = sorted(columns, key=lambda c: c.name)
        self._tables: dict[str, Any] = {}

    def build(self, input_shape: Any) -> None:
        """Make the tables of embeddings."""
        make_tables(self, self._columns, self._tables)

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """Return [rows, steps, numbers] and the lengths, [rows]."""
        rows = Rows(features)
        tables = {name: v.value for name, v in self._tables.items()}
        parts, there = [], None
        for column in self._columns:
            values, present = _sequence(column, rows, tables)
            parts.append(values)
            there = present if there is None else there | present
        assert there is not None
        place = ps.cumsum(ps.ones_like(there, "int64"), axis=1)
        lengths = ps.max(ps.where(there, place, 0), axis=1)
        return parts[0] if len(parts) == 1 else ps.concat(parts, axis=-1), lengths


def _sequence(column: Any, rows: Rows, tables: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the steps of one column, and whether there is one."""
    if isinstance(column, SequenceNumericColumn):
        made: tuple[Any, Any] = rows.of(column)
        return made
    found = column.categorical_column.ids(rows)
    if isinstance(column, IndicatorColumn):
        return column.each(found), found.present
    vectors, weights = column.each(found, tables)
    return vectors * weights, found.present


def make_tables(layer: Layer, columns: Sequence[Any], tables: dict[str, Any]) -> None:
    """Make the variables that columns need, each once."""
    for column in columns:
        made = column.tables() if isinstance(column, DenseColumn) else {}
        for name, (shape, first, trainable) in made.items():
            if name not in tables:
                scope, _, last = name.rpartition("/")
                with context.scope(scope):
                    v = Variable(first, shape, "float32", trainable, name=last)
                tables[name] = v
                layer._add_owned(v)


def concatenate_context_input(context_input: Any, sequence_input: Any) -> Any:
    """Put the numbers of a row beside those of each of its steps.

    Args:
        context_input: [rows, m].
        sequence_input: [rows, steps, n].

    Returns:
        [rows, steps, n + m].

    Raises:
        ValueError: The inputs have other numbers of axes.

    >>> concatenate_context_input(ps.asarray([[9.0]]), ps.asarray([[[1.0], [2.0]]])).tolist()
    [[[1.0, 9.0], [2.0, 9.0]]]
    """
    context_input, sequence_input = ps.asarray(context_input), ps.asarray(sequence_input)
    if context_input.ndim != 2 or sequence_input.ndim != 3:
        raise InvalidValueError(
            f"[concatenate_context_input] got {context_input.ndim} and {sequence_input.ndim} axes; expected context "
            "[rows, m] and sequences [rows, steps, n]"
        )
    rows, steps = sequence_input.shape[0], sequence_input.shape[1]
    wide = ps.broadcast_to(context_input[:, None, :], (rows, steps, context_input.shape[1]))
    return ps.concat([sequence_input, wide], axis=-1)
