"""The messages of TensorFlow's files, with those of their fields that are read here."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from penstock_formats.tensorflow._problems import damaged, problem

_SCALARS: Final = {
    "double": 1,
    "float": 2,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "fixed32": 7,
    "bool": 8,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
}
"""The numbers that descriptors have for them; enumerations are read as int32."""

# name: "number type", with * for a list and > for a dictionary by text.
_MESSAGES: Final[dict[str, dict[str, str]]] = {
    "Dim": {"size": "1 int64"},
    "Shape": {"dim": "2 *Dim", "unknown_rank": "3 bool"},
    "TensorProto": {
        "dtype": "1 int32",
        "tensor_shape": "2 Shape",
        "tensor_content": "4 bytes",
        "float_val": "5 *float",
        "double_val": "6 *double",
        "int_val": "7 *int32",
        "string_val": "8 *bytes",
        "int64_val": "10 *int64",
        "bool_val": "11 *bool",
        "half_val": "13 *int32",
        "uint32_val": "16 *uint32",
        "uint64_val": "17 *uint64",
    },
    "NameAttrList": {"name": "1 string", "attr": "2 >AttrValue"},
    "ListValue": {
        "s": "2 *bytes",
        "i": "3 *int64",
        "f": "4 *float",
        "b": "5 *bool",
        "type": "6 *int32",
        "shape": "7 *Shape",
    },
    "AttrValue": {
        "list": "1 ListValue",
        "s": "2 bytes",
        "i": "3 int64",
        "f": "4 float",
        "b": "5 bool",
        "type": "6 int32",
        "shape": "7 Shape",
        "tensor": "8 TensorProto",
        "func": "10 NameAttrList",
    },
    "NodeDef": {"name": "1 string", "op": "2 string", "input": "3 *string", "attr": "5 >AttrValue"},
    "ArgDef": {"name": "1 string", "type": "3 int32"},
    "OpDef": {"name": "1 string", "input_arg": "2 *ArgDef", "output_arg": "3 *ArgDef"},
    "FunctionDef": {"signature": "1 OpDef", "node_def": "3 *NodeDef", "ret": "4 >string"},
    "Library": {"function": "1 *FunctionDef"},
    "GraphDef": {"node": "1 *NodeDef", "library": "2 Library"},
    "TensorInfo": {"name": "1 string", "dtype": "2 int32", "tensor_shape": "3 Shape"},
    "Signature": {"inputs": "1 >TensorInfo", "outputs": "2 >TensorInfo"},
    "MetaInfo": {"tags": "4 *string"},
    "MetaGraph": {
        "meta_info_def": "1 MetaInfo",
        "graph_def": "2 GraphDef",
        "signature_def": "5 >Signature",
    },
    "SavedModel": {"meta_graphs": "2 *MetaGraph"},
    "BundleHeader": {"num_shards": "1 int32", "endianness": "2 int32"},
    "BundleEntry": {
        "dtype": "1 int32",
        "shape": "2 Shape",
        "shard_id": "3 int32",
        "offset": "4 int64",
        "size": "5 int64",
        "slices": "7 *Shape",
    },
    "ObjectAttribute": {"name": "1 string", "full_name": "2 string", "checkpoint_key": "3 string"},
    "Object": {"attributes": "2 *ObjectAttribute"},
    "ObjectGraph": {"nodes": "1 *Object"},
}


def parse(name: str, data: bytes, what: str) -> Any:
    """Read a message.

    Args:
        name: Which one.
        data: Its bytes.
        what: What messages call the file.

    Raises:
        FormatError: They are none, or the protobuf package is missing.
    """
    classes = _classes()
    message = classes[name]()
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError) as e:
        raise damaged(f"{what} is no {name} message ({e})") from e
    return message


@cache
def _classes() -> dict[str, Any]:
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as e:
        raise problem(
            "TensorFlow's files are protobuf messages, and protobuf is not installed",
            'install it: pip install "penstock-formats[tensorflow]"',
        ) from e
    file = descriptor_pb2.FileDescriptorProto(
        name="penstock_tensorflow.proto", package="penstock_tensorflow", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, description in fields.items():
            number, kind = description.split()
            _add_field(message, field, int(number), kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"penstock_tensorflow.{name}")
        )
        for name in _MESSAGES
    }


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    repeated = kind[0] in "*>"
    base = kind.lstrip("*>")
    field = message.field.add(name=name, number=number, label=3 if repeated else 1)
    if kind[0] == ">":
        title = "".join(part.title() for part in name.split("_")) + "Entry"
        entry = message.nested_type.add(name=title)
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, base)
        field.type, field.type_name = 11, f".penstock_tensorflow.{message.name}.{title}"
    elif base in _SCALARS:
        field.type = _SCALARS[base]
    else:
        field.type, field.type_name = 11, f".penstock_tensorflow.{base}"
    if message.name == "AttrValue":
        # Which one is given is told by presence, as in the oneof that it is.
        if not message.oneof_decl:
            message.oneof_decl.add(name="value")
        field.oneof_index = 0
