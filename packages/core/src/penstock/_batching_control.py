"""Batch rules of control flow and of functions with a gradient of their own.

What decides and differs from row to row turns a branch into a choice between both results, and a loop into one that
goes on until all rows have ended, in which rows that have ended stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock import _native, control, ops
from penstock._batching import (
    WHOLE_RULES,
    CannotBatchError,
    Values,
    evaluate,
    inner_body,
    own_rules,
)
from penstock._custom import Rules
from penstock._inner_graphs import inner_graphs
from penstock._native import Graph, Tensor
from penstock.ops._batch import for_all, lift
from penstock.ops.indexed_slices import dense

Result = tuple[Sequence[Tensor], Sequence[bool]]


def _call(node: Any, given: list[Tensor], which: list[bool], values: Values) -> Result:
    return evaluate(node.attrs["graph"], given, which, values.size)


def _stacked(graph: Graph, given: Sequence[Tensor], which: Sequence[bool], size: Any) -> Any:
    made, rows = evaluate(graph, given, which, size)
    return [for_all(t, b, size) for t, b in zip(made, rows, strict=True)]


def _cond(node: Any, given: list[Tensor], which: list[bool], values: Values) -> Result:
    size = values.size
    pred, *operands = given
    yes, no = node.attrs["then_graph"], node.attrs["else_graph"]
    flags = which[1:]
    if not which[0]:
        made = control.cond(
            pred,
            lambda: _stacked(yes, operands, flags, size),
            lambda: _stacked(no, operands, flags, size),
        )
        return made, [True] * len(made)
    pairs = zip(
        _stacked(yes, operands, flags, size), _stacked(no, operands, flags, size), strict=True
    )
    made = [_chosen(pred, a, b, size) for a, b in pairs]
    return made, [True] * len(made)


def _chosen(rows: Tensor, yes: Tensor, no: Tensor, size: Any) -> Tensor:
    """Choose whole rows: `rows` has one bool for each."""
    chosen: Tensor = ops.where(lift(rows, 0, yes.ndim - 1, size), yes, no)
    return chosen


def _scan(node: Any, given: list[Tensor], which: list[bool], values: Values) -> Result:
    size = values.size
    attrs, body = node.attrs, node.attrs["body"]
    first, second = attrs["num_carried"], attrs["num_carried"] + attrs["num_scanned"]
    scanned, others = given[first:second], given[second:]
    carried_rows = _carried_rows(body, which, first, size)
    flags = [*carried_rows, *which[first:]]
    starts = zip(given[:first], carried_rows, which[:first], strict=True)
    start = [for_all(t, w, size) if b else t for t, b, w in starts]
    xs = [
        ops.moveaxis(t, 1, 0) if b else t for t, b in zip(scanned, which[first:second], strict=True)
    ]

    def step(carry: list[Tensor], x: list[Tensor]) -> Any:
        made, rows = evaluate(body, [*carry, *x, *others], flags, size)
        kept = zip(made[:first], rows[:first], carried_rows, strict=True)
        carry = [for_all(t, b, size) if c else t for t, b, c in kept]
        stacks = [for_all(t, b, size) for t, b in zip(made[first:], rows[first:], strict=True)]
        return carry, stacks

    length = attrs["length"][0]
    carry, stacks = control.scan(step, start, xs or None, length, attrs["reverse"])
    stacks = [ops.moveaxis(t, 1, 0) for t in stacks]
    return [*carry, *stacks], [*carried_rows, *[True] * len(stacks)]


def _carried_rows(body: Graph, which: Sequence[bool], count: int, size: Any) -> list[bool]:
    """Which carried values differ from row to row: those that begin so, and those that become so."""
    return [True] * count if any(which) or _draws(body) else [False] * count


def _while(node: Any, given: list[Tensor], which: list[bool], values: Values) -> Result:
    size = values.size
    attrs = node.attrs
    condition, body, count = attrs["cond"], attrs["body"], attrs["num_carried"]
    if _history_is_used(node):
        raise CannotBatchError(f"[while] at {node.source}: a gradient goes through it")
    others = given[count:]
    flags = [*[True] * count, *which[count:]]
    start = [for_all(t, b, size) for t, b in zip(given[:count], which[:count], strict=True)]

    def running(carry: Sequence[Tensor]) -> Tensor:
        made: Tensor = _stacked(condition, [*carry, *others], flags, size)[0]
        return made

    def advance(*carry: Tensor) -> tuple[Tensor, ...]:
        goes_on = running(carry)
        made = _stacked(body, [*carry, *others], flags, size)[:count]
        return tuple(_chosen(goes_on, new, old, size) for new, old in zip(made, carry, strict=True))

    made = control.while_loop(
        lambda *carry: ops.any(running(carry)), advance, tuple(start), attrs["max_iterations"]
    )
    hidden = len(node.outputs) - count  # nobody uses them
    return [*made, *made[:1] * hidden], [True] * len(node.outputs)


def _history_is_used(node: Any) -> bool:
    hidden = {t.value_index for t in node.outputs[node.attrs["num_public"] :]}
    graph = node.graph
    used = {t.value_index for other in graph.nodes for t in other.inputs}
    return bool(hidden & (used | {t.value_index for t in graph.outputs}))


def _draws(graph: Graph) -> bool:
    return any(
        node.effects == "random" or any(_draws(inner) for inner in inner_graphs(node))
        for node in graph.nodes
    )


def _custom(node: Any, given: list[Tensor], which: list[bool], values: Values) -> Result:
    """A function with a gradient of its own: rows flow back through that gradient too."""
    count, rules = node.attrs["num_inputs"], node.attrs["function"]
    inputs, inputs_rows = given[:count], which[:count]
    if own_rules(node) is not None:
        results = rules.batched(node, values.size, inputs_rows, inputs)
        rows = [True] * len(results)
    else:
        results, rows = given[count:], which[count:]
    attrs = {"num_inputs": count, "function": _batched_rules(node, values, inputs_rows, rows)}
    return _native.call_op("custom_gradient", [*inputs, *results], attrs), rows


def _batched_rules(
    node: Any, values: Values, inputs_rows: Sequence[bool], rows: Sequence[bool]
) -> Rules:
    rules, size, outputs = node.attrs["function"], values.size, node.outputs

    def gradient(*dys: Tensor) -> list[Tensor | None]:
        body = inner_body(node, outputs, lambda ts: _dense_tuple(rules(*ts)))
        captured, captured_rows = values.of(body.captured)
        made, made_rows = evaluate(body.graph, [*dys, *captured], [*rows, *captured_rows], size)
        pairs: list[Any] = list(zip(made, made_rows, strict=True))
        found = _native.tree_unflatten(body.structure, pairs)
        return [
            None if pair is None else _to_input(pair[0], pair[1], wanted, size)
            for pair, wanted in zip(found, inputs_rows, strict=True)
        ]

    def pushed(primals: Sequence[Tensor], tangents: Sequence[Tensor]) -> list[Tensor]:
        # Inside, the rule sees one row, and its keywords are those of the call.
        own = node.inputs[: len(primals)]
        body = inner_body(node, [*own, *own], lambda ts: rules.pushed_at(node, ts))
        flags = [*inputs_rows, *inputs_rows]
        captured, captured_rows = values.of(body.captured)
        made, made_rows = evaluate(
            body.graph, [*primals, *tangents, *captured], [*flags, *captured_rows], size
        )
        return [for_all(t, b, size) for t, b in zip(made, made_rows, strict=True)]

    return Rules(gradient, pushed if getattr(rules, "jvp", None) is not None else None)


def _dense_tuple(given: Any) -> tuple[Any, ...]:
    many = given if isinstance(given, (tuple, list)) else (given,)
    return tuple(dense(g) for g in many)


def _to_input(t: Tensor, rows: bool, wanted: bool, size: Any) -> Tensor:
    """Give a gradient the rows of its input; an input that all rows share gets their sum."""
    if rows and not wanted:
        return ops.sum(t, 0)
    return for_all(t, rows, size) if wanted else t


WHOLE_RULES.update(
    {"call": _call, "cond": _cond, "scan": _scan, "while": _while, "custom_gradient": _custom}
)
