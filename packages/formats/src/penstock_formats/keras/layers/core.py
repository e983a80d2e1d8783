"""Dense, EinsumDense, Embedding, and layers that do nothing when a model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import nn, ops
from penstock_formats.keras._registry import Config, layer
from penstock_formats.keras.layers.activation import activation

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


def kernel_and_bias(config: Config) -> list[str]:
    """Name the weights of a layer with a kernel, and a bias unless it is switched off."""
    return ["kernel", "bias"] if config.get("use_bias", True) else ["kernel"]


@layer("InputLayer", masking="keep")
def _(call: Call, *xs: Tensor) -> Tensor:
    # A model calls it only where another model is used as a layer.
    return xs[0]


@layer(
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    masking="keep",
)
def _(call: Call, x: Tensor) -> Tensor:
    return x


@layer("Masking", masking="own")
def _(call: Call, x: Tensor) -> Tensor:
    kept = ops.any(x != call.number("mask_value", 0.0), -1, keepdims=True)
    call.out_mask = ops.squeeze(kept, -1)
    return x * ops.cast(kept, x.dtype)


@layer("Dense", weights=kernel_and_bias, masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    units = call.integer("units")
    y = ops.matmul(x, call.weight("kernel", x.shape[-1], units))
    return activation(call)(with_bias(call, y, units))


def with_bias(call: Call, y: Tensor, *shape: Any) -> Tensor:
    """Add the layer's bias, unless it is switched off."""
    return y + call.weight("bias", *shape) if call.get("use_bias", True) else y


@layer(
    "EinsumDense",
    weights=lambda c: ["kernel", "bias"] if c.get("bias_axes") else ["kernel"],
    masking="keep",
)
def _(call: Call, x: Tensor) -> Tensor:
    equation = str(call.get("equation", ""))
    _, _, rest = equation.partition(",")
    kernel = call.weight("kernel", *[None] * len(rest.partition("->")[0].strip()))
    y = ops.einsum(equation, x, kernel)
    if call.get("bias_axes", None):
        ends = rest.partition("->")[2].strip()
        first = min(ends.index(axis) for axis in call.config["bias_axes"])
        y = y + call.weight("bias", *[None] * (len(ends) - first))
    return activation(call)(y)


@layer("Embedding", weights=lambda _: ["embeddings"], masking="own")
def _(call: Call, ids: Tensor) -> Tensor:
    table = call.weight("embeddings", call.integer("input_dim"), call.integer("output_dim"))
    ids = ops.cast(ids, "int32") if ids.dtype.kind not in "int" else ids
    if call.get("mask_zero", False):
        call.out_mask = ops.not_equal(ids, 0)
    return nn.embedding(table, ids)
