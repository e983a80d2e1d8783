"""The forward walk: from the tangents of inputs to those of results, one rule per op.

An op may bring a rule, `.jvp`. One that works element by element has it in its gradient, since its derivative is a
diagonal. Any other is differentiated backwards twice: its gradient is linear in what flows in, and the derivative of a
linear function is that function turned round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from penstock import _native, ops
from penstock._backward import Call, Entry, gradient_of, input_gradients
from penstock._native import Tensor
from penstock.errors import GraphError
from penstock.ops.indexed_slices import dense

Tangents = Sequence["Tensor | None"]


def is_float(t: Any) -> bool:
    """Whether a tensor or variable has derivatives."""
    return t.dtype.kind in ("float", "complex")


def push(entries: Iterable[Entry], given: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """Walk calls from first to last.

    Args:
        entries: The calls, oldest first.
        given: The tangents of what they start from, by identity.

    Returns:
        The tangents of everything that depends on it, by identity.

    Raises:
        GraphError: An op has no gradient rule, or another number of tangents than of results.
    """
    known = dict(given)
    for entry in entries:
        outputs = entry.outputs
        tangents = [known.get(t._id) if is_float(t) else None for t in entry.inputs]
        if all(t is None for t in tangents) or not any(map(is_float, outputs)):
            continue
        made = _through(entry, tangents)
        if len(made) != len(outputs):
            raise GraphError(
                f"[{entry.op}] its rule for tangents returned {len(made)} values for {len(outputs)} results; return "
                "one for each, None where there is none"
            )
        for y, t in zip(outputs, made, strict=True):
            if t is not None and is_float(y):
                known[y._id] = t if t.dtype == y.dtype else ops.cast(t, y.dtype)
    return known


def _through(entry: Entry, tangents: Tangents) -> Tangents:
    own = _own_rule(entry)
    if own is not None:
        return list(own(entry, *tangents))
    if _is_diagonal(entry, tangents):
        return [_elementwise(entry, tangents)]
    return _twice_backwards(entry, tangents)


def _own_rule(entry: Entry) -> Any:
    if entry.op != "custom_gradient":
        return getattr(entry.op_function, "jvp_fn", None)
    rules = entry.attrs["function"]
    if getattr(rules, "jvp", None) is None:
        return None
    return lambda node, *tangents: rules.pushed(node, tangents)


def _is_diagonal(entry: Entry, tangents: Tangents) -> bool:
    block = entry.op_function
    if len(entry.outputs) != 1 or not block.schema.broadcasts or block.vjp_fn is None:
        return False
    dtype = entry.outputs[0].dtype
    return all(t is None or t.dtype == dtype for t in tangents)


class _Spread:
    """An element by element call whose inputs all have the shape of its result."""

    def __init__(self, entry: Entry, wanted: int) -> None:
        self.op, self.op_function, self.attrs = entry.op, entry.op_function, entry.attrs
        self.outputs = entry.outputs
        shape = self.outputs[0].shape
        self.inputs = [ops.broadcast_to(t, shape) for t in entry.inputs]
        self._wanted = wanted

    def needs(self, i: int) -> bool:
        return i == self._wanted


def _elementwise(entry: Entry, tangents: Tangents) -> Tensor | None:
    """Let each tangent flow through the gradient as if it came from behind: the derivative is a diagonal."""
    total = None
    shape = entry.outputs[0].shape
    for i, tangent in enumerate(tangents):
        if tangent is None:
            continue
        call = _Spread(entry, i)
        moved = entry.op_function.vjp_fn(call, ops.broadcast_to(tangent, shape))[i]
        if moved is not None:
            total = moved if total is None else ops.add(total, moved)
    return total


def _twice_backwards(entry: Entry, tangents: Tangents) -> Tangents:
    """Differentiate what the gradient returns by what flows into it."""
    block = entry.op_function
    reason = getattr(block, "no_gradient", "")
    if block.vjp_fn is None and reason and not block.refuses_gradient:
        return [None] * len(entry.outputs)
    tape = _native.Tape(False)
    moving = [i for i, t in enumerate(tangents) if t is not None]
    # What flows in may be anything of the right shape: the gradient is linear in it.
    flows = [ops.identity(y) if is_float(y) else None for y in entry.outputs]
    for flow in flows:
        if flow is not None:
            tape.watch(flow)
    reached = {entry.inputs[i]._id for i in moving}
    tape.push()
    try:
        found = [dense(g) for g in input_gradients(Call(entry, reached), flows)]
    finally:
        tape.pop()
    pairs = [(g, tangents[i]) for i, g in enumerate(found) if i in moving and g is not None]
    sources = [flow for flow in flows if flow is not None]
    made = iter(gradient_of(tape.entries(), [g for g, _ in pairs], sources, [t for _, t in pairs]))
    return [None if flow is None else dense(next(made)) for flow in flows]
