"""Complex numbers inside of a model, such as spectra of sounds: as pairs of floats along one more axis, the last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock_formats.onnx.writing._table import ELEMENTWISE, elementwise, exports_complex
from penstock_formats.onnx.writing._values import Value
from penstock_formats.onnx.writing.ops.movement import reshaped, sliced

if TYPE_CHECKING:
    from penstock._native import Node, Tensor
    from penstock_formats.onnx.writing._writer import GraphWriter

_PARTS = {"complex64": "float32", "complex128": "float64"}


def _pair(w: GraphWriter, t: Tensor, kind: str) -> Value:
    """Return a tensor as pairs; those of a real one have zeros behind."""
    value = w.value(t)
    if t.dtype.kind == "complex":
        return value.cast(kind)
    real = value.cast(kind)
    return _joined(real, real * 0)


def _joined(real: Value, imag: Value) -> Value:
    return real.unsqueeze(-1).op("Concat", imag.unsqueeze(-1), axis=-1)


def _part(x: Value, number: int) -> Value:
    return x.op("Gather", x.emitter.constant(number, "int64"), axis=-1)


def _parts(x: Value) -> tuple[Value, Value]:
    return _part(x, 0), _part(x, 1)


def _kind(node: Node) -> str:
    """Name the floats that the pairs of a result are made of, or else those of the first input."""
    for t in (*node.outputs, *node.inputs):
        if t.dtype.name in _PARTS:
            return _PARTS[t.dtype.name]
    raise AssertionError(f"{node.name} has no complex number")


@exports_complex("constant")
def _(w: GraphWriter, node: Node) -> Value:
    numbers = node.attrs["value"].numpy()
    return w.emitter.constant(np.stack([numbers.real, numbers.imag], -1), _kind(node))


@exports_complex("full")
def _(w: GraphWriter, node: Node) -> Value:
    pair = w.emitter.constant([node.attrs["value"], 0], _kind(node))
    return pair.op("Expand", w.sizes.vector([*node.outputs[0].shape, 2]))


# ---- from real numbers and to them


@exports_complex("complex")
def _(w: GraphWriter, node: Node) -> Value:
    out = node.outputs[0]
    real, imag = (w.value(t).cast(_kind(node)) for t in node.inputs)
    spread = [x.op("Expand", w.shape(out)) for x in (real, imag)]
    return _joined(*spread)


@exports_complex("real", "imag")
def _(w: GraphWriter, node: Node) -> Value:
    return _part(w.value(node.inputs[0]), int(node.op == "imag"))


@exports_complex("abs")
def _(w: GraphWriter, node: Node) -> Value:
    real, imag = _parts(w.value(node.inputs[0]))
    return ELEMENTWISE["hypot"](real, imag)


@exports_complex("angle")
def _(w: GraphWriter, node: Node) -> Value:
    real, imag = _parts(w.value(node.inputs[0]))
    return ELEMENTWISE["atan2"](imag, real)


@exports_complex("cast")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), out = node.inputs, node.outputs[0]
    if out.dtype.kind == "complex":
        return _pair(w, x, _kind(node))
    return _part(w.value(x), 0).cast(out.dtype.name)


@elementwise("real", "conj")
def _(x: Value) -> Value:
    """Of real numbers."""
    return x.op("Identity")


@elementwise("imag")
def _(x: Value) -> Value:
    return x.cast("bool").cast(x.dtype) * 0


@elementwise("angle")
def _(x: Value) -> Value:
    turned = (x < 0).where(math.pi, x.like(0))
    return x.op("IsNaN", dtype="bool").where(x, turned)


# ---- arithmetic


@exports_complex("conj")
def _(w: GraphWriter, node: Node) -> Value:
    return _conjugate(w.value(node.inputs[0]))


def _conjugate(x: Value) -> Value:
    return x * x.emitter.constant([1, -1], x.dtype)


@exports_complex("add", "subtract")
def _(w: GraphWriter, node: Node) -> Value:
    x, y = (_pair(w, t, _kind(node)) for t in node.inputs)
    return x + y if node.op == "add" else x - y


@exports_complex("negative", "identity", "stop_gradient", "barrier", "to_device")
def _(w: GraphWriter, node: Node) -> Value:
    x = w.value(node.inputs[0])
    return -x if node.op == "negative" else x.op("Identity")


@exports_complex("multiply", "square", "divide")
def _(w: GraphWriter, node: Node) -> Value:
    pairs = [_pair(w, t, _kind(node)) for t in node.inputs]
    x, y = pairs[0], pairs[-1]
    if node.op != "divide":
        return _product(x, y)
    c, d = _parts(y)
    return _product(x, _conjugate(y)) / (c * c + d * d).unsqueeze(-1)


def _product(x: Value, y: Value) -> Value:
    (a, b), (c, d) = _parts(x), _parts(y)
    return _joined(a * c - b * d, a * d + b * c)


# ---- movement: the pairs go along


@exports_complex("reshape", "broadcast_to")
def _(w: GraphWriter, node: Node) -> Value:
    x, shape = w.value(node.inputs[0]), [*node.outputs[0].shape, 2]
    if node.op == "reshape":
        return reshaped(w, x, shape)
    return x.op("Expand", w.sizes.vector(shape))


@exports_complex("transpose")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), axes = node.inputs, node.attrs["axes"]
    axes = tuple(reversed(range(x.ndim))) if axes is None else tuple(axes)
    return w.value(x).transpose((*axes, x.ndim))


@exports_complex("slice")
def _(w: GraphWriter, node: Node) -> Value:
    x = node.inputs[0]
    windows = list(zip(*(node.attrs[name] for name in ("starts", "sizes", "steps")), strict=True))
    return sliced(w, w.value(x), [*x.shape, 2], [*windows, (0, 2, 1)])


@exports_complex("concat")
def _(w: GraphWriter, node: Node) -> Value:
    out = node.outputs[0]
    parts = [_pair(w, t, _kind(node)) for t in node.inputs]
    axis = node.attrs["axis"] % out.ndim
    made: Value = w.emitter.op("Concat", *parts, dtype=_kind(node), axis=axis)
    return made


# ---- Fourier transforms


def _dft(x: Value, axis: int, *, inverse: bool = False, onesided: bool = False) -> Value:
    """Transform pairs, or single numbers, along an axis; backwards with a factor of 1 / n."""
    flags: dict[str, Any] = {"inverse": int(inverse), "onesided": int(onesided)}
    if x.emitter.opset < 20:
        return x.op("DFT", None, axis=axis, **flags)
    return x.op("DFT", None, x.emitter.constant(axis, "int64"), **flags)


def _scaled(w: GraphWriter, x: Value, sizes: Any, norm: str, inverse: bool) -> Value:
    """Bring a transform to its norm: ONNX's are of the norm "backward"."""
    if norm == "backward":
        return x
    total = w.sizes.vector(sizes).op("ReduceProd", keepdims=0).cast(x.dtype)
    factor = total.op("Sqrt") if norm == "ortho" else total
    return x * factor if inverse else x / factor


@exports_complex("fft_of_real")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), axis = node.inputs, node.attrs["axis"] % node.inputs[0].ndim
    real = w.value(x).cast(_kind(node)).unsqueeze(-1)
    made = _dft(real, axis, onesided=True)
    return _scaled(w, made, [x.shape[axis]], node.attrs["norm"], False)


@exports_complex("fft_complex")
def _(w: GraphWriter, node: Node) -> Value:
    (x,), attrs = node.inputs, node.attrs
    made = _pair(w, x, _kind(node))
    axes = [axis % x.ndim for axis in attrs["axis"]]
    for axis in axes:
        made = _dft(made, axis, inverse=attrs["inverse"])
    sizes = [x.shape[axis] for axis in axes]
    return _scaled(w, made, sizes, attrs["norm"], attrs["inverse"])


@exports_complex("fft_to_real")
def _(w: GraphWriter, node: Node) -> Value:
    """Complete the spectrum by its mirror image, and transform it back."""
    (x,), axis = node.inputs, node.attrs["axis"] % node.inputs[0].ndim
    size = int(node.attrs["size"][0])
    ints, half = w.emitter.ints, size // 2 + 1
    pairs = _pair(w, x, _kind(node))
    behind = [0] * (x.ndim + 1)
    behind[axis] = half
    filled = pairs.op("Pad", ints([0] * (x.ndim + 1) + behind), 0)
    head = filled.op("Slice", ints([0]), ints([half]), ints([axis]))
    places = np.arange(size - half, 0, -1)
    whole = head.op("Concat", _conjugate(head.take(places, axis)), axis=axis) if size > 2 else head
    whole = whole.op("Slice", ints([0]), ints([size]), ints([axis]))
    made = _part(_dft(whole, axis, inverse=True), 0)
    made = _scaled(w, made, [size], node.attrs["norm"], True)
    return made.cast(node.outputs[0].dtype.name)
