"""A node's attributes as Python values, checked against what its operator takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import FormatError
from penstock_formats.onnx.reading.file import array_of, require_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import AttributeProto, NodeProto

_FLOAT, _INT, _STRING, _TENSOR, _GRAPH, _SPARSE, _TYPE = 1, 2, 3, 4, 5, 11, 13
_FLOATS, _INTS, _STRINGS, _TENSORS = 6, 7, 8, 9


def read(attribute: AttributeProto, folder: Path | None, where: str) -> Any:
    """Return an attribute's value.

    Raises:
        FormatError: It is of a kind that no operator of ours takes.
    """
    a = attribute
    plain = {_FLOAT: a.f, _INT: a.i, _GRAPH: a.g, _TYPE: a.tp}
    if a.type in plain:
        return plain[a.type]
    if a.type == _STRING:
        return _text(a.s, where)
    if a.type == _TENSOR:
        return array_of(a.t, folder)
    if a.type == _SPARSE:
        return a.sparse_tensor
    lists = {_FLOATS: a.floats, _INTS: a.ints}
    if a.type in lists:
        return list(lists[a.type])
    if a.type == _STRINGS:
        return [_text(s, where) for s in a.strings]
    raise FormatError(
        f"[onnx] {where} has the attribute {a.name!r} of kind {a.type}, which is not known; export the model again"
    )


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise FormatError(
            f"[onnx] {where} has text that is not UTF-8; the file is damaged: get it again"
        ) from e


def all_of(node: NodeProto, schema: Any, folder: Path | None, where: str) -> dict[str, Any]:
    """Return a node's attributes by name, with the defaults of those it has not got.

    Args:
        node: The message.
        schema: What its operator takes; None for a function of the model.
        folder: Where the files lie that hold tensors.
        where: What a message calls the node.

    Raises:
        FormatError: One is unknown, missing, given twice or of another kind.
    """
    attrs: dict[str, Any] = {}
    for a in node.attribute:
        if a.ref_attr_name:
            raise FormatError(
                f"[onnx] {where} refers to the attribute {a.ref_attr_name!r} of a function, outside of one; "
                "the file is damaged: export the model again"
            )
        if a.name in attrs:
            raise FormatError(
                f"[onnx] {where} has the attribute {a.name!r} twice; export the model again"
            )
        attrs[a.name] = read(a, folder, where)
        if schema is not None:
            _check(a, schema, where)
    if schema is not None:
        _complete(attrs, schema, where)
    return attrs


def _check(a: AttributeProto, schema: Any, where: str) -> None:
    formal = schema.attributes.get(a.name)
    if formal is None:
        known = ", ".join(sorted(schema.attributes)) or "none"
        raise FormatError(
            f"[onnx] {where} has the attribute {a.name!r}; the operator takes {known}: check the opset, export again"
        )
    if int(formal.type.value) != a.type:
        raise FormatError(
            f"[onnx] {where} has the attribute {a.name!r} of kind {a.type}; expected {formal.type.name}: export again"
        )


def _complete(attrs: dict[str, Any], schema: Any, where: str) -> None:
    for name, formal in schema.attributes.items():
        if name in attrs:
            continue
        if formal.required:
            raise FormatError(
                f"[onnx] {where} has no attribute {name!r}; it needs one: export the model again"
            )
        if formal.default_value.type:
            attrs[name] = read(formal.default_value, None, where)


def schema_of(domain: str, op: str, opset: int) -> Any:
    """Return what the standard says about an operator, or None."""
    onnx = require_onnx()
    try:
        return onnx.defs.get_schema(op, opset, domain)
    except onnx.defs.SchemaError:
        return None
