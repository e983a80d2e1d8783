"""What the commands that take a model share: reading it, and inputs to try it with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from penstock.errors import InvalidValueError
from penstock.plugins.registrar import nearest

if TYPE_CHECKING:
    from penstock.saved import GraphFunction, GraphModel

console: Final = Console(highlight=False)
if not console.is_terminal:  # a file or a pipe: names stay whole
    console.width = 200


def read(
    path: Path, *, format: str | None = None, options: dict[str, Any] | None = None
) -> GraphModel:
    """Load a model of any format, and show that something happens.

    Raises:
        PenstockError: It cannot be loaded.
        OSError: Likewise.
    """
    from penstock.saved.load import load

    with console.status(f"reading {path}"):
        return load(path, check=False, format=format, **(options or {}))


def function_of(model: GraphModel, name: str | None) -> GraphFunction:
    """Find a function of a model; by default the first.

    Raises:
        InvalidValueError: There is none of that name.
    """
    if name is None:
        return model.default
    if name not in model.functions:
        raise InvalidValueError(
            f"the model has no function {name!r}{nearest(name, model.functions)}; it has {', '.join(model.functions)}"
        )
    return model.functions[name]


def options_of(words: list[str]) -> dict[str, Any]:
    """Read options: "opset=18" is {"opset": 18}, "name=x" is {"name": "x"}.

    Raises:
        InvalidValueError: A word has no "=".
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise InvalidValueError(
                f"--option {word} has no value; write name=value: --option opset=18"
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def bytes_text(count: float) -> str:
    """Write a number of bytes for people: "1.5 MiB"."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError
