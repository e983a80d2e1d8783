"""Branches and loops: their graphs are converted inside bodies of ours, or run by Python where there is no graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock._native import Dim
from penstock_formats.onnx.reading.attributes import read as read_attribute
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value

if TYPE_CHECKING:
    from onnx import GraphProto

MOST_ROUNDS = 1 << 31


@converts("If")
def _if(call: Call, condition: Value) -> Any:
    then, other = call.graph("then_branch"), call.graph("else_branch")
    known = condition.host
    if known is not None and not condition.has_dims:
        chosen = then if bool(np.asarray(known).reshape(-1)[0]) else other
        return call.walk.graph(chosen, call.scope, [])
    pred = ps.reshape(condition.tensor, ())

    def branch(graph: GraphProto) -> Any:
        return lambda: [_tensor(call, v) for v in call.walk.graph(graph, call.scope, [])]

    return [Value(t) for t in ps.cond(pred, branch(then), branch(other))]


def _tensor(call: Call, value: Value) -> Tensor:
    if value.items is not None:
        raise call.unsupported(
            "a sequence that a branch or loop of a graph makes (read the model with eager=True)"
        )
    return value.tensor


def _always(graph: GraphProto, name: str) -> bool:
    """Say whether a loop's body always wants to go on."""
    makers = {o: n for n in graph.node for o in n.output}
    for _ in range(len(graph.node) + 1):
        if name == graph.input[1].name:
            return True
        node = makers.get(name)
        if node is None:
            constants = {t.name: t for t in graph.initializer}
            return name in constants and bool(
                constants[name].raw_data.strip(b"\0") or any(constants[name].int32_data)
            )
        if node.op_type == "Constant" and len(node.attribute) == 1:
            value = read_attribute(node.attribute[0], None, "a constant")
            return bool(np.all(value)) if isinstance(value, np.ndarray) else False
        if node.op_type != "Identity":
            return False
        name = node.input[0]
    return False


@converts("Loop")
def _loop(
    call: Call, most: Value | None = None, condition: Value | None = None, *carried: Value
) -> Any:
    body = call.graph("body")
    if len(body.input) != 2 + len(carried) or len(body.output) < 1 + len(carried):
        raise call.wrong(
            f"carries {len(carried)} values; its body takes {len(body.input)} and returns {len(body.output)}",
            "it takes 2 more than there are, and returns at least 1 more: export the model again",
        )
    if not call.building:
        return _loop_now(call, body, most, condition, list(carried))
    count = None if most is None else most.host
    goes = condition is None or (condition.is_constant and bool(np.all(condition.host)))
    if count is not None and goes and _always(body, body.output[0].name):
        return _counted(call, body, np.asarray(count).reshape(-1)[0], list(carried))
    if len(body.output) > 1 + len(carried):
        call.only_eager("collects as many results as there happen to be rounds")
    return _while(call, body, most, condition, list(carried))


def _loop_now(
    call: Call, body: GraphProto, most: Value | None, condition: Value | None, carried: list[Value]
) -> list[Value]:
    limit = MOST_ROUNDS if most is None else int(call.known(most, "trip count").reshape(-1)[0])
    goes = True if condition is None else bool(call.known(condition, "condition").reshape(-1)[0])
    collected: list[list[Value]] = [[] for _ in body.output[1 + len(carried) :]]
    for i in range(max(limit, 0)):
        if not goes:
            break
        inputs = [Value(host=np.array(i)), Value(host=np.array(goes)), *carried]
        made = call.walk.graph(body, call.scope, inputs)
        goes = bool(call.known(made[0], "condition").reshape(-1)[0])
        carried = made[1 : 1 + len(carried)]
        for column, value in zip(collected, made[1 + len(carried) :], strict=True):
            column.append(value)
    infos = body.output[1 + len(carried) :]
    return [*carried, *(_stacked(c, info) for c, info in zip(collected, infos, strict=True))]


def _stacked(column: list[Value], info: Any) -> Value:
    if column:
        return Value(ps.stack([v.tensor for v in column], 0))
    tensor = info.type.tensor_type
    shape = [d.dim_value for d in tensor.shape.dim]
    from penstock_formats.onnx.reading.file import dtype_of_code

    return Value(ps.zeros((0, *shape), dtype_of_code(tensor.elem_type or 1, "a loop's output")))


def _counted(call: Call, body: GraphProto, count: Any, carried: list[Value]) -> list[Value]:
    """Loop a number of times that is known: a scan."""

    def step(state: Any, _: Any) -> Any:
        i, *values = state
        inputs = [Value(i), Value(host=np.array(True)), *(Value(t) for t in values)]
        made = [_tensor(call, v) for v in call.walk.graph(body, call.scope, inputs)]
        return [i + 1, *made[1 : 1 + len(values)]], made[1 + len(values) :]

    start = [ps.asarray(0, "int64"), *(_tensor(call, v) for v in carried)]
    length = count if isinstance(count, Dim) else max(int(count), 0)
    final, rows = ps.scan(step, start, None, length)
    return [Value(t) for t in [*final[1:], *rows]]


def _while(
    call: Call, body: GraphProto, most: Value | None, condition: Value | None, carried: list[Value]
) -> list[Value]:
    limit = ps.asarray(MOST_ROUNDS, "int64") if most is None else ps.reshape(most.tensor, ())
    goes = ps.asarray(True) if condition is None else ps.reshape(condition.tensor, ())

    def step(i: Tensor, on: Tensor, *values: Tensor) -> Any:
        made = call.walk.graph(body, call.scope, [Value(i), Value(on), *(Value(t) for t in values)])
        tensors = [_tensor(call, v) for v in made]
        keeps = on if condition is None else ps.reshape(tensors[0], ())
        return (i + 1, keeps, *tensors[1:])

    start = (ps.asarray(0, "int64"), goes, *(_tensor(call, v) for v in carried))
    final = ps.while_loop(lambda i, on, *_: ps.logical_and(i < limit, on), step, start)
    return [Value(t) for t in final[2:]]


@converts("Scan", since=9)
def _scan(call: Call, *values: Value) -> list[Tensor]:
    body, count = call.graph("body"), call.need("num_scan_inputs")
    states, rows = list(values[: len(values) - count]), values[len(values) - count :]
    if not 0 < count <= len(values) or len(body.output) < len(states):
        raise call.wrong(
            f"scans {count} of {len(values)} inputs; its body returns {len(body.output)}",
            "export the model again",
        )
    results = len(body.output) - len(states)
    axes, ways = (
        call.attr("scan_input_axes") or [0] * count,
        call.attr("scan_input_directions") or [0] * count,
    )
    turned = [_turned(v.tensor, axis, way) for v, axis, way in zip(rows, axes, ways, strict=True)]
    final, made = ps.scan(_step(call, body, len(states)), [v.tensor for v in states], turned)
    axes = call.attr("scan_output_axes") or [0] * results
    ways = call.attr("scan_output_directions") or [0] * results
    placed = [_placed(t, axis, way) for t, axis, way in zip(made, axes, ways, strict=True)]
    return [*final, *placed]


def _step(call: Call, body: GraphProto, count: int) -> Any:
    def step(state: Any, row: Any) -> Any:
        made = call.walk.graph(body, call.scope, [Value(t) for t in [*state, *row]])
        tensors = [_tensor(call, v) for v in made]
        return tensors[:count], tensors[count:]

    return step


def _turned(t: Tensor, axis: int, backwards: int) -> Tensor:
    t = t if axis == 0 else ps.moveaxis(t, axis, 0)
    return ps.flip(t, axis=0) if backwards else t


def _placed(t: Tensor, axis: int, backwards: int) -> Tensor:
    t = ps.flip(t, axis=0) if backwards else t
    return t if axis == 0 else ps.moveaxis(t, 0, axis)


@converts("Scan", since=8)
def _scan_of_batch(call: Call, lengths: Value | None, *values: Value) -> list[Tensor]:
    """The first form of Scan: every input has a batch axis, and each example is scanned by itself."""
    if lengths is not None:
        raise call.unsupported("a length for each example of the batch")
    body, count = call.graph("body"), call.need("num_scan_inputs")
    size = values[0].shape[0]
    if not isinstance(size, int):
        raise call.unsupported("a batch whose size is not known (give it: sizes={...})")
    ways = call.attr("directions") or [0] * count
    states, rows = values[: len(values) - count], values[len(values) - count :]
    made = []
    for n in range(size):
        turned = [_turned(v.tensor[n], 0, way) for v, way in zip(rows, ways, strict=True)]
        final, results = ps.scan(
            _step(call, body, len(states)), [v.tensor[n] for v in states], turned
        )
        made.append([*final, *results])
    return [ps.stack(column, 0) for column in zip(*made, strict=True)]
