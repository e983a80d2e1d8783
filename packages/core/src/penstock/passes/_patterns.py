"""What recognisers share: questions about the nodes of a graph, and putting one op in the place of many nodes.

A recogniser looks at the graph as it is and says, for the last node of what it found, which values go in and how the
result is made. What was inside must be nobody else's business: a value that is fetched, or used by a gradient, stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from penstock import _native
from penstock._dataclass import dataclass
from penstock._native import Graph, Node, Tensor
from penstock.passes._groups import Uses
from penstock.passes._rewrite import rewrite


@dataclass(frozen=True)
class Found:
    """Nodes that one op can stand for; the last one's first output is the result."""

    last: Node
    inside: Sequence[Node]  # the others
    inputs: Sequence[Tensor]
    make: Callable[..., Tensor]  # of the inputs in the new graph


Finder = Callable[[Node, Uses], Found | None]


def replace_found(graph: Graph, finders: Mapping[str, Sequence[Finder]]) -> Graph:
    """Replace what recognisers find, in one go.

    Args:
        graph: Where to look; it stays as it is.
        finders: By op, in the order in which they are asked: each says what ends at a node of it.

    Returns:
        The new graph, which still has what nobody needs any more, or the same one if nothing was found.
    """
    candidates = [(node, asked) for node in graph.nodes if (asked := finders.get(node.op))]
    if not candidates:
        return graph
    uses = Uses(graph)
    found: dict[int, Found] = {}
    taken: set[int] = set()
    for node, asked in candidates:
        for find in asked:
            match = find(node, uses)
            if match is not None and is_free(match, uses, taken):
                found[match.last.index] = match
                taken |= {match.last.index, *(n.index for n in match.inside)}
                break
    if not found:
        return graph
    values: dict[int, Tensor] = {}

    def replace(node: Node, _: list[Tensor]) -> list[Tensor] | None:
        match = found.get(node.index)
        if match is None:
            return None
        made = match.make(*(values[t.value_index] for t in match.inputs))
        target = node.outputs[0]
        alike = (made.dtype, made.weak) == (target.dtype, target.weak)
        return [made] if alike and uses.shape(made) == uses.shape(target) else None

    return rewrite(graph, replace, values=values, only={m.last.op for m in found.values()})


def is_free(match: Found, uses: Uses, taken: set[int]) -> bool:
    """Whether nobody else has taken or uses what is inside."""
    members = {match.last.index, *(n.index for n in match.inside)}
    if members & taken:
        return False
    for node in (match.last, *match.inside):
        if node.index in uses.ordered or node.effects != "none" or node.device != match.last.device:
            return False
    inner = [t for node in match.inside if node is not match.last for t in node.outputs]
    return not any(uses.outside(t, members) for t in inner)


def has_kernel(like: Node, op: str, inputs: Sequence[Tensor], outputs: int) -> bool:
    """Whether whoever computes a node also has a kernel for an op that may replace it; somebody's own is not replaced."""
    dtype = like.outputs[0].dtype
    row = _native.kernel_row(op, like.device, [t.dtype for t in inputs], [dtype] * outputs)
    own = _native.kernel_for_node(like)
    return row is not None and own is not None and row[0] == own[0]


def number(t: Tensor) -> float | None:
    """Return what a constant of one float element holds; None for all else."""
    if t.node.op != "constant" or t.size != 1 or t.dtype.kind != "float":
        return None
    return float(t.node.attrs["value"].item())


def is_near(value: float | None, wanted: float) -> bool:
    """Whether a number is the one that is wanted, up to the rounding of float32."""
    return value is not None and math.isclose(value, wanted, rel_tol=2e-6)


def other_operand(node: Node, of: Callable[[Tensor], bool]) -> tuple[Tensor, Tensor] | None:
    """Return the operand of a sum or product for which `of` holds, and the other one."""
    a, b = node.inputs
    if of(a):
        return a, b
    return (b, a) if of(b) else None


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two names are of one value."""
    return a.value_index == b.value_index
