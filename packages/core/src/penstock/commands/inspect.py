"""`penstock inspect`: what a saved model holds, of whatever format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from penstock._inner_graphs import inner_graphs
from penstock._native import Graph
from penstock.commands._models import bytes_text, console, read
from penstock.saved import GraphModel
from penstock.saved.save import plugins_of
from penstock.saved.writer import is_python_only

_SHOWN = 20


def inspect(path: Path, format: str | None, every: bool) -> None:
    """Print functions, variables, ops and where a model comes from. Nothing is run.

    Args:
        path: A folder or file.
        format: Its format, if the path does not say.
        every: Whether to list all variables, not only the first.

    Raises:
        PenstockError: It cannot be loaded.
    """
    model = read(path, format=format)
    files = [f for f in path.rglob("*") if f.is_file()] if path.is_dir() else [path]
    size = bytes_text(sum(f.stat().st_size for f in files))
    console.print(f"{path}: {size} in {len(files)} file{'s' * (len(files) != 1)}", markup=False)
    for name, value in model.metadata.items():
        text = str(value)
        console.print(f"  {name}: {text[:200]}{'...' * (len(text) > 200)}", markup=False)
    console.print(_functions(model))
    if model.variables:
        console.print(_variables(model, every))
    _print_ops(model)


def _functions(model: GraphModel) -> Table:
    table = Table("function")
    for column in ("takes", "gives"):
        table.add_column(column, overflow="fold")
    table.add_column("nodes")
    for function in model:
        table.add_row(
            function.name,
            "\n".join(map(str, function.inputs.values())).replace("[", r"\["),
            "\n".join(map(str, function.outputs.values())).replace("[", r"\["),
            str(sum(1 for _ in _nodes(function.graph))),
        )
    return table


def _variables(model: GraphModel, every: bool) -> Table:
    total = sum(v.value.nbytes for v in model.variables.values())
    numbers = sum(int(v.value.size) for v in model.variables.values())
    title = f"{len(model.variables)} variables, {numbers:,} numbers, {bytes_text(total)}"
    table = Table(title=title, title_justify="left")
    table.add_column("variable", overflow="fold")
    for column in ("dtype", "shape", "trainable"):
        table.add_column(column)
    shown = list(model.variables.items())[: None if every else _SHOWN]
    for name, v in shown:
        shape = ", ".join(map(str, v.shape))
        table.add_row(name, v.dtype.name, rf"\[{shape}]", "yes" if v.trainable else "no")
    if len(shown) < len(model.variables):
        table.add_row(f"and {len(model.variables) - len(shown)} more: --all", "", "", "")
    return table


def _print_ops(model: GraphModel) -> None:
    nodes = [node for function in model for node in _nodes(function.graph)]
    counts = Counter(node.op for node in nodes if node.op not in ("placeholder", "constant"))
    told = ", ".join(f"{op} x{count}" if count > 1 else op for op, count in counts.most_common())
    console.print(f"ops: {told}", markup=False)
    for plugin in plugins_of(counts):
        console.print(f"plugin {plugin['name']}: {', '.join(plugin['ops'])}", markup=False)
    host = sorted({node.op for node in nodes if is_python_only(node)})
    if host:
        console.print(f"only with Python: {', '.join(host)}", markup=False)


def _nodes(graph: Graph) -> Iterator[Any]:
    for node in graph.nodes:
        yield node
        for body in inner_graphs(node):
            yield from _nodes(body)
