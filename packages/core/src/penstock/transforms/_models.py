"""What the transforms share: a model with other graphs, and what is known of a graph's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from penstock import _native
from penstock._inner_graphs import inner_graphs
from penstock._native import Graph, Node, Tensor
from penstock.errors import InvalidTypeError
from penstock.graph import eagerly
from penstock.saved.model import GraphFunction, GraphModel
from penstock.state import Variable


def need_model(transform: str, model: Any) -> GraphModel:
    """Refuse what is no model.

    Raises:
        InvalidTypeError: It is none.
    """
    if not isinstance(model, GraphModel):
        raise InvalidTypeError(
            f"[transforms.{transform}] got {type(model).__name__}; expected a GraphModel: penstock.load(path) gives "
            "one, or write penstock.saved.GraphModel({'main': function})"
        )
    return model


def with_graphs(model: GraphModel, change: Callable[[Graph], Graph]) -> GraphModel:
    """Return a model whose functions have changed graphs, and only the variables that these still use."""
    functions = {name: with_graph(f, change(f.graph)) for name, f in model.functions.items()}
    return with_functions(model, functions)


def with_graph(function: GraphFunction, graph: Graph) -> GraphFunction:
    """Return a function with another graph of the same inputs and outputs."""
    return GraphFunction(
        graph,
        function.name,
        list(function.inputs),
        list(function.outputs),
        arguments=function.arguments,
        results=function.results,
    )


def with_functions(
    model: GraphModel,
    functions: dict[str, GraphFunction],
    more: dict[str, Variable] | None = None,
) -> GraphModel:
    """Return a model of other functions, and only the variables that these use."""
    used = {handle for f in functions.values() for handle in variables_in(f.graph)}
    variables = {**model.variables, **(more or {})}
    kept = {name: v for name, v in variables.items() if v._handle in used}
    return GraphModel(functions, kept, model.metadata)


def all_nodes(graph: Graph) -> Iterator[Node]:
    """Go through a graph's nodes, and those of the bodies in it."""
    for node in graph.nodes:
        yield node
        for body in inner_graphs(node):
            yield from all_nodes(body)


def variables_in(graph: Graph) -> set[Any]:
    """Find the native variables that a graph reads or assigns."""
    return {
        handle_of(node.attrs["variable"])
        for node in all_nodes(graph)
        if node.attrs.get("variable") is not None
    }


def handle_of(variable: Any) -> Any:
    """Give the native variable behind what a node refers to."""
    return getattr(variable, "_handle", variable)


class Known:
    """The values of a graph that depend on constants and variables alone, computed when asked for.

    Variables count with the value that they have now.
    """

    def __init__(self) -> None:
        self._values: dict[int, Tensor | None] = {}

    def value(self, t: Tensor) -> Tensor | None:
        """Return a tensor's value, or None if it depends on an input or on chance."""
        open_ = [t]  # no recursion: imported graphs have long chains of constants
        while open_:
            waiting = [x for x in self._needs(open_[-1]) if x.value_index not in self._values]
            if waiting:
                open_ += waiting
                continue
            done = open_.pop()
            if done.value_index not in self._values:
                self._values[done.value_index] = self._compute(done)
        return self._values[t.value_index]

    def _needs(self, t: Tensor) -> list[Tensor]:
        known = t.value_index in self._values or _stops(t.node)
        return [] if known else t.node.inputs

    def _compute(self, t: Tensor) -> Tensor | None:
        node: Node = t.node
        if node.op == "constant":
            value: Tensor = node.attrs["value"]
            return value
        if node.op == "read_variable":
            read: Tensor = handle_of(node.attrs["variable"]).read()
            return read
        if _stops(node):
            return None
        given = [self._values[x.value_index] for x in node.inputs]
        if not given or any(value is None for value in given):
            return None
        with eagerly():
            made = _native.call_op(node.op, [v for v in given if v is not None], node.attrs)
        return made[t.node.outputs.index(t)] if len(made) > 1 else made[0]


def _stops(node: Node) -> bool:
    """Whether a node's value does not follow from its inputs alone."""
    return (
        node.op in ("constant", "read_variable", "placeholder")
        or node.effects != "none"
        or bool(inner_graphs(node))
    )
