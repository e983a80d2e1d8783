"""Functions of `keras.ops` between the layers of a functional model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from penstock import nn, ops
from penstock_formats.keras._call import is_one
from penstock_formats.keras._registry import operation

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call

_ELEMENTWISE: Final[dict[str, Callable[[Any], Any]]] = {
    "Abs": ops.abs,
    "Absolute": ops.abs,
    "Ceil": ops.ceil,
    "Cos": ops.cos,
    "Erf": ops.erf,
    "Exp": ops.exp,
    "Expm1": ops.expm1,
    "Floor": ops.floor,
    "HardSigmoid": nn.hard_sigmoid,
    "HardSilu": nn.hard_swish,
    "Isnan": ops.isnan,
    "Log": ops.log,
    "Log1p": ops.log1p,
    "LogicalNot": ops.logical_not,
    "LogSigmoid": nn.log_sigmoid,
    "Negative": ops.negative,
    "Reciprocal": ops.reciprocal,
    "Relu": nn.relu,
    "Relu6": nn.relu6,
    "Round": ops.round,
    "Rsqrt": ops.rsqrt,
    "Selu": nn.selu,
    "Sigmoid": nn.sigmoid,
    "Sign": ops.sign,
    "Silu": nn.silu,
    "Sin": ops.sin,
    "Softplus": nn.softplus,
    "Softsign": nn.softsign,
    "Sqrt": ops.sqrt,
    "Square": ops.square,
    "Tanh": ops.tanh,
}
_PAIRS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "Add": ops.add,
    "Divide": ops.divide,
    "Equal": ops.equal,
    "FloorDivide": ops.floor_divide,
    "Greater": ops.greater,
    "GreaterEqual": ops.greater_equal,
    "Less": ops.less,
    "LessEqual": ops.less_equal,
    "LogicalAnd": ops.logical_and,
    "LogicalOr": ops.logical_or,
    "Matmul": ops.matmul,
    "Maximum": ops.maximum,
    "Minimum": ops.minimum,
    "Mod": ops.remainder,
    "Multiply": ops.multiply,
    "NotEqual": ops.not_equal,
    "Power": ops.power,
    "Subtract": ops.subtract,
    "TrueDivide": ops.divide,
}
_REDUCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "All": ops.all,
    "Any": ops.any,
    "Max": ops.max,
    "Mean": ops.mean,
    "Min": ops.min,
    "Prod": ops.prod,
    "Std": ops.std,
    "Sum": ops.sum,
    "Var": ops.var,
}


@operation(*_ELEMENTWISE)
def _(call: Call, x: Tensor) -> Tensor:
    call.refuse(decimals=0)  # of Round
    made: Tensor = _ELEMENTWISE[call.class_name](x)
    return made


@operation(*_PAIRS)
def _(call: Call, x1: Any, x2: Any) -> Tensor:
    made: Tensor = _PAIRS[call.class_name](x1, x2)
    return made


@operation(*_REDUCTIONS)
def _(call: Call, x: Tensor) -> Tensor:
    made: Tensor = _REDUCTIONS[call.class_name](
        x, _axes(call), keepdims=bool(call.get("keepdims", False))
    )
    if call.class_name in ("Max", "Min") and call.get("initial", None) is not None:
        return (ops.maximum if call.class_name == "Max" else ops.minimum)(
            made, call.number("initial")
        )
    return made


@operation("Logsumexp")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.logsumexp(x, axis=_axes(call), keepdims=bool(call.get("keepdims", False)))


@operation("Argmax", "Argmin")
def _(call: Call, x: Tensor) -> Tensor:
    find = ops.argmax if call.class_name == "Argmax" else ops.argmin
    found = find(x, _axes(call), keepdims=bool(call.get("keepdims", False)))
    return ops.cast(found, "int32")


@operation("Gelu")
def _(call: Call, x: Tensor) -> Tensor:
    return nn.gelu(x, approximate=bool(call.get("approximate", True)))


@operation("Elu")
def _(call: Call, x: Tensor) -> Tensor:
    return nn.elu(x, call.number("alpha", 1.0))


@operation("LeakyRelu")
def _(call: Call, x: Tensor) -> Tensor:
    return nn.leaky_relu(x, call.number("negative_slope", 0.2))


@operation("Softmax", "LogSoftmax")
def _(call: Call, x: Tensor) -> Tensor:
    of = nn.softmax if call.class_name == "Softmax" else nn.log_softmax
    return of(x, call.get("axis", -1))


@operation("Where")
def _(call: Call, condition: Tensor, x1: Any, x2: Any) -> Tensor:
    return ops.where(condition, x1, x2)


@operation("Clip")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.clip(x, call.config.get("x_min"), call.config.get("x_max"))


@operation("Cast")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.cast(x, str(call.get("dtype", "float32")))


@operation("Reshape")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.reshape(x, tuple(call.get("newshape", ())))


@operation("Transpose")
def _(call: Call, x: Tensor) -> Tensor:
    axes = call.get("axes", None)
    return ops.transpose(x, None if axes is None else tuple(axes))


@operation("Swapaxes")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.swapaxes(x, call.get("axis1", 0), call.get("axis2", 1))


@operation("Moveaxis")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.moveaxis(x, call.get("source", 0), call.get("destination", 0))


@operation("ExpandDims")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.expand_dims(x, call.get("axis", 0))


@operation("Squeeze")
def _(call: Call, x: Tensor) -> Tensor:
    axes = _axes(call)
    return ops.squeeze(
        x, tuple(a for a, n in enumerate(x.shape) if is_one(n)) if axes is None else axes
    )


@operation("Concatenate")
def _(call: Call, xs: list[Tensor]) -> Tensor:
    return ops.concat(xs, call.get("axis", 0))


@operation("Stack")
def _(call: Call, xs: list[Tensor]) -> Tensor:
    return ops.stack(xs, call.get("axis", 0))


@operation("Split")
def _(call: Call, x: Tensor) -> list[Tensor]:
    return list(ops.split(x, call.get("indices_or_sections", 1), axis=call.get("axis", 0)))


@operation("GetItem")
def _(call: Call, x: Tensor, key: Any) -> Tensor:
    return x[tuple(key) if isinstance(key, list) else key]


@operation("Take")
def _(call: Call, x: Tensor, indices: Any) -> Tensor:
    axis = call.config.get("axis")
    return ops.take(x if axis is not None else ops.flatten(x), indices, axis=axis or 0)


@operation("Einsum")
def _(call: Call, *xs: Tensor) -> Tensor:
    return ops.einsum(str(call.get("subscripts", "")), *xs)


@operation("Tile")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.tile(x, tuple(call.get("repeats", ())))


@operation("Repeat")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.repeat(x, call.get("repeats", 1), axis=call.get("axis", None))


@operation("Flip")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.flip(x, axis=_axes(call))


@operation("BroadcastTo")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.broadcast_to(x, tuple(call.get("shape", ())))


@operation("Pad")
def _(call: Call, x: Tensor, constant_values: Any = None) -> Tensor:
    pads = [tuple(pair) for pair in call.get("pad_width", ())]
    return ops.pad(x, pads, call.get("mode", "constant"), float(constant_values or 0.0))


@operation("OneHot")
def _(call: Call, x: Tensor) -> Tensor:
    if call.get("axis", -1) != -1 or call.get("sparse", False):
        raise call.unsupported("an axis or sparse=True")
    return ops.one_hot(x, call.integer("num_classes"), str(call.get("dtype", "float32")))


@operation("TopK")
def _(call: Call, x: Tensor) -> list[Tensor]:
    values, places = ops.top_k(x, call.integer("k"))
    return [values, ops.cast(places, "int32")]


@operation("Cumsum")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.cumsum(x, call.get("axis", None))


def _axes(call: Call) -> Any:
    axis = call.config.get("axis")
    return tuple(axis) if isinstance(axis, list) else axis
