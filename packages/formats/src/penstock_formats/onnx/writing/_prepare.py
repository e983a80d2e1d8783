"""Brings a graph into the form in which it is written: without calls, and of ops that ONNX can express."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import penstock as ps
from penstock.errors import FormatError
from penstock.passes.bodies import BODIES, drop_unused_results, optimize_bodies
from penstock.passes.cse import share_common
from penstock.passes.fold import fold_constants
from penstock.passes.inline import inline_calls
from penstock.passes.prune import prune
from penstock_formats.onnx.writing import ops as _  # noqa: F401 -- fills the tables
from penstock_formats.onnx.writing._refusals import why_not
from penstock_formats.onnx.writing._table import (
    COMPLEX,
    COMPOSITIONS,
    ELEMENTWISE,
    EXPORTERS,
    is_complex,
)
from penstock_formats.onnx.writing.ops.images import has_mode
from penstock_formats.onnx.writing.ops.recurrent import has_own_op

if TYPE_CHECKING:
    from penstock._native import Graph, Node, Tensor


def prepare(graph: Graph) -> Graph:
    """Return the graph with compositions in place of the ops that ONNX has not.

    Raises:
        FormatError: ONNX cannot express an op; the message lists all of them.
    """
    graph = prune(drop_unused_results(inline_calls(graph)))
    graph = _composed(graph)
    problems = sorted(set(_problems(graph)))
    if problems:
        raise FormatError(
            "[onnx] ONNX cannot express "
            + "; nor ".join(problems)
            + ". Export a function without them: give their "
            "results as inputs, or cut them off with penstock.transforms.extract"
        )
    return _tidied(graph)


def _tidied(graph: Graph) -> Graph:
    graph = fold_constants(graph)
    graph = prune(share_common(graph))
    return optimize_bodies(graph, _tidied)


def _composed(graph: Graph) -> Graph:
    while True:
        used = {t.value_index for node in graph.nodes for t in node.inputs}
        used |= {t.value_index for t in graph.outputs}
        if not any(_composition(node, used) for node in graph.nodes):
            return optimize_bodies(graph, _composed)

        def replace(node: Node, inputs: list[Tensor], used: set[int] = used) -> list[Tensor] | None:
            composition = _composition(node, used)
            if composition is None:
                return None
            result = composition(*inputs, **node.attrs)
            results = list(result) if isinstance(result, tuple | list) else [result]
            pairs = zip(results, node.outputs, strict=True)
            return [t if t.dtype == like.dtype else ps.cast(t, like.dtype) for t, like in pairs]

        graph = prune(inline_calls(ps.passes.rewrite(graph, replace)))


def _composition(node: Node, used: set[int]) -> Any:
    if node.op in BODIES or has_own_op(node, used) or has_mode(node):
        return None
    if node.op in COMPOSITIONS:
        return COMPOSITIONS[node.op]
    if node.op in EXPORTERS or node.op in ELEMENTWISE:
        return None
    return getattr(node.op_function, "compose_fn", None)


def _problems(graph: Graph) -> list[str]:
    found = []
    for node in graph.nodes:
        if not _can_be_written(node):
            found.append(
                f"{node.name} ({node.op}{_place(node)}): {why_not(node.op, is_complex(node))}"
            )
        for name in BODIES.get(node.op, ()):
            found += _problems(node.attrs[name])
    return found


def _can_be_written(node: Node) -> bool:
    if is_complex(node):
        return node.op in COMPLEX
    return node.op in EXPORTERS or node.op in ELEMENTWISE or node.op == "placeholder"


def _place(node: Node) -> str:
    return f", made at {node.source}" if node.source else ""
