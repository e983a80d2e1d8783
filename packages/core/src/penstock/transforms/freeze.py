"""Variables become constants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock._native import Graph, Node, Tensor, current_graph
from penstock.errors import GraphError, InvalidValueError
from penstock.passes._rewrite import rewrite
from penstock.plugins.registrar import nearest
from penstock.saved.model import GraphModel
from penstock.transforms._models import (
    all_nodes,
    handle_of,
    need_model,
    with_functions,
    with_graph,
)


def freeze(model: GraphModel, names: Iterable[str] | None = None) -> GraphModel:
    """Put the values that variables have now in their place.

    Functions that assign one of these variables, a train step for instance, are left out: there is nothing left to
    assign.

    Args:
        model: A model.
        names: The variables; by default all.

    Returns:
        A model that computes the same, with the values as constants.

    Raises:
        InvalidTypeError: `model` is none.
        InvalidValueError: There is no variable of such a name.
        GraphError: Every function assigns one of them.

    >>> import penstock as ps
    >>> w = ps.Variable([2.0], name="w")
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n",), name="x")
    ...     graph.inputs, graph.outputs = [x], [x * w]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"w": w})
    >>> frozen = freeze(model)
    >>> w.assign([5.0])
    Tensor([5.], shape=(1,), dtype=float32)
    >>> frozen([1.0]), frozen.variables
    (Tensor([2.], shape=(1,), dtype=float32), {})
    """
    need_model("freeze", model)
    chosen = set(model.variables if names is None else names)
    for name in chosen - set(model.variables):
        raise InvalidValueError(
            f"[transforms.freeze] there is no variable {name!r}{nearest(name, model.variables)}; print the model's "
            "variables to see their names"
        )
    frozen = {model.variables[name]._handle for name in chosen}
    kept = {n: f for n, f in model.functions.items() if not _assigns(f.graph, frozen)}
    if not kept:
        raise GraphError(
            f"[transforms.freeze] each of {', '.join(model.functions)} assigns a variable that is to be frozen; freeze "
            "others, names=[...], or save a function that only reads them"
        )
    functions = {n: with_graph(f, _frozen(f.graph, frozen)) for n, f in kept.items()}
    return with_functions(model, functions)


def _assigns(graph: Graph, handles: set[Any]) -> bool:
    return any(
        node.op == "assign_variable" and handle_of(node.attrs["variable"]) in handles
        for node in all_nodes(graph)
    )


def _frozen(graph: Graph, handles: set[Any]) -> Graph:
    def replace(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        if any(isinstance(value, Graph) for value in node.attrs.values()):
            target = current_graph()
            assert target is not None  # rewrite pushed it
            bodies = {k: _frozen(v, handles) for k, v in node.attrs.items() if isinstance(v, Graph)}
            return target.copy_node(node, inputs, (), None, {**node.attrs, **bodies})
        if node.op != "read_variable" or handle_of(node.attrs["variable"]) not in handles:
            return None
        target = current_graph()
        assert target is not None
        handle = handle_of(node.attrs["variable"])
        return [target.constant(handle.read(), handle.name.rsplit("/", 1)[-1])]

    return rewrite(graph, replace)
