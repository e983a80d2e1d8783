"""Layers of feature columns: all numbers of a row side by side, or a linear model of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import context, initializers, regularizers
from penstock_keras_api.feature_column.base import (
    CategoricalColumn,
    DenseColumn,
    FeatureColumn,
    Rows,
)
from penstock_keras_api.feature_column.dense import combined
from penstock_keras_api.feature_column.sequence import SequenceCategoricalColumn, make_tables
from penstock_keras_api.layers import Layer
from penstock_keras_api.variable import Variable


class DenseFeatures(Layer):
    """Put the numbers of all columns side by side, in the order of the columns' names.

    Args:
        feature_columns: Dense columns.
        trainable: Whether training changes embeddings.
        name: A name.
        partitioner: Kept for compatibility.
        kwargs: As in `Layer`.

    Raises:
        TypeError: A column is not dense.
        ValueError: There is no column, or two have one name.

    >>> from penstock.keras import feature_column as fc
    >>> kind = fc.categorical_column_with_vocabulary_list("kind", ["cat", "dog"])
    >>> layer = fc.DenseFeatures([fc.numeric_column("age"), fc.indicator_column(kind)])
    >>> layer({"kind": ["dog", "cat"], "age": [3.0, 5.0]}).tolist()
    [[3.0, 0.0, 1.0], [5.0, 1.0, 0.0]]
    """

    def __init__(
        self,
        feature_columns: Any,
        trainable: bool = True,
        name: str | None = None,
        partitioner: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._columns = sorted_columns("DenseFeatures", feature_columns)
        for column in self._columns:
            inner = getattr(column, "categorical_column", None)
            if not isinstance(column, DenseColumn) or isinstance(inner, SequenceCategoricalColumn):
                raise InvalidTypeError(
                    f"[DenseFeatures] the column {column.name!r} is not dense; wrap it: indicator_column(column) or "
                    "embedding_column(column, dimension), and sequences in SequenceFeatures"
                )
        self._tables: dict[str, Any] = {}
        self._wanted: dict[Any, Any] | None = None

    def build(self, input_shape: Any) -> None:
        """Make the tables of embeddings."""
        make_tables(self, self._columns, self._tables)

    def __call__(
        self,
        features: Mapping[str, Any],
        cols_to_output_tensors: dict[Any, Any] | None = None,
        training: bool | None = None,
    ) -> Any:
        """Compute [rows, numbers].

        Args:
            features: Features by key.
            cols_to_output_tensors: A dictionary that gets the tensor of each column.
            training: Kept for compatibility.
        """
        # The caller's own dictionary, which a layer's attribute would be a copy of.
        object.__setattr__(self, "_wanted", cols_to_output_tensors)
        try:
            return super().__call__(features, training=training)
        finally:
            self._wanted = None

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Compute [rows, numbers]."""
        rows = Rows(features)
        tables = {name: v.value for name, v in self._tables.items()}
        parts = []
        for column in self._columns:
            value = column.dense(rows, tables)
            parts.append(ps.reshape(value, (-1, column.width)))
            if self._wanted is not None:
                self._wanted[column] = parts[-1]
        return parts[0] if len(parts) == 1 else ps.concat(parts, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the output."""
        rows = next(iter(input_shape.values()))[0] if input_shape else None
        return (rows, sum(c.width for c in self._columns))


class LinearModel(Layer):
    """Add up a weight for each category and each number of a row, and a bias.

    Args:
        feature_columns: Dense or categorical columns.
        units: How many sums there are.
        sparse_combiner: How the weights of several categories of a row are put together: "sum", "mean" or "sqrtn".
        trainable: Whether training changes the weights.
        name: A name.
        kwargs: As in `Layer`.

    Raises:
        TypeError: A column is neither.
        ValueError: There is no column, or two have one name.

    >>> from penstock.keras import feature_column as fc
    >>> kind = fc.categorical_column_with_hash_bucket("kind", 10)
    >>> model = fc.LinearModel([kind, fc.numeric_column("age")])
    >>> model({"kind": ["cat"], "age": [3.0]}).tolist()
    [[0.0]]
    """

    def __init__(
        self,
        feature_columns: Any,
        units: int = 1,
        sparse_combiner: str = "sum",
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._kernel_initializer = initializers.get(kwargs.pop("kernel_initializer", "zeros"))
        self._kernel_regularizer = regularizers.get(kwargs.pop("kernel_regularizer", None))
        super().__init__(name=name, trainable=trainable, **kwargs)
        if sparse_combiner not in ("sum", "mean", "sqrtn"):
            raise InvalidValueError(
                f"[LinearModel] got sparse_combiner={sparse_combiner!r}; use 'sum', 'mean' or 'sqrtn'"
            )
        self._columns = sorted_columns("LinearModel", feature_columns)
        for column in self._columns:
            if not isinstance(column, DenseColumn | CategoricalColumn):
                raise InvalidTypeError(
                    f"[LinearModel] cannot use the column {column.name!r}; give dense and categorical columns: "
                    "numeric_column(key), categorical_column_with_vocabulary_list(key, words)"
                )
        self.units = units
        self._combiner = sparse_combiner
        self._tables: dict[str, Any] = {}
        self._kernels: dict[str, Variable] = {}

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        make_tables(self, self._columns, self._tables)
        for column in self._columns:
            rows = column.num_buckets if _is_categorical(column) else column.width
            with context.scope(column.name):
                v = Variable(
                    self._kernel_initializer, (rows, self.units), "float32", name="weights"
                )
            v.regularizer = self._kernel_regularizer
            self._kernels[column.name] = v
            self._add_owned(v)
        self.bias = self.add_weight((self.units,), "zeros", name="bias_weights")

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Compute [rows, units]."""
        rows = Rows(features)
        tables = {name: v.value for name, v in self._tables.items()}
        total: Any = None
        for column in self._columns:
            kernel = self._kernels[column.name].value
            if _is_categorical(column):
                part = _of_categories(column, rows, kernel, self._combiner)
            else:
                part = ps.matmul(ps.reshape(column.dense(rows, tables), (-1, column.width)), kernel)
            total = part if total is None else total + part
        return total + self.bias.value


def _is_categorical(column: FeatureColumn) -> bool:
    return isinstance(column, CategoricalColumn)


def _of_categories(column: CategoricalColumn, rows: Rows, kernel: Any, combiner: str) -> Any:
    """Put together the weights of a row's categories."""
    found = column.ids(rows)
    known = ps.cast(found.ids >= 0, "float32")
    if found.weights is not None:
        known = known * found.weights
        if combiner != "sum":
            known = ps.maximum(known, 0.0)
    each = ps.nn.embedding(kernel, ps.maximum(found.ids, 0))
    return combined(each, ps.expand_dims(known, -1), combiner)


def linear_model(
    features: Mapping[str, Any],
    feature_columns: Any,
    units: int = 1,
    sparse_combiner: str = "sum",
    weight_collections: Any = None,
    trainable: bool = True,
    cols_to_vars: dict[Any, Any] | None = None,
) -> Any:
    """Compute a linear model of columns, with weights that are made here; for a model_fn.

    Args:
        features: Features by key.
        feature_columns: As in `LinearModel`.
        units: As there.
        sparse_combiner: As there.
        weight_collections: Kept for compatibility.
        trainable: As there.
        cols_to_vars: A dictionary that gets the variables of each column, and "bias".

    Returns:
        [rows, units].

    Raises:
        TypeError: A column is neither dense nor categorical.

    >>> from penstock.keras import feature_column as fc
    >>> fc.linear_model({"age": [3.0]}, [fc.numeric_column("age")]).tolist()
    [[0.0]]
    """
    layer = LinearModel(feature_columns, units, sparse_combiner, trainable, "linear_model")
    result = layer(dict(features))
    if cols_to_vars is not None:
        cols_to_vars |= {c: [layer._kernels[c.name]] for c in layer._columns}
        cols_to_vars["bias"] = [layer.bias]
    return result


def input_layer(
    features: Mapping[str, Any],
    feature_columns: Any,
    weight_collections: Any = None,
    trainable: bool = True,
    cols_to_vars: dict[Any, Any] | None = None,
    cols_to_output_tensors: dict[Any, Any] | None = None,
) -> Any:
    """Put the numbers of all columns side by side, with embeddings that are made here; for a model_fn.

    Args:
        features: Features by key.
        feature_columns: Dense columns.
        weight_collections: Kept for compatibility.
        trainable: Whether training changes embeddings.
        cols_to_vars: A dictionary that gets the variables of each column.
        cols_to_output_tensors: A dictionary that gets the tensor of each column.

    Returns:
        [rows, numbers].

    Raises:
        TypeError: A column is not dense.

    >>> from penstock.keras import feature_column as fc
    >>> fc.input_layer({"age": [3.0]}, [fc.numeric_column("age")]).tolist()
    [[3.0]]
    """
    layer = DenseFeatures(feature_columns, trainable, "input_layer")
    result = layer(dict(features), cols_to_output_tensors)
    if cols_to_vars is not None:
        for column in layer._columns:
            cols_to_vars[column] = [layer._tables[name] for name in column.tables()]
    return result


def sorted_columns(where: str, columns: Any) -> list[Any]:
    """List columns in the order of their names.

    Raises:
        TypeError: One is no column.
        ValueError: There is none, or two have one name.
    """
    if isinstance(columns, FeatureColumn):
        columns = [columns]
    if not isinstance(columns, Iterable) or isinstance(columns, str | Mapping):
        raise InvalidTypeError(
            f"[{where}] got {columns!r} as feature_columns; expected a list of columns: [numeric_column('age')]"
        )
    found = list(columns)
    for column in found:
        if not isinstance(column, FeatureColumn):
            raise InvalidTypeError(
                f"[{where}] got {column!r} among feature_columns; expected a column: numeric_column('age')"
            )
    names = [c.name for c in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    if not found or twice:
        raise InvalidValueError(
            f"[{where}] got {len(found)} columns, and twice {', '.join(twice) or 'none'}; give at least one, each once"
        )
    return sorted(found, key=lambda c: c.name)
