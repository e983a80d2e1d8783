"""What only training needs is left out."""

from __future__ import annotations

from penstock import _native, ops
from penstock._native import Graph, Node, Tensor
from penstock.errors import GraphError
from penstock.passes._rewrite import rewrite
from penstock.passes.inline import inline_calls
from penstock.passes.prune import prune
from penstock.saved.model import GraphModel
from penstock.transforms._models import all_nodes, need_model, with_functions, with_graph


def strip_training(model: GraphModel) -> GraphModel:
    """Leave out what only training needs.

    Dropout lets everything pass, gradients are stopped nowhere, steps that compute again for a gradient compute
    once, and functions that assign variables, such as a train step, go.

    Args:
        model: A model.

    Returns:
        A model for inference.

    Raises:
        InvalidTypeError: `model` is none.
        GraphError: Every function assigns variables.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n",), name="x")
    ...     graph.inputs, graph.outputs = [x], [ps.tanh(ps.nn.dropout(ps.stop_gradient(x), 0.5))]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)})
    >>> [node.op for node in strip_training(model).default.graph.nodes]
    ['placeholder', 'tanh']
    """
    need_model("strip_training", model)
    kept = {
        name: f
        for name, f in model.functions.items()
        if not any(node.op == "assign_variable" for node in all_nodes(f.graph))
    }
    if not kept:
        raise GraphError(
            f"[transforms.strip_training] each of {', '.join(model.functions)} assigns variables; save a function that "
            "only reads them too"
        )
    functions = {name: with_graph(f, stripped(f.graph)) for name, f in kept.items()}
    return with_functions(model, functions)


def stripped(graph: Graph) -> Graph:
    """Leave out of one graph what only training needs."""
    return _without_unused_draws(prune(rewrite(inline_calls(graph), _strip)))


def _strip(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    if any(isinstance(value, Graph) for value in node.attrs.values()):
        target = _native.current_graph()
        assert target is not None  # rewrite pushed it
        bodies = {k: rewrite(v, _strip) for k, v in node.attrs.items() if isinstance(v, Graph)}
        return target.copy_node(node, inputs, (), None, {**node.attrs, **bodies})
    if node.op in ("stop_gradient", "identity"):
        return [inputs[0]]
    if node.op == "barrier":
        return list(inputs)
    if node.op == "custom_gradient":  # values pass through
        return list(inputs[-len(node.outputs) :])
    if node.op == "where" and _is_dropout(node):
        return [_undropped(node, inputs)]
    return None


def _is_dropout(node: Node) -> bool:
    """Whether a `where` is dropout's: draws ≥ rate, x / (1 - rate), 0."""
    keep, scaled, zero = node.inputs
    while keep.node.op == "broadcast_to":
        keep = keep.node.inputs[0]
    if keep.node.op != "greater_equal" or keep.node.inputs[0].node.op != "random_uniform":
        return False
    rate, factor = _number(keep.node.inputs[1]), None
    if scaled.node.op == "multiply":
        factor = _number(scaled.node.inputs[1])
    if rate is None or factor is None or _number(zero) != 0:
        return False
    return abs(factor * (1 - rate) - 1) < 1e-6


def _undropped(node: Node, inputs: list[Tensor]) -> Tensor:
    x: Tensor = inputs[1].node.inputs[0]
    target = node.outputs[0]
    return x if x.dtype == target.dtype else ops.cast(x, target.dtype)


def _number(t: Tensor) -> float | None:
    if t.node.op == "cast":
        t = t.node.inputs[0]
    if t.node.op != "constant":
        return None
    value: Tensor = t.node.attrs["value"]
    return float(value.item()) if value.size == 1 else None


def _without_unused_draws(graph: Graph) -> Graph:
    """Leave out random numbers that nobody looks at any more; `prune` keeps them, since they move the stream on."""
    idle = _unused_draws(graph)
    while idle:
        graph = prune(_without(graph, idle))
        idle = _unused_draws(graph)
    return graph


def _unused_draws(graph: Graph) -> set[int]:
    used = {t.value_index for node in graph.nodes for t in node.inputs}
    used |= {t.value_index for t in graph.outputs}
    return {
        node.index
        for node in graph.nodes
        if node.effects == "random" and not any(t.value_index in used for t in node.outputs)
    }


def _without(graph: Graph, nodes: set[int]) -> Graph:
    return rewrite(graph, keep=lambda node: node.index not in nodes)
