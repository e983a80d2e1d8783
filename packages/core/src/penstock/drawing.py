"""Pictures of graphs, by Graphviz where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from penstock._inner_graphs import inner_graphs
from penstock._native import Graph, Node, Tensor
from penstock.errors import InvalidValueError, PenstockError

_LAYERS: Final = ("matmul", "conv", "attention", "lstm", "gru", "embedding", "depthwise")
_COLOURS: Final = {
    "input": "#d7e8ff",
    "weights": "#eeeeee",
    "layer": "#ffe3b3",
    "effect": "#ffd3d3",
    "control": "#e6d9ff",
    "other": "#ffffff",
}


def to_dot(graph: Graph, depth: int | None = None) -> str:
    """Describe a graph in Graphviz's language: a box for each node, a frame for each scope of names.

    Args:
        graph: What to describe.
        depth: How many levels of scopes to open; deeper ones are single boxes. None opens all.

    Returns:
        The text of a .dot file.

    Raises:
        InvalidValueError: The depth is negative.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n",), name="x")
    ...     graph.inputs, graph.outputs = [x], [ps.exp(x)]
    >>> '"x" -> "exp" [label="f32[n]"]' in to_dot(graph)
    True
    """
    if depth is not None and depth < 0:
        raise InvalidValueError(f"[to_dot] got depth={depth}; use 0 or more, or None for all")
    return "\n".join(_Picture(graph, depth).lines()) + "\n"


def draw(graph: Graph, path: str | os.PathLike[str], *, depth: int | None = None) -> Path:
    """Draw a graph into a file.

    Args:
        graph: What to draw.
        path: Its name says how: .svg, .png, .pdf; or .dot, which needs no Graphviz.
        depth: How many levels of scopes to open; None opens all.

    Returns:
        The file.

    Raises:
        InvalidValueError: The name ends otherwise, or the depth is negative.
        PenstockError: Graphviz is not installed, or fails.
        OSError: The file cannot be written.
    """
    target = Path(path)
    text = to_dot(graph, depth)
    if target.suffix == ".dot":
        target.write_text(text, "utf-8")
        return target
    if target.suffix not in (".svg", ".png", ".pdf"):
        raise InvalidValueError(
            f"[draw] got {target}; use a name that ends in .svg, .png, .pdf or .dot"
        )
    program = shutil.which("dot")
    if program is None:
        raise PenstockError(
            f"[draw] {target.suffix} files are made by Graphviz, whose program `dot` is not installed; install the "
            f"package graphviz, or write {target.with_suffix('.dot')}"
        )
    command = [program, f"-T{target.suffix[1:]}", "-o", str(target)]
    done = subprocess.run(
        command, input=text, encoding="utf-8", errors="replace", capture_output=True, check=False
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise PenstockError(f"[draw] dot failed: {told[-1]}; write a .dot file and look at it")
    return target


class _Picture:
    def __init__(self, graph: Graph, depth: int | None) -> None:
        self._graph = graph
        self._depth = depth

    def lines(self) -> Iterator[str]:
        yield f'digraph "{_quoted(self._graph.name)}" {{'
        yield '  graph [fontname="Helvetica", fontsize=11, ranksep=0.3, nodesep=0.2, compound=true]'
        yield '  node [fontname="Helvetica", fontsize=10, shape=box, style="rounded,filled", height=0.25]'
        yield '  edge [fontname="Helvetica", fontsize=8, color="#666666", arrowsize=0.6]'
        yield from self._boxes()
        yield from self._edges()
        for number, t in enumerate(self._graph.outputs):
            yield f'  "{number} out" [label="result {number}", fillcolor="{_COLOURS["input"]}"]'
            yield f'  "{_quoted(self._box(t.node))}" -> "{number} out" [label="{_type(t)}"]'
        yield "}"

    def _box(self, node: Node) -> str:
        """Name the box in which a node is shown: its own, or that of a scope that stays closed."""
        parts = node.scope.split("/") if node.scope else []
        if self._depth is None or len(parts) <= self._depth:
            return node.name
        return "/".join(parts[: self._depth + 1]) + "/"

    def _boxes(self) -> Iterator[str]:
        boxes: dict[str, list[Node]] = {}
        for node in self._graph.nodes:
            boxes.setdefault(self._box(node), []).append(node)
        yield from self._frame("", boxes, "  ")

    def _frame(self, scope: str, boxes: dict[str, list[Node]], indent: str) -> Iterator[str]:
        """Draw the boxes of a scope, and frames for the scopes in it."""
        inner: dict[str, None] = {}
        for name, nodes in boxes.items():
            mine = name.rstrip("/").rpartition("/")[0]
            if mine == scope:
                yield indent + _box_line(name, nodes)
            elif not scope or mine.startswith(f"{scope}/"):
                rest = mine[len(scope) + 1 :] if scope else mine
                inner[f"{scope}/{rest.split('/')[0]}".lstrip("/")] = None
        for child in inner:
            yield f'{indent}subgraph "cluster_{_quoted(child)}" {{'
            label = _quoted(child.rpartition("/")[2])
            yield f'{indent}  label="{label}"; labeljust=l; style=rounded; color="#bbbbbb"'
            yield from self._frame(child, boxes, indent + "  ")
            yield f"{indent}}}"

    def _edges(self) -> Iterator[str]:
        seen = set()
        for node in self._graph.nodes:
            for t in node.inputs:
                ends = self._box(t.node), self._box(node)
                if ends[0] != ends[1] and (*ends, _type(t)) not in seen:
                    seen.add((*ends, _type(t)))
                    # A box of weights says its own shape.
                    label = "" if t.node.op == "read_variable" else _type(t)
                    yield f'  "{_quoted(ends[0])}" -> "{_quoted(ends[1])}" [label="{label}"]'
            for c in node.control_inputs:
                ends = self._box(c), self._box(node)
                yield f'  "{_quoted(ends[0])}" -> "{_quoted(ends[1])}" [style=dashed]'


def _box_line(name: str, nodes: list[Node]) -> str:
    if name.endswith("/"):
        rows, kind = [name.rstrip("/").rpartition("/")[2], f"{len(nodes)} nodes"], "layer"
    else:
        node = nodes[0]
        short = node.name.rpartition("/")[2]
        rows = [node.op] if short == node.op else [short, node.op]
        kind = _kind(node)
        if node.op == "read_variable":
            short = node.attrs["variable"].name.rpartition("/")[2]
        if node.op in ("placeholder", "read_variable"):
            rows = [short, _type(node.outputs[0])]
    label = "\\n".join(map(_quoted, rows))
    return f'"{_quoted(name)}" [label="{label}", fillcolor="{_COLOURS[kind]}"]'


def _kind(node: Node) -> str:
    if node.op == "placeholder":
        return "input"
    if node.op in ("constant", "read_variable"):
        return "weights"
    if inner_graphs(node):
        return "control"
    if node.effects not in ("none", "read"):
        return "effect"
    return "layer" if any(word in node.op for word in _LAYERS) else "other"


def _type(t: Tensor) -> str:
    return f"{t.dtype.code}[{', '.join(map(str, t.shape))}]"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')
