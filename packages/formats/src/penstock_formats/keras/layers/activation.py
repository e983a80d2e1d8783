"""Activation functions, by themselves as layers and by name inside other layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from penstock import nn, ops
from penstock_formats.keras._problems import problem
from penstock_formats.keras._registry import BUILDERS, layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call

_FUNCTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "celu": nn.celu,
    "elu": nn.elu,
    "exponential": ops.exp,
    "gelu": nn.gelu,
    "glu": nn.glu,
    "hard_shrink": nn.hard_shrink,
    "hard_sigmoid": nn.hard_sigmoid,
    "hard_silu": nn.hard_swish,
    "hard_swish": nn.hard_swish,
    "hard_tanh": nn.hard_tanh,
    "leaky_relu": nn.leaky_relu,
    "linear": lambda x: x,
    "log_sigmoid": nn.log_sigmoid,
    "log_softmax": nn.log_softmax,
    "mish": nn.mish,
    "relu": nn.relu,
    "relu6": nn.relu6,
    "selu": nn.selu,
    "sigmoid": nn.sigmoid,
    "silu": nn.silu,
    "soft_shrink": nn.soft_shrink,
    "softmax": nn.softmax,
    "softplus": nn.softplus,
    "softsign": nn.softsign,
    "sparse_plus": nn.sparse_plus,
    "sparse_sigmoid": nn.sparse_sigmoid,
    "sparsemax": nn.sparsemax,
    "squareplus": nn.squareplus,
    "swish": nn.silu,
    "tanh": nn.tanh,
    "tanh_shrink": nn.tanh_shrink,
    "threshold": nn.threshold,
}
"""By their names in Keras."""


def activation(call: Call, key: str = "activation") -> Callable[[Tensor], Tensor]:
    """Find the activation function of a layer's setting.

    Raises:
        FormatError: It is unknown.
    """
    value = call.config.get(key)
    if isinstance(value, Mapping) and value.get("class_name") in BUILDERS:
        return _layer_as_function(call, key)
    if isinstance(value, Mapping):  # a function, as Keras 3 may write it
        value = (
            value.get("config")
            if value.get("class_name") == "function"
            else value.get("class_name")
        )
    if isinstance(value, Mapping):
        value = value.get("name")
    if value is None:
        return _FUNCTIONS["linear"]
    if value == "hard_sigmoid" and call.version < 3:
        return _early_hard_sigmoid
    found = _FUNCTIONS.get(str(value)) or _FUNCTIONS.get(str(value).lower())
    if found is None:
        raise problem(
            f"{call} has {key}={value!r:.60}, which is unknown",
            f"use one of {', '.join(sorted(_FUNCTIONS))}",
        )
    return found


def _layer_as_function(call: Call, key: str) -> Callable[[Tensor], Tensor]:
    """Use a layer such as ReLU(max_value=6) in place of a function, with its own settings."""
    inner = call.inner(key)
    builder = BUILDERS[inner.class_name]
    if builder.weights(inner.config):
        raise call.unsupported(f"the layer {inner.class_name}, which has weights, as its {key}")

    def apply(x: Tensor) -> Tensor:
        made: Tensor = builder.build(inner, x)
        return made

    return apply


def _early_hard_sigmoid(x: Tensor) -> Tensor:
    """Before Keras 3 its slope was a fifth, not a sixth."""
    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


@layer("Activation", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    return activation(call)(x)


@layer("ReLU", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    slope = call.number("negative_slope", 0.0)
    threshold = call.number("threshold", 0.0)
    low = (x - threshold) * slope
    y = ops.where(x >= threshold, x, low) if threshold or slope else nn.relu(x)
    return y if call.get("max_value", None) is None else ops.minimum(y, call.number("max_value"))


@layer("LeakyReLU", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    slope = call.get("negative_slope", call.get("alpha", 0.3))
    return nn.leaky_relu(x, float(slope))


@layer("PReLU", weights=lambda _: ["alpha"], masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    shared = call.get("shared_axes", None) or []
    shape = [1 if axis in shared else n for axis, n in enumerate(x.shape)][1:]
    alpha = call.weight("alpha", *shape)
    return nn.relu(x) - alpha * nn.relu(-x)


@layer("ELU", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    return nn.elu(x, call.number("alpha", 1.0))


@layer("ThresholdedReLU", masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    return ops.where(x > call.number("theta", 1.0), x, 0.0)


@layer("Softmax", masking="keep")
def _(call: Call, x: Tensor, mask: Tensor | None = None) -> Tensor:
    axis = call.get("axis", -1)
    if mask is not None or (call.mask is not None and call.mask.ndim == x.ndim):
        raise call.unsupported("a mask")
    if isinstance(axis, list):
        return ops.exp(x - ops.logsumexp(x, axis=tuple(axis), keepdims=True))
    return nn.softmax(x, axis)
