"""Constants are computed, equal nodes shared, and what nobody needs is left out."""

from __future__ import annotations

from penstock._native import Graph
from penstock.passes.algebra import simplify_algebra
from penstock.passes.cse import share_common
from penstock.passes.fold import fold_constants
from penstock.passes.inline import inline_calls
from penstock.passes.prune import prune
from penstock.saved.model import GraphModel
from penstock.transforms._models import need_model, with_graphs


def simplify(model: GraphModel) -> GraphModel:
    """Fold constants, share equal nodes, remove what changes nothing and what nobody needs.

    Running a model does this too, without a trace in what is saved; this is for graphs to look at, to export, or to
    change further. Values stay the same to the last bit.

    Args:
        model: A model.

    Returns:
        A model of smaller graphs.

    Raises:
        InvalidTypeError: `model` is none.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n",), name="x")
    ...     scale = ps.sqrt(ps.full((), 4.0)) * ps.full((), 0.5)
    ...     graph.inputs, graph.outputs = [x], [ps.identity(x * scale)]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)})
    >>> print(simplify(model).default.graph.text())
    graph main(%x: f32[n]) {
      return %x
    }
    """
    return with_graphs(need_model("simplify", model), simplified)


def simplified(graph: Graph) -> Graph:
    """Simplify one graph, until nothing changes any more."""
    while True:
        before = len(graph)
        for step in (inline_calls, prune, fold_constants, simplify_algebra, share_common, prune):
            graph = step(graph)
        if len(graph) >= before:
            return graph
