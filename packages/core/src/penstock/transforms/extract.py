"""A part of a function becomes a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock._native import Graph, Node, Tensor
from penstock.errors import GraphError, InvalidValueError
from penstock.passes.prune import needed_nodes
from penstock.plugins.registrar import nearest
from penstock.saved.model import GraphFunction


def extract(
    function: GraphFunction,
    outputs: Sequence[str] | Mapping[str, str],
    inputs: Sequence[str] | Mapping[str, str] | None = None,
    name: str = "extracted",
) -> GraphFunction:
    """Cut the part out of a function that computes some tensors, from the inputs or from other tensors.

    Args:
        function: A function of a model.
        outputs: What to compute: names of tensors, such as "block3/relu", as the graph's text shows them. A dictionary
            gives them names of their own: {"features": "block3/relu"}.
        inputs: Tensors to give in place of computing them, likewise. None stands for those inputs of the function
            that are needed.
        name: The new function's name.

    Returns:
        A function that shares the variables of the first one.

    Raises:
        InvalidValueError: There is no tensor of such a name.
        GraphError: An output depends on an input that is not among the given ones.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n",), name="x")
    ...     graph.inputs, graph.outputs = [x], [ps.sqrt(ps.exp(x) + 1.0)]
    >>> whole = ps.saved.GraphFunction(graph)
    >>> inner = extract(whole, {"sum": "add"}, inputs={"e": "exp"})
    >>> print(inner, inner([1.0]))
    extracted(e: float32[n]) -> (sum: float32[n]) Tensor([2.], shape=(1,), dtype=float32)
    """
    wanted = _by_name(function, outputs)
    needs_all = inputs is None
    given = dict(zip(function.inputs, function.graph.inputs, strict=True)) if inputs is None else {}
    given |= _by_name(function, inputs or ())
    known = {t.value_index for t in given.values()}
    roots = [t.node for t in wanted.values() if t.value_index not in known]
    needed = needed_nodes(roots, known)
    graph = function.graph
    free = [t for t in graph.inputs if t.node.index in needed and t.value_index not in known]
    if free:
        raise GraphError(
            f"[transforms.extract] {', '.join(wanted)} of {function.name} also need the input "
            f"{', '.join(t.name for t in free)}; add it to inputs, or leave inputs out"
        )
    if needs_all:
        used = needed | {t.node.index for t in wanted.values()}
        read = {
            t.value_index for node in graph.nodes if node.index in needed for t in node.inputs
        } | {t.value_index for t in wanted.values()}
        given = {n: t for n, t in given.items() if t.node.index in used or t.value_index in read}
    return GraphFunction(_part(graph, needed, given, wanted), name, list(given), list(wanted))


def _part(
    graph: Graph, needed: set[int], given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> Graph:
    """Copy the needed nodes, with inputs in place of the given tensors."""
    new = graph.like()
    values: dict[int, Tensor] = {}
    for name, t in given.items():
        values[t.value_index] = new.placeholder(t.dtype, t.shape, name.replace(":", "_"))
    new.inputs = list(values.values())
    nodes: dict[int, Node] = {}
    for node in graph.nodes:
        if node.index not in needed or node.op == "placeholder":
            continue
        controls = [nodes[c.index] for c in node.control_inputs if c.index in nodes]
        made = new.copy_node(node, [values[t.value_index] for t in node.inputs], controls)
        if made:
            nodes[node.index] = made[0].node
        for old, t in zip(node.outputs, made, strict=True):
            values.setdefault(old.value_index, t)
    new.outputs = [values[t.value_index] for t in wanted.values()]
    return new


def _by_name(
    function: GraphFunction, names: Sequence[str] | Mapping[str, str]
) -> dict[str, Tensor]:
    """Find tensors by their names in the graph, or by those of the function's inputs and outputs."""
    if isinstance(names, str):
        names = [names]
    pairs = names.items() if isinstance(names, Mapping) else [(name, name) for name in names]
    values = {t.name: t for node in function.graph.nodes for t in node.outputs}
    values |= dict(zip(function.inputs, function.graph.inputs, strict=True))
    values |= dict(zip(function.outputs, function.graph.outputs, strict=True))
    found = {}
    for own, name in pairs:
        if name not in values:
            raise InvalidValueError(
                f"[transforms.extract] {function.name} has no tensor {name!r}{nearest(name, values)}; its graph's "
                "text shows all: print(function.graph.text())"
            )
        found[own] = values[name]
    return found
