"""Nodes of older op versions made into nodes of today's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from penstock import _native
from penstock.errors import FormatError, GraphError
from penstock.plugins.registrar import nearest

# Gets a node as graph.json has it, and returns it as the next version of its op wants it.
Upgrader = Callable[[dict[str, Any]], dict[str, Any]]

_UPGRADERS: Final[dict[tuple[str, int], Upgrader]] = {}


def register_upgrader(op: str, version: int, upgrader: Upgrader) -> None:
    """Say how nodes of an old version of an op become nodes of the next one.

    Args:
        op: The op's name.
        version: The version that is upgraded, to `version + 1`.
        upgrader: Gets a node as graph.json has it and returns another; it may change op, inputs and attributes.

    Raises:
        GraphError: There is one already.

    >>> register_upgrader("acme.scale", 1, lambda node: {**node, "attrs": {**node["attrs"], "bias": 0.0}})
    """
    if (op, version) in _UPGRADERS:
        raise GraphError(
            f"there is an upgrader for {op}@{version} already; a version is upgraded in one way"
        )
    _UPGRADERS[op, version] = upgrader


def check_versions(ops: dict[str, int], what: str) -> dict[str, int]:
    """Find the ops of a file that are of older versions.

    Args:
        ops: The version of every op that the file uses.
        what: The file, for messages.

    Returns:
        Those to upgrade.

    Raises:
        FormatError: An op is unknown, newer than ours, or so old that nobody upgrades it.
    """
    old: dict[str, int] = {}
    for op, version in ops.items():
        if not _native.has_op(op):
            raise FormatError(
                f"[load] {what} uses the op {op!r}, which is unknown{nearest(op, _native.op_names())}; install the Penstock "
                "or the plugin that has it"
            )
        ours = _native.op_function(op).schema.version
        if version > ours:
            raise FormatError(
                f"[load] {what} uses {op}@{version}; this Penstock has {op}@{ours}: update it, pip install -U penstock"
            )
        if any((op, v) not in _UPGRADERS for v in range(version, ours)):
            raise FormatError(
                f"[load] {what} uses {op}@{version}; this Penstock has {op}@{ours} and no upgrader: save the model with a "
                "release between"
            )
        if version < ours:
            old[op] = version
    return old


def upgrade(graph: dict[str, Any], old: dict[str, int]) -> None:
    """Upgrade the nodes of a graph, and of the bodies in it, in place.

    Args:
        graph: A graph as graph.json has it.
        old: The versions of the ops that are older than ours.

    Raises:
        FormatError: An upgrader does not understand a node.
    """
    nodes = graph["nodes"]
    for i, node in enumerate(nodes):
        for value in node.get("attrs", {}).values():
            if isinstance(value, dict) and set(value) == {"graph"}:
                upgrade(value["graph"], old)
        if node["op"] in old:
            nodes[i] = _upgraded(node, old[node["op"]])


def _upgraded(node: dict[str, Any], version: int) -> dict[str, Any]:
    op = node["op"]
    ours = _native.op_function(op).schema.version
    for step in range(version, ours):
        try:
            node = _UPGRADERS[op, step](node)
        except Exception as error:  # the node may be anything
            raise FormatError(
                f"[load] node {str(node.get('name'))[:80]!r} cannot be upgraded from {op}@{step}: {error!r}; save the model again"
            ) from error
    return node


__all__ = ["check_versions", "register_upgrader", "upgrade"]
