"""Linear estimators: a weight for each category and number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock_keras_api.estimator.canned.builders import (
    check_head,
    classifier_head,
    linear_part,
    linear_rate,
    model_function,
)
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.heads import Head, RegressionHead


class LinearEstimator(Estimator):
    """A linear model with a head.

    Args:
        head: What the sums mean.
        feature_columns: Dense or categorical columns.
        model_dir: As in `Estimator`.
        optimizer: A name, an optimizer, or a function that makes one.
        config: As in `Estimator`.
        sparse_combiner: How the weights of several categories of a row are put together: "sum", "mean" or "sqrtn".
        warm_start_from: As in `Estimator`.

    Raises:
        TypeError: The head or a column is none.
        ValueError: There is no column.

    >>> import numpy as np
    >>> from penstock.keras import estimator, feature_column as fc
    >>> data = {"x": np.array([[0.0], [1.0], [2.0]])}, np.array([1.0, 3.0, 5.0])
    >>> head = estimator.RegressionHead()
    >>> model = estimator.LinearEstimator(head, [fc.numeric_column("x")], optimizer="Ftrl")
    >>> model.train(lambda: data, steps=1000).get_variable_value("linear/linear_model/x/weights").round(1)
    array([[2.]], dtype=float32)
    """

    def __init__(
        self,
        head: Head,
        feature_columns: Any,
        model_dir: Any = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        sparse_combiner: str = "sum",
        warm_start_from: Any = None,
    ) -> None:
        columns = list(feature_columns) if not hasattr(feature_columns, "name") else feature_columns
        part = linear_part(columns, sparse_combiner)
        function = model_function(check_head(head), [(part, optimizer, linear_rate(columns, 0.2))])
        super().__init__(function, model_dir, config, warm_start_from=warm_start_from)


class LinearClassifier(LinearEstimator):
    """A linear model of classes.

    Args:
        feature_columns: As in `LinearEstimator`.
        model_dir: As in `Estimator`.
        n_classes: How many classes there are.
        weight_column: The feature that has the rows' weights.
        label_vocabulary: The names of the classes, if labels are text.
        optimizer: As in `LinearEstimator`.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        sparse_combiner: As in `LinearEstimator`.

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        sparse_combiner: str = "sum",
    ) -> None:
        head = classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(
            head, feature_columns, model_dir, optimizer, config, sparse_combiner, warm_start_from
        )


class LinearRegressor(LinearEstimator):
    """A linear model of numbers.

    Args:
        feature_columns: As in `LinearEstimator`.
        model_dir: As in `Estimator`.
        label_dimension: How many numbers a row has.
        weight_column: The feature that has the rows' weights.
        optimizer: As in `LinearEstimator`.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        sparse_combiner: As in `LinearEstimator`.

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        feature_columns: Any,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        sparse_combiner: str = "sum",
    ) -> None:
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(
            head, feature_columns, model_dir, optimizer, config, sparse_combiner, warm_start_from
        )
