"""What a TensorFlow Lite file says, as plain data: tensors, ops and subgraphs, each checked against the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.tflite.flatbuffer import Buffer, Table
from penstock_formats.tflite.schema import DTYPES, OPS, OTHER_DTYPES, read_options

_MOST_AXES = 8
_IDENTIFIER = b"TFL3"
_VERSION = 3


@dataclass(frozen=True)
class Quantization:
    """What the integers of a tensor are worth: real = scale · (integer - zero_point).

    Args:
        scale: [1], or one for each element of the axis.
        zero_point: Integers of the scale's shape.
        axis: The axis to which several scales belong.
    """

    scale: np.ndarray[Any, Any]
    zero_point: np.ndarray[Any, Any]
    axis: int

    @property
    def single(self) -> bool:
        """Whether there is one scale for the whole tensor."""
        return self.scale.size == 1


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of a subgraph: one that is computed, or a constant.

    Args:
        name: Its name.
        dtype: Its dtype's name.
        shape: Its sizes; -1 for those that may vary.
        value: A constant's numbers.
        quantization: What its integers are worth, or None.
        is_state: Whether its numbers stay from one run to the next.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    value: np.ndarray[Any, Any] | None = None
    quantization: Quantization | None = None
    is_state: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Operator:
    """An op of a subgraph.

    Args:
        name: The built-in op's name, or the custom op's own.
        version: The version that the file asks for.
        inputs: Numbers of tensors; -1 stands for one that is left out.
        outputs: Numbers of tensors.
        intermediates: Numbers of tensors that only carry scales.
        options: By name.
        custom: A custom op's options as bytes, else None.
    """

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    custom: bytes | None = None


@dataclass(frozen=True)
class Subgraph:
    """Ops in the order in which they run.

    Args:
        name: Its name.
        tensors: All tensors.
        inputs: Numbers of tensors.
        outputs: Numbers of tensors.
        operators: The ops.
    """

    name: str
    tensors: list[TensorInfo]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: list[Operator]


@dataclass(frozen=True)
class Signature:
    """Names for the inputs and outputs of a subgraph.

    Args:
        key: The signature's name.
        subgraph: The subgraph's number.
        inputs: Names by tensor number.
        outputs: Names by tensor number.
    """

    key: str
    subgraph: int
    inputs: dict[int, str]
    outputs: dict[int, str]


@dataclass(frozen=True)
class Model:
    """A whole file.

    Args:
        description: What the converter wrote.
        subgraphs: The first is the main one.
        signatures: Names of inputs and outputs.
        metadata: Other blocks of bytes by name.
    """

    description: str
    subgraphs: list[Subgraph]
    signatures: list[Signature]
    metadata: dict[str, bytes]


def parse(data: bytes) -> Model:
    """Read the bytes of a .tflite file.

    Args:
        data: The bytes.

    Returns:
        What they say.

    Raises:
        FormatError: The file is damaged, of another version, or uses a dtype that Penstock has not.
    """
    if data[4:8] != _IDENTIFIER:
        raise FormatError(
            f"[tflite] the file begins with {data[:8]!r}; expected 'TFL3' at byte 4; it is no TensorFlow Lite model"
        )
    buffer = Buffer(data, "tflite")
    root = buffer.root()
    if (version := root.number(0, "I")) != _VERSION:
        raise FormatError(
            f"[tflite] the file has schema version {version}; expected {_VERSION}; convert the model again"
        )
    blocks = [_block(buffer, table) for table in root.tables(4)]
    codes = [_code(table) for table in root.tables(1)]
    subgraphs = [_subgraph(table, blocks, codes) for table in root.tables(2)]
    if not subgraphs:
        raise buffer.damaged("the file has no graph")
    return Model(
        root.text(3),
        subgraphs,
        [_signature(table, subgraphs) for table in root.tables(7)],
        {
            table.text(0): bytes(_item(buffer, blocks, table.number(1, "I")))
            for table in root.tables(6)
        },
    )


def _item(buffer: Buffer, items: list[Any], number: int) -> Any:
    if not 0 <= number < len(items):
        raise buffer.damaged(f"number {number} of a list of {len(items)} is used")
    return items[number]


def _block(buffer: Buffer, table: Table) -> Any:
    """The bytes of a constant; in files above 2 GiB they lie behind the tables."""
    begin, size = table.number(1, "Q"), table.number(2, "Q")
    if begin > 1:
        if begin + size > len(buffer.data):
            raise buffer.damaged(f"a constant lies at byte {begin}")
        return np.frombuffer(buffer.data, np.uint8, size, begin)
    found = table.numbers(0, "uint8")
    return np.zeros(0, np.uint8) if found is None else found


def _code(table: Table) -> tuple[str, int, bool]:
    """Return an op's name and version, and whether it is a custom one; small numbers have a field of their own."""
    number = max(table.number(0, "b"), table.number(3, "i"))
    version = table.number(2, "i", 1)
    if number < 0:
        raise table.buffer.damaged(f"op number {number} is used")
    name = OPS[number] if number < len(OPS) else f"builtin {number}"
    custom = name == "CUSTOM"
    return (table.text(1) or "CUSTOM" if custom else name), version, custom


def _subgraph(table: Table, blocks: list[Any], codes: list[tuple[str, int, bool]]) -> Subgraph:
    tensors = [_tensor(t, blocks) for t in table.tables(0)]

    def numbers(owner: Table, slot: int, *, optional: bool = False) -> tuple[int, ...]:
        found = owner.numbers(slot, "int32")
        made = () if found is None else tuple(int(v) for v in found)
        for number in made:
            if not (0 <= number < len(tensors) or (optional and number == -1)):
                raise table.buffer.damaged(f"tensor {number} of {len(tensors)} is used")
        return made

    operators = []
    for t in table.tables(3):
        name, version, custom = _item(table.buffer, codes, t.number(0, "I"))
        options = {} if custom else read_options(name, t.number(3, "B"), t.table(4))
        raw = t.numbers(5, "uint8") if custom else None
        operators.append(
            Operator(
                name,
                version,
                numbers(t, 1, optional=True),
                numbers(t, 2),
                numbers(t, 8),
                options,
                bytes(raw if raw is not None else b"") if custom else None,
            )
        )
    return Subgraph(table.text(4), tensors, numbers(table, 1), numbers(table, 2), operators)


def _tensor(table: Table, blocks: list[Any]) -> TensorInfo:
    name, number = table.text(3), table.number(1, "b")
    if number not in DTYPES:
        raise FormatError(
            f"[tflite] tensor {name!r} has dtype {OTHER_DTYPES.get(number, number)}; expected one of "
            f"{', '.join(DTYPES.values())}; convert the model with another type"
        )
    dtype = DTYPES[number]
    shape = _shape(table, 0)
    raw = _item(table.buffer, blocks, table.number(2, "I"))
    value = _constant(table, name, dtype, shape, raw) if raw.size else None
    signature = _shape(table, 7)
    if value is None and len(signature) == len(shape):
        shape = signature
    quantization = _quantization(table.table(4), shape)
    dtype = "int8" if dtype == "int4" else dtype
    return TensorInfo(name, dtype, shape, value, quantization, bool(table.number(5, "?")))


def _shape(table: Table, slot: int) -> tuple[int, ...]:
    found = table.numbers(slot, "int32")
    shape = () if found is None else tuple(int(v) for v in found)
    if len(shape) > _MOST_AXES or any(size < -1 for size in shape):
        raise table.buffer.damaged(f"a tensor has the shape {list(shape[:_MOST_AXES])}")
    return shape


def _constant(table: Table, name: str, dtype: str, shape: tuple[int, ...], raw: Any) -> Any:
    if table.table(6) is not None:
        raise FormatError(
            f"[tflite] constant {name!r} is stored as a sparse tensor, which is not supported; convert the model "
            "without sparsity"
        )
    count = math.prod(shape)
    size = (count + 1) // 2 if dtype == "int4" else count * np.dtype(dtype).itemsize
    if size != raw.size or count < 0:
        raise table.buffer.damaged(
            f"constant {name!r} of {dtype}{list(shape)} has {raw.size} bytes in place of {size}"
        )
    if dtype == "int4":
        pairs = np.stack([(raw << 4).view(np.int8) >> 4, raw.view(np.int8) >> 4], axis=-1)
        return pairs.reshape(-1)[:count].reshape(shape)
    if dtype == "bool":
        return (raw != 0).reshape(shape)
    return raw.view(np.dtype(dtype).newbyteorder("<")).reshape(shape)


def _quantization(table: Table | None, shape: tuple[int, ...]) -> Quantization | None:
    """What a tensor's integers are worth; a table without scales only carries limits seen in training."""
    if table is None:
        return None
    scale, zero_point = table.numbers(2, "float32"), table.numbers(3, "int64")
    if scale is None or not scale.size:
        return None
    if zero_point is None or not zero_point.size:
        zero_point = np.zeros(scale.size, np.int64)
    if zero_point.size == 1:
        zero_point = np.repeat(zero_point, scale.size)
    axis = int(table.number(6, "i"))
    fits = scale.size == 1 or (0 <= axis < len(shape) and shape[axis] == scale.size)
    if zero_point.size != scale.size or not fits:
        raise table.buffer.damaged(
            f"a tensor of shape {list(shape)} has {scale.size} scales along axis {axis} and {zero_point.size} zero points"
        )
    if not (np.isfinite(scale).all() and (scale > 0).all()) or abs(zero_point).max() >= 2**31:
        raise table.buffer.damaged(
            f"a tensor of shape {list(shape)} has a scale that is not positive"
        )
    return Quantization(scale, zero_point.astype(np.int32), axis)


def _signature(table: Table, subgraphs: list[Subgraph]) -> Signature:
    number = table.number(4, "I")
    tensors = _item(table.buffer, subgraphs, number).tensors

    def names(slot: int) -> dict[int, str]:
        made = {t.number(1, "I"): t.text(0) for t in table.tables(slot)}
        for tensor in made:
            _item(table.buffer, tensors, tensor)
        return made

    return Signature(table.text(2), number, names(0), names(1))
