"""`tf.estimator.experimental`'s names: most are in `estimator` itself; the logits of canned models by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock_keras_api.estimator.canned import KMeans, RNNClassifier, RNNEstimator
from penstock_keras_api.estimator.canned.builders import deep_part, linear_part
from penstock_keras_api.estimator.early_stopping import (
    InMemoryEvaluatorHook,
    make_early_stopping_hook,
    stop_if_higher_hook,
    stop_if_lower_hook,
    stop_if_no_decrease_hook,
    stop_if_no_increase_hook,
)
from penstock_keras_api.estimator.feeding import _accepted
from penstock_keras_api.estimator.hooks import StopAtCheckpointStepHook
from penstock_keras_api.estimator.spec import ModeKeys


def make_stop_at_checkpoint_step_hook(
    estimator: Any, last_step: int, wait_after_file_check_secs: float = 30
) -> StopAtCheckpointStepHook:
    """Make a hook that stops an evaluation once the training's checkpoints reach a step.

    Args:
        estimator: What is trained.
        last_step: The step.
        wait_after_file_check_secs: Kept for compatibility.

    Returns:
        A hook for `evaluate`.

    Raises:
        Nothing.
    """
    return StopAtCheckpointStepHook(estimator.model_dir, last_step)


def linear_logit_fn_builder(
    units: int, feature_columns: Any, sparse_combiner: str = "sum"
) -> Callable[..., Any]:
    """Make a function of features that returns the logits of a linear model; for a model_fn.

    Args:
        units: How many logits there are.
        feature_columns: As in `LinearEstimator`.
        sparse_combiner: As there.

    Returns:
        The function.

    Raises:
        TypeError: A column is none.

    >>> from penstock.keras import estimator, feature_column as fc
    >>> logits = estimator.experimental.linear_logit_fn_builder(2, [fc.numeric_column("x")])
    >>> logits({"x": [[1.0]]}).tolist()
    [[0.0, 0.0]]
    """
    part = linear_part(feature_columns, sparse_combiner)

    def logit_fn(features: Mapping[str, Any]) -> Any:
        return part(features, units, False)[0]

    return logit_fn


def dnn_logit_fn_builder(
    units: int,
    hidden_units: Sequence[int],
    feature_columns: Any,
    activation_fn: Any = "relu",
    dropout: float | None = None,
    input_layer_partitioner: Any = None,
    batch_norm: bool = False,
) -> Callable[..., Any]:
    """Make a function of features and a mode that returns the logits of dense layers; for a model_fn.

    Args:
        units: How many logits there are.
        hidden_units: As in `DNNEstimator`.
        feature_columns: As there.
        activation_fn: As there.
        dropout: As there.
        input_layer_partitioner: Kept for compatibility.
        batch_norm: As there.

    Returns:
        The function.

    Raises:
        TypeError: A column is none.
        ValueError: A size is below 1.
    """
    part = deep_part(feature_columns, hidden_units, activation_fn, dropout, batch_norm)

    def logit_fn(features: Mapping[str, Any], mode: str) -> Any:
        return part(features, units, mode == ModeKeys.TRAIN)[0]

    return logit_fn


def call_logit_fn(
    logit_fn: Callable[..., Any], features: Mapping[str, Any], mode: str, params: Any, config: Any
) -> Any:
    """Call such a function with what it takes.

    Args:
        logit_fn: The function.
        features: Features by key.
        mode: One of `ModeKeys`.
        params: What it gets as `params`, if it takes them.
        config: What it gets as `config`.

    Returns:
        The logits.

    Raises:
        Exception: What the function raises.
    """
    given = _accepted(logit_fn, {"mode": mode, "params": params, "config": config})
    return logit_fn(features=features, **given)


__all__ = [
    "InMemoryEvaluatorHook",
    "KMeans",
    "RNNClassifier",
    "RNNEstimator",
    "call_logit_fn",
    "dnn_logit_fn_builder",
    "linear_logit_fn_builder",
    "make_early_stopping_hook",
    "make_stop_at_checkpoint_step_hook",
    "stop_if_higher_hook",
    "stop_if_lower_hook",
    "stop_if_no_decrease_hook",
    "stop_if_no_increase_hook",
]
