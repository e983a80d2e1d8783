"""A model as a picture: dot text of our own, drawn by Graphviz."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from penstock.errors import ConfigError, InvalidValueError
from penstock.safetensors import replacing
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor

_HEAD: Final = "#2b6777"
_BORDER: Final = "#7a8b99"
_INSTALL: Final = (
    "install Graphviz: apt install graphviz, brew install graphviz, or https://graphviz.org"
)


class Dot:
    """A picture as text for Graphviz."""

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """Return the text."""
        return self._text

    __str__ = to_string

    def write(self, path: str | os.PathLike[str], format: str | None = None) -> None:
        """Draw the picture into a file; "dot" or "gv" writes the text alone.

        Args:
            path: The file.
            format: "png", "svg", "pdf", ...; by default what the file's name ends with.

        Raises:
            ConfigError: Graphviz is not installed.
            ValueError: Graphviz cannot write the format.
        """
        target = Path(path)
        kind = (format or target.suffix.lstrip(".") or "png").lower()
        data = self._text.encode() if kind in ("dot", "gv", "raw") else self.create(kind)
        with replacing(target) as file:
            file.write(data)

    def create(self, format: str = "png") -> bytes:
        """Return the picture's bytes.

        Args:
            format: "png", "svg", "pdf", ...

        Raises:
            ConfigError: Graphviz is not installed.
            ValueError: Graphviz cannot write the format.
        """
        program = shutil.which("dot")
        if program is None:
            raise ConfigError(
                f"[plot_model] the program dot draws pictures, and is not installed; {_INSTALL}, or write the text: "
                "to_file='model.dot'"
            )
        found = subprocess.run(
            [program, f"-T{format}"], input=self._text.encode(), capture_output=True, check=False
        )
        if found.returncode or not found.stdout:
            raise InvalidValueError(
                f"[plot_model] Graphviz cannot draw {format!r} ({found.stderr.decode(errors='replace').strip()[:200]}); use "
                "png, svg or pdf"
            )
        return found.stdout

    def _repr_svg_(self) -> str | None:
        """Show the picture in a notebook, if Graphviz is there."""
        return None if shutil.which("dot") is None else self.create("svg").decode()


@dataclass
class _Options:
    show_shapes: bool
    show_dtype: bool
    show_layer_names: bool
    expand_nested: bool
    show_layer_activations: bool
    show_trainable: bool


@dataclass
class _Drawing:
    options: _Options
    lines: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    ends: dict[int, str] = field(default_factory=dict)
    """For each tensor, the box that it comes from."""

    def name(self, prefix: str, layer: Any) -> str:
        return f'"{prefix}{layer.name}"'.replace("\\", "")

    def draw(self, model: Any, prefix: str, indent: str, trains: bool, given: list[Any]) -> None:
        """Draw the layers of a model, whose inputs are the tensors `given`, or its own."""
        nodes = getattr(model, "_nodes", None)
        if nodes is None:
            self._draw_chain(model, prefix, indent, trains, given)
            return
        for mine, outer in zip(model._begins, given or model._begins, strict=True):
            if given:
                self.ends[id(mine)] = self.ends[id(outer)]
            else:
                layer = mine._keras_history.operation
                self._box(layer, prefix, indent, trains)
                self.ends[id(mine)] = self.name(prefix, layer)
        drawn: set[int] = set()
        for node in nodes:
            layer = node.operation
            mine = trains and getattr(layer, "_trainable", True)
            if self.options.expand_nested and _inner(layer) is not None and id(layer) not in drawn:
                drawn.add(id(layer))
                self._cluster(node, prefix, indent, mine)
                continue
            if id(layer) not in drawn:
                drawn.add(id(layer))
                self._box(layer, prefix, indent, mine)
            if _inner(layer) is None or not self.options.expand_nested:
                self._connect(node, self.name(prefix, layer))
            else:  # called again: only lines to and from it
                inner = _inner(layer)
                for t, begin in zip(
                    node.input_tensors,
                    _first_boxes(self, inner, f"{prefix}{layer.name}/"),
                    strict=False,
                ):
                    self.edges.append(f"{self.ends[id(t)]} -> {begin};")
                for t, end in zip(node.output_tensors, inner._ends, strict=True):
                    self.ends[id(t)] = self.ends[id(end)]

    def _connect(self, node: Any, name: str) -> None:
        self.edges += [
            f"{self.ends[id(t)]} -> {name};" for t in node.input_tensors if id(t) in self.ends
        ]
        self.ends.update((id(t), name) for t in node.output_tensors)

    def _cluster(self, node: Any, prefix: str, indent: str, trains: bool) -> None:
        layer = node.operation
        inner = _inner(layer)
        here = f"{prefix}{layer.name}/"
        self.lines.append(f'{indent}subgraph "cluster_{here}" {{')
        self.lines.append(
            f'{indent}  label={_quoted(layer.name)}; fontname="Helvetica"; style="rounded,dashed"; color="{_BORDER}";'
        )
        self.draw(inner, here, f"{indent}  ", trains, list(node.input_tensors))
        self.lines.append(f"{indent}}}")
        for t, end in zip(node.output_tensors, inner._ends, strict=True):
            self.ends[id(t)] = self.ends[id(end)]

    def _draw_chain(
        self, model: Any, prefix: str, indent: str, trains: bool, given: list[Any]
    ) -> None:
        """Draw layers of which it is not known how they are called: one below the other, without lines."""
        for layer in model.layers:
            self._box(layer, prefix, indent, trains and layer._trainable)

    def _box(self, layer: Any, prefix: str, indent: str, trains: bool) -> None:
        self.lines.append(
            f"{indent}{self.name(prefix, layer)} [label=<{_label(layer, self.options, trains)}>];"
        )


def _inner(layer: Any) -> Any:
    """Return the functional model inside of a layer; None if it has none."""
    inner = getattr(layer, "_functional", layer)
    return inner if getattr(inner, "_nodes", None) is not None else None


def _first_boxes(drawing: _Drawing, inner: Any, prefix: str) -> Iterator[str]:
    """Find the boxes that a model's inputs lead to."""
    for begin in inner._begins:
        for node in inner._nodes:
            if any(t is begin for t in node.input_tensors):
                yield drawing.name(prefix, node.operation)
                break


def _label(layer: Any, options: _Options, trains: bool) -> str:
    kind = type(layer).__name__
    title = f"<b>{html.escape(kind)}</b>"
    if options.show_layer_names:
        title = f"{html.escape(layer.name)} · {title}"
    rows = [
        f'<tr><td bgcolor="{_HEAD}" colspan="2"><font color="white">{title}</font></td></tr>',
    ]
    activation = getattr(layer, "activation", None)
    if options.show_layer_activations and activation is not None and kind != "Activation":
        name = getattr(activation, "__name__", type(activation).__name__)
        rows.append(_row("activation", name))
    if options.show_shapes:
        rows += [
            _row("input", _shapes(layer, inputs=True)),
            _row("output", _shapes(layer, inputs=False)),
        ]
    if options.show_dtype:
        rows.append(_row("dtype", _dtypes(layer)))
    if options.show_trainable and getattr(layer, "weights", None):
        rows.append(_row("trainable", "yes" if trains else "no"))
    table = f'border="0" cellborder="1" cellspacing="0" cellpadding="5" color="{_BORDER}"'
    return f"<table {table}>{''.join(rows)}</table>"


def _row(title: str, text: str) -> str:
    return f'<tr><td align="left">{title}</td><td align="left">{html.escape(text)}</td></tr>'


def _shapes(layer: Any, *, inputs: bool) -> str:
    nodes = layer._inbound_nodes
    if not nodes:
        return "?"
    tensors = nodes[0].input_tensors if inputs else tree.flatten(nodes[0].outputs)
    if inputs and not tensors:
        tensors = nodes[0].output_tensors
    return ", ".join(str(t.shape) for t in tensors if isinstance(t, KerasTensor)) or "-"


def _dtypes(layer: Any) -> str:
    nodes = layer._inbound_nodes
    tensors = nodes[0].output_tensors if nodes else []
    return ", ".join(dict.fromkeys(t.dtype for t in tensors)) or str(getattr(layer, "dtype", "?"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Dot:
    """Make a picture of a model, as text for Graphviz; this needs no other program.

    Args:
        model: The model, which is built.
        show_shapes: Whether boxes have the shapes of inputs and outputs.
        show_dtype: Whether they have the dtype.
        show_layer_names: Whether they have the layers' names.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: Whether models inside are drawn as groups of their layers.
        dpi: Points per inch.
        subgraph: Whether to return a part of a picture.
        show_layer_activations: Whether boxes have the activations.
        show_trainable: Whether boxes say which layers are trained.
        splines: How lines are drawn: "ortho", "curved", "polyline", "spline".
        kwargs: Kept for compatibility.

    Returns:
        A picture: `to_string()` is its text, `write(path)` draws it.

    Raises:
        ValueError: The model is not built.

    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
    >>> '-> "d";' in keras.utils.model_to_dot(model).to_string()
    True
    """
    if not model.built:
        raise InvalidValueError(
            f"[plot_model] the model {model.name!r} is not built, so its shapes are not known; call it on data, or build(shape)"
        )
    options = _Options(
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
    )
    drawing = _Drawing(options)
    drawing.draw(_inner(model) or model, "", "  ", model._trainable, [])
    head = "subgraph" if subgraph else "digraph"
    lines = [
        f"{head} {_quoted(('cluster_' if subgraph else '') + model.name)} {{",
        f"  rankdir={_quoted(rankdir)}; splines={_quoted(splines)}; dpi={int(dpi)}; nodesep=0.4; ranksep=0.45;",
        '  node [shape="plain", fontname="Helvetica", fontsize=11];',
        f'  edge [color="{_BORDER}", arrowsize=0.7];',
        *drawing.lines,
        *(f"  {edge}" for edge in dict.fromkeys(drawing.edges)),
        "}",
    ]
    return Dot("\n".join(lines) + "\n")


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Dot:
    """Draw a model into a file.

    Args:
        model: The model, which is built.
        to_file: The file: `.png`, `.svg`, `.pdf`, or `.dot` for the text, which needs no Graphviz.
        show_shapes: As in `model_to_dot`, like the arguments after it.
        show_dtype: See there.
        show_layer_names: See there.
        rankdir: See there.
        expand_nested: See there.
        dpi: See there.
        show_layer_activations: See there.
        show_trainable: See there.
        splines: See there.
        kwargs: Kept for compatibility.

    Returns:
        The picture, which notebooks show.

    Raises:
        ValueError: The model is not built, or the file's format is not known.
        ConfigError: Graphviz is not installed.
    """
    dot = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, False, show_layer_activations,
        show_trainable, splines,
    )  # fmt: skip
    dot.write(to_file)
    return dot
