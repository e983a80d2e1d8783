"""Which tensor of the checkpoint belongs to which variable, as the SavedModel's own restore function says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_formats.tensorflow._problems import explained
from penstock_formats.tensorflow._scope import split_ref
from penstock_formats.tensorflow._tensors import array_of


def restored_keys(graph: Any) -> dict[str, str]:
    """Read the checkpoint's key of each variable; the function is read, not run.

    Args:
        graph: The graph of a SavedModel.

    Returns:
        Keys by the names of the variables; empty where there is no such function.

    Raises:
        FormatError: The function makes no sense.
    """
    functions = {f.signature.name: f for f in graph.library.function}
    restoring = {
        name: f
        for name, f in functions.items()
        if any(node.op == "RestoreV2" for node in f.node_def)
    }
    nodes = {node.name: node for node in graph.node}
    keys: dict[str, str] = {}
    with explained("the restore function"):
        for node in graph.node:
            function = restoring.get(node.attr["f"].func.name) if "f" in node.attr else None
            if function is None:
                continue
            given = dict(
                zip((a.name for a in function.signature.input_arg), node.input, strict=False)
            )
            for argument, key in _assigned(function).items():
                handle = nodes.get(split_ref(given.get(argument, ""))[0])
                if handle is not None and handle.op == "VarHandleOp":
                    shared = handle.attr["shared_name"].s.decode("utf-8", "replace")
                    keys[shared or handle.name] = key
    return keys


def _assigned(function: Any) -> dict[str, str]:
    """Find which argument gets which key of the checkpoint."""
    inner: Mapping[str, Any] = {node.name: node for node in function.node_def}
    found = {}
    for node in function.node_def:
        if node.op != "AssignVariableOp":
            continue
        source, _, index = split_ref(node.input[1])
        if inner[source].op == "Identity":
            source, _, index = split_ref(inner[source].input[0])
        if inner[source].op == "RestoreV2":
            names = array_of(inner[split_ref(inner[source].input[1])[0]].attr["value"].tensor)
            found[node.input[0]] = bytes(names.ravel()[index]).decode("utf-8")
    return found
