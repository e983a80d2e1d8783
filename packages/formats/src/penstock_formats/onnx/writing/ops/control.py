"""Control flow: If, Loop and Scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from onnx import helper

from penstock_formats.onnx.writing._emitter import describe
from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from onnx import GraphProto

    from penstock._native import Graph, Node, Tensor
    from penstock_formats.onnx.writing._writer import GraphWriter


def _info(name: str, t: Tensor) -> Any:
    return describe(name, t.dtype.name, [d if isinstance(d, int) else None for d in t.shape])


def _formals(w: GraphWriter, tensors: Sequence[Tensor]) -> tuple[list[Value], list[Any]]:
    """Name the inputs of a body."""
    values = [
        Value(w.emitter, w.emitter.name(f"{w.emitter.scope}/{t.node.name}"), t.dtype.name)
        for t in tensors
    ]
    return values, [_info(v.name, t) for v, t in zip(values, tensors, strict=True)]


def _results(inner: GraphWriter, tensors: Sequence[Tensor]) -> list[Any]:
    """Give the results of a body names of their own, as no input and no outer value may be one."""
    emitter, infos = inner.emitter, []
    for t in tensors:
        value = inner.value(t)
        name = emitter.name(f"{emitter.scope}/result")
        emitter.op("Identity", value, dtype=value.dtype, name=name)
        infos.append(_info(name, t))
    return infos


def _written(w: GraphWriter, graph: Graph, operands: Sequence[Value]) -> GraphWriter:
    """Write a graph among the nodes that are being written."""
    scope = w.emitter.scope
    inner = w.inner(graph, operands)
    inner.write()
    w.emitter.scope = scope
    return inner


def _finished(w: GraphWriter, name: str, nodes: Any, inputs: Any, outputs: Any) -> GraphProto:
    return helper.make_graph(nodes, f"{w.emitter.scope}/{name}", inputs, outputs)


@exports("cond")
def _(w: GraphWriter, node: Node) -> Any:
    pred, *operands = (w.value(t) for t in node.inputs)
    branches = {}
    for name, attr in (("then_branch", "then_graph"), ("else_branch", "else_graph")):
        with w.emitter.inside() as nodes:
            inner = _written(w, node.attrs[attr], operands)
            results = _results(inner, inner.graph.outputs)
        branches[name] = _finished(w, name, nodes, [], results)
    dtypes = [t.dtype.name for t in node.outputs]
    return w.emitter.op("If", pred, dtype=dtypes, **branches)


@exports("while")
def _(w: GraphWriter, node: Node) -> Any:
    """Write a Loop: ONNX decides before the first round, then at the end of each, so the condition stands twice."""
    attrs, count = node.attrs, node.attrs["num_carried"]
    given = [w.value(t) for t in node.inputs]
    carried, others = given[:count], given[count:]
    first = _condition(w, attrs["cond"], given)
    formals, infos = _formals(w, attrs["body"].inputs[:count])
    again = w.emitter.name(f"{w.emitter.scope}/again")
    with w.emitter.inside() as nodes:
        inner = _written(w, attrs["body"], [*formals, *others])
        following = [inner.value(t) for t in attrs["body"].outputs[:count]]
        going_on = _condition(inner, attrs["cond"], [*following, *others])
        w.emitter.op("Identity", going_on, dtype="bool", name=again)
        outputs = [describe(again, "bool", []), *_results(inner, attrs["body"].outputs)]
    rounds = describe(w.emitter.name(f"{w.emitter.scope}/round"), "int64", [])
    going = describe(w.emitter.name(f"{w.emitter.scope}/going"), "bool", [])
    body = _finished(w, "body", nodes, [rounds, going, *infos], outputs)
    most = attrs["max_iterations"]
    limit = None if most is None else w.emitter.constant(most, "int64")
    dtypes = [t.dtype.name for t in node.outputs]
    return w.emitter.op("Loop", limit, first, *carried, dtype=dtypes, body=body)


def _condition(w: GraphWriter, graph: Graph, operands: Sequence[Value]) -> Value:
    return _written(w, graph, operands).value(graph.outputs[0])


@exports("scan")
def _(w: GraphWriter, node: Node) -> Any:
    attrs, body = node.attrs, node.attrs["body"]
    first, second = attrs["num_carried"], attrs["num_carried"] + attrs["num_scanned"]
    given = [w.value(t) for t in node.inputs]
    carried, rows, others = given[:first], given[first:second], given[second:]
    formals, infos = _formals(w, body.inputs[:second])
    if not rows:  # ONNX counts its rounds by rows
        count = w.sizes.vector([attrs["length"][0]])
        rows = [w.emitter.constant([False], "bool").op("Expand", count)]
        infos.append(describe(w.emitter.name(f"{w.emitter.scope}/row"), "bool", []))
    with w.emitter.inside() as nodes:
        outputs = _results(_written(w, body, [*formals, *others]), body.outputs)
    backwards: dict[str, Any] = {}
    if attrs["reverse"]:
        backwards["scan_input_directions"] = [1] * len(rows)
        if len(outputs) > first:
            backwards["scan_output_directions"] = [1] * (len(outputs) - first)
    return w.emitter.op(
        "Scan",
        *carried,
        *rows,
        dtype=[t.dtype.name for t in node.outputs],
        body=_finished(w, "body", nodes, infos, outputs),
        num_scan_inputs=len(rows),
        **backwards,
    )
