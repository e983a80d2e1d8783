"""The metrics of a model, by the outputs that they look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import losses as losses_module
from penstock_keras_api import metrics as metrics_module
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.metrics.reduction import MeanMetricWrapper
from penstock_keras_api.trainers.outputs import leaves_of


class CompileMetrics(Metric):
    """The metrics of a model as one: its result is a dictionary.

    Metrics of several outputs begin with the output's name. A weighted one that is called like an unweighted one is
    called "weighted_..." then.

    Args:
        metrics: Metrics, or a structure of lists of them like the outputs.
        weighted: Likewise, of those that use sample weights.
        output_names: What the outputs are called.

    Raises:
        ValueError: There is no output of such a name.
    """

    def __init__(self, metrics: Any, weighted: Any, output_names: list[str]) -> None:
        super().__init__(name="compile_metrics")
        self._names = output_names
        self._given = [
            _sorted(metrics, output_names, "metrics"),
            _sorted(weighted, output_names, "weighted_metrics"),
        ]
        self.built = False
        # For each output: name, metric, whether it is weighted.
        self._rows: list[list[tuple[str, Any, bool]]] = [[] for _ in output_names]

    @property
    def is_empty(self) -> bool:
        """Whether there is no metric."""
        return not any(items for group in self._given for items in group)

    @property
    def metrics(self) -> list[Any]:
        """The metrics, output by output."""
        return [metric for row in self._rows for _, metric, _ in row]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Make the metrics, now that shapes of labels and outputs are known."""
        truths, predictions = leaves_of(y_true, self._names), leaves_of(y_pred, self._names)
        taken: set[str] = set()
        with ps.graph.eagerly():
            for number, output in enumerate(self._names):
                prefix = f"{output}_" if len(self._names) > 1 else ""
                if number >= len(truths) or truths[number] is None:
                    continue
                for is_weighted, group in enumerate(self._given):
                    for item in group[number]:
                        metric = _as_metric(item, truths[number], predictions[number])
                        name = _free_name(prefix, metric.name, bool(is_weighted), taken)
                        self._rows[number].append((name, metric, bool(is_weighted)))
                        self._metrics.append(metric)
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch to all of them."""
        if not self.built:
            self.build(y_true, y_pred)
        truths, predictions = leaves_of(y_true, self._names), leaves_of(y_pred, self._names)
        weights = leaves_of(sample_weight, self._names)
        for number, row in enumerate(self._rows):
            weight = weights[number] if len(weights) == len(self._names) else (weights or [None])[0]
            for _, metric, is_weighted in row:
                if is_weighted:
                    metric.update_state(truths[number], predictions[number], sample_weight=weight)
                else:
                    metric.update_state(truths[number], predictions[number])

    @property
    def resets_by_assigning(self) -> bool:
        """Whether that is so of all of them."""
        return all(m.resets_by_assigning for m in self.metrics)

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def named(self, name: str) -> Any:
        """Return the metric whose result has this name, or None."""
        return next((m for row in self._rows for n, m, _ in row if n == name), None)

    def result(self) -> dict[str, Any]:
        """Return the value of each, by name."""
        found: dict[str, Any] = {}
        for row in self._rows:
            for name, metric, _ in row:
                value = metric.result()
                if isinstance(value, dict):
                    found.update(value)
                else:
                    found[name] = value
        return found


def _free_name(prefix: str, name: str, is_weighted: bool, taken: set[str]) -> str:
    """Find a name that no other metric has."""
    made = f"{prefix}{name}"
    if made in taken and is_weighted:
        made = f"{prefix}weighted_{name}"
    base, count = made, 0
    while made in taken:
        count += 1
        made = f"{base}_{count}"
    taken.add(made)
    return made


def _sorted(given: Any, names: list[str], what: str) -> list[list[Any]]:
    """List the metrics of each output."""
    if given is None:
        return [[] for _ in names]
    if isinstance(given, Mapping):
        if len(names) == 1:
            return [[metric for item in given.values() for metric in _listed(item)]]
        unknown = [name for name in given if name not in names]
        if unknown:
            raise InvalidValueError(
                f"[compile] {what} has {', '.join(map(repr, unknown))}; the outputs are called {', '.join(names)}"
            )
        return [_listed(given.get(name)) for name in names]
    items = list(given) if isinstance(given, list | tuple) else [given]
    if len(names) == 1:
        return [[metric for item in items for metric in _listed(item)]]
    if len(items) != len(names):
        raise InvalidValueError(
            f"[compile] {what} has {len(items)} items for the outputs {', '.join(names)}; give a list for each output: "
            f"{what}=[{', '.join('[...]' for _ in names)}], or a dictionary by their names"
        )
    return [_listed(item) for item in items]


def _listed(item: Any) -> list[Any]:
    if item is None:
        return []
    return list(item) if isinstance(item, list | tuple) else [item]


def _as_metric(item: Any, y_true: Any, y_pred: Any) -> Any:
    if isinstance(item, Metric):
        return item
    if isinstance(item, str) and item.lower() in ("accuracy", "acc", "crossentropy", "ce"):
        return _by_kind(item, y_true, y_pred)
    if isinstance(item, str):
        found = metrics_module.get(item)
        made = found if isinstance(found, Metric) else MeanMetricWrapper(found)
        made.name = item
        return made
    if isinstance(item, type) and issubclass(item, Metric):
        return item()
    return MeanMetricWrapper(item, name=getattr(item, "__name__", "metric"))


def _by_kind(item: str, y_true: Any, y_pred: Any) -> Any:
    """Choose the accuracy, or the cross entropy, that fits the shapes of labels and predictions."""
    is_accuracy = item.lower() in ("accuracy", "acc")
    if y_pred.shape[-1] == 1:
        made: Any = (
            metrics_module.BinaryAccuracy if is_accuracy else losses_module.binary_crossentropy
        )
    elif y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
        made = (
            metrics_module.SparseCategoricalAccuracy
            if is_accuracy
            else losses_module.sparse_categorical_crossentropy
        )
    elif is_accuracy:
        made = metrics_module.CategoricalAccuracy
    else:
        made = losses_module.categorical_crossentropy
    return made(name=item) if is_accuracy else MeanMetricWrapper(made, name=item)
