"""Makes chains of elementwise ops, and reductions of their results, into tile programs: one pass over memory each.

What follows a matrix product or a convolution, if only a bias, runs inside of its kernel where that kernel says that it
can: then it passes over no memory at all.
"""

from __future__ import annotations

from typing import Any

from penstock import _native
from penstock._dataclass import dataclass
from penstock._native import Graph, Node, Tensor
from penstock.config import settings
from penstock.ops import _tile_program as tile
from penstock.ops._tile_program import Instruction, TileProgram
from penstock.passes._groups import Group, Uses, find_groups, operands_of, outputs_of, trailing_axes


def fuse(graph: Graph) -> Graph:
    """Replace groups of nodes by `core.tile`, where the device has a kernel for it from whoever runs the nodes now.

    Results stay the same in every bit. The new node has the name of a group's last member and the source of its first.
    Nothing is fused while `debug_nans` looks at every op, or with PENSTOCK_FUSION=off.
    """
    if settings().fusion == "off" or _native.get_debug_nans():
        return graph
    uses = Uses(graph)
    parts = [part for group in find_groups(graph, uses) for part in _divided(group, uses)]
    groups = [made for group in parts if (made := _program_of(group, uses))]
    if not groups:
        return graph
    return _rewrite_groups(graph, groups)


@dataclass(frozen=True)
class Fused:
    """A group with its program, and the product or convolution that runs it on its result, if there is one."""

    members: dict[int, Node]
    program: TileProgram
    inputs: list[Tensor]
    outputs: list[Tensor]
    dtype: str
    host: Node | None = None


def _program_of(group: Group, uses: Uses) -> Fused | None:
    """Write the program of a group, or None: no kernel takes its inputs and outputs together."""
    found, held = operands_of(group.members.values())
    behind = _behind_a_product(group, list(found.values()), list(held.values()), uses)
    if behind is not None or len(group.members) < 2:
        return behind
    inputs = sorted(found.values(), key=_is_mask)
    outputs = sorted(outputs_of(group.members, uses), key=_is_mask)
    if not outputs:  # nobody uses them
        return None
    dtype = group.dtype or "float32"
    row = _native.kernel_row(
        "core.tile", group.device, [t.dtype for t in inputs], [t.dtype for t in outputs]
    )
    first = next(iter(group.members.values()))
    own = _native.kernel_for_node(first)
    if row is None or own is None or row[0] != own[0]:
        return None
    program = _write_program(group, inputs, list(held.values()), outputs)
    return Fused(group.members, program, inputs, outputs, dtype)


def _divided(group: Group, uses: Uses) -> list[Group]:
    """Where several products meet, give all but the last one the steps that follow it alone."""
    found, _ = operands_of(group.members.values())
    hosts = [t for t in found.values() if t.node.op in _WITH_EPILOGUE]
    parts, left = [], dict(group.members)
    for t in sorted(hosts, key=lambda t: t.node.index)[:-1]:
        own = Group(group.device, _following(t, left, uses), group.shape, group.dtype)
        extras, held = operands_of(own.members.values())
        if own.members and _behind_a_product(own, list(extras.values()), list(held.values()), uses):
            parts.append(own)
            left = {index: node for index, node in left.items() if index not in own.members}
    return [*parts, Group(group.device, left, group.shape, group.dtype, group.axes)]


def _following(t: Tensor, members: dict[int, Node], uses: Uses) -> dict[int, Node]:
    """Return the members that take nothing of a group but this value and what they make of it."""
    taken: dict[int, Node] = {}
    while len(users := uses.users(t)) == 1 and not uses.outside(t, members):
        node = members[users[0]]
        others = (i for i in node.inputs if i.value_index != t.value_index)
        if any(other.node.index in members for other in others):
            break
        taken[node.index] = node
        t = node.outputs[0]
    return taken


def _behind_a_product(
    group: Group, inputs: list[Tensor], constants: list[Tensor], uses: Uses
) -> Fused | None:
    """Hand a group to the kernel that makes one of its inputs, where nobody else wants that input."""
    outputs = outputs_of(group.members, uses)
    if len(outputs) != 1 or group.axes is not None or _is_mask(outputs[0]):
        return None
    for t in inputs:
        host = t.node
        if host.op not in _WITH_EPILOGUE or host.index in uses.ordered:
            continue
        if uses.outside(t, group.members) or uses.shape(t) != group.shape:
            continue
        extras = [other for other in inputs if other is not t]
        if _runs_epilogues(host, group, extras):
            program = _write_program(group, [t, *extras], constants, outputs)
            members = {host.index: host, **group.members}
            return Fused(members, program, [*host.inputs, *extras], outputs, group.dtype, host)
    return None


# Ops whose kernels may declare PENSTOCK_CAP_TILE_EPILOGUE, and the op with a program that such a kernel runs too.
_WITH_EPILOGUE = {
    "matmul": "core.matmul_tile",
    "conv2d": "core.conv2d_tile",
    "depthwise_conv2d": "core.depthwise_conv2d_tile",
}


def _runs_epilogues(host: Node, group: Group, extras: list[Tensor]) -> bool:
    """Whether the very kernel that computes a node can run a group on its result."""
    if host.device != group.device or host.outputs[0].dtype.name != group.dtype:
        return False
    inputs = [t.dtype for t in (*host.inputs, *extras)]
    row = _native.kernel_row(_WITH_EPILOGUE[host.op], host.device, inputs, [host.outputs[0].dtype])
    return row is not None and row == _native.kernel_for_node(host)


def _is_mask(t: Tensor) -> bool:
    return t.dtype.kind == "bool"


def _write_program(
    group: Group, inputs: list[Tensor], constants: list[Tensor], outputs: list[Tensor]
) -> TileProgram:
    """Number the values of a group and write its nodes as instructions."""
    number = {t.value_index: i for i, t in enumerate([*inputs, *constants])}
    steps = []
    for node in group.members.values():
        opcode = tile.opcode_of(node)
        assert opcode is not None  # or it would be in no group
        operands = tuple(number[t.value_index] for t in node.inputs)
        if opcode.reduces:
            axes = trailing_axes(node) or 0
            steps.append(Instruction(opcode.name, operands, axes, node.attrs["keepdims"]))
        else:
            steps.append(Instruction(opcode.name, operands))
        number[node.outputs[0].value_index] = len(number)
    values = tuple(t.node.attrs["value"].item() for t in constants)
    return TileProgram(
        len(inputs), values, tuple(steps), tuple(number[t.value_index] for t in outputs)
    )


def _rewrite_groups(graph: Graph, groups: list[Fused]) -> Graph:
    """Copy a graph with one node in the place of the last member of each group."""
    at = {max(group.members): group for group in groups}
    gone = {index for group in groups for index in group.members}
    new = graph.like()
    values: dict[int, Tensor] = {}
    nodes: dict[int, Node] = {}
    for node in graph.nodes:
        if node.index in at:
            group = at[node.index]
            old, made = group.outputs, _make(new, group, values)
        elif node.index in gone:
            continue
        else:
            inputs = [values[t.value_index] for t in node.inputs]
            controls = [nodes[c.index] for c in node.control_inputs if c.index in nodes]
            old, made = node.outputs, new.copy_node(node, inputs, controls)
        values.update((t.value_index, copy) for t, copy in zip(old, made, strict=True))
        if made:
            nodes[node.index] = made[0].node
    new.inputs = [values[t.value_index] for t in graph.inputs]
    new.outputs = [values[t.value_index] for t in graph.outputs]
    return new


def _make(new: Graph, group: Fused, values: dict[int, Tensor]) -> list[Tensor]:
    members = [node for _, node in sorted(group.members.items())]
    program = group.program
    attrs: dict[str, Any] = {"program": program.words(), "constants": program.constants}
    attrs |= {"dtype": group.dtype} if group.host is None else dict(group.host.attrs)
    op = "core.tile" if group.host is None else _WITH_EPILOGUE[group.host.op]
    inputs = [values[t.value_index] for t in group.inputs]
    return new.add_node(op, inputs, attrs, members[-1].name, members[0].device, members[0].source)
