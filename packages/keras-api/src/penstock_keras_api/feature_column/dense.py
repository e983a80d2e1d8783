"""Dense columns of categories: a count for each, or a trained vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import initializers
from penstock_keras_api.feature_column.base import CategoricalColumn, DenseColumn, Ids, Rows


@dataclass(frozen=True)
class IndicatorColumn(DenseColumn):
    """How often each category is there; see `indicator_column`."""

    categorical_column: CategoricalColumn

    @property
    def name(self) -> str:
        """That of the categories, with _indicator."""
        return f"{self.categorical_column.name}_indicator"

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """That of the categories."""
        return self.categorical_column.parse_example_spec

    @property
    def variable_shape(self) -> tuple[int, ...]:
        """A number for each category."""
        return (self.categorical_column.num_buckets,)

    def each(self, found: Ids) -> Any:
        """Return [rows, values, categories]: the weight of each value at its category."""
        hot = ps.cast(ps.nn.one_hot(found.ids, self.categorical_column.num_buckets), "float32")
        return hot if found.weights is None else hot * ps.expand_dims(found.weights, -1)

    def transform(self, rows: Rows) -> Any:
        """Count."""
        found = self.categorical_column.ids(rows)
        each = self.each(found)
        return ps.sum(each, axis=1)


def indicator_column(categorical_column: CategoricalColumn) -> IndicatorColumn:
    """Count categories: a number for each, how often it is in the row.

    Args:
        categorical_column: The categories.

    Returns:
        A dense column.

    Raises:
        TypeError: The column has no categories.

    >>> from penstock.keras import feature_column as fc
    >>> words = fc.categorical_column_with_identity("words", 3)
    >>> fc.DenseFeatures([fc.indicator_column(words)])({"words": [[0, 2, 2]]}).tolist()
    [[1.0, 0.0, 2.0]]
    """
    return IndicatorColumn(_categories("indicator_column", categorical_column))


@dataclass(frozen=True)
class EmbeddingColumn(DenseColumn):
    """A trained vector for each category; see `embedding_column` and `shared_embeddings`."""

    categorical_column: CategoricalColumn
    dimension: int
    combiner: str | None = "mean"
    initializer: Any = field(default=None, hash=False)
    ckpt_to_load_from: str | None = None
    tensor_name_in_ckpt: str | None = None
    max_norm: float | None = None
    trainable: bool = True
    use_safe_embedding_lookup: bool = True
    shared_name: str | None = None

    @property
    def name(self) -> str:
        """That of the categories, with _embedding."""
        kind = "embedding" if self.shared_name is None else "shared_embedding"
        return f"{self.categorical_column.name}_{kind}"

    @property
    def parse_example_spec(self) -> dict[str, Any]:
        """That of the categories."""
        return self.categorical_column.parse_example_spec

    @property
    def variable_shape(self) -> tuple[int, ...]:
        """The vector's length."""
        return (self.dimension,)

    @property
    def table(self) -> str:
        """What the table of vectors is called."""
        return f"{self.shared_name or self.name}/embedding_weights"

    def tables(self) -> dict[str, tuple[tuple[int, ...], Any, bool]]:
        """A vector for each category."""
        shape = (self.categorical_column.num_buckets, self.dimension)
        if self.ckpt_to_load_from is not None:
            return {self.table: (shape, self._loaded, self.trainable)}
        first = self.initializer or initializers.TruncatedNormal(0.0, 1 / math.sqrt(self.dimension))
        return {self.table: (shape, first, self.trainable)}

    def _loaded(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Read the vectors out of a checkpoint."""
        from penstock_keras_api.estimator.checkpoints import load_variable

        assert self.ckpt_to_load_from is not None
        found = load_variable(self.ckpt_to_load_from, self.tensor_name_in_ckpt or self.table)
        if tuple(found.shape) != tuple(shape):
            raise InvalidValueError(
                f"[embedding_column] {self.tensor_name_in_ckpt!r} in {self.ckpt_to_load_from} has shape "
                f"{tuple(found.shape)}; {self.name} needs {tuple(shape)}"
            )
        return found

    def each(self, found: Ids, tables: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the vector of each value, [rows, values, dimension], and its weight, [rows, values, 1]."""
        known = ps.cast(found.ids >= 0, "float32")
        if found.weights is not None:
            known = known * found.weights
            if self.combiner != "sum" and self.use_safe_embedding_lookup:
                known = ps.maximum(known, 0.0)
        vectors = ps.nn.embedding(tables[self.table], ps.maximum(found.ids, 0))
        if self.max_norm is not None:
            norm = ps.sqrt(ps.sum(vectors * vectors, axis=-1, keepdims=True))
            vectors = vectors * (self.max_norm / ps.maximum(norm, self.max_norm))
        return vectors, ps.expand_dims(known, -1)

    def transform(self, rows: Rows) -> Any:
        """Return the categories: the vectors need their table."""
        return self.categorical_column.ids(rows)

    def dense(self, rows: Rows, tables: Mapping[str, Any]) -> Any:
        """Combine the vectors of a row."""
        vectors, weights = self.each(rows.of(self), tables)
        return combined(vectors, weights, self.combiner)


def combined(vectors: Any, weights: Any, combiner: str | None) -> Any:
    """Combine weighted vectors of each row; a row without any is zeros.

    Args:
        vectors: [rows, values, n].
        weights: [rows, values, 1].
        combiner: "mean", "sum" or "sqrtn".

    Returns:
        [rows, n].

    Raises:
        Nothing.

    >>> combined(ps.asarray([[[1.0], [5.0]]]), ps.asarray([[[1.0], [1.0]]]), "mean").tolist()
    [[3.0]]
    """
    total = ps.sum(vectors * weights, axis=1)
    if combiner == "sum":
        return total
    squares = combiner == "sqrtn"
    parts = ps.sum(weights * weights if squares else weights, axis=1)
    divisor = ps.sqrt(parts) if squares else parts
    return ps.where(divisor > 0, total / ps.where(divisor > 0, divisor, 1.0), 0.0)


def embedding_column(
    categorical_column: CategoricalColumn,
    dimension: int,
    combiner: str = "mean",
    initializer: Any = None,
    ckpt_to_load_from: str | None = None,
    tensor_name_in_ckpt: str | None = None,
    max_norm: float | None = None,
    trainable: bool = True,
    use_safe_embedding_lookup: bool = True,
) -> EmbeddingColumn:
    """Give each category a trained vector.

    Args:
        categorical_column: The categories.
        dimension: The length of a vector.
        combiner: How the vectors of a row become one: "mean", "sum", or "sqrtn", the sum by the root of the number.
        initializer: What makes the first vectors; by default normal numbers of deviation 1 / sqrt(dimension).
        ckpt_to_load_from: A checkpoint to take them from.
        tensor_name_in_ckpt: Their name there.
        max_norm: The greatest norm of a vector.
        trainable: Whether training changes them.
        use_safe_embedding_lookup: Whether values with a weight of 0 or less are left out.

    Returns:
        A dense column.

    Raises:
        TypeError: The column has no categories.
        ValueError: The dimension or the combiner is none, or one of the names of a checkpoint is missing.

    >>> from penstock.keras import feature_column as fc
    >>> words = fc.categorical_column_with_hash_bucket("words", 100)
    >>> fc.DenseFeatures([fc.embedding_column(words, 8)])({"words": [["a", "b"], ["c", ""]]}).shape
    (2, 8)
    """
    _categories("embedding_column", categorical_column)
    _check_embedding(
        "embedding_column", dimension, combiner, initializer, ckpt_to_load_from, tensor_name_in_ckpt
    )
    return EmbeddingColumn(
        categorical_column,
        dimension,
        combiner,
        initializer,
        ckpt_to_load_from,
        tensor_name_in_ckpt,
        max_norm,
        trainable,
        use_safe_embedding_lookup,
    )


def shared_embeddings(
    categorical_columns: Sequence[CategoricalColumn],
    dimension: int,
    combiner: str = "mean",
    initializer: Any = None,
    shared_embedding_collection_name: str | None = None,
    ckpt_to_load_from: str | None = None,
    tensor_name_in_ckpt: str | None = None,
    max_norm: float | None = None,
    trainable: bool = True,
    use_safe_embedding_lookup: bool = True,
) -> list[EmbeddingColumn]:
    """Give the categories of several features the same trained vectors.

    Args:
        categorical_columns: The categories; all have as many.
        dimension: As in `embedding_column`.
        combiner: As there.
        initializer: As there.
        shared_embedding_collection_name: What the vectors are called; by default made of the columns' names.
        ckpt_to_load_from: As there.
        tensor_name_in_ckpt: As there.
        max_norm: As there.
        trainable: As there.
        use_safe_embedding_lookup: As there.

    Returns:
        A dense column for each.

    Raises:
        ValueError: The numbers of categories differ.

    >>> from penstock.keras import feature_column as fc
    >>> both = [fc.categorical_column_with_identity(key, 10) for key in ("seen", "bought")]
    >>> layer = fc.DenseFeatures(fc.shared_embeddings(both, 4))
    >>> layer({"seen": [1], "bought": [1]}).shape, len(layer.weights)
    ((1, 8), 1)
    """
    for column in categorical_columns:
        _categories("shared_embeddings", column)
    sizes = {c.name: c.num_buckets for c in categorical_columns}
    if len(set(sizes.values())) != 1:
        raise InvalidValueError(
            f"[shared_embeddings] the columns have {sizes} categories; they must have as many as each other to share "
            "vectors: use one vocabulary for all"
        )
    _check_embedding(
        "shared_embeddings",
        dimension,
        combiner,
        initializer,
        ckpt_to_load_from,
        tensor_name_in_ckpt,
    )
    name = shared_embedding_collection_name or f"{'_'.join(sorted(sizes))}_shared_embedding"
    return [
        EmbeddingColumn(
            column,
            dimension,
            combiner,
            initializer,
            ckpt_to_load_from,
            tensor_name_in_ckpt,
            max_norm,
            trainable,
            use_safe_embedding_lookup,
            shared_name=name,
        )
        for column in categorical_columns
    ]


def _check_embedding(
    where: str, dimension: Any, combiner: Any, initializer: Any, path: Any, tensor: Any
) -> None:
    if not isinstance(dimension, int) or dimension < 1:
        raise InvalidValueError(f"[{where}] got dimension={dimension!r}; use 1 or more")
    if combiner not in ("mean", "sum", "sqrtn"):
        raise InvalidValueError(
            f"[{where}] got combiner={combiner!r}; use 'mean', 'sum' or 'sqrtn'"
        )
    if (path is None) != (tensor is None):
        raise InvalidValueError(
            f"[{where}] got ckpt_to_load_from={path!r} and tensor_name_in_ckpt={tensor!r}; give both, or none"
        )
    if initializer is not None and not callable(initializer):
        raise InvalidValueError(
            f"[{where}] got initializer={initializer!r}; expected an initializer: keras.initializers.RandomNormal()"
        )


def _categories(where: str, column: Any) -> CategoricalColumn:
    if not isinstance(column, CategoricalColumn):
        raise InvalidTypeError(
            f"[{where}] got {column!r}; expected a categorical column: "
            "categorical_column_with_vocabulary_list('word', [...])"
        )
    return column
