"""Which nodes of a graph become one tile program: chains of elementwise ops of one shape, and reductions of them.

Nodes are taken in the graph's order, and each joins the groups that make its inputs where that is possible. A group
runs where its last member stood. So a member's users outside of the group must stand behind that place; with this, no
cycle can come about, and what has effects is never moved.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from penstock import _native
from penstock._native import DType, Graph, Node, Tensor
from penstock.ops import _tile_program as tile

_DTYPES = {"float16", "float32", "float64"}


class Group:
    """Nodes that may become one program.

    Args:
        device: Where all of them run.
        members: By number, in the graph's order.
        shape: That of all values, equal symbols under one name.
        dtype: Of the numbers; empty while there are only masks.
        axes: How many trailing axes the reductions take; None while there are none.
    """

    __slots__ = ("axes", "device", "dtype", "members", "shape")

    def __init__(
        self,
        device: str,
        members: dict[int, Node],
        shape: tuple[str, ...],
        dtype: str = "",
        axes: int | None = None,
    ) -> None:
        self.device, self.members, self.shape = device, members, shape
        self.dtype, self.axes = dtype, axes

    @property
    def last(self) -> int:
        """The place where the group runs."""
        return max(self.members)


class Uses:
    """Who uses the values of a graph, and which nodes others wait for."""

    def __init__(self, graph: Graph) -> None:
        self._users: dict[int, list[int]] = {}
        self._nodes: dict[int, Node] = {}
        self.ordered: set[int] = set()  # nodes that others wait for, or that wait
        for node in graph.nodes:
            self._nodes[node.index] = node
            for t in node.inputs:
                self._users.setdefault(t.value_index, []).append(node.index)
            if node.control_inputs:
                self.ordered |= {node.index, *(c.index for c in node.control_inputs)}
        self._results = {t.value_index for t in graph.outputs}
        self._sizes: dict[str, str] = {}
        for what, _ in graph.guards:
            left, equal, right = what.partition(" == ")
            if equal and self._size(left) != self._size(right):
                self._sizes[self._size(left)] = self._size(right)

    def _size(self, dim: str) -> str:
        while dim in self._sizes:
            dim = self._sizes[dim]
        return dim

    def shape(self, t: Tensor) -> tuple[str, ...]:
        """Return a tensor's shape as text; sizes that the graph's guards call equal have one name."""
        return tuple(self._size(str(d)) for d in t.shape)

    def users(self, t: Tensor) -> list[int]:
        """Return the numbers of the nodes that take a tensor."""
        return self._users.get(t.value_index, [])

    def nodes(self, t: Tensor) -> list[Node]:
        """Return the nodes that take a tensor, each as often as it does."""
        return [self._nodes[i] for i in self.users(t)]

    def outside(self, t: Tensor, members: Container[int]) -> bool:
        """Whether anybody but `members` uses a tensor, the graph's caller included."""
        return t.value_index in self._results or any(i not in members for i in self.users(t))


def find_groups(graph: Graph, uses: Uses) -> list[Group]:
    """Return the groups, none of which can grow; some are single nodes."""
    group_of: dict[int, Group] = {}
    for node in graph.nodes:
        if node.index in uses.ordered or (alone := _start(node, uses)) is None:
            continue
        group = _joined(alone, _producers(node, group_of), group_of, uses)
        for index in group.members:
            group_of[index] = group
    found = {id(group): group for group in group_of.values()}
    return list(found.values())


def _start(node: Node, uses: Uses) -> Group | None:
    """Make a group of one node, or None: a tile program cannot compute it as its own kernel would."""
    if node.effects != "none" or node.is_alias:
        return None
    opcode = tile.opcode_of(node)
    if opcode is None:
        return None
    result, inputs = node.outputs[0], node.inputs
    if result.weak:
        return None
    numbers = {t.dtype.name for t in (*inputs, result)} - {"bool"}
    if len(numbers) > 1 or not numbers <= _DTYPES:
        return None
    source = inputs[0] if opcode.reduces else result
    group = Group(node.device, {node.index: node}, uses.shape(source))
    group.dtype = next(iter(numbers), "")
    if opcode.reduces:
        group.axes = trailing_axes(node)
        if not group.axes:
            return None
    if _provider(node.op, node.device, inputs, node.outputs) != _tile_provider(
        node.device, group.dtype or "float32"
    ):
        return None  # somebody's own kernel is not replaced
    return group


def trailing_axes(node: Node) -> int | None:
    """Count the axes of a reduction, or None: they are not the last ones."""
    rank, axes = node.inputs[0].ndim, node.attrs["axis"]
    if axes is None:
        return rank
    return len(axes) if list(axes) == list(range(rank - len(axes), rank)) else None


def _provider(op: str, device: str, inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> str:
    return _provider_of(op, device, tuple(t.dtype for t in inputs), tuple(t.dtype for t in outputs))


def _tile_provider(device: str, dtype: str) -> str:
    number = _native.dtype(dtype)
    return _provider_of("core.tile", device, (number,), (number,))


def _provider_of(
    op: str, device: str, inputs: tuple[DType, ...], outputs: tuple[DType, ...]
) -> str:
    row = _native.kernel_row(op, device, inputs, outputs)
    return row[0] if row else ""


def _producers(node: Node, group_of: dict[int, Group]) -> list[Group]:
    """Return the groups that make a node's inputs, unless one of them is a reduction's result."""
    found: dict[int, Group] = {}
    for t in node.inputs:
        group = group_of.get(t.node.index)
        if group is None:
            continue
        if _is_reduction(t.node):
            return []
        found[id(group)] = group
    return list(found.values())


def _is_reduction(node: Node) -> bool:
    opcode = tile.opcodes().get(node.op.upper())
    return opcode is not None and opcode.reduces


def _joined(
    alone: Group,
    nearby: list[Group],
    group_of: dict[int, Group],
    uses: Uses,
) -> Group:
    """Merge a node with as many of the groups that feed it as will go together."""
    group = alone
    for other in sorted(nearby, key=lambda g: -g.last):
        if not _alike(group, other):
            continue
        both = Group(
            group.device,
            dict(sorted({**other.members, **group.members}.items())),
            group.shape,
            group.dtype or other.dtype,
            other.axes if group.axes is None else group.axes,
        )
        if _in_order(both, group_of, uses) and _fits(both, uses):
            group = both
    return group


def _alike(a: Group, b: Group) -> bool:
    return (
        (a.device, a.shape) == (b.device, b.shape)
        and (a.dtype == b.dtype or not a.dtype or not b.dtype)
        and (a.axes == b.axes or a.axes is None or b.axes is None)
    )


def _in_order(group: Group, group_of: dict[int, Group], uses: Uses) -> bool:
    last = group.last
    for node in group.members.values():
        for t in node.outputs:
            for index in uses.users(t):
                if index in group.members:
                    if _is_reduction(node):
                        return False
                    continue
                place = group_of[index].last if index in group_of else index
                if place < last:
                    return False
    return True


def _fits(group: Group, uses: Uses) -> bool:
    """Whether the program stays within the limits that kernels rely on."""
    inputs, constants = operands_of(group.members.values())
    outputs = outputs_of(group.members, uses)
    return (
        len(group.members) <= tile.MAX_INSTRUCTIONS
        and 1 <= len(inputs) <= tile.MAX_INPUTS
        and len(constants) <= tile.MAX_CONSTANTS
        and len(outputs) <= tile.MAX_OUTPUTS
    )


def operands_of(members: Iterable[Node]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Return what comes from outside, by number: tensors, and single numbers that the program can hold itself."""
    inside: set[int] = set()
    inputs: dict[int, Tensor] = {}
    constants: dict[int, Tensor] = {}
    for node in members:
        for t in node.inputs:
            if t.value_index not in inside:
                held = t.node.op == "constant" and t.ndim == 0 and t.dtype.kind == "float"
                (constants if held else inputs)[t.value_index] = t
        inside |= {t.value_index for t in node.outputs}
    return inputs, constants


def outputs_of(members: dict[int, Node], uses: Uses) -> list[Tensor]:
    """Return the values that somebody outside of the group uses."""
    return [t for node in members.values() for t in node.outputs if uses.outside(t, members)]
