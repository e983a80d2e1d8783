"""How each op is written in C: one function for each, one file for each family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock_formats.c_source.code import Code
from penstock_formats.c_source.emitters import (
    convolution,
    elementwise,
    movement,
    pooling,
    products,
    quantized_elementwise,
    quantized_layers,
    reductions,
    resizing,
)
from penstock_formats.c_source.step import Step

Emitter = Callable[[Step, Code], None]

# Float layers that apply elementwise ops to their results before they go on.
FLOAT_LAYERS: Final[dict[str, Emitter]] = {
    "conv2d": convolution.conv2d,
    "depthwise_conv2d": convolution.depthwise_conv2d,
    "matmul": products.matmul,
}

EMITTERS: Final[dict[str, Emitter]] = {
    **FLOAT_LAYERS,
    **dict.fromkeys(elementwise.ELEMENTWISE, elementwise.elementwise),
    "avg_pool2d": pooling.avg_pool2d,
    "max_pool2d": pooling.max_pool2d,
    "sum": reductions.total,
    "mean": reductions.mean,
    "max": reductions.largest,
    "min": reductions.smallest,
    "prod": reductions.product,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "softmax": reductions.softmax,
    "log_softmax": reductions.log_softmax,
    "copy": movement.copy,
    "transpose": movement.transpose,
    "broadcast_to": movement.broadcast_to,
    "slice": movement.slice_,
    "concat": movement.concat,
    "pad": movement.pad,
    "tile": movement.tile,
    "take": movement.take,
    "embedding": movement.take,
    "image_resize": resizing.image_resize,
    "quantized_conv2d": quantized_layers.conv2d,
    "quantized_depthwise_conv2d": quantized_layers.depthwise_conv2d,
    "quantized_matmul": quantized_layers.matmul,
    "quantized_avg_pool2d": quantized_layers.avg_pool2d,
    "quantized_add": quantized_elementwise.add,
    "quantized_multiply": quantized_elementwise.multiply,
    "quantized_concat": quantized_elementwise.concat,
    "quantized_softmax": quantized_elementwise.softmax,
    "quantize": quantized_elementwise.quantize,
    "dequantize": quantized_elementwise.dequantize,
    **dict.fromkeys(quantized_elementwise.LOOKUPS, quantized_elementwise.lookup),
}

# Ops that read each element before they write that of the same place.
IN_PLACE: Final = frozenset(
    {
        *elementwise.ELEMENTWISE,
        *quantized_elementwise.LOOKUPS,
        "quantize",
        "dequantize",
        "quantized_add",
        "quantized_multiply",
    }
)
