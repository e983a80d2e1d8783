"""Activations, element by element, and softmax."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock_formats.onnx.writing._table import elementwise, exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter

_SAME = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "hard_swish": "HardSwish",
    "mish": "Mish",
}


def _named(op_type: str) -> Any:
    return lambda x: x.op(op_type)


for _name, _op_type in _SAME.items():
    elementwise(_name)(_named(_op_type))


@elementwise("relu6")
def _(x: Value) -> Value:
    return x.op("Clip", 0, 6)


@elementwise("leaky_relu")
def _(x: Value, negative_slope: float) -> Value:
    return x.op("LeakyRelu", alpha=negative_slope)


@elementwise("hard_sigmoid")
def _(x: Value) -> Value:
    return x.op("HardSigmoid", alpha=1 / 6, beta=0.5)


@elementwise("silu")
def _(x: Value) -> Value:
    return x * x.op("Sigmoid")


@elementwise("elu")
def _(x: Value, alpha: float) -> Value:
    return x.op("Elu", alpha=alpha)


@elementwise("celu")
def _(x: Value, alpha: float) -> Value:
    return x.op("Celu", alpha=alpha)


@elementwise("selu")
def _(x: Value) -> Value:
    return x.op("Selu", alpha=1.6732632423543772, gamma=1.0507009873554805)


@elementwise("gelu")
def _(x: Value, approximate: bool) -> Value:
    x = x.op("Max", -100)  # zero long before; so -inf is not multiplied by zero
    if approximate:
        inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
        return x * 0.5 * (inner.op("Tanh") + 1)
    return x * 0.5 * ((x * math.sqrt(0.5)).op("Erf") + 1)


@exports("softmax", "log_softmax")
def _(w: GraphWriter, node: Node) -> Value | None:
    (x,) = node.inputs
    op_type = "Softmax" if node.op == "softmax" else "LogSoftmax"
    axis = node.attrs["axis"] % x.ndim
    if not w.prefers_first(x):
        return w.value(x).op(op_type, axis=axis)
    axis = 1 if axis == x.ndim - 1 else axis + (axis > 0)
    w.keep_first(node.outputs[0], w.first(x).op(op_type, axis=axis))
    return None
