"""The one loop that every pass is written with: copy a graph node by node, replacing some."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager

from penstock import _native
from penstock._native import Graph, Node, Tensor

# Gets a node and its inputs in the new graph. Returns the outputs that stand for the node's, made by calling ops or
# taken from what is there; or None to copy the node as it is.
Replace = Callable[[Node, "list[Tensor]"], Sequence[Tensor] | None]


def rewrite(
    graph: Graph,
    replace: Replace | None = None,
    keep: Callable[[Node], bool] | None = None,
    device: Callable[[Node], str | None] | None = None,
    values: dict[int, Tensor] | None = None,
    only: Container[str] | None = None,
) -> Graph:
    """Copy a graph, replacing and leaving out nodes.

    Args:
        graph: What to copy; it stays as it is.
        replace: Called for every node but inputs; ops that it calls are appended to the copy.
        keep: Nodes for which it is false are left out. Nobody may use their outputs.
        device: The device of a copied node, if it is to change.
        values: Receives what stands for each of the graph's values, by number, as they are made.
        only: The ops that `replace` is called for; all, if nothing is said. Asking for few is quick.

    Returns:
        The new graph, with the same inputs, outputs, symbols and guards.

    Raises:
        GraphError: A node that is used was left out.
    """
    new = graph.like()
    values = {} if values is None else values
    awaited = {c.index for node in graph.nodes for c in node.control_inputs}
    nodes: dict[int, list[Node]] = {}  # those made for an awaited one
    with _appending_to(new):
        for node in graph.nodes:
            if keep is not None and not keep(node):
                continue
            inputs = [values[t.value_index] for t in node.inputs]
            controls = [new_c for c in node.control_inputs for new_c in nodes.get(c.index, ())]
            size = len(new)
            made: Sequence[Tensor] | None = None
            op = node.op
            if replace is not None and op != "placeholder" and (only is None or op in only):
                _native.set_scope(node.scope)
                _native.set_scope_device(node.device)
                _native.set_control_inputs([c.outputs[0] for c in controls if c.outputs])
                made = replace(node, inputs)
            if made is None:
                where = device(node) if device is not None else None
                made = new.copy_node(node, inputs, controls, where)
            outputs = node.outputs
            values.update((old.value_index, t) for old, t in zip(outputs, made, strict=True))
            if node.index in awaited:
                # Nothing new: what was there stands for the node.
                nodes[node.index] = new.nodes[size:] or [t.node for t in made[:1] if t.is_symbolic]
    new.inputs = [values[t.value_index] for t in graph.inputs]
    new.outputs = [values[t.value_index] for t in graph.outputs]
    return new


@contextmanager
def _appending_to(graph: Graph) -> Iterator[None]:
    scope, device = _native.get_scope(), _native.get_scope_device()
    controls = _native.get_control_inputs()
    graph.push()
    try:
        yield
    finally:
        graph.pop()
        _native.set_scope(scope)
        _native.set_scope_device(device)
        _native.set_control_inputs(controls)
