"""`model_to_estimator`: a compiled Keras model as an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.optimizing import get_optimizer, minimize
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.metrics import Metric


def model_to_estimator(
    keras_model: Any = None,
    keras_model_path: Any = None,
    custom_objects: Mapping[str, Any] | None = None,
    model_dir: Any = None,
    config: Any = None,
    checkpoint_format: str = "checkpoint",
    metric_names_map: Mapping[str, str] | None = None,
    export_outputs: Mapping[str, Any] | None = None,
) -> Estimator:
    """Make an estimator of a compiled Keras model; it begins with the model's weights.

    Args:
        keras_model: The model: functional or Sequential, built and compiled.
        keras_model_path: Or a file of one.
        custom_objects: Classes by name, which the file needs.
        model_dir: As in `Estimator`.
        config: As in `Estimator`.
        checkpoint_format: Kept for compatibility.
        metric_names_map: Other names for metrics.
        export_outputs: Kept for compatibility.

    Returns:
        The estimator.

    Raises:
        ValueError: Both or none of model and path are given, or the model is not built and compiled.

    >>> import numpy as np
    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> made = keras.estimator.model_to_estimator(model)
    >>> data = {"x": np.ones((4, 2))}, np.zeros(4)
    >>> made.train(lambda: data, steps=100).evaluate(lambda: data)["loss"] < 1e-3
    True
    """
    if (keras_model is None) == (keras_model_path is None):
        raise InvalidValueError("[model_to_estimator] give one of keras_model and keras_model_path")
    if keras_model is None:
        from penstock_keras_api import saving

        keras_model = saving.load_model(str(Path(keras_model_path)), custom_objects)
    if not keras_model.built or not keras_model.compiled:
        raise InvalidValueError(
            f"[model_to_estimator] the model {keras_model.name!r} must be built and compiled first: call "
            "model.compile(optimizer, loss), and give it an Input"
        )
    return Estimator(_function(keras_model, dict(metric_names_map or {})), model_dir, config)


def _function(original: Any, names: dict[str, str]) -> Callable[..., Any]:
    given = dict(original._given)
    weights, config = original.get_weights(), original.get_config()
    inputs = [t.name for t in original.inputs]

    def model_fn(features: Any, labels: Any, mode: str) -> EstimatorSpec:
        with ps.graph.eagerly():
            model = type(original).from_config(config)
            model.set_weights(weights)
            model.compile(get_optimizer(original.optimizer), **given)
        training = mode == ModeKeys.TRAIN
        x = _arranged(features, inputs)
        y = model(x, training=training)
        outputs = y if isinstance(y, dict) else _by_name(model, y)
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions=outputs)
        loss = model.compute_loss(x, labels, y, None, training)
        if not training:
            return EstimatorSpec(
                mode, outputs, loss, eval_metric_ops=_metrics(model, labels, y, names)
            )
        step = minimize(model.optimizer, loss, model.trainable_variables)
        return EstimatorSpec(mode, outputs, loss, step)

    return model_fn


def _metrics(model: Any, labels: Any, y: Any, names: dict[str, str]) -> dict[str, Any]:
    """Add a batch to the metrics of `compile`, and return them as one."""
    whole = model._compile_metrics
    if whole is None:
        return {}
    whole.update_state(labels, y)
    with ps.graph.eagerly():
        whole.reset_state()
    return {"compile_metrics": _Renamed(whole, names)}


class _Renamed(Metric):
    """Metrics whose results have other names."""

    def __init__(self, whole: Any, names: dict[str, str]) -> None:
        super().__init__(name="renamed")
        self._whole, self._new = whole, names

    @property
    def variables(self) -> list[Any]:
        """Those of the metrics."""
        return list(self._whole.variables)

    def result(self) -> dict[str, Any]:
        """Return the results by their new names."""
        return {self._new.get(name, name): value for name, value in self._whole.result().items()}


def _arranged(features: Any, inputs: list[str]) -> Any:
    """Give the model its inputs in order."""
    if not isinstance(features, Mapping):
        return features
    missing = [name for name in inputs if name not in features]
    if missing:
        raise InvalidValueError(
            f"[model_to_estimator] the model's inputs are {inputs}, and the features {sorted(features)}; let input_fn give "
            f"{', '.join(map(repr, missing))}"
        )
    found = [features[name] for name in inputs]
    return found[0] if len(found) == 1 else found


def _by_name(model: Any, y: Any) -> dict[str, Any]:
    names = getattr(model, "output_names", None) or ["output"]
    values = list(y) if isinstance(y, list | tuple) else [y]
    return dict(zip(names, values, strict=True))
