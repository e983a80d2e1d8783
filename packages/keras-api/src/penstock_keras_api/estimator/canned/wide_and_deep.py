"""Wide and deep estimators: the sum of a linear model and of dense layers, trained together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.estimator.canned.builders import (
    check_head,
    classifier_head,
    deep_part,
    linear_part,
    linear_rate,
    model_function,
)
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.heads import Head, RegressionHead


class DNNLinearCombinedEstimator(Estimator):
    """A linear model and dense layers with a head.

    Args:
        head: What the sums mean.
        model_dir: As in `Estimator`.
        linear_feature_columns: Columns of the linear model.
        linear_optimizer: Its optimizer.
        dnn_feature_columns: Dense columns of the layers.
        dnn_optimizer: Their optimizer.
        dnn_hidden_units: Their sizes.
        dnn_activation_fn: What follows each.
        dnn_dropout: The probability that a number is set to zero while training.
        config: As in `Estimator`.
        batch_norm: Whether batches are normalised after each layer.
        linear_sparse_combiner: How the weights of several categories of a row are put together.
        warm_start_from: As in `Estimator`.

    Raises:
        TypeError: The head or a column is none.
        ValueError: There is no column at all, or there are deep columns without layers.
    """

    def __init__(
        self,
        head: Head,
        model_dir: Any = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Any = "relu",
        dnn_dropout: float | None = None,
        config: Any = None,
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        wide, deep = list(linear_feature_columns or []), list(dnn_feature_columns or [])
        if not wide and not deep:
            raise InvalidValueError(
                "[DNNLinearCombinedEstimator] got no columns; give linear_feature_columns or dnn_feature_columns, or both"
            )
        if bool(deep) != bool(dnn_hidden_units):
            raise InvalidValueError(
                f"[DNNLinearCombinedEstimator] got {len(deep)} dnn_feature_columns and "
                f"dnn_hidden_units={dnn_hidden_units}; give both, or none"
            )
        parts: list[Any] = []
        if deep:
            part = deep_part(
                deep, list(dnn_hidden_units or []), dnn_activation_fn, dnn_dropout, batch_norm
            )
            parts.append((part, dnn_optimizer, 0.001 if isinstance(dnn_optimizer, str) else None))
        if wide:
            rate = linear_rate(wide, 0.005)
            parts.append((linear_part(wide, linear_sparse_combiner), linear_optimizer, rate))
        function = model_function(check_head(head), parts)
        super().__init__(function, model_dir, config, warm_start_from=warm_start_from)


class DNNLinearCombinedClassifier(DNNLinearCombinedEstimator):
    """A linear model and dense layers for classes.

    Args:
        model_dir: As in `Estimator`.
        linear_feature_columns: As in `DNNLinearCombinedEstimator`.
        linear_optimizer: As there.
        dnn_feature_columns: As there.
        dnn_optimizer: As there.
        dnn_hidden_units: As there.
        dnn_activation_fn: As there.
        dnn_dropout: As there.
        n_classes: How many classes there are.
        weight_column: The feature that has the rows' weights.
        label_vocabulary: The names of the classes, if labels are text.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        batch_norm: As in `DNNLinearCombinedEstimator`.
        linear_sparse_combiner: As there.

    Raises:
        ValueError: An argument is not understood.

    >>> import numpy as np
    >>> from penstock.keras import estimator, feature_column as fc
    >>> x, kind = fc.numeric_column("x"), fc.categorical_column_with_hash_bucket("kind", 10)
    >>> model = estimator.DNNLinearCombinedClassifier(
    ...     linear_feature_columns=[kind], dnn_feature_columns=[x], dnn_hidden_units=[8]
    ... )
    >>> data = {"x": np.zeros((2, 1)), "kind": np.array(["cat", "dog"])}, np.array([0, 1])
    >>> sorted(model.train(lambda: data, steps=2).evaluate(lambda: data))[:3]
    ['accuracy', 'accuracy_baseline', 'auc']
    """

    def __init__(
        self,
        model_dir: Any = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Any = "relu",
        dnn_dropout: float | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction),
            model_dir,
            linear_feature_columns,
            linear_optimizer,
            dnn_feature_columns,
            dnn_optimizer,
            dnn_hidden_units,
            dnn_activation_fn,
            dnn_dropout,
            config,
            batch_norm,
            linear_sparse_combiner,
            warm_start_from,
        )


class DNNLinearCombinedRegressor(DNNLinearCombinedEstimator):
    """A linear model and dense layers for numbers.

    Args:
        model_dir: As in `Estimator`.
        linear_feature_columns: As in `DNNLinearCombinedEstimator`.
        linear_optimizer: As there.
        dnn_feature_columns: As there.
        dnn_optimizer: As there.
        dnn_hidden_units: As there.
        dnn_activation_fn: As there.
        dnn_dropout: As there.
        label_dimension: How many numbers a row has.
        weight_column: The feature that has the rows' weights.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        batch_norm: As in `DNNLinearCombinedEstimator`.
        linear_sparse_combiner: As there.

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        model_dir: Any = None,
        linear_feature_columns: Any = None,
        linear_optimizer: Any = "Ftrl",
        dnn_feature_columns: Any = None,
        dnn_optimizer: Any = "Adagrad",
        dnn_hidden_units: Sequence[int] | None = None,
        dnn_activation_fn: Any = "relu",
        dnn_dropout: float | None = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        batch_norm: bool = False,
        linear_sparse_combiner: str = "sum",
    ) -> None:
        super().__init__(
            RegressionHead(label_dimension, weight_column, loss_reduction),
            model_dir,
            linear_feature_columns,
            linear_optimizer,
            dnn_feature_columns,
            dnn_optimizer,
            dnn_hidden_units,
            dnn_activation_fn,
            dnn_dropout,
            config,
            batch_norm,
            linear_sparse_combiner,
            warm_start_from,
        )
