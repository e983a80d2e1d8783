"""The graph of a model function in one mode: its spec, its placeholders, its variables and what a step runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import penstock as ps
from penstock import v1
from penstock._inner_graphs import assigned_by, inner_graphs
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import context, naming
from penstock_keras_api.estimator.feeding import Batches, _accepted
from penstock_keras_api.estimator.spec import EstimatorSpec, ModeKeys
from penstock_keras_api.metrics import Metric


class ModelGraph:
    """A graph to build a model function in.

    Args:
        mode: One of `ModeKeys`.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.graph = ps.Graph("estimator")
        self.places: Any = (None, None)
        self.spec: EstimatorSpec
        self.train_op: Any = None

    @contextmanager
    def building(self) -> Iterator[None]:
        """Append to the graph in the block; names of layers begin anew."""
        before = context._state.path
        context._state.path = []
        try:
            with (
                v1._graph.default_graph(self.graph),
                self.graph.as_default(),
                naming.fresh_names(),
            ):
                yield
        finally:
            context._state.path = before

    def build(
        self, model_fn: Callable[..., Any], inputs: Any, arguments: Mapping[str, Any]
    ) -> None:
        """Call the model function.

        Args:
            model_fn: The function.
            inputs: `Batches`, or (features, labels) of the graph.
            arguments: What else it may ask for: params, config.

        Raises:
            TypeError: It returns no EstimatorSpec.
            ValueError: The spec is of another mode.
        """
        with self.building():
            self.global_step = v1.train.get_or_create_global_step()
            if isinstance(inputs, Batches) and inputs.symbolic is None:
                self.places = inputs.placeholders()
                features, labels = self.places
            else:
                features, labels = inputs.symbolic if isinstance(inputs, Batches) else inputs
            spec = _call(model_fn, features, labels, self.mode, arguments)
            if not isinstance(spec, EstimatorSpec):
                raise InvalidTypeError(
                    f"[model_fn] returned {type(spec).__name__}; expected EstimatorSpec(mode, predictions, loss, train_op)"
                )
            if spec.mode != self.mode:
                raise InvalidValueError(
                    f"[model_fn] was called for mode {self.mode!r} and returned a spec of {spec.mode!r}; pass on the mode "
                    "that it gets"
                )
            self.spec = spec
            self._collect()

    def _collect(self) -> None:
        """Sort variables: those of checkpoints, and those of metrics."""
        own = {v._handle: v for v in v1.global_variables()}
        local: dict[Any, Any] = {v._handle: v for v in v1.local_variables()}
        metrics = [m for m in self.spec.eval_metric_ops.values() if isinstance(m, Metric)]
        self.metric_variables = [v for m in metrics for v in m.variables]
        local |= {v._handle: v for v in self.metric_variables}
        used = dict.fromkeys([*own, *_used(self.graph)])
        self.variables: dict[str, ps.Variable] = {}
        for handle in used:
            if handle in local:
                continue
            if handle.name in self.variables:
                raise InvalidValueError(
                    f"[model_fn] two variables are called {handle.name!r}; give layers names: Dense(8, name='hidden')"
                )
            found = own.get(handle)
            self.variables[handle.name] = _variable(handle) if found is None else found
        self._own = set(own) | {v._handle for v in v1.local_variables()}
        if self.mode == ModeKeys.TRAIN:
            self.train_op = self._train_op()

    def _train_op(self) -> ps.graph.Operation:
        """Put together what a step runs: the spec's operation, and what Keras's variables are assigned.

        A step that leaves the global step alone, as one of Keras's optimizers does, raises it too.
        """
        nodes: list[Any] = [n for n in self.graph.nodes if assigned_by(n) - self._own]
        given = self.spec.train_op
        if not isinstance(given, ps.Variable):  # which Keras's optimizers return: their count
            nodes.append(given)
        first = {t.node.index for t in self.global_step.initializer.tensors}
        raises = any(
            self.global_step._handle in assigned_by(n) and n.index not in first
            for n in self.graph.nodes
        )
        if not raises:
            nodes.append(self.global_step.assign_add(1))
        return ps.group(*nodes, name="train_op")

    def updates_of_metrics(self) -> list[Any]:
        """List what adds a batch to the metrics."""
        handles = {v._handle for v in self.metric_variables}
        nodes = [n for n in self.graph.nodes if assigned_by(n) & handles]
        pairs = [m[1] for m in self.spec.eval_metric_ops.values() if not isinstance(m, Metric)]
        return [ps.group(*nodes), *pairs]

    def values_of_metrics(self) -> dict[str, Any]:
        """Append what the metrics come to."""
        with self.building():
            found: dict[str, Any] = {}
            for name, metric in self.spec.eval_metric_ops.items():
                value = metric.result() if isinstance(metric, Metric) else metric[0]
                found |= value if isinstance(value, dict) else {name: value}
            return found

    def initialize(self, path: str | None, *, random: bool = False) -> dict[str, Any]:
        """Give variables their values: from a checkpoint, or their first ones.

        Returns:
            The metadata of the checkpoint.

        Raises:
            CheckpointError: It does not fit.
        """
        from penstock_keras_api.estimator import checkpoints

        with self.building():
            begin = [v1.local_variables_initializer()]
            if path is None:
                begin.append(v1.global_variables_initializer())
        with ps.Session(self.graph) as session:
            session.run(begin)
        return {} if path is None else checkpoints.restore(path, self.variables, random=random)

    def forget(self) -> None:
        """Let go of what is kept beside the graph."""
        v1._graph.forget(self.graph)


def _call(
    model_fn: Callable[..., Any], features: Any, labels: Any, mode: str, rest: Mapping[str, Any]
) -> Any:
    asked = _accepted(model_fn, {"labels": labels, "mode": mode, **rest})
    if labels is not None and "labels" not in asked and _takes_labels(model_fn) is False:
        raise InvalidValueError(
            "[model_fn] takes no labels, and input_fn gives some; write model_fn(features, labels, mode, params)"
        )
    return model_fn(features, **asked)


def _takes_labels(model_fn: Callable[..., Any]) -> bool | None:
    import inspect

    try:
        return "labels" in inspect.signature(model_fn).parameters
    except (TypeError, ValueError):
        return None


def variables_of(graph: ps.Graph) -> dict[str, ps.Variable]:
    """List the variables of a graph by name, without those of metrics."""
    with v1._graph.default_graph(graph):
        own = {v._handle: v for v in v1.global_variables()}
        local = {v._handle for v in v1.local_variables()}
    handles = [h for h in dict.fromkeys([*own, *_used(graph)]) if h not in local]
    return {h.name: _variable(h) for h in handles}


def _used(graph: ps.Graph) -> Iterator[Any]:
    """List the variables that a graph reads or assigns, in its bodies too."""
    for node in graph.nodes:
        if node.op in ("read_variable", "assign_variable"):
            yield node.attrs["variable"]
        for body in inner_graphs(node):
            yield from _used(body)


def _variable(handle: Any) -> ps.Variable:
    made = ps.Variable.__new__(ps.Variable)
    made._handle = handle
    return made
