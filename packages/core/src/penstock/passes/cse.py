"""Computes the same thing once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from penstock import _native
from penstock._inner_graphs import assigned_by
from penstock._native import Graph, Node, Tensor
from penstock.passes._rewrite import rewrite

_MOST = 1 << 16  # elements of a constant that are compared: as many as folding makes
# Whether two bodies are the same would take a comparison of graphs.
_ALONE = ("call", "cond", "while", "scan", "custom_gradient")


class _Content:
    """The bytes of a constant, of which few are looked at unless two may be the same."""

    __slots__ = ("_bytes",)

    def __init__(self, value: Tensor) -> None:
        self._bytes = np.ascontiguousarray(value.numpy()).reshape(-1).view(np.uint8)

    def __hash__(self) -> int:
        return hash(self._bytes[:64].tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and np.array_equal(self._bytes, other._bytes)


def share_common(graph: Graph) -> Graph:
    """Use one node for all that have the same op, inputs, attributes and device.

    Reads of a variable are the same only if no write lies between them. Nodes that wait for others by control
    inputs are left alone.
    """
    seen: dict[Hashable, list[Tensor]] = {}
    writes: dict[Any, int] = {}

    def share(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
        for variable in assigned_by(node):
            writes[variable] = writes.get(variable, 0) + 1
        if node.effects not in ("none", "read") or node.op in _ALONE:
            return None
        if node.control_inputs:
            return None
        key = _key(node, inputs, writes)
        if key in seen:
            return seen[key]
        made = _copy(node, inputs)
        seen[key] = made
        return made

    return rewrite(graph, share)


def _copy(node: Node, inputs: list[Tensor]) -> list[Tensor]:
    target = _native.current_graph()
    assert target is not None  # rewrite pushed it
    return target.copy_node(node, inputs, [], None)


def _key(node: Node, inputs: list[Tensor], writes: dict[Any, int]) -> Hashable:
    attrs = tuple((name, _attr_key(value)) for name, value in node.attrs.items())
    version = writes.get(node.attrs.get("variable"), 0) if node.op == "read_variable" else 0
    return (node.op, tuple(t.value_index for t in inputs), attrs, node.device, version)


def _attr_key(value: Any) -> Hashable:
    if isinstance(value, Tensor):  # a constant: the same memory is the same value
        if value.size <= _MOST and value.dtype.name not in ("string", "bfloat16"):
            return (_Content(value), value.dtype.name, value.shape, value.weak)
        return (value._data_pointer(), value.dtype.name, value.shape, value.weak)
    if isinstance(value, float):
        return repr(value)  # 0.0 and -0.0 differ
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, tuple):
        return tuple(str(item) for item in value)  # symbolic sizes have no order, but a text
    return value if isinstance(value, Hashable) else id(value)
