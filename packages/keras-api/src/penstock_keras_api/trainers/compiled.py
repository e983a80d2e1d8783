"""The losses and metrics of a model together, by the outputs that they look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import losses as losses_module
from penstock_keras_api import metrics as metrics_module
from penstock_keras_api import tree
from penstock_keras_api.losses.loss import Loss, LossFunctionWrapper
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.metrics.reduction import Mean, MeanMetricWrapper


class CompileLoss:
    """The loss of a model: that of its output, or a weighted sum over several.

    Args:
        loss: A loss, or a structure of them like the outputs.
        weights: A factor for each, or None.
        output_names: What the outputs are called.

    Raises:
        ValueError: There is no output of such a name.
    """

    def __init__(self, loss: Any, weights: Any, output_names: list[str]) -> None:
        self._given = loss
        self._names = output_names
        self.losses = _by_output(loss, output_names, "loss", _as_loss)
        self.weights = _by_output(weights, output_names, "loss_weights", _as_factor)
        self.trackers = (
            [Mean(name=f"{name}_loss") for name in output_names] if len(output_names) > 1 else []
        )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch."""
        truths = _leaves(y_true, self._names)
        predictions = _leaves(y_pred, self._names)
        weights = _leaves(sample_weight, self._names)
        if len(truths) != len(predictions):
            raise InvalidValueError(
                f"[fit] got {len(truths)} labels for {len(predictions)} outputs; give y a structure like the outputs, "
                f"such as a dictionary with the keys {', '.join(self._names)}"
            )
        total = None
        for number, fn in enumerate(self.losses):
            if fn is None:
                continue
            weight = (
                weights[number]
                if len(weights) == len(predictions)
                else (weights[0] if weights else None)
            )
            value = fn(truths[number], predictions[number], weight)
            if self.trackers:
                self.trackers[number].update_state(value)
            factor = self.weights[number]
            value = value if factor is None else value * factor
            total = value if total is None else total + value
        return total


class CompileMetrics:
    """The metrics of a model.

    Args:
        metrics: Metrics, or a structure of lists of them like the outputs.
        weighted: Likewise, of those that use sample weights.
        output_names: What the outputs are called.
        losses: The loss of each output, by which "accuracy" chooses its kind.
    """

    def __init__(
        self, metrics: Any, weighted: Any, output_names: list[str], losses: list[Any]
    ) -> None:
        self._names = output_names
        self._losses = losses
        self._plain = self._sorted(metrics, "metrics")
        self._weighted = self._sorted(weighted, "weighted_metrics")
        self.built = False
        self.metrics: list[Metric] = []

    def _sorted(self, given: Any, what: str) -> list[list[Any]]:
        if given is None:
            return [[] for _ in self._names]
        if isinstance(given, Mapping):
            per_output = _by_output(given, self._names, what, lambda item: item)
            return [
                [] if item is None else list(item) if isinstance(item, list | tuple) else [item]
                for item in per_output
            ]
        items = given if isinstance(given, list | tuple) else [given]
        if len(self._names) > 1 and len(items) == len(self._names):
            return [
                [] if i is None else list(i) if isinstance(i, list | tuple) else [i] for i in items
            ]
        return [list(items)] + [[] for _ in self._names[1:]]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics, now that shapes of labels and outputs are known."""
        truths, predictions = _leaves(y_true, self._names), _leaves(y_pred, self._names)
        with ps.graph.eagerly():
            for group in (self._plain, self._weighted):
                for number, items in enumerate(group):
                    for i, item in enumerate(items):
                        made = _as_metric(
                            item, truths[number], predictions[number], self._losses[number]
                        )
                        if len(self._names) > 1 and isinstance(item, str):
                            made.name = f"{self._names[number]}_{made.name}"
                        items[i] = made
                        self.metrics.append(made)
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch to all of them."""
        if not self.built:
            self.build(y_true, y_pred)
        truths, predictions = _leaves(y_true, self._names), _leaves(y_pred, self._names)
        weights = _leaves(sample_weight, self._names)
        for number in range(len(self._names)):
            for metric in self._plain[number]:
                metric.update_state(truths[number], predictions[number])
            for metric in self._weighted[number]:
                weight = weights[number] if number < len(weights) else None
                metric.update_state(truths[number], predictions[number], sample_weight=weight)

    def result(self) -> dict[str, Any]:
        """Return the value of each, by name."""
        return {m.name: m.result() for m in self.metrics}


def _leaves(structure: Any, names: list[str]) -> list[Any]:
    """List values in the order of the outputs."""
    if structure is None:
        return []
    if isinstance(structure, Mapping):
        return (
            [structure.get(name) for name in names]
            if set(structure) <= set(names)
            else tree.flatten(structure)
        )
    return list(structure) if isinstance(structure, list | tuple) else [structure]


def _by_output(given: Any, names: list[str], what: str, convert: Any) -> list[Any]:
    if given is None:
        return [None for _ in names]
    if isinstance(given, Mapping) and "class_name" not in given:
        unknown = [name for name in given if name not in names]
        if unknown:
            raise InvalidValueError(
                f"[compile] {what} has {', '.join(map(repr, unknown))}; the outputs are called {', '.join(names)}"
            )
        return [convert(given[name]) if given.get(name) is not None else None for name in names]
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise InvalidValueError(
                f"[compile] {what} has {len(given)} items for {len(names)} outputs; give one for each"
            )
        return [None if item is None else convert(item) for item in given]
    return [convert(given) for _ in names]


def _as_factor(item: Any) -> float:
    if isinstance(item, str) or not isinstance(item, int | float | np.number):
        raise InvalidTypeError(
            f"[compile] got {item!r} in loss_weights; give numbers, and metrics by name: compile(optimizer, loss, "
            "metrics=[...])"
        )
    return float(item)


def _as_loss(item: Any) -> Any:
    found = losses_module.get(item)
    if isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=getattr(found, "__name__", "loss"))


def _as_metric(item: Any, y_true: Any, y_pred: Any, loss: Any) -> Any:
    if isinstance(item, Metric):
        return item
    if isinstance(item, str) and item.lower() in ("accuracy", "acc", "crossentropy", "ce"):
        return _by_kind(item, y_true, y_pred, loss)
    if isinstance(item, str):
        found = metrics_module.get(item)
        made = found if isinstance(found, Metric) else MeanMetricWrapper(found)
        made.name = item
        return made
    return MeanMetricWrapper(item, name=getattr(item, "__name__", "metric"))


def _by_kind(item: str, y_true: Any, y_pred: Any, loss: Any) -> Any:
    """Choose the accuracy, or the cross entropy, that fits the labels."""
    sparse = "Sparse" in type(loss).__name__
    binary = y_pred.shape[-1] == 1 or type(loss).__name__.startswith("Binary")
    same = y_true.ndim == y_pred.ndim and str(y_true.shape[-1]) == str(y_pred.shape[-1])
    accuracy = item.lower() in ("accuracy", "acc")
    if binary and not sparse:
        made: Any = metrics_module.BinaryAccuracy if accuracy else losses_module.binary_crossentropy
    elif sparse or not same:
        made = (
            metrics_module.SparseCategoricalAccuracy
            if accuracy
            else losses_module.sparse_categorical_crossentropy
        )
    else:
        made = (
            metrics_module.CategoricalAccuracy
            if accuracy
            else losses_module.categorical_crossentropy
        )
    return made(name=item) if isinstance(made, type) else MeanMetricWrapper(made, name=item)
