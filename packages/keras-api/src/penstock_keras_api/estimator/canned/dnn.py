"""Deep estimators: dense layers on the numbers of feature columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock_keras_api.estimator.canned.builders import (
    check_head,
    classifier_head,
    deep_part,
    model_function,
)
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.heads import Head, RegressionHead


class DNNEstimator(Estimator):
    """Dense layers with a head.

    Args:
        head: What the last numbers mean.
        hidden_units: The sizes of the layers.
        feature_columns: Dense columns.
        model_dir: As in `Estimator`.
        optimizer: A name, an optimizer, or a function that makes one.
        activation_fn: What follows each layer.
        dropout: The probability that a number is set to zero while training.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        batch_norm: Whether batches are normalised after each layer.

    Raises:
        TypeError: The head or a column is none.
        ValueError: There is no column, or a size is below 1.

    >>> import numpy as np
    >>> from penstock.keras import estimator, feature_column as fc
    >>> data = {"x": np.array([[0.0], [1.0], [2.0]])}, np.array([0, 1, 0])
    >>> model = estimator.DNNEstimator(
    ...     estimator.BinaryClassHead(), [16], [fc.numeric_column("x")], optimizer=lambda: "Adam"
    ... )
    Traceback (most recent call last):
    ...
    penstock.errors.InvalidTypeError: [Estimator] got the optimizer 'Adam'; expected a name, a Keras optimizer, ...
    """

    def __init__(
        self,
        head: Head,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = "relu",
        dropout: float | None = None,
        config: Any = None,
        warm_start_from: Any = None,
        batch_norm: bool = False,
    ) -> None:
        part = deep_part(feature_columns, hidden_units, activation_fn, dropout, batch_norm)
        function = model_function(check_head(head), [(part, optimizer, None)])
        super().__init__(function, model_dir, config, warm_start_from=warm_start_from)


class DNNClassifier(DNNEstimator):
    """Dense layers for classes.

    Args:
        hidden_units: As in `DNNEstimator`.
        feature_columns: As in `DNNEstimator`.
        model_dir: As in `Estimator`.
        n_classes: How many classes there are.
        weight_column: The feature that has the rows' weights.
        label_vocabulary: The names of the classes, if labels are text.
        optimizer: As in `DNNEstimator`.
        activation_fn: As in `DNNEstimator`.
        dropout: As in `DNNEstimator`.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        batch_norm: As in `DNNEstimator`.

    Raises:
        ValueError: An argument is not understood.

    >>> import numpy as np
    >>> from penstock import keras
    >>> from penstock.keras import estimator, feature_column as fc
    >>> data = {"x": np.array([[0.0], [1.0], [2.0]])}, np.array([0, 1, 0])
    >>> model = estimator.DNNClassifier(
    ...     [16], [fc.numeric_column("x")], optimizer=keras.optimizers.Adam(0.05),
    ...     config=estimator.RunConfig(tf_random_seed=1),
    ... )
    >>> model.train(lambda: data, steps=200).evaluate(lambda: data)["accuracy"]
    1.0
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = "relu",
        dropout: float | None = None,
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            config,
            warm_start_from,
            batch_norm,
        )


class DNNRegressor(DNNEstimator):
    """Dense layers for numbers.

    Args:
        hidden_units: As in `DNNEstimator`.
        feature_columns: As in `DNNEstimator`.
        model_dir: As in `Estimator`.
        label_dimension: How many numbers a row has.
        weight_column: The feature that has the rows' weights.
        optimizer: As in `DNNEstimator`.
        activation_fn: As in `DNNEstimator`.
        dropout: As in `DNNEstimator`.
        config: As in `Estimator`.
        warm_start_from: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".
        batch_norm: As in `DNNEstimator`.

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        hidden_units: Sequence[int],
        feature_columns: Any,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Adagrad",
        activation_fn: Any = "relu",
        dropout: float | None = None,
        config: Any = None,
        warm_start_from: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        batch_norm: bool = False,
    ) -> None:
        super().__init__(
            RegressionHead(label_dimension, weight_column, loss_reduction),
            hidden_units,
            feature_columns,
            model_dir,
            optimizer,
            activation_fn,
            dropout,
            config,
            warm_start_from,
            batch_norm,
        )
