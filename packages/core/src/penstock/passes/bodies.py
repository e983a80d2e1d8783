"""Optimises the graphs inside of control flow, and leaves out what nobody asks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.passes._rewrite import rewrite
from penstock.passes.prune import prune

# The graphs among each op's attributes.
BODIES = {"call": ("graph",), "cond": ("then_graph", "else_graph"), "scan": ("body",)}
BODIES["while"] = ("cond", "body")


def drop_unused_results(graph: Graph) -> Graph:
    """Leave out results of bodies that nobody uses: most of what is kept for gradients.

    Carried values stay, as the next iteration uses them.
    """
    if not any(node.op in BODIES for node in graph.nodes):
        return graph
    used = {t.value_index for node in graph.nodes for t in node.inputs}
    used |= {t.value_index for t in graph.outputs}

    def narrow(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        if node.op not in BODIES:
            return None
        carried = node.attrs.get("num_carried", 0)
        outputs = node.outputs
        keep = [i for i, t in enumerate(outputs) if i < carried or t.value_index in used]
        if len(keep) == len(outputs):
            return None
        attrs = dict(node.attrs)
        public = attrs["num_public"]
        attrs["num_public"] = None if public is None else sum(i < public for i in keep)
        for name in BODIES[node.op]:
            if name != "cond":
                attrs[name] = _with_outputs(attrs[name], keep)
        made = _copy(node, inputs, attrs)
        kept = dict(zip(keep, made, strict=True))
        # Nobody uses the others: any tensor may stand for them.
        return [kept.get(i, made[0]) for i in range(len(outputs))] if made else outputs

    return rewrite(graph, narrow)


def _with_outputs(body: Graph, keep: list[int]) -> Graph:
    new = rewrite(body)
    outputs = new.outputs
    new.outputs = [outputs[i] for i in keep]
    return new


def _copy(node: Node, inputs: list[Tensor], attrs: dict[str, Any]) -> list[Tensor]:
    target = _native.current_graph()
    assert target is not None  # rewrite pushed it
    return target.copy_node(node, inputs, [], None, attrs)


def optimize_bodies(graph: Graph, optimize: Callable[[Graph], Graph]) -> Graph:
    """Run all passes on the graphs inside of control flow, and leave out operands that they do not use.

    Args:
        graph: The graph around them.
        optimize: Runs the passes.

    Returns:
        The graph with new bodies.
    """
    if not any(node.op in BODIES for node in graph.nodes):
        return graph

    def inside(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        if node.op not in BODIES:
            return None
        attrs = dict(node.attrs)
        bodies = {name: optimize(attrs[name]) for name in BODIES[node.op]}
        fixed = attrs.get("num_carried", 0) + attrs.get("num_scanned", 0)
        first = 1 if node.op == "cond" else 0
        operands = inputs[first:]
        keep = [
            i
            for i in range(len(operands))
            if i < fixed or any(_uses_input(body, i) for body in bodies.values())
        ]
        for name, body in bodies.items():
            target = _native.current_graph()
            assert target is not None  # rewrite pushed it
            target.adopt_guards(body)
            attrs[name] = _with_inputs(body, keep)
        return _copy(node, [*inputs[:first], *(operands[i] for i in keep)], attrs)

    return prune(rewrite(graph, inside))


def _with_inputs(body: Graph, keep: list[int]) -> Graph:
    new = rewrite(body)
    inputs = new.inputs
    new.inputs = [inputs[i] for i in keep]
    return prune(new)


def _uses_input(body: Graph, number: int) -> bool:
    value = body.inputs[number].value_index
    return any(value == t.value_index for t in body.outputs) or any(
        value == t.value_index for node in body.nodes for t in node.inputs
    )
