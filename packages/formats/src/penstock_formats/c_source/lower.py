"""A model's function as a graph of known sizes, constants instead of variables, and only ops that C is written for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import penstock as ps
from penstock import passes, transforms
from penstock.errors import FormatError, PenstockError
from penstock.graph import Graph, Node, current_graph, eagerly
from penstock.passes.fold import fold_constants
from penstock.saved import GraphFunction, GraphModel
from penstock.tensor import Tensor
from penstock_formats.c_source.emitters import EMITTERS
from penstock_formats.c_source.step import ALIASES
from penstock_formats.c_source.values import C_TYPES

_SHOWN = 12


def lowered(
    model: GraphModel, function: str | None, batch: int, sizes: Mapping[str, int]
) -> tuple[Graph, GraphFunction]:
    """Make the graph that is written.

    Args:
        model: The model.
        function: The name of the function; by default the first.
        batch: The first size of inputs, where it is open.
        sizes: Other open sizes by name.

    Returns:
        The graph, and the function that it comes from.

    Raises:
        FormatError: A size is open, or the function has ops or dtypes that C is not written for.
    """
    chosen = _chosen(model, function)
    only = GraphModel({chosen.name: chosen}, model.variables, model.metadata)
    try:
        frozen = transforms.freeze(transforms.fold_batch_norm(transforms.strip_training(only)))
        fixed = _with_sizes(frozen.default, batch, sizes)
    except FormatError:
        raise
    except PenstockError as error:
        raise FormatError(
            f"[c_source] the function {chosen.name!r} cannot be written: {error}"
        ) from error
    graph = _simplified(passes.rewrite(_simplified(fixed), _expanded))
    _refuse_unknown(graph, chosen)
    return graph, chosen


def _chosen(model: GraphModel, name: str | None) -> GraphFunction:
    if name is None:
        return model.default
    if name not in model.functions:
        raise FormatError(
            f"[c_source] the model has no function {name!r}; it has {', '.join(model.functions)}: say function='...'"
        )
    return model.functions[name]


def _with_sizes(function: GraphFunction, batch: int, sizes: Mapping[str, int]) -> Graph:
    """Copy the graph with numbers in place of its symbols; nodes keep their names."""
    known = dict(sizes)
    for spec in function.inputs.values():
        if spec.shape and isinstance(spec.shape[0], str):
            known.setdefault(spec.shape[0], batch)
    named = {str(d) for spec in function.inputs.values() for d in spec.shape if isinstance(d, str)}
    if named - set(known):
        wanted = ", ".join(f"{name!r}: 1" for name in sorted(named - set(known)))
        raise FormatError(
            f"[c_source] these sizes of {function} are open; C needs them all: give sizes={{{wanted}}}, with your numbers"
        )
    with Graph(function.name).as_default() as graph:
        given = [
            ps.placeholder(spec.dtype, [known.get(str(d), d) for d in spec.shape], name=spec.name)
            for spec in function.inputs.values()
        ]
        made = function.run(given)
    graph.inputs, graph.outputs = given, made
    _keep_names(function.graph, graph)
    return graph


def _calls(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if node.op not in ("placeholder", "constant")]


def _keep_names(old: Graph, new: Graph) -> None:
    before, after = _calls(old), _calls(new)
    if [n.op for n in before] == [n.op for n in after]:
        for was, node in zip(before, after, strict=True):
            node.rename(was.name)


def _simplified(graph: Graph) -> Graph:
    for name, step in passes.PIPELINE:
        if name == "fold":
            graph = fold_constants(graph, max_elements=1 << 40)
        elif name != "decompose":
            graph = step(graph)
    return graph


def _expanded(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    """Replace an op that C is not written for by what it is made of, and what makes constants by these."""
    if node.op in ("full", "arange"):
        with eagerly():
            value = node.op_function(**node.attrs)
        target = current_graph()
        assert target is not None  # rewrite pushed it
        return [target.constant(value, node.name.rsplit("/", 1)[-1])]
    compose = getattr(node.op_function, "compose_fn", None)
    if node.op in EMITTERS or node.op in ALIASES or compose is None:
        return None
    made = compose(*inputs, **node.attrs)
    return list(made) if isinstance(made, tuple | list) else [made]


def _refuse_unknown(graph: Graph, function: GraphFunction) -> None:
    lines = {node.name: node.source for node in function.graph.nodes}
    wrong = list(_wrong_nodes(graph, lines))
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise FormatError(
            f"[c_source] no C is written for {len(wrong)} of {len(graph)} nodes: {'; '.join(wrong[:_SHOWN])}{more}. "
            "Take them out of the function, for instance with penstock.transforms.extract, or run the model with "
            "Penstock's C++ interface"
        )


def _wrong_nodes(graph: Graph, lines: Mapping[str, str]) -> Iterable[str]:
    for node in _calls(graph):
        where = (
            f"{node.op} {node.name!r} at {lines.get(node.name, node.source) or 'an unknown line'}"
        )
        odd = [t.dtype.name for t in node.outputs if t.dtype.name not in C_TYPES]
        if node.op not in EMITTERS and node.op not in ALIASES:
            yield where
        elif odd:
            yield f"{where} ({odd[0]})"
        elif any(t.size == 0 for t in node.outputs):
            yield f"{where} (no elements)"
