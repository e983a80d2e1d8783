"""Other names for nodes, variables, inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.errors import InvalidValueError
from penstock.saved.model import GraphFunction, GraphModel
from penstock.state import Variable
from penstock.transforms._models import handle_of, need_model

Names = Mapping[str, str] | Callable[[str], str]


def rename(
    model: GraphModel,
    names: Names,
    *,
    functions: Names | None = None,
) -> GraphModel:
    """Give nodes, variables, inputs and outputs other names.

    Variables get new objects, with the values of now: a variable keeps its name for life.

    Args:
        model: A model.
        names: A function of a name, or a dictionary from regular expressions to what replaces them: {"^net/": ""}.
            The first expression that is found in a name is the one that changes it.
        functions: Likewise, for the names of functions.

    Returns:
        A model that computes the same.

    Raises:
        InvalidTypeError: `model` is none.
        InvalidValueError: Two variables, inputs, outputs or functions would have one name, or an expression is wrong.

    >>> import penstock as ps
    >>> w = ps.Variable([2.0], name="net/w")
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n",), name="x")
    ...     graph.inputs, graph.outputs = [x], [x * w]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"net/w": w})
    >>> rename(model, {"^net/": "", "^multiply$": "y"})
    <penstock.saved.GraphModel
      main(x: float32[n]) -> (y: float32[n])
      1 variables of 1 numbers
    >
    """
    need_model("rename", model)
    change = _as_function(names)
    variables: dict[str, Variable] = {}
    handles: dict[Any, Variable] = {}
    for name, v in model.variables.items():
        new = change(name)
        _need_free("variables", new, variables)
        variables[new] = v if new == name else Variable(v._handle.read(), new, v.trainable)
        handles[v._handle] = variables[new]
    made: dict[str, GraphFunction] = {}
    for name, f in model.functions.items():
        new = _as_function(functions)(name) if functions is not None else name
        _need_free("functions", new, made)
        made[new] = _renamed(f, new if f.name == name else f.name, change, handles)
    return GraphModel(made, variables, model.metadata)


def _renamed(
    f: GraphFunction, name: str, change: Callable[[str], str], variables: Mapping[Any, Variable]
) -> GraphFunction:
    inputs: list[str] = []
    outputs: list[str] = []
    for new_names, specs, what in ((inputs, f.inputs, "inputs"), (outputs, f.outputs, "outputs")):
        for spec in specs:
            _need_free(what, change(spec), new_names)
            new_names.append(change(spec))
    return GraphFunction(_renamed_graph(f.graph, change, variables), name, inputs, outputs)


def _renamed_graph(
    graph: Graph, change: Callable[[str], str], variables: Mapping[Any, Variable]
) -> Graph:
    """Copy a graph node by node; names are made unique where two become one."""
    new = graph.like()
    values: dict[int, Tensor] = {}
    nodes: dict[int, Node] = {}
    scope = _native.get_scope()
    _native.set_scope("")
    try:
        for node in graph.nodes:
            given = [values[t.value_index] for t in node.inputs]
            controls = [nodes[c.index] for c in node.control_inputs]
            made = new.copy_node(node, given, controls, None, _attrs(node, change, variables))
            copy = new.nodes[-1]
            if change(node.name) != node.name:
                copy.rename(change(node.name))
            nodes[node.index] = copy
            values.update((o.value_index, t) for o, t in zip(node.outputs, made, strict=True))
    finally:
        _native.set_scope(scope)
    new.inputs = [values[t.value_index] for t in graph.inputs]
    new.outputs = [values[t.value_index] for t in graph.outputs]
    return new


def _attrs(
    node: Node, change: Callable[[str], str], variables: Mapping[Any, Variable]
) -> dict[str, Any] | None:
    if node.op == "placeholder":
        return None
    attrs = dict(node.attrs)
    for key, value in attrs.items():
        if isinstance(value, Graph):
            attrs[key] = _renamed_graph(value, change, variables)
        elif key == "variable" and handle_of(value) in variables:
            attrs[key] = variables[handle_of(value)]
    return attrs


def _as_function(names: Names) -> Callable[[str], str]:
    if callable(names):
        return names
    try:
        rules = [(re.compile(old), new) for old, new in names.items()]
    except re.error as error:
        raise InvalidValueError(
            f"[transforms.rename] {error.pattern!r} is no regular expression: {error}; escape signs such as ( with \\"
        ) from error

    def change(name: str) -> str:
        for pattern, new in rules:
            if pattern.search(name):
                return pattern.sub(new, name)
        return name

    return change


def _need_free(what: str, name: str, taken: Any) -> None:
    if not name or name in taken:
        raise InvalidValueError(
            f"[transforms.rename] two {what} would be called {name!r}; give each a name of its own"
        )
