"""Operators that are defined by other nodes: functions of the file, and of the standard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.errors import FormatError
from penstock_formats.onnx.reading.errors import UnsupportedOperatorError
from penstock_formats.onnx.reading.file import code_of, require_onnx
from penstock_formats.onnx.reading.values import Value

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto

    from penstock_formats.onnx.reading.table import Call
    from penstock_formats.onnx.reading.walk import Walk

WITH_GRAPHS = frozenset({"If", "Loop", "Scan", "SequenceMap"})
"""Operators with graphs inside, which are never computed by the reader alone."""


def local(
    walk: Walk, node: NodeProto, function: FunctionProto, inputs: Sequence[Value | None], where: str
) -> list[Value | None]:
    """Convert a call of one of the file's functions: its nodes, on the call's inputs.

    Raises:
        FormatError: The inputs do not fit, or the body cannot be converted.
    """
    if len(inputs) > len(function.input):
        raise FormatError(
            f"[onnx] {where} has {len(inputs)} inputs; the file's function takes {len(function.input)}: export again"
        )
    given = {a.name: a for a in node.attribute}
    given = {a.name: a for a in function.attribute_proto} | given
    return _inlined(walk, function, inputs, given, walk.source.opsets.get("", 1))


def standard(
    walk: Walk, call: Call, schema: Any, inputs: Sequence[Value | None]
) -> list[Value | None]:
    """Convert an operator without a converter that the standard defines by others.

    Raises:
        UnsupportedOperatorError: It does not.
    """
    function, opset = _body(call, schema, inputs)
    if function is None:
        raise UnsupportedOperatorError(
            f"[onnx] {call.where} has no converter, and the standard does not define it by other operators; "
            "export the model without it, or add one (docs/onnx_import.md)"
        )
    given = {a.name: a for a in call.node.attribute}
    defaults = {n: a.default_value for n, a in schema.attributes.items() if a.default_value.type}
    if call.node.domain not in ("", "ai.onnx"):
        opset = call.scope.opsets.get("", opset)
    return _inlined(walk, function, inputs, defaults | given, opset)


def _body(
    call: Call, schema: Any, inputs: Sequence[Value | None]
) -> tuple[FunctionProto | None, int]:
    onnx = require_onnx()
    body: FunctionProto = onnx.FunctionProto()
    opsets = [v for v in schema.function_opset_versions if v <= call.opset]
    if schema.has_function and opsets:
        body.ParseFromString(schema.get_function_with_opset_version(max(opsets)))
        return body, max(opsets)
    opsets = [v for v in schema.context_dependent_function_opset_versions if v <= call.opset]
    if not schema.has_context_dependent_function or not opsets:
        return None, 0
    types = [_type(v).SerializeToString() for v in inputs]
    data = call.node.SerializeToString()
    body.ParseFromString(
        schema.get_context_dependent_function_with_opset_version(max(opsets), data, types)
    )
    return body, max(opsets)


def _type(value: Value | None) -> Any:
    onnx = require_onnx()
    if value is None:
        return onnx.TypeProto()
    if value.items is not None:
        return onnx.helper.make_sequence_type_proto(_type(value.items[0]))
    shape = [d if isinstance(d, int) else str(d) for d in value.shape]
    return onnx.helper.make_tensor_type_proto(code_of(value.dtype), shape)


def _inlined(
    walk: Walk,
    function: FunctionProto,
    inputs: Sequence[Value | None],
    given: dict[str, object],
    opset: int,
) -> list[Value | None]:
    from penstock_formats.onnx.reading.walk import Scope

    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in function.opset_import}
    opsets.setdefault("", opset)
    scope = Scope(None, opsets)
    padded = [*inputs, *[None] * (len(function.input) - len(inputs))]
    scope.values.update(zip(function.input, padded, strict=True))
    nodes = [_with_attributes(n, given) for n in function.node]
    with walk.deeper():
        for node in nodes:
            walk.node(node, scope)
        return [scope.values.get(name) for name in function.output]


def _with_attributes(node: NodeProto, given: dict[str, object]) -> NodeProto:
    """Copy a body's node with the call's attributes where it refers to them."""
    if not any(a.ref_attr_name or a.HasField("g") for a in node.attribute):
        return node
    copy = type(node)()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for a in node.attribute:
        if a.ref_attr_name and a.ref_attr_name not in given:
            continue  # left out, by the call as by the body
        made = copy.attribute.add()
        made.CopyFrom(given[a.ref_attr_name] if a.ref_attr_name else a)
        made.name = a.name
        if a.HasField("g"):
            inner = [_with_attributes(n, given) for n in a.g.node]
            del made.g.node[:]
            made.g.node.extend(inner)
    return copy
