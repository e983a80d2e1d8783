"""`tf.train.Example` messages: features by name, each a list of floats, whole numbers or strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock import _native, ops
from penstock._native import Tensor
from penstock.annotations import DTypeLike, TensorLike
from penstock.dtypes import as_dtype
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.ops.conversion import asarray

_STORED = {"float32": 2, "int64": 3, "string": 1}


@dataclass(frozen=True)
class FixedLenFeature:
    """A feature with as many values in every record.

    Args:
        shape: What each record's values are reshaped to.
        dtype: float32, int64 or string.
        default_value: What stands for a feature that a record has not got; None for an error.
    """

    shape: Sequence[int]
    dtype: DTypeLike
    default_value: Any = None


@dataclass(frozen=True)
class VarLenFeature:
    """A feature with other numbers of values in other records; it becomes a sparse tensor.

    Args:
        dtype: float32, int64 or string.
    """

    dtype: DTypeLike


@dataclass(frozen=True)
class RaggedFeature:
    """A feature with other numbers of values in other records; it becomes a ragged tensor.

    Args:
        dtype: float32, int64 or string.
    """

    dtype: DTypeLike


Feature = FixedLenFeature | VarLenFeature | RaggedFeature


def parse_example(serialized: TensorLike, features: Mapping[str, Feature]) -> dict[str, Any]:
    """Read features of serialized Examples.

    Args:
        serialized: [n], string: an Example each.
        features: What to read, by name.

    Returns:
        By name [n, *shape] for fixed features, a sparse tensor [n, most values] for variable ones, or a ragged tensor.

    Raises:
        FormatError: A string is no Example.
        InvalidValueError: An Example has no such feature, another number of values, or values of another dtype.

    Example:
        >>> from penstock.records import FixedLenFeature, make_example, parse_example
        >>> record = make_example({"x": [1.0, 2.0], "label": 3})
        >>> parse_example([record], {"x": FixedLenFeature([2], "float32")})["x"].tolist()
        [[1.0, 2.0]]
    """
    records = asarray(serialized)
    if records.is_symbolic:
        raise InvalidValueError(
            "[parse_example] records are parsed outside of graphs; call it in Dataset.map, which runs it in threads"
        )
    if records.dtype != "string" or records.ndim != 1:
        raise InvalidTypeError(
            f"[parse_example] got {records.dtype} of shape {records.shape}; expected a list of strings: use "
            "parse_single_example for one"
        )
    columns = _native.parse_examples(records, [_row(n, f) for n, f in features.items()])
    return {
        name: _shaped(feature, values, splits, int(records.shape[0]))
        for (name, feature), (values, splits) in zip(features.items(), columns, strict=True)
    }


def parse_single_example(serialized: TensorLike, features: Mapping[str, Feature]) -> dict[str, Any]:
    """Read features of one serialized Example.

    Args:
        serialized: A string.
        features: What to read, by name.

    Returns:
        By name a tensor of the feature's shape; [values] for features of variable length.

    Raises:
        FormatError: The string is no Example.
        InvalidValueError: The Example has no such feature, another number of values, or values of another dtype.

    Example:
        >>> from penstock.records import VarLenFeature, make_example, parse_single_example
        >>> parse_single_example(make_example({"x": [1, 2]}), {"x": VarLenFeature("int64")})["x"].tolist()
        [1, 2]
    """
    record = asarray(serialized)
    if record.dtype != "string" or record.ndim:
        raise InvalidTypeError(
            f"[parse_single_example] got {record.dtype} of shape {record.shape}; expected one string: use parse_example "
            "for a batch"
        )
    columns = _native.parse_examples(record, [_row(n, f) for n, f in features.items()])
    return {
        name: ops.reshape(values, tuple(feature.shape))
        if isinstance(feature, FixedLenFeature)
        else values
        for (name, feature), (values, _) in zip(features.items(), columns, strict=True)
    }


def _row(name: str, feature: Feature) -> tuple[str, Any, int, Tensor | None]:
    if not isinstance(feature, Feature):
        raise InvalidTypeError(
            f"[parse_example] feature {name!r} is {type(feature).__name__}; use FixedLenFeature, VarLenFeature or "
            "RaggedFeature"
        )
    dtype = as_dtype(feature.dtype)
    if str(dtype) not in _STORED:
        raise InvalidTypeError(
            f"[parse_example] feature {name!r} has dtype {dtype}; Examples hold float32, int64 and string: cast afterwards"
        )
    if not isinstance(feature, FixedLenFeature):
        return name, dtype, -1, None
    shape = tuple(feature.shape)
    count = int(np.prod(shape, dtype=np.int64))
    if feature.default_value is None:
        return name, dtype, count, None
    default = asarray(feature.default_value)
    if dtype != "string":
        default = ops.cast(default, dtype)
    if default.size not in (1, count):
        raise InvalidValueError(
            f"[parse_example] the default of feature {name!r} has {default.size} values, expected {count}; give as many"
        )
    return name, dtype, count, ops.broadcast_to(ops.reshape(default, (-1,)), (count,))


def _shaped(feature: Feature, values: Tensor, splits: Tensor | None, count: int) -> Any:
    if isinstance(feature, FixedLenFeature):
        return ops.reshape(values, (count, *feature.shape))
    assert splits is not None
    if isinstance(feature, RaggedFeature):
        from penstock import ragged

        return ragged.from_row_splits(values, splits)
    return _sparse(values, splits, count)


def _sparse(values: Tensor, splits: Tensor, count: int) -> Any:
    from penstock import sparse

    ends = np.asarray(splits)
    lengths = np.diff(ends)
    rows = np.repeat(np.arange(count), lengths)
    places = np.arange(len(rows)) - np.repeat(ends[:-1], lengths)
    indices = np.stack([rows, places], 1) if len(rows) else np.zeros((0, 2), np.int64)
    return sparse.CooTensor(values, asarray(indices), (count, int(lengths.max(initial=0))))


# ---- writing


def make_example(features: Mapping[str, Any]) -> bytes:
    """Serialize features as an Example.

    Args:
        features: By name a number, a string, or an array or list of them; bool and whole numbers are stored as int64,
            other numbers as float32.

    Returns:
        The bytes of the message.

    Raises:
        InvalidTypeError: A feature is neither.

    Example:
        >>> len(penstock.records.make_example({"x": [1.0, 2.0]}))
        21
    """
    entries = (
        _field(1, _field(1, name.encode()) + _field(2, _feature(name, value)))
        for name, value in features.items()
    )
    return _field(1, b"".join(entries))


def _feature(name: str, value: Any) -> bytes:
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, str | bytes):
        flat = np.array([value], object)
    elif isinstance(value, list | tuple) and any(isinstance(v, str | bytes) for v in value):
        flat = np.array(value, object)  # NumPy's own strings end before a zero
    else:
        flat = np.asarray(value).ravel()
        if isinstance(value, list | tuple) and not flat.size:
            return b""  # of no kind
    if flat.dtype.kind in "SUO" and all(isinstance(v, str | bytes) for v in flat.tolist()):
        texts = (v.encode() if isinstance(v, str) else v for v in flat.tolist())
        return _field(1, b"".join(_field(1, text) for text in texts))
    if flat.dtype.kind == "f":
        return _field(2, _field(1, flat.astype("<f4").tobytes()))
    if flat.dtype.kind in "biu":
        return _field(3, _field(1, b"".join(map(_varint, flat.astype(np.int64).tolist()))))
    raise InvalidTypeError(
        f"[make_example] feature {name!r} is {type(value).__name__} of {flat.dtype}; give numbers, strings or bytes"
    )


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes((value,))
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
