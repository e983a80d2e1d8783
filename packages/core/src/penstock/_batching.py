"""One call for many rows: a body's ops, called once on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock import _native, ops
from penstock._native import Graph, Tensor
from penstock.ops import _batch
from penstock.passes._rewrite import rewrite


def expand(body: Graph) -> Graph:
    """Replace ops without a batch rule by what they are made of, where that is known."""

    def composed(node: Any, inputs: list[Tensor]) -> Sequence[Tensor] | None:
        compose = getattr(node.op_function, "compose_fn", None)
        if compose is None or _rule(node) is not None:
            return None
        made = compose(*inputs, **node.attrs)
        return list(made) if isinstance(made, (tuple, list)) else [made]

    return rewrite(body, composed)


def _rule(node: Any) -> Any:
    if node.effects != "none":
        return None
    rule = getattr(node.op_function, "batch_fn", None)
    return _batch.aligned if rule is None and node.broadcasts else rule


def can_batch(body: Graph, batched: Sequence[bool]) -> bool:
    """Whether every op that depends on the rows has a rule for them.

    Args:
        body: What computes one row.
        batched: Which of its inputs are rows.
    """
    rows = {t.value_index for t, b in zip(body.inputs, batched, strict=True) if b}
    for node in body.nodes:
        if node.op != "placeholder" and node.effects != "none":
            return False
        which = [t.value_index in rows for t in node.inputs]
        if not any(which):
            continue
        rule = _rule(node)
        if rule is None or (getattr(rule, "only_first", False) and any(which[1:])):
            return False
        if getattr(rule, "one_only", False) and all(which):
            return False
        rows.update(t.value_index for t in node.outputs)
    return True


def call_batched(
    body: Graph, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call a body's ops once for all rows.

    Args:
        body: What computes one row; `can_batch` holds for it.
        inputs: What stands for its inputs.
        batched: Which of them have a leading axis of `size` rows.
        size: The number of rows.

    Returns:
        The outputs, stacked.
    """
    values = dict(zip((t.value_index for t in body.inputs), inputs, strict=True))
    rows = {t.value_index for t, b in zip(body.inputs, batched, strict=True) if b}
    for node in body.nodes:
        if node.op == "placeholder":
            continue
        given = [values[t.value_index] for t in node.inputs]
        which = [t.value_index in rows for t in node.inputs]
        if any(which):
            made = _rule(node)(node, given, which, size)
            rows.update(t.value_index for t in node.outputs)
        else:
            made = _native.call_op(node.op, given, node.attrs)
        values.update((old.value_index, t) for old, t in zip(node.outputs, made, strict=True))
    return [
        values[t.value_index]
        if t.value_index in rows
        else ops.broadcast_to(values[t.value_index], (size, *t.shape))
        for t in body.outputs
    ]
