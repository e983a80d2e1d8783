"""Ops that go element by element, and sums over axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from penstock import Tensor, nn, ops
from penstock_formats.tensorflow._node import Node, all_known, known, tensor
from penstock_formats.tensorflow._registry import tf_op

# What NumPy computes for known numbers, and the op for tensors.
_PAIRS: Final[dict[str, tuple[Callable[..., Any], Callable[..., Any]]]] = {
    "Add": (np.add, ops.add),
    "AddV2": (np.add, ops.add),
    "Equal": (np.equal, ops.equal),
    "FloorDiv": (np.floor_divide, ops.floor_divide),
    "FloorMod": (np.remainder, ops.remainder),
    "Greater": (np.greater, ops.greater),
    "GreaterEqual": (np.greater_equal, ops.greater_equal),
    "Less": (np.less, ops.less),
    "LessEqual": (np.less_equal, ops.less_equal),
    "LogicalAnd": (np.logical_and, ops.logical_and),
    "LogicalOr": (np.logical_or, ops.logical_or),
    "Maximum": (np.maximum, ops.maximum),
    "Minimum": (np.minimum, ops.minimum),
    "Mul": (np.multiply, ops.multiply),
    "NotEqual": (np.not_equal, ops.not_equal),
    "Pow": (np.power, ops.power),
    "RealDiv": (np.divide, ops.divide),
    "Sub": (np.subtract, ops.subtract),
}
_TENSOR_PAIRS: Final[dict[str, Callable[..., Any]]] = {
    "Atan2": ops.atan2,
    "DivNoNan": ops.divide_no_nan,
    "SquaredDifference": ops.squared_difference,
    "Xdivy": lambda x, y: ops.where(x == 0, 0.0, x / y),
}
_SINGLE: Final[dict[str, Callable[[Tensor], Any]]] = {
    "Abs": ops.abs,
    "Ceil": ops.ceil,
    "Cos": ops.cos,
    "Elu": nn.elu,
    "Erf": ops.erf,
    "Exp": ops.exp,
    "Expm1": ops.expm1,
    "Floor": ops.floor,
    "IsFinite": ops.isfinite,
    "IsInf": ops.isinf,
    "IsNan": ops.isnan,
    "Log": ops.log,
    "Log1p": ops.log1p,
    "LogicalNot": ops.logical_not,
    "Neg": ops.negative,
    "Reciprocal": ops.reciprocal,
    "Relu": nn.relu,
    "Relu6": nn.relu6,
    "Rint": ops.round,
    "Round": ops.round,
    "Rsqrt": ops.rsqrt,
    "Selu": nn.selu,
    "Sigmoid": nn.sigmoid,
    "Sign": ops.sign,
    "Sin": ops.sin,
    "Softmax": nn.softmax,
    "LogSoftmax": nn.log_softmax,
    "Softplus": nn.softplus,
    "Softsign": nn.softsign,
    "Sqrt": ops.sqrt,
    "Square": ops.square,
    "Tan": ops.tan,
    "Tanh": ops.tanh,
}
_SUMS: Final[dict[str, tuple[Callable[..., Any], Callable[..., Any]]]] = {
    "All": (np.all, ops.all),
    "Any": (np.any, ops.any),
    "Max": (np.max, ops.max),
    "Mean": (np.mean, ops.mean),
    "Min": (np.min, ops.min),
    "Prod": (np.prod, ops.prod),
    "Sum": (np.sum, ops.sum),
}


@tf_op(*_PAIRS)
def _(node: Node, x: Any, y: Any) -> Any:
    of_arrays, of_tensors = _PAIRS[node.op]
    if all_known([x, y]):
        return np.asarray(of_arrays(x, y))
    return of_tensors(tensor(x), tensor(y))


@tf_op("Div")
def _(node: Node, x: Any, y: Any) -> Any:
    x, y = tensor(x), tensor(y)
    return ops.divide(x, y) if x.dtype.kind == "float" else _whole_quotient(x, y)


def _whole_quotient(x: Tensor, y: Tensor) -> Tensor:
    """Divide integers and cut off what is behind the point, as C does; negative ones go up."""
    quotient = ops.floor_divide(x, y)
    upwards = ops.logical_and(ops.not_equal(quotient * y, x), quotient < 0)
    return quotient + ops.cast(upwards, quotient.dtype)


@tf_op(*_TENSOR_PAIRS)
def _(node: Node, x: Any, y: Any) -> Any:
    return _TENSOR_PAIRS[node.op](tensor(x), tensor(y))


@tf_op(*_SINGLE)
def _(node: Node, x: Any) -> Any:
    return _SINGLE[node.op](tensor(x))


@tf_op("LeakyRelu")
def _(node: Node, x: Any) -> Tensor:
    return nn.leaky_relu(tensor(x), node.number("alpha", 0.2))


@tf_op("AddN")
def _(node: Node, *xs: Any) -> Tensor:
    total = tensor(xs[0])
    for x in xs[1:]:
        total = total + tensor(x)
    return total


@tf_op("ClipByValue")
def _(node: Node, x: Any, low: Any, high: Any) -> Tensor:
    return ops.minimum(ops.maximum(tensor(x), tensor(low)), tensor(high))


@tf_op("Select", "SelectV2")
def _(node: Node, condition: Any, x: Any, y: Any) -> Tensor:
    condition, x = tensor(condition), tensor(x)
    if node.op == "Select" and condition.ndim == 1 and x.ndim > 1:
        condition = ops.reshape(condition, (condition.shape[0], *[1] * (x.ndim - 1)))
    return ops.where(condition, x, tensor(y))


@tf_op("Cast")
def _(node: Node, x: Any) -> Any:
    name = node.dtype("DstT")
    if all_known([x]) and x.dtype != object:
        return np.asarray(x).astype(name)
    if all_known([x]) and name in ("int32", "int64"):
        return x
    return ops.cast(tensor(x), name)


@tf_op(*_SUMS)
def _(node: Node, x: Any, axes: Any) -> Any:
    of_arrays, of_tensors = _SUMS[node.op]
    axis = tuple(int(a) for a in known(node, axes).ravel())
    keep = node.flag("keep_dims")
    if all_known([x]) and node.op != "Mean":
        return np.asarray(of_arrays(x, axis=axis, keepdims=keep))
    x = tensor(x)
    if not axis:
        return x
    if node.op == "Mean" and x.dtype.kind != "float":
        count = math.prod(x.shape[a] for a in axis)
        return _whole_quotient(ops.sum(x, axis, dtype=x.dtype, keepdims=keep), count)
    return of_tensors(x, axis, keepdims=keep)


@tf_op("ArgMax", "ArgMin")
def _(node: Node, x: Any, axis: Any) -> Tensor:
    find = ops.argmax if node.op == "ArgMax" else ops.argmin
    found = find(tensor(x), int(known(node, axis).reshape(())))
    return ops.cast(found, node.dtype("output_type", 9))


@tf_op("Cumsum")
def _(node: Node, x: Any, axis: Any) -> Tensor:
    return ops.cumsum(
        tensor(x),
        int(known(node, axis).reshape(())),
        exclusive=node.flag("exclusive"),
        reverse=node.flag("reverse"),
    )
