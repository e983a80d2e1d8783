"""Operators that change the dtype, or nothing."""

from __future__ import annotations

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock.graph import eagerly
from penstock_formats.onnx.reading.file import DTYPES, dtype_of_code
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value, tensor_of

_OLD_NAMES = {
    "FLOAT": 1,
    "UINT8": 2,
    "INT8": 3,
    "UINT16": 4,
    "INT16": 5,
    "INT32": 6,
    "INT64": 7,
    "STRING": 8,
}
_OLD_NAMES |= {"BOOL": 9, "FLOAT16": 10, "DOUBLE": 11, "UINT32": 12, "UINT64": 13}


@converts("Identity")
def _identity(_call: Call, x: Value) -> Value:
    return x


@converts("Cast")
def _cast(call: Call, x: Value) -> Value:
    to = call.need("to")
    return cast(call, x, dtype_of_code(_OLD_NAMES.get(to, to), call.where))


@converts("CastLike")
def _cast_like(call: Call, x: Value, like: Value) -> Value:
    return cast(call, x, like.dtype)


def cast(call: Call, x: Value, dtype: str) -> Value:
    """Cast a value; channels that are last stay there."""
    if dtype not in DTYPES.values():
        raise call.unsupported(f"a cast to {dtype}")
    if x.dtype == dtype:
        return x
    if call.building and x.is_constant:
        with eagerly():
            return Value(ps.cast(x.inside().tensor, dtype))
    if x.is_last:
        return Value(last=ps.cast(x.last, dtype))
    if "string" in (x.dtype, dtype):
        return Value(_between_strings(call, x, dtype))
    return Value(ps.cast(x.tensor, dtype))


def of_dtype(t: Tensor, dtype: str) -> Tensor:
    """Cast a tensor, unless it has the dtype."""
    return t if t.dtype.name == dtype else ps.cast(t, dtype)


def _between_strings(call: Call, x: Value, dtype: str) -> Tensor:
    if dtype == "string" and "float" not in x.dtype:
        return ps.as_string(x.tensor)
    call.only_eager("turns numbers into text or back, which is not done by ops")
    array = x.tensor.numpy()
    if dtype == "string":
        made = np.empty(array.shape, object)
        made.reshape(-1)[:] = [_text(item) for item in array.reshape(-1)]
        return tensor_of(made)
    return tensor_of(
        np.array([_number(item, dtype) for item in array.reshape(-1)], dtype).reshape(array.shape)
    )


def _text(item: np.floating) -> str:
    """Write a number with the fewest digits that give it back; NaN and infinities as the standard spells them."""
    if np.isnan(item):
        return "NaN"
    if np.isinf(item):
        return "INF" if item > 0 else "-INF"
    return (
        np.format_float_positional(item, trim="-")
        if 1e-4 <= abs(item) < 1e16 or item == 0
        else str(item)
    )


def _number(item: bytes, dtype: str) -> float | int:
    text = item.decode()
    return (
        float(text)
        if "float" in dtype
        else int(float(text))
        if "." in text or "e" in text.lower()
        else int(text)
    )


@converts("Dropout")
def _dropout(
    call: Call, x: Value, ratio: Value | None = None, training: Value | None = None
) -> list[Value]:
    rate = call.attr("ratio", 0.5) if ratio is None or ratio.host is None else float(ratio.host)
    if training is not None and bool(call.known(training, "training mode")) and rate > 0:
        kept = ps.random.uniform(x.tensor.shape, seed=call.attr("seed")) >= rate
        return [Value(ps.where(kept, x.tensor / (1 - rate), ps.zeros_like(x.tensor))), Value(kept)]
    dtype = "bool" if call.opset >= 10 else x.dtype
    return [x, Value(ps.ones(x.shape, dtype))] if call.wants(1) else [x]


@converts("BitCast")
def _bit_cast(call: Call, x: Value) -> Tensor:
    dtype = dtype_of_code(call.need("to"), call.where)
    if dtype == x.dtype:
        return x.tensor
    if not x.is_constant:
        call.only_eager("takes the bits of computed numbers")
    array = call.known(x, "bits")
    if "bfloat16" in (dtype, x.dtype) or array.dtype == object:
        raise call.unsupported(f"the bits of {x.dtype} as {dtype}")
    return tensor_of(np.ascontiguousarray(array).view(dtype).reshape(array.shape))
