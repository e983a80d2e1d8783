"""Values of the ONNX graph that is being written, with Python's operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx

from penstock.errors import FormatError

if TYPE_CHECKING:
    from penstock_formats.onnx.writing._emitter import Emitter

ELEMENT_TYPES: Final[dict[str, int]] = {
    "bool": onnx.TensorProto.BOOL,
    "int8": onnx.TensorProto.INT8,
    "int16": onnx.TensorProto.INT16,
    "int32": onnx.TensorProto.INT32,
    "int64": onnx.TensorProto.INT64,
    "uint8": onnx.TensorProto.UINT8,
    "uint16": onnx.TensorProto.UINT16,
    "uint32": onnx.TensorProto.UINT32,
    "uint64": onnx.TensorProto.UINT64,
    "float16": onnx.TensorProto.FLOAT16,
    "bfloat16": onnx.TensorProto.BFLOAT16,
    "float32": onnx.TensorProto.FLOAT,
    "float64": onnx.TensorProto.DOUBLE,
}
"""The dtypes that ONNX computes with."""

FLOATS: Final = ("float16", "bfloat16", "float32", "float64")
UNSIGNED: Final = ("uint8", "uint16", "uint32", "uint64")


def element_type(dtype: str) -> int:
    """Return ONNX's number for a dtype.

    Raises:
        FormatError: ONNX's ops do not take such numbers.
    """
    if dtype not in ELEMENT_TYPES:
        raise FormatError(
            f"[onnx] a tensor is {dtype}; ONNX's ops compute with {', '.join(ELEMENT_TYPES)}. Keep what works on "
            f"{dtype} outside of the function that is exported"
        )
    return ELEMENT_TYPES[dtype]


class Value:
    """The name of a tensor in an ONNX graph; operators append nodes.

    Args:
        emitter: The graph.
        name: What the graph calls the tensor.
        dtype: The name of its dtype.
    """

    __slots__ = ("dtype", "emitter", "name")

    def __init__(self, emitter: Emitter, name: str, dtype: str) -> None:
        self.emitter = emitter
        self.name = name
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"<{self.name}: {self.dtype}>"

    def op(self, op_type: str, *others: Any, dtype: str | None = None, **attrs: Any) -> Value:
        """Append a node that takes this value first; numbers among the others get this dtype."""
        inputs = [None if other is None else self.like(other) for other in others]
        made: Value = self.emitter.op(op_type, self, *inputs, dtype=dtype or self.dtype, **attrs)
        return made

    def like(self, other: Any) -> Value:
        """Return a number as a constant of this value's dtype, and a value as it is."""
        return other if isinstance(other, Value) else self.emitter.constant(other, self.dtype)

    def cast(self, dtype: str) -> Value:
        """Convert, unless it has the dtype already."""
        if dtype == self.dtype:
            return self
        moved = self.emitter.transposed.get(self.name)
        if moved is not None:
            # ONNX Runtime 1.31 crashes over Transpose, Cast to floats and MatMul in this order.
            return moved[0].cast(dtype).transpose(moved[1])
        return self.op("Cast", dtype=dtype, to=element_type(dtype))

    def reshape(self, *sizes: int) -> Value:
        """Give it a shape that is known, but for one -1."""
        return self.op("Reshape", self.emitter.ints(sizes))

    def transpose(self, axes: Any) -> Value:
        """Permute its axes."""
        axes = [int(axis) for axis in axes]
        if self.name in self.emitter.transposed:
            source, before = self.emitter.transposed[self.name]
            return source.transpose([before[axis] for axis in axes])
        if axes == sorted(axes):
            return self
        made = self.op("Transpose", perm=axes)
        self.emitter.transposed[made.name] = self, axes
        return made

    def unsqueeze(self, *axes: int) -> Value:
        """Add axes of size 1."""
        return self.op("Unsqueeze", self.emitter.ints(axes))

    def squeeze(self, *axes: int) -> Value:
        """Leave axes of size 1 out."""
        return self.op("Squeeze", self.emitter.ints(axes))

    def reduce(self, op_type: str, axes: Any, keepdims: bool = False) -> Value:
        """Reduce over axes; without axes only the op's own function is left, so it must not come to that."""
        return self.op(op_type, self.emitter.ints(axes), keepdims=int(keepdims))

    def take(self, indices: Any, axis: int) -> Value:
        """Pick by indices along an axis."""
        places = self.emitter.constant(np.asarray(indices), "int64")
        return self.op("Gather", places, axis=axis)

    def where(self, yes: Any, no: Any) -> Value:
        """Choose by this value, which is bool; one of the two gives the dtype."""
        like = yes if isinstance(yes, Value) else no
        pair = like.like(yes), like.like(no)
        made: Value = self.emitter.op("Where", self, *pair, dtype=like.dtype)
        return made

    def __add__(self, other: Any) -> Value:
        return self.op("Add", other)

    def __radd__(self, other: Any) -> Value:
        return self.like(other).op("Add", self)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self.like(other).op("Sub", self)

    def __mul__(self, other: Any) -> Value:
        return self.op("Mul", other)

    def __rmul__(self, other: Any) -> Value:
        return self.like(other).op("Mul", self)

    def __truediv__(self, other: Any) -> Value:
        return self.op("Div", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.like(other).op("Div", self)

    def __mod__(self, other: Any) -> Value:
        """Take the remainder with the divisor's sign, as Python does."""
        if self.dtype not in FLOATS:
            return self.op("Mod", other)
        rest = self.op("Mod", other, fmod=1)
        wrong = (rest != 0) & ((rest < 0) ^ (self.like(other) < 0))
        return wrong.where(rest + other, rest)

    def __floordiv__(self, other: Any) -> Value:
        """Divide and round down, as Python does; ONNX's Div of integers rounds towards zero."""
        divisor = self.like(other)
        if self.dtype in FLOATS:
            return (self / divisor).op("Floor")
        if self.dtype in UNSIGNED:
            return self / divisor
        return (self - self % divisor) / divisor

    def __neg__(self) -> Value:
        return self.op("Neg")

    def __lt__(self, other: Any) -> Value:
        return self.op("Less", other, dtype="bool")

    def __le__(self, other: Any) -> Value:
        return self.op("LessOrEqual", other, dtype="bool")

    def __gt__(self, other: Any) -> Value:
        return self.op("Greater", other, dtype="bool")

    def __ge__(self, other: Any) -> Value:
        return self.op("GreaterOrEqual", other, dtype="bool")

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return self.op("Equal", other, dtype="bool")

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return ~(self == other)

    def __and__(self, other: Any) -> Value:
        return self.op("And", other)

    def __or__(self, other: Any) -> Value:
        return self.op("Or", other)

    def __xor__(self, other: Any) -> Value:
        return self.op("Xor", other)

    def __invert__(self) -> Value:
        return self.op("Not")

    __hash__ = object.__hash__
