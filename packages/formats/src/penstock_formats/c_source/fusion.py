"""Which nodes become one step: an op, and the elementwise ops behind it that nobody else needs the inputs of."""

from __future__ import annotations

from collections import defaultdict

from penstock.graph import Graph, Node
from penstock.tensor import Tensor
from penstock_formats.c_source.emitters import FLOAT_LAYERS
from penstock_formats.c_source.emitters.elementwise import ELEMENTWISE
from penstock_formats.c_source.step import ALIASES


def chains(graph: Graph) -> list[list[Node]]:
    """Part the nodes that compute something into chains, in the order in which their last nodes come."""
    return _Chains(graph).all()


class _Chains:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._users: dict[int, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            for t in node.inputs:
                self._users[t.value_index].append(node)
        self._given_out = {t.value_index for t in graph.outputs}
        self._taken: set[int] = set()

    def all(self) -> list[list[Node]]:
        made = []
        for node in self._graph.nodes:
            if node.op in ("placeholder", "constant", *ALIASES) or node.index in self._taken:
                continue
            made.append(self._from(node))
        return sorted(made, key=lambda chain: chain[-1].index)

    def _from(self, head: Node) -> list[Node]:
        chain = [head]
        if head.op not in ELEMENTWISE and head.op not in FLOAT_LAYERS:
            return chain
        while (follower := self._follower(head, chain[-1])) is not None:
            self._taken.add(follower.index)
            chain.append(follower)
        return chain

    def _follower(self, head: Node, node: Node) -> Node | None:
        t = node.outputs[0]
        users = self._users[t.value_index]
        if (
            t.value_index in self._given_out
            or not users
            or any(u.index != users[0].index for u in users)
        ):
            return None
        follower = users[0]
        fits = (
            follower.index not in self._taken
            and follower.op in ELEMENTWISE
            and _sizes(follower.outputs[0]) == _sizes(head.outputs[0])
        )
        if not fits:
            return None
        if head.op in FLOAT_LAYERS and not _fits_layer(head.outputs[0], follower):
            return None
        return follower


def _fits_layer(y: Tensor, follower: Node) -> bool:
    """Whether a layer can apply an op to its results: it knows each one's place and its channel."""
    out = _sizes(y)
    if follower.outputs[0].dtype != y.dtype:
        return False
    return all(
        t.size == 1 or _sizes(t) == out or (t.size == out[-1] and _sizes(t)[-1] == out[-1])
        for t in follower.inputs
    )


def _sizes(t: Tensor) -> tuple[int, ...]:
    return tuple(int(size) for size in t.shape)
