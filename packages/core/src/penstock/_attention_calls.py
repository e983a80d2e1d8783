"""Attention that is written as small ops gets the gradient of the op, which needs no scores.

Before the calls of a graph are walked back, those that a recogniser would take for attention are replaced by calls of the
op. The calls themselves stay in the graph; as backward does not look into them any more, they are then recognised too,
and what stands there twice becomes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import _native, ops
from penstock._dataclass import dataclass
from penstock._native import Tensor
from penstock.config import settings
from penstock.passes._groups import Uses
from penstock.passes._patterns import Found, is_free
from penstock.passes.find_attention import find_attention

if TYPE_CHECKING:
    from penstock._backward import Entry


@dataclass(frozen=True)
class _Same:
    """Says that one tensor is another, for the gradient that flows from one to the other."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    attrs: dict[str, Any]
    op: str = "identity"
    op_function: Any = ops.identity


def with_attention(calls: Sequence[Entry], ends: set[int], reached: set[int]) -> Sequence[Entry]:
    """Replace small ops that are attention by the op.

    Args:
        calls: What is differentiated, oldest first.
        ends: The identities of tensors that gradients come from or are asked of: those must stay.
        reached: The identities of tensors that have gradients.

    Returns:
        The calls to walk back; the same ones if no attention was found.
    """
    graph = _native.current_graph()
    if graph is None or settings().fusion == "off" or _native.get_debug_nans():
        return calls
    if not any(call.op == "softmax" for call in calls):
        return calls
    own = {
        call.outputs[0].node.index: call
        for call in calls
        if call.outputs and call.outputs[0].is_symbolic and call.outputs[0].graph == graph
    }
    uses, taken = Uses(graph), set[int]()
    replaced: dict[int, list[Entry]] = {}
    for index, call in own.items():
        found = find_attention(call.outputs[0].node, uses) if call.op == "matmul" else None
        if found is None or not is_free(found, uses, taken) or not _is_ours(found, own, ends):
            continue
        given = _handles(found, call, own)
        # The gradient of what is added to scores needs the scores.
        if any(t._id in reached and t.dtype.kind == "float" for t in given[3:]):
            continue
        steps = _steps(found, given, call.outputs[0], uses, reached)
        if steps is not None:
            taken |= {index, *(node.index for node in found.inside)}
            replaced[index] = steps
    if not replaced:
        return calls
    places = {id(call): index for index, call in own.items()}
    result: list[Entry] = []
    for call in calls:
        index = places.get(id(call), -1)
        result += replaced.get(index, [] if index in taken else [call])
    return result


def _is_ours(found: Found, own: dict[int, Entry], ends: set[int]) -> bool:
    """Whether all of it was recorded, and nobody asks for a gradient inside."""
    inner = [node.index for node in found.inside]
    return all(i in own and not any(t._id in ends for t in own[i].outputs) for i in inner)


def _handles(found: Found, last: Entry, own: dict[int, Entry]) -> list[Tensor]:
    """Return the inputs as the calls know them, with the identities that gradients flow by."""
    inner = [last, *(own[node.index] for node in found.inside)]
    handles = {t.value_index: t for call in inner for t in call.inputs}
    return [handles.get(t.value_index, t) for t in found.inputs]


def _steps(
    found: Found, given: Sequence[Tensor], target: Tensor, uses: Uses, reached: set[int]
) -> list[Entry] | None:
    """Call the op, and return what was recorded of it: from any tensor on, as it may look behind transposes."""
    tape = _native.Tape(False)
    for identity in reached:
        tape.watch_id(identity)
    tape.push()
    try:
        made = found.make(*given)
    finally:
        tape.pop()
    if made.dtype != target.dtype or uses.shape(made) != uses.shape(target):
        return None
    return [*tape.entries(), _Same([made], [target], {})]
