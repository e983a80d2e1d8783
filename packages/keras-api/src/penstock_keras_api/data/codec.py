"""Elements as bytes: what caches and saved datasets are made of. Nothing in them is code."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError, InvalidTypeError
from penstock.ragged import RaggedTensor
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs


def encode(element: Any) -> bytes:
    """Write an element.

    Raises:
        InvalidTypeError: A leaf is neither array nor ragged tensor.
    """
    pieces: list[bytes] = []
    head = json.dumps(_described(element, pieces)).encode()
    return struct.pack("<I", len(head)) + head + b"".join(pieces)


def _described(element: Any, pieces: list[bytes]) -> Any:
    if isinstance(element, tuple):
        return {"tuple": [_described(part, pieces) for part in element]}
    if isinstance(element, dict):
        return {"dict": [[key, _described(part, pieces)] for key, part in element.items()]}
    if isinstance(element, RaggedTensor):
        parts = [_described(part, pieces) for part in (element.values, element.row_splits)]
        return {"ragged": parts}
    if elements.is_opaque(element):
        raise InvalidTypeError(
            f"[Dataset] {type(element).__name__} cannot be written to a file; make dense or ragged tensors of it in map"
        )
    array = np.asarray(elements.as_array(element))
    if isinstance(element, ps.Tensor) and element.dtype == "bfloat16":
        bits = np.asarray(ps.cast(element, "float32").numpy())
        pieces.append(bits.tobytes())
        return {"bfloat16": list(bits.shape), "bytes": bits.nbytes}
    if array.dtype.kind in "OSU":
        texts = [t if isinstance(t, bytes) else str(t).encode() for t in array.ravel().tolist()]
        pieces.append(b"".join(texts))
        return {"strings": [len(t) for t in texts], "shape": list(array.shape)}
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    pieces.append(data)
    return {"array": array.dtype.name, "shape": list(array.shape), "bytes": len(data)}


def decode(data: bytes) -> Any:
    """Read what `encode` wrote.

    Raises:
        FormatError: It is something else.
    """
    try:
        (size,) = struct.unpack_from("<I", data)
        head = json.loads(data[4 : 4 + size])
        return _read(head, memoryview(data), [4 + size])
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise FormatError(
            f"[Dataset] {len(data)} bytes are no element of a dataset: {error}; remove the file, so that it is made anew"
        ) from None


def _read(head: Any, data: memoryview, at: list[int]) -> Any:
    def piece(size: int) -> memoryview:
        begin = at[0]
        at[0] += size
        return data[begin : at[0]]

    if "tuple" in head:
        return tuple(_read(part, data, at) for part in head["tuple"])
    if "dict" in head:
        return {key: _read(part, data, at) for key, part in head["dict"]}
    if "ragged" in head:
        values, splits = (_read(part, data, at) for part in head["ragged"])
        return RaggedTensor(elements.as_tensor(values), elements.as_tensor(splits))
    if "bfloat16" in head:
        bits = np.frombuffer(piece(head["bytes"]), np.float32).reshape(head["bfloat16"])
        return ps.cast(ps.asarray(bits), "bfloat16")
    if "strings" in head:
        texts = [bytes(piece(n)) for n in head["strings"]]
        if not head["shape"]:
            return texts[0]
        rows = np.empty(len(texts), object)
        rows[:] = texts
        return rows.reshape(head["shape"])
    array = np.frombuffer(piece(head["bytes"]), np.dtype(head["array"])).reshape(head["shape"])
    return array if array.ndim else array[()]


# ---- specs


def spec_to_json(spec: Any) -> Any:
    """Write a spec as JSON has it."""
    if isinstance(spec, tuple):
        return {"tuple": [spec_to_json(part) for part in spec]}
    if isinstance(spec, dict):
        return {"dict": [[key, spec_to_json(part)] for key, part in spec.items()]}
    shape = None if spec.shape is None else list(spec.shape)
    found: dict[str, Any] = {"class": type(spec).__name__, "shape": shape, "dtype": str(spec.dtype)}
    if isinstance(spec, specs.RaggedTensorSpec):
        found["ragged_rank"] = spec.ragged_rank
    return found


def spec_from_json(found: Any) -> Any:
    """Read what `spec_to_json` wrote."""
    if "tuple" in found:
        return tuple(spec_from_json(part) for part in found["tuple"])
    if "dict" in found:
        return {key: spec_from_json(part) for key, part in found["dict"]}
    if found["class"] == "RaggedTensorSpec":
        return specs.RaggedTensorSpec(found["shape"], found["dtype"], found["ragged_rank"])
    return specs.TensorSpec(found["shape"], found["dtype"])
