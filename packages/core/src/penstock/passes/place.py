"""Gives every node a device, and copies values to where they are used."""

from __future__ import annotations

from penstock import _native, ops
from penstock._native import Graph, Node, Tensor
from penstock.errors import NoKernelError
from penstock.passes._rewrite import rewrite

HOST = "cpu:0"


# Control flow hands values on through the host; what its bodies compute is placed inside them.
_ON_HOST = (
    "constant",
    "read_variable",
    "assign_variable",
    "placeholder",
    "cond",
    "while",
    "scan",
    "call",
)


def place(graph: Graph) -> Graph:
    """Move nodes without a kernel on their device to the host, and insert copies between devices."""
    if all(_short(node.device) == HOST for node in graph.nodes):
        return graph
    where = {node.index: _device_of(node) for node in graph.nodes}
    copies: dict[tuple[int, str], Tensor] = {}

    def copied(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        if node.op in ("to_device", "constant"):
            return None
        target = where[node.index]
        here = [_at(t, target, copies) for t in inputs]
        graph_now = _native.current_graph()
        assert graph_now is not None  # rewrite pushed it
        return graph_now.copy_node(node, here, [], target)

    return rewrite(graph, copied)


def _at(t: Tensor, target: str, copies: dict[tuple[int, str], Tensor]) -> Tensor:
    node = t.node
    assert node is not None  # a tensor of a graph
    if _short(node.device) == target or (node.op == "constant" and target == HOST):
        return t
    key = (t.value_index, target)
    if key not in copies:
        copy = ops.to_device(t, target)
        assert copy.node is not None
        copy.node.device = target
        copies[key] = copy
    return copies[key]


def _device_of(node: Node) -> str:
    wanted = _short(node.device)
    if wanted == HOST or node.op in _ON_HOST:
        return HOST
    if node.is_alias or node.op in ("to_device", "custom_gradient"):
        return wanted
    if _native.kernel_for_node(node) is not None:
        return wanted
    if _native.get_fallback() == "error":
        raise NoKernelError(
            f"[{node.op}] has no kernel on {wanted}, at {node.source}; install a plugin that has one, place the "
            "op elsewhere with penstock.device('cpu'), or set PENSTOCK_FALLBACK=warn"
        )
    return HOST


def _short(device: str) -> str:
    if not device:
        return HOST
    name = device.rsplit("/device:", 1)[-1]
    return name if ":" in name else f"{name}:0"
