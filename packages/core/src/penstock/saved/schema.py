"""The published description of graph.json: what may stand where."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any


@functools.cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of graph.json, for tools that check or make such files.

    Returns:
        The schema, of draft 2020-12.

    Raises:
        OSError: The installation is not whole.

    >>> schema()["title"]
    'A saved graph of Penstock: graph.json and lowered/*.json, version 1'
    """
    made: dict[str, Any] = json.loads(Path(__file__).with_name("graph.schema.json").read_bytes())
    return made
