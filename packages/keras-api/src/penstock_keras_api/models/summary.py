"""A model as a table: layers, shapes, parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor

if TYPE_CHECKING:
    from penstock_keras_api.models.model import Model

_WIDTH: Final = 80
FROZEN_NORM: Final = "N (as in inference)"
"""What stands for a frozen batch norm: its weights stay, and it uses its moving averages, in training too."""


@dataclass
class Row:
    """What the table says of a layer."""

    layer: Any
    depth: int
    shape: str
    parameters: str
    trainable: str
    connected: str

    @property
    def title(self) -> str:
        """The layer's name and class."""
        mark = "   " * self.depth + "└ " if self.depth else ""
        return f"{mark}{self.layer.name} ({type(self.layer).__name__})"


def rows_of(model: Any, *, expand_nested: bool = False) -> list[Row]:
    """List what there is to say of each layer.

    Args:
        model: The model.
        expand_nested: Whether to list the layers of models inside, too.
    """
    return list(_rows(model, model._trainable, 0, expand_nested))


def _rows(model: Any, trains: bool, depth: int, expand_nested: bool) -> Iterator[Row]:
    nodes = {id(node) for node in getattr(model, "_nodes", ())}
    for layer in _operations_of(model):
        mine = trains and getattr(layer, "_trainable", True)
        yield Row(
            layer,
            depth,
            _shape(layer, nodes),
            _parameters(layer),
            _trains(layer, mine),
            _sources(layer, nodes),
        )
        if expand_nested and getattr(layer, "layers", None) is not None:
            yield from _rows(layer, mine, depth + 1, True)


def _operations_of(model: Any) -> list[Any]:
    operations = getattr(model, "_operations", None)
    return list(model.layers if operations is None else operations)


def _shape(layer: Any, nodes: set[int]) -> str:
    """Say what a layer returns: from a call in the model, else from the shape for which it was built."""
    called = [node for node in layer._inbound_nodes if id(node) in nodes] or layer._inbound_nodes
    if called:
        return _told(tree.map_structure(_shape_of_spec, called[0].outputs))
    if getattr(layer, "outputs", None):
        return _told(layer.output_shape)
    if getattr(layer, "_build_shapes", None) is None or isinstance(layer._build_shapes, dict):
        return "?"
    try:
        return _told(layer.compute_output_shape(layer._build_shapes))
    except Exception:  # it is a user's code, and only for a table
        return "?"


def _shape_of_spec(t: Any) -> Any:
    return tuple(t.shape) if isinstance(t, KerasTensor) else t


def _told(shapes: Any) -> str:
    if isinstance(shapes, dict):
        return ", ".join(f"{key}: {_told(value)}" for key, value in shapes.items())
    if isinstance(shapes, list | tuple) and any(isinstance(s, list | tuple) for s in shapes):
        return ", ".join(_told(s) for s in shapes)
    return str(tuple(shapes)) if isinstance(shapes, list | tuple) else "?"


def _parameters(layer: Any) -> str:
    if not hasattr(layer, "weights"):
        return "0"
    if not layer.built:
        return "0 (unbuilt)"
    return f"{_count(layer.weights):,}"


def _trains(layer: Any, trains: bool) -> str:
    from penstock_keras_api.layers import BatchNormalization

    if not getattr(layer, "weights", None):
        return "-"
    if trains:
        return "Y"
    return FROZEN_NORM if isinstance(layer, BatchNormalization) else "N"


def _sources(layer: Any, nodes: set[int]) -> str:
    found = []
    for node in layer._inbound_nodes:
        if id(node) in nodes:
            for t in node.input_tensors:
                operation, index, number = t._keras_history
                found.append(f"{operation.name}[{index}][{number}]")
    return ", ".join(found) or "-"


def _count(variables: Any) -> int:
    return sum(math.prod(int(d) for d in v.shape) for v in variables)


def totals(model: Any) -> list[tuple[str, int, int]]:
    """Count parameters: of which kind, how many, how many bytes."""
    trained = model.trainable_weights
    rest = model.non_trainable_weights
    optimizer = (
        model.optimizer.variables if model.optimizer is not None and model.optimizer.built else []
    )
    kinds = {"Total": [*trained, *rest, *optimizer], "Trainable": trained, "Non-trainable": rest}
    if optimizer:
        kinds["Optimizer"] = optimizer
    return [
        (kind, _count(items), sum(_count([v]) * v.dtype.itemsize for v in items))
        for kind, items in kinds.items()
    ]


def _bytes(count: int) -> str:
    size, unit = float(count), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.2f} {unit}"


def print_summary(
    model: Model,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[..., Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    """Print a table; see `Model.summary`."""
    rows = _in_range(rows_of(model, expand_nested=expand_nested), layer_range)
    if print_fn is None:
        _print(Console(width=line_length), model, rows, positions, show_trainable)
        return
    console = Console(
        width=line_length or _WIDTH, force_terminal=False, no_color=True, force_jupyter=False
    )
    with console.capture() as capture:
        _print(console, model, rows, positions, show_trainable)
    print_fn(capture.get())


def _print(
    console: Console,
    model: Any,
    rows: list[Row],
    positions: Sequence[float] | None,
    show_trainable: bool,
) -> None:
    console.print(f'[bold]Model: "{escape(model.name)}"[/bold]', highlight=False)
    console.print(_table(model, rows, positions, show_trainable, console.width))
    for kind, count, size in totals(model):
        console.print(f" [bold]{kind} params:[/bold] {count:,} ({_bytes(size)})", highlight=False)
    if show_trainable and any(row.trainable == FROZEN_NORM for row in rows):
        console.print(
            " A frozen BatchNormalization keeps its weights and uses its moving averages, in training too.",
            highlight=False,
        )


def _table(
    model: Any, rows: list[Row], positions: Sequence[float] | None, show_trainable: bool, width: int
) -> Table:
    columns = {"Layer (type)": "left", "Output Shape": "left", "Param #": "right"}
    connected = _is_branched(model)
    if connected:
        columns["Connected to"] = "left"
    if show_trainable:
        columns["Trainable"] = "center"
    table = Table(box=box.HEAVY_HEAD, show_lines=True, width=None if positions is None else width)
    widths = _widths(positions, len(columns), width)
    for (title, justify), size in zip(columns.items(), widths, strict=True):
        table.add_column(title, justify=justify, width=size, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        cells = [escape(row.title), escape(row.shape), row.parameters]
        cells += [escape(row.connected)] if connected else []
        cells += [row.trainable] if show_trainable else []
        table.add_row(*cells)
    return table


def _is_branched(model: Any) -> bool:
    """Whether it takes saying what is connected to what: not for a chain."""
    nodes = getattr(model, "_nodes", None)
    if nodes is None:
        return False
    consumed = [id(t) for node in nodes for t in node.input_tensors]
    return (
        len(consumed) != len(set(consumed))
        or any(len(node.input_tensors) > 1 for node in nodes)
        or len(model.inputs) > 1
    )


def _widths(positions: Sequence[float] | None, count: int, width: int) -> list[int | None]:
    """Turn the ends of columns, as parts of a line or as numbers of signs, into widths."""
    if positions is None:
        return [None] * count
    if len(positions) < count:
        raise InvalidValueError(
            f"[summary] got {len(positions)} positions for {count} columns; give where each column ends: [0.4, 0.7, 1.0]"
        )
    ends = [round(p * width) if positions[-1] <= 1 else int(p) for p in positions[:count]]
    return [max(end - start - 3, 1) for start, end in zip([0, *ends], ends, strict=False)]


def _in_range(rows: list[Row], layer_range: Sequence[str] | None) -> list[Row]:
    if layer_range is None:
        return rows
    if len(layer_range) != 2:
        raise InvalidValueError(
            f"[summary] got layer_range={list(layer_range)}; give the names of the first and the last layer"
        )
    places = []
    for name in layer_range:
        found = [i for i, row in enumerate(rows) if re.fullmatch(name, row.layer.name)]
        if not found:
            raise InvalidValueError(
                f"[summary] there is no layer {name!r}; there are {', '.join(row.layer.name for row in rows)}"
            )
        places += found
    return rows[min(places) : max(places) + 1]


def html_of(model: Any) -> str:
    """Return the table as HTML, which notebooks show."""
    from html import escape as quoted

    head = "".join(
        f"<th>{title}</th>" for title in ("Layer (type)", "Output shape", "Param #", "Trainable")
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{quoted(cell)}</td>"
            for cell in (row.title, row.shape, row.parameters, row.trainable)
        )
        + "</tr>"
        for row in rows_of(model)
    )
    foot = "; ".join(
        f"{kind.lower()} params: {count:,} ({_bytes(size)})" for kind, count, size in totals(model)
    )
    return f"<b>Model: {quoted(model.name)}</b><table><tr>{head}</tr>{body}</table><p>{quoted(foot)}</p>"
