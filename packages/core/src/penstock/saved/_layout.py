"""How graph.json is laid out: a line for each node, so that people can read it and `diff` shows what changed."""

from __future__ import annotations

import json
from typing import Any, Final

# Lists and objects whose members get lines of their own.
_OPENED: Final = ("functions", "graph", "nodes", "variables", "plugins", "golden", "attrs")


def layout(document: dict[str, Any]) -> str:
    """Write a document as JSON text.

    Args:
        document: What JSON can hold.

    Returns:
        The text, ending with a line feed.

    Raises:
        ValueError: A float is not finite.

    >>> print(layout({"name": "net", "nodes": [{"op": "relu"}, {"op": "exp"}]}), end="")
    {
     "name": "net",
     "nodes": [
      {"op": "relu"},
      {"op": "exp"}
     ]
    }
    """
    return _text(document, 0, "") + "\n"


def _text(value: Any, depth: int, key: str) -> str:
    opened = depth == 0 or key in _OPENED or _has_graph(value)
    if not opened or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    pad = " " * (depth + 1)
    if isinstance(value, list):
        lines = [pad + _text(item, depth + 1, "") for item in value]
        return "[\n" + ",\n".join(lines) + "\n" + pad[1:] + "]"
    if key == "attrs" and not _has_graph(value):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    lines = [
        f"{pad}{json.dumps(k, ensure_ascii=False)}: {_text(v, depth + 1, k)}"
        for k, v in value.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n" + pad[1:] + "}"


def _has_graph(value: Any) -> bool:
    """Whether an object has a graph inside: a function, or a node with bodies."""
    if not isinstance(value, dict):
        return False
    return (
        "nodes" in value
        or any(k in ("graph", "attrs") and _has_graph(v) for k, v in value.items())
        or any(isinstance(v, dict) and set(v) == {"graph"} for v in value.values())
    )
