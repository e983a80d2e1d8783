"""A graph's ops called again, at once or in the current graph, with control flow by Python where there is no graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._inner_graphs import inner_graphs
from penstock._native import Graph, Tensor
from penstock.passes._rewrite import rewrite

# Calls an op: (node, inputs, attributes).
Caller = Callable[[Any, list[Tensor], dict[str, Any]], Sequence[Tensor]]


def replay(body: Graph, inputs: Sequence[Tensor], call: Caller) -> list[Tensor]:
    """Call the ops of a graph and of the bodies in it.

    Args:
        body: The graph.
        inputs: What stands for its inputs.
        call: Calls one op.

    Returns:
        What stands for its outputs.
    """
    values = dict(zip((t.value_index for t in body.inputs), inputs, strict=True))
    for node in body.nodes:
        if node.op == "placeholder":
            continue
        given = [values[t.value_index] for t in node.inputs]
        made = _made(node, given, call)
        values.update((old.value_index, t) for old, t in zip(node.outputs, made, strict=True))
    return [values[t.value_index] for t in body.outputs]


def _made(node: Any, given: list[Tensor], call: Caller) -> Sequence[Tensor]:
    if node.op == "constant":  # the value itself, which a tape may watch
        return [node.attrs["value"]]
    if not inner_graphs(node):
        return call(node, given, node.attrs)
    if _native.current_graph() is None and not any(t.is_symbolic for t in given):
        return _AT_ONCE[node.op](node.attrs, given, call)
    attrs = {k: _again(v, call) if isinstance(v, Graph) else v for k, v in node.attrs.items()}
    return _native.call_op(node.op, given, attrs)


def _again(body: Graph, call: Caller) -> Graph:
    """Copy a body, with its ops called as `call` does."""
    return rewrite(body, lambda node, given: _made(node, given, call))


def _call(attrs: dict[str, Any], given: list[Tensor], call: Caller) -> list[Tensor]:
    return replay(attrs["graph"], given, call)


def _cond(attrs: dict[str, Any], given: list[Tensor], call: Caller) -> list[Tensor]:
    pred, *operands = given
    return replay(attrs["then_graph"] if bool(pred) else attrs["else_graph"], operands, call)


def _while(attrs: dict[str, Any], given: list[Tensor], call: Caller) -> list[Tensor]:
    count, most, body = attrs["num_carried"], attrs["max_iterations"], attrs["body"]
    carried, others = given[:count], given[count:]
    rounds: list[list[Tensor]] = []
    while (most is None or len(rounds) < most) and bool(
        replay(attrs["cond"], [*carried, *others], call)[0]
    ):
        made = replay(body, [*carried, *others], call)
        carried = made[:count]
        rounds.append(made[count:])
    return [*carried, *_stacked(rounds, body.outputs[count:])]


def _scan(attrs: dict[str, Any], given: list[Tensor], call: Caller) -> list[Tensor]:
    first, second = attrs["num_carried"], attrs["num_carried"] + attrs["num_scanned"]
    carried, rows, others = given[:first], given[first:second], given[second:]
    numbers = list(range(int(attrs["length"][0])))
    rounds: list[list[Tensor]] = [[]] * len(numbers)
    for i in reversed(numbers) if attrs["reverse"] else numbers:
        made = replay(attrs["body"], [*carried, *(t[i] for t in rows), *others], call)
        carried, rounds[i] = made[:first], made[first:]
    return [*carried, *_stacked(rounds, attrs["body"].outputs[first:])]


def _stacked(rounds: Sequence[Sequence[Tensor]], like: Sequence[Tensor]) -> list[Tensor]:
    if not rounds:
        return [ops.zeros((0, *t.shape), t.dtype) for t in like]
    return [ops.stack(column) for column in zip(*rounds, strict=True)]


_AT_ONCE: dict[str, Callable[[dict[str, Any], list[Tensor], Caller], list[Tensor]]] = {
    "call": _call,
    "cond": _cond,
    "while": _while,
    "scan": _scan,
}
