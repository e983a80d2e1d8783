"""What canned estimators are made of: linear and deep parts, and a model function of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import activations, context
from penstock_keras_api.estimator.heads import BinaryClassHead, Head, MultiClassHead
from penstock_keras_api.estimator.optimizing import apply, get_optimizer
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.feature_column import DenseFeatures, LinearModel
from penstock_keras_api.feature_column.layers import sorted_columns
from penstock_keras_api.layers import BatchNormalization, Dense, Dropout

Part = Callable[[Mapping[str, Any], int, bool], tuple[Any, list[Any]]]
"""From features, the number of logits and whether this is training, to logits and the variables to train."""


def classifier_head(
    n_classes: int, weight_column: Any, label_vocabulary: Any, loss_reduction: str
) -> Head:
    """Return the head for so many classes.

    Raises:
        ValueError: There are fewer than 2.
    """
    if n_classes < 2:
        raise InvalidValueError(
            f"[Estimator] got n_classes={n_classes}; use 2 or more, or a regressor"
        )
    if n_classes == 2:
        return BinaryClassHead(weight_column, None, label_vocabulary, loss_reduction)
    return MultiClassHead(n_classes, weight_column, label_vocabulary, loss_reduction)


def check_head(head: Any) -> Head:
    """Refuse what is no head.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(head, Head):
        raise InvalidTypeError(
            f"[Estimator] got head={head!r}; expected a head: BinaryClassHead(), RegressionHead()"
        )
    return head


def linear_part(columns: Any, combiner: str) -> Part:
    """Make the linear part of a model.

    Raises:
        TypeError: A column is none.
        ValueError: There is no column.
    """
    found = sorted_columns("LinearEstimator", columns)

    def build(features: Mapping[str, Any], units: int, training: bool) -> tuple[Any, list[Any]]:
        with context.scope("linear"):
            layer = LinearModel(found, units, combiner, name="linear_model")
            return layer(dict(features)), layer.trainable_variables

    return build


def deep_part(
    columns: Any,
    hidden_units: Sequence[int],
    activation_fn: Any,
    dropout: float | None,
    batch_norm: bool,
) -> Part:
    """Make the deep part of a model.

    Raises:
        TypeError: A column is none.
        ValueError: There is no column, or a size is below 1.
    """
    found = sorted_columns("DNNEstimator", columns)
    sizes = [int(n) for n in hidden_units]
    if any(n < 1 for n in sizes):
        raise InvalidValueError(
            f"[DNNEstimator] got hidden_units={list(hidden_units)}; use whole numbers from 1 on: [64, 32]"
        )
    if dropout is not None and not 0 <= dropout < 1:
        raise InvalidValueError(
            f"[DNNEstimator] got dropout={dropout}; use a probability, from 0 to below 1"
        )
    activation = activations.get(activation_fn)

    def build(features: Mapping[str, Any], units: int, training: bool) -> tuple[Any, list[Any]]:
        layers: list[Any] = [DenseFeatures(found, name="input_layer")]
        for number, size in enumerate(sizes):
            layers.append(Dense(size, activation, name=f"hiddenlayer_{number}"))
            if dropout:
                layers.append(Dropout(dropout, name=f"dropout_{number}"))
            if batch_norm:
                layers.append(BatchNormalization(momentum=0.999, name=f"batchnorm_{number}"))
        layers.append(Dense(units, name="logits"))
        x: Any = dict(features)
        with context.scope("dnn"):
            for layer in layers:
                x = layer(x, training=training)
        return x, [v for layer in layers for v in layer.trainable_variables]

    return build


def linear_rate(columns: Any, most: float) -> float:
    """Return the learning rate of a linear part for so many columns."""
    return min(most, 1.0 / math.sqrt(len(sorted_columns("LinearEstimator", columns))))


def model_function(
    head: Head, parts: Sequence[tuple[Part, Any, float | None]]
) -> Callable[..., Any]:
    """Make a model function whose logits are the sum of parts, each with an optimizer of its own.

    Args:
        head: What the logits mean.
        parts: A part, its optimizer, and the learning rate for an optimizer that is a name.

    Returns:
        The function.

    Raises:
        TypeError: An optimizer is none.
        ValueError: An optimizer's name stands for nothing.
    """
    for _, optimizer, rate in parts:
        get_optimizer(optimizer, rate)

    def model_fn(features: Any, labels: Any, mode: str) -> EstimatorSpec:
        if not isinstance(features, Mapping):
            raise InvalidTypeError(
                f"[Estimator] got features of {type(features).__name__}; let input_fn give a dictionary of them by name"
            )
        logits: Any = None
        made = []
        for part, _, _ in parts:
            own, variables = part(features, head.logits_dimension, mode == ModeKeys.TRAIN)
            logits = own if logits is None else logits + own
            made.append(variables)

        def train(loss: Any) -> Any:
            written = []
            for number, ((_, optimizer, rate), variables) in enumerate(
                zip(parts, made, strict=True)
            ):
                with context.scope("training" if len(parts) == 1 else f"training_{number}"):
                    written += apply(get_optimizer(optimizer, rate), loss, variables)
            step = v1.train.get_or_create_global_step()
            return ps.group(step.assign_add(1), *written)

        return head.create_estimator_spec(features, mode, logits, labels, train_op_fn=train)

    return model_fn
