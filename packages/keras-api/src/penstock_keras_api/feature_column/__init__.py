"""Feature columns: recipes that make numbers of raw rows, inside the graph, so that a saved model takes raw rows.

This file only re-exports.
"""

from penstock_keras_api.feature_column.base import CategoricalColumn, DenseColumn, FeatureColumn
from penstock_keras_api.feature_column.categorical import (
    categorical_column_with_hash_bucket,
    categorical_column_with_identity,
    categorical_column_with_vocabulary_file,
    categorical_column_with_vocabulary_list,
    weighted_categorical_column,
)
from penstock_keras_api.feature_column.crossed import crossed_column
from penstock_keras_api.feature_column.dense import (
    embedding_column,
    indicator_column,
    shared_embeddings,
)
from penstock_keras_api.feature_column.layers import (
    DenseFeatures,
    LinearModel,
    input_layer,
    linear_model,
)
from penstock_keras_api.feature_column.numeric import bucketized_column, numeric_column
from penstock_keras_api.feature_column.sequence import (
    SequenceFeatures,
    concatenate_context_input,
    sequence_categorical_column_with_hash_bucket,
    sequence_categorical_column_with_identity,
    sequence_categorical_column_with_vocabulary_file,
    sequence_categorical_column_with_vocabulary_list,
    sequence_numeric_column,
)
from penstock_keras_api.feature_column.specs import (
    FixedLenFeature,
    VarLenFeature,
    make_parse_example_spec,
)

shared_embedding_columns = shared_embeddings

__all__ = [
    "CategoricalColumn",
    "DenseColumn",
    "DenseFeatures",
    "FeatureColumn",
    "FixedLenFeature",
    "LinearModel",
    "SequenceFeatures",
    "VarLenFeature",
    "bucketized_column",
    "categorical_column_with_hash_bucket",
    "categorical_column_with_identity",
    "categorical_column_with_vocabulary_file",
    "categorical_column_with_vocabulary_list",
    "concatenate_context_input",
    "crossed_column",
    "embedding_column",
    "indicator_column",
    "input_layer",
    "linear_model",
    "make_parse_example_spec",
    "numeric_column",
    "sequence_categorical_column_with_hash_bucket",
    "sequence_categorical_column_with_identity",
    "sequence_categorical_column_with_vocabulary_file",
    "sequence_categorical_column_with_vocabulary_list",
    "sequence_numeric_column",
    "shared_embedding_columns",
    "shared_embeddings",
    "weighted_categorical_column",
]
