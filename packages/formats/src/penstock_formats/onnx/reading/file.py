"""The bytes of an ONNX file made a checked protobuf message; its tensors made arrays."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penstock.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto

OLDEST, NEWEST = 1, 26
"""The opsets of the default domain that can be read."""

TWO_GIB: Final = 1 << 31

# The codes of onnx.TensorProto.DataType that tensors of ours can hold.
DTYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
}  # fmt: skip

# What is narrower than a byte is held by the next integer; numbers are equal.
_WIDENED: Final = {21: "uint8", 22: "int8", 25: "uint8", 26: "int8"}
_CODE_OF: Final = {name: code for code, name in DTYPES.items()}


def require_onnx() -> Any:
    """Import the onnx package.

    Raises:
        FormatError: It is not installed.
    """
    try:
        import onnx
    except ImportError as e:
        raise FormatError(
            '[onnx] the package onnx is missing; it reads the files: pip install "penstock-formats[onnx]"'
        ) from e
    return onnx


def parse(data: bytes) -> ModelProto:
    """Make a message of a file's bytes.

    Raises:
        FormatError: They are no ONNX model, or of an opset that is not known.
    """
    onnx = require_onnx()
    if len(data) >= TWO_GIB:
        raise FormatError(
            "[onnx] the file has 2 GiB or more, which no protobuf message can; save the weights beside it: "
            "onnx.save(model, path, save_as_external_data=True)"
        )
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as e:  # the class is protobuf's, whose package we do not name
        raise FormatError(f"[onnx] this is no ONNX file: {e}; expected a ModelProto message") from e
    _need_text(model)
    return check(model)


def _need_text(model: ModelProto) -> None:
    """Refuse text that is not UTF-8: protobuf gives it as bytes, where names are wanted."""
    waiting: list[Any] = [model]
    while waiting:
        for field, value in waiting.pop().ListFields():
            if field.type == field.TYPE_MESSAGE:
                waiting.extend([value] if hasattr(value, "ListFields") else value)
            elif field.type == field.TYPE_STRING:
                texts = [value] if isinstance(value, str | bytes) else value
                if any(isinstance(text, bytes) for text in texts):
                    raise FormatError(
                        f"[onnx] the field {field.full_name} holds text that is not UTF-8; the file is damaged: get it again"
                    )


def check(model: ModelProto) -> ModelProto:
    """Return the message if it is a model of opsets that are known.

    Raises:
        FormatError: It is not.
    """
    if not model.HasField("graph") or not model.opset_import:
        raise FormatError(
            "[onnx] this is no ONNX model: it has no graph or no opset; expected a file that onnx.save wrote"
        )
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and not OLDEST <= entry.version <= NEWEST:
            raise FormatError(
                f"[onnx] the file is of opset {entry.version}; opsets {OLDEST} to {NEWEST} can be read: convert it "
                f"with onnx.version_converter.convert_version(model, {NEWEST})"
            )
    return model


def load(path: Path) -> ModelProto:
    """Read a file.

    Raises:
        FormatError: There is none, or it is no ONNX model.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise FormatError(
            f"[onnx] cannot read {path}: {e.strerror or e}; give the path of an .onnx file"
        ) from e
    return parse(data)


def dtype_of_code(code: int, where: str) -> str:
    """Name the dtype that a file's code stands for.

    Raises:
        FormatError: Tensors of ours have no such dtype.
    """
    name = DTYPES.get(code) or _WIDENED.get(code)
    if name is None:
        raise FormatError(
            f"[onnx] {where} has the element type {code}, which tensors of ours cannot hold; "
            f"they hold {', '.join(DTYPES.values())}: convert the model to one of these"
        )
    return name


def array_of(tensor: TensorProto, folder: Path | None) -> NDArray[Any]:
    """Make an array of a tensor in a file.

    Args:
        tensor: The message.
        folder: Where files lie that hold what is not in the message; None if there are none.

    Returns:
        An array: of ml_dtypes' bfloat16 for bfloat16, of objects for strings.

    Raises:
        FormatError: Sizes and bytes do not fit together, or the element type is not known.
    """
    onnx = require_onnx()
    where = f"tensor {tensor.name!r}"
    dtype = dtype_of_code(tensor.data_type, where)
    if any(d < 0 for d in tensor.dims) or len(tensor.dims) > 32:
        raise FormatError(
            f"[onnx] {where} has the sizes {list(tensor.dims)[:40]}; expected up to 32, none negative"
        )
    count = math.prod(tensor.dims)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _with_bytes(tensor, folder)
    if dtype == "string":
        have, want = len(tensor.string_data), count
    elif tensor.HasField("raw_data"):
        have, want = len(tensor.raw_data), _bytes_of(tensor.data_type, dtype, count)
    else:
        have, want = _fields_of(tensor, dtype, count)
    if have != want:
        raise FormatError(
            f"[onnx] {where} has sizes {list(tensor.dims)} and so {want} bytes or elements, but holds {have}; "
            "the file is damaged: get it again"
        )
    if dtype == "string":
        return np.array(list(tensor.string_data), object).reshape(tensor.dims)
    array: NDArray[Any] = onnx.numpy_helper.to_array(tensor)
    return array.astype(dtype) if tensor.data_type in _WIDENED else array


def _bytes_of(code: int, dtype: str, count: int) -> int:
    if code in (21, 22):
        return (count + 1) // 2
    if code in (25, 26):
        return (count + 3) // 4
    return count * (2 if dtype == "bfloat16" else np.dtype(dtype).itemsize)


def _fields_of(tensor: TensorProto, dtype: str, count: int) -> tuple[int, int]:
    """Count the numbers in the field for a dtype, and how many there should be."""
    if dtype in ("complex64", "complex128"):
        return len(tensor.float_data or tensor.double_data), 2 * count
    field = {"float32": "float_data", "float64": "double_data", "int64": "int64_data"}.get(
        dtype, "int32_data"
    )
    if dtype in ("uint32", "uint64"):
        field = "uint64_data"
    packed = _bytes_of(tensor.data_type, dtype, count) if tensor.data_type in _WIDENED else count
    return len(getattr(tensor, field)), packed


def _with_bytes(tensor: TensorProto, folder: Path | None) -> TensorProto:
    """Copy a tensor with the bytes that another file holds for it."""
    entries = {e.key: e.value for e in tensor.external_data}
    where, location = f"tensor {tensor.name!r}", entries.get("location", "")
    if folder is None:
        raise FormatError(
            f"[onnx] {where} lies in another file, {location!r}, but there is no folder to look in; read the model "
            "from its path"
        )
    path = _beside(folder, location, where)
    try:
        offset, size = int(entries.get("offset", "0")), path.stat().st_size
        length = int(entries.get("length", str(size - offset)))
    except (ValueError, OSError) as e:
        raise FormatError(
            f"[onnx] {where}: cannot use {location!r}: {e}; put the data file beside the model"
        ) from e
    if offset < 0 or length < 0 or offset + length > size:
        raise FormatError(
            f"[onnx] {where} needs bytes {offset} to {offset + length} of {location!r}, which has {size}; "
            "the data file is cut off or belongs to another model: get both again"
        )
    copy: TensorProto = require_onnx().TensorProto()
    copy.CopyFrom(tensor)
    copy.data_location = type(copy).DEFAULT
    del copy.external_data[:]
    with path.open("rb") as f:
        f.seek(offset)
        copy.raw_data = f.read(length)
    return copy


def _beside(folder: Path, location: str, where: str) -> Path:
    """Find a data file, which must not lead out of the model's folder."""
    path = (folder / location).resolve() if location and "\0" not in location else folder
    if not path.is_file() or not path.is_relative_to(folder.resolve()):
        raise FormatError(
            f"[onnx] {where} lies in {location!r}, which is no file in the model's folder; "
            "put the data file beside the model"
        )
    return path


def code_of(dtype: str) -> int:
    """Return ONNX's code for a dtype's name."""
    return _CODE_OF[dtype]
