"""Which function writes which op. The modules beside this one fill the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._values import Value
    from penstock_formats.onnx.writing._writer import GraphWriter

# Gets the writer and the node; returns a value for each output that it makes, in order.
Exporter = Callable[["GraphWriter", "Node"], Any]
# Gets a value for each input and the attributes; must work on any layout.
Elementwise = Callable[..., "Value"]
# Gets tensors and attributes; calls other ops.
Composition = Callable[..., Any]

EXPORTERS: dict[str, Exporter] = {}
FAST: dict[str, Exporter] = {}  # in place of those above, where bits may differ
COMPLEX: dict[str, Exporter] = {}  # in place of all others where a number is complex
ELEMENTWISE: dict[str, Elementwise] = {}
COMPOSITIONS: dict[str, Composition] = {}


def exports(*names: str) -> Callable[[Exporter], Exporter]:
    """Write these ops by a function of the node."""

    def enter(fn: Exporter) -> Exporter:
        EXPORTERS.update(dict.fromkeys(names, fn))
        return fn

    return enter


def exports_fast(*names: str) -> Callable[[Exporter], Exporter]:
    """Write these ops by a function of the node where speed counts more than the last bit."""

    def enter(fn: Exporter) -> Exporter:
        FAST.update(dict.fromkeys(names, fn))
        return fn

    return enter


def exports_complex(*names: str) -> Callable[[Exporter], Exporter]:
    """Write these ops by a function of the node where an input or an output is complex."""

    def enter(fn: Exporter) -> Exporter:
        COMPLEX.update(dict.fromkeys(names, fn))
        return fn

    return enter


def is_complex(node: Node) -> bool:
    """Whether an input or an output of a node is complex."""
    return any(t.dtype.kind == "complex" for t in (*node.inputs, *node.outputs))


def elementwise(*names: str) -> Callable[[Elementwise], Elementwise]:
    """Write these ops by a formula of values that holds element by element."""

    def enter(fn: Elementwise) -> Elementwise:
        ELEMENTWISE.update(dict.fromkeys(names, fn))
        return fn

    return enter


def composes(*names: str) -> Callable[[Composition], Composition]:
    """Replace these ops by other ops before anything is written."""

    def enter(fn: Composition) -> Composition:
        COMPOSITIONS.update(dict.fromkeys(names, fn))
        return fn

    return enter
