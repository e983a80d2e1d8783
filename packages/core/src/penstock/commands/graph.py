"""`penstock graph`: print a graph, compare two, draw one, say what it costs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from penstock.commands._scripts import object_of
from penstock.errors import PenstockError
from penstock.graph import Graph
from penstock.plugins.registrar import nearest
from penstock.saved.model import GraphFunction, GraphModel

_console = Console(highlight=False)


def show(target: str, function: str | None, file: Path | None, depth: int | None) -> None:
    """Print the graphs of a target, or draw them.

    Args:
        target: "file.py:name", "package.module:name", or a model's file or folder.
        function: Which function of a model; by default all.
        file: Where to draw, instead of printing.
        depth: How many levels of scopes a drawing shows.

    Raises:
        PenstockError: The target does not exist, or is no graph.
    """
    found = graphs_of(target, function)
    if file is None:
        for _, graph in found:
            print(graph.text())
        return
    from penstock.drawing import draw

    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        raise PenstockError(
            f"graph draws one function into {file}; {target} has {names}: choose one, --function {found[0][0]}"
        )
    print(f"wrote {draw(found[0][1], file, depth=depth)}")


def diff(target: str, other: str, function: str | None) -> int:
    """Print what differs between two targets, line by line; where the code stood does not count.

    Returns:
        0 if they are equal, else 1.

    Raises:
        PenstockError: A target does not exist, or is no graph.
    """
    before, after = (list(_lines(graphs_of(t, function))) for t in (target, other))
    lines = list(difflib.unified_diff(before, after, target, other, lineterm=""))
    for line in lines:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        _console.print(line, style=colour, markup=False, soft_wrap=True)
    return int(bool(lines))


def cost(target: str, function: str | None, sizes: Sequence[str], depth: int | None) -> None:
    """Print what each scope of a target's graphs costs.

    Args:
        target: As in `show`.
        function: Likewise.
        sizes: "name=number" for each named size that is not 1.
        depth: How many levels of scopes to list.

    Raises:
        PenstockError: The target is no graph, or a size is not understood.
    """
    from penstock import transforms

    given = dict(_size(text) for text in sizes)
    for name, graph in graphs_of(target, function):
        mine = {k: v for k, v in given.items() if k in graph.symbols} if function is None else given
        found = transforms.cost(graph, mine)
        assumed = ", ".join(f"{k}={v}" for k, v in found.sizes.items())
        table = Table(title=f"{name} with {assumed}" if assumed else name, title_justify="left")
        table.add_column("scope")
        for column in ("nodes", "flops", "bytes", "parameters"):
            table.add_column(column, justify="right")
        for scope, row in found.rows(depth):
            numbers = (row.nodes, row.flops, row.bytes, row.parameters)
            table.add_row(scope or "all", *(f"{number:,}" for number in numbers))
        _console.print(table)


def graphs_of(target: str, function: str | None) -> list[tuple[str, Graph]]:
    """Find graphs by name.

    Args:
        target: As in `show`.
        function: Likewise.

    Returns:
        Names and graphs.

    Raises:
        PenstockError: The target does not exist, or is no graph.
    """
    value = _load(target) if Path(target).exists() else object_of(target)
    if isinstance(value, GraphModel):
        found: dict[str, Any] = dict(value.functions)
    else:
        name = getattr(value, "__name__", None) or getattr(value, "name", None)
        found = {str(name or "graph"): value}
    if function is not None and function not in found:
        raise PenstockError(
            f"graph found no function {function!r} in {target}{nearest(function, found)}; it has: {', '.join(found)}"
        )
    names = [function] if function is not None else list(found)
    return [(name, _graph(found[name], target)) for name in names]


def _load(path: str) -> Any:
    if path.endswith(".py"):
        return object_of(path)  # says that a name is missing
    from penstock.saved.load import load

    return load(path)


def _graph(value: Any, target: str) -> Graph:
    graph = value.graph if isinstance(value, GraphFunction) else getattr(value, "graph", value)
    if not isinstance(graph, Graph):
        raise PenstockError(
            f"graph got {target}, a {type(value).__name__}: expected a penstock.Graph, or a "
            "penstock.function that has been called once, or a model"
        )
    return graph


def _lines(graphs: Sequence[tuple[str, Graph]]) -> Iterator[str]:
    for _, graph in graphs:
        for line in graph.text().splitlines():
            yield line.rpartition("  # ")[0] or line


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdigit():
        raise PenstockError(f"graph got --size {text}: expected name=number, such as batch=8")
    return name, int(number)
