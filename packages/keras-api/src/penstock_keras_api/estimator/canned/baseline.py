"""Baseline estimators: the same answer for every row, which other models must be better than."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import penstock as ps
from penstock_keras_api import context, tree
from penstock_keras_api.estimator.canned.builders import (
    check_head,
    classifier_head,
    model_function,
)
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.heads import Head, RegressionHead
from penstock_keras_api.variable import Variable


def _constant_part(
    features: Mapping[str, Any], units: int, training: bool
) -> tuple[Any, list[Any]]:
    with context.scope("baseline"):
        bias = Variable([0.0] * units, dtype="float32", name="bias")
    rows = tree.flatten(dict(features))[0].shape[0]
    return ps.broadcast_to(ps.expand_dims(bias.value, 0), (rows, units)), [bias]


class BaselineEstimator(Estimator):
    """The same answer for every row, with a head.

    Args:
        head: What the answer means.
        model_dir: As in `Estimator`.
        optimizer: A name, an optimizer, or a function that makes one.
        config: As in `Estimator`.

    Raises:
        TypeError: The head is none.
    """

    def __init__(
        self, head: Head, model_dir: Any = None, optimizer: Any = "Ftrl", config: Any = None
    ) -> None:
        function = model_function(check_head(head), [(_constant_part, optimizer, 0.3)])
        super().__init__(function, model_dir, config)


class BaselineClassifier(BaselineEstimator):
    """The shares of classes.

    Args:
        model_dir: As in `Estimator`.
        n_classes: How many classes there are.
        weight_column: The feature that has the rows' weights.
        label_vocabulary: The names of the classes, if labels are text.
        optimizer: As in `BaselineEstimator`.
        config: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".

    Raises:
        ValueError: An argument is not understood.

    >>> import numpy as np
    >>> from penstock.keras import estimator
    >>> data = {"x": np.zeros(4)}, np.array([1, 1, 1, 0])
    >>> model = estimator.BaselineClassifier().train(lambda: data, steps=300)
    >>> round(float(next(model.predict(lambda: data))["probabilities"][1]), 2)
    0.75
    """

    def __init__(
        self,
        model_dir: Any = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[Any] | None = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        loss_reduction: str = "sum_over_batch_size",
    ) -> None:
        head = classifier_head(n_classes, weight_column, label_vocabulary, loss_reduction)
        super().__init__(head, model_dir, optimizer, config)


class BaselineRegressor(BaselineEstimator):
    """The mean of the labels.

    Args:
        model_dir: As in `Estimator`.
        label_dimension: How many numbers a row has.
        weight_column: The feature that has the rows' weights.
        optimizer: As in `BaselineEstimator`.
        config: As in `Estimator`.
        loss_reduction: "sum_over_batch_size" or "sum".

    Raises:
        ValueError: An argument is not understood.
    """

    def __init__(
        self,
        model_dir: Any = None,
        label_dimension: int = 1,
        weight_column: Any = None,
        optimizer: Any = "Ftrl",
        config: Any = None,
        loss_reduction: str = "sum_over_batch_size",
    ) -> None:
        head = RegressionHead(label_dimension, weight_column, loss_reduction)
        super().__init__(head, model_dir, optimizer, config)
