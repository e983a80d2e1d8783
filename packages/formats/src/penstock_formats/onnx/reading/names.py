"""Names of the file in the form that names of a graph have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

LONGEST = 200


def plain(name: str) -> str:
    """Return a name of letters, digits, `_`, `-`, `.` and `/`."""
    text = re.sub(r"[^A-Za-z0-9_.\-/]+", "_", name)
    return "/".join(part for part in text.split("/") if part)[:LONGEST]


def scope_name(node: NodeProto) -> str:
    """Return the scope in which a node's ops are."""
    return plain(node.name or next((o for o in node.output if o), ""))


def symbol(name: str) -> str | None:
    """Return the name of a size, or None if the file's is no plain name."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,60}", name) else None
