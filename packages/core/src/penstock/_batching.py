"""One call for many rows: a body's ops, called once on all of them.

An op with a batch rule is called once. One without is made of others that have rules, or else called row by row. So
every body can be batched, but one that writes or that has a loop whose history a gradient reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from penstock import _native, ops
from penstock._bodies import Body, build
from penstock._native import Graph, Tensor
from penstock.ops import _batch
from penstock.passes._rewrite import rewrite


class CannotBatchError(Exception):
    """A body has to be called row by row; says why."""


# Rules of the ops whose attributes are graphs or functions: (node, inputs, batched, values of the body).
# They return the outputs and which of them are rows.
Whole = Callable[[Any, list[Tensor], list[bool], "Values"], tuple[Sequence[Tensor], Sequence[bool]]]
WHOLE_RULES: dict[str, Whole] = {}


class Values:
    """What stands for a body's tensors: all rows of it, or one tensor for all rows. Computed when it is asked for."""

    def __init__(self, size: Any) -> None:
        self.size = size
        self._tensors: dict[int, tuple[Tensor, bool]] = {}

    def of(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[bool]]:
        """What stands for tensors, and which of them are rows."""
        missing = {t.value_index for t in tensors} - self._tensors.keys()
        if missing:
            self._compute(tensors[0].graph, missing)
        pairs = [self._tensors[t.value_index] for t in tensors]
        return [t for t, _ in pairs], [b for _, b in pairs]

    def put(self, tensors: Iterable[Tensor], made: Iterable[Tensor], rows: Iterable[bool]) -> None:
        """Say what stands for tensors."""
        for old, new, b in zip(tensors, made, rows, strict=True):
            self._tensors[old.value_index] = (new, b)

    def _compute(self, body: Any, wanted: set[int]) -> None:
        steps = []
        for node in reversed(list(body.nodes)):
            made = {t.value_index for t in node.outputs}
            if made & wanted and not made <= self._tensors.keys():
                steps.append(node)
                wanted |= {t.value_index for t in _read(node)}
        for node in reversed(steps):
            _step(node, self)


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
    rule = getattr(node.op_function, "batch_fn", None)
    return _batch.aligned if rule is None and node.broadcasts else rule


def _fits(rule: Any, which: Sequence[bool]) -> bool:
    return rule is not None and not (getattr(rule, "only_first", False) and any(which[1:]))


def can_batch(body: Graph, batched: Sequence[bool]) -> bool:
    """Whether every op that depends on the rows has a rule for them, and nothing happens besides.

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
        if not _fits(_rule(node), which):
            return False
        rows.update(t.value_index for t in node.outputs)
    return True


def call_batched(
    body: Graph, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> list[Tensor]:
    """Call a body once for all rows.

    Args:
        body: What computes one row.
        inputs: What stands for its inputs.
        batched: Which of them have a leading axis of `size` rows.
        size: The number of rows.

    Returns:
        The outputs, stacked.

    Raises:
        CannotBatchError: The body has to be called row by row.
    """
    made, rows = evaluate(body, inputs, batched, size)
    return [_batch.for_all(t, b, size) for t, b in zip(made, rows, strict=True)]


def evaluate(
    body: Graph, inputs: Sequence[Tensor], batched: Sequence[bool], size: Any
) -> tuple[list[Tensor], list[bool]]:
    """Call a body once for all rows; what no row changes is computed once.

    Returns:
        The outputs, and which of them have the leading axis.

    Raises:
        CannotBatchError: The body has to be called row by row.
    """
    for node in body.nodes:
        if node.effects in ("write", "io"):
            raise CannotBatchError(f"[{node.op}] at {node.source} does something for each row")
    values = Values(size)
    values.put(body.inputs, inputs, batched)
    return values.of(body.outputs)


def own_rules(node: Any) -> Any:
    """Return the rules of a function that says itself what it does with many rows, or None."""
    rules = node.attrs["function"] if node.op == "custom_gradient" else None
    return rules if getattr(rules, "batch", None) is not None else None


def _read(node: Any) -> Sequence[Tensor]:
    """Return the inputs that a step needs: of a function with a rule for rows not what it is made of."""
    inputs: list[Tensor] = node.inputs
    return inputs if own_rules(node) is None else inputs[: node.attrs["num_inputs"]]


def _step(node: Any, values: Values) -> None:
    outputs = node.outputs
    if node.op == "constant":  # the value itself, which a tape may watch
        values.put(outputs, [node.attrs["value"]], [False])
        return
    given, which = values.of(_read(node))
    whole = WHOLE_RULES.get(node.op)
    if whole is not None:
        values.put(outputs, *whole(node, given, which, values))
    elif any(which) or node.effects == "random":
        values.put(outputs, _rows_of(node, given, which, values.size), [True] * len(outputs))
    else:
        values.put(outputs, _native.call_op(node.op, given, node.attrs), [False] * len(outputs))


def _rows_of(node: Any, given: list[Tensor], which: list[bool], size: Any) -> Sequence[Tensor]:
    """Call one op for all rows: by its rule, by its parts, or row by row."""
    rule = _rule(node)
    if node.effects == "random" and rule is not None and given:  # each row draws for itself
        given = [_batch.for_all(t, b, size) for t, b in zip(given, which, strict=True)]
        which = [True] * len(given)
    made = rule(node, given, which, size) if _fits(rule, which) else None
    if made is not None:
        return list(made)
    if rule is None and getattr(node.op_function, "compose_fn", None) is not None:
        body = inner_body(
            node, node.inputs, lambda ts: node.op_function.compose_fn(*ts, **node.attrs)
        )
        return call_batched(body.graph, given, which, size)
    return _row_by_row(node, given, which, size)


def inner_body(node: Any, like: Sequence[Tensor], fn: Callable[[list[Tensor]], Any]) -> Body:
    """Make a graph of a function of tensors like those given, inside of the graph of a node."""
    graph = node.graph
    graph.push()
    try:
        return build(node.op.replace(".", "_"), [(t.dtype, t.shape) for t in like], fn)
    finally:
        graph.pop()


def _row_by_row(node: Any, given: list[Tensor], which: list[bool], size: Any) -> list[Tensor]:
    """Call an op once for each row."""
    from penstock import control

    def call(row: Sequence[Tensor]) -> list[Tensor]:
        rest = iter(row)
        mine = [next(rest) if b else t for t, b in zip(given, which, strict=True)]
        return _native.call_op(node.op, mine, node.attrs)

    rows = [t for t, b in zip(given, which, strict=True) if b]
    if not rows:  # it draws random numbers
        rows = [ops.full((size,), 0, "int8")]
        made = control.map(lambda row: _native.call_op(node.op, given, node.attrs), rows)
    else:
        made = control.map(call, rows)
    return list(made)
