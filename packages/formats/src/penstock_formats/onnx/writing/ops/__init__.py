"""How each op is written; importing this fills the tables."""

from __future__ import annotations

from penstock_formats.onnx.writing.ops import (
    activations,
    arithmetic,
    compositions,
    control,
    convolution,
    creation,
    images,
    indexing,
    logic,
    losses,
    movement,
    norms,
    pooling,
    products,
    quantized,
    recurrent,
    reductions,
    segments,
    sorting,
    special,
)

__all__ = [
    "activations",
    "arithmetic",
    "compositions",
    "control",
    "convolution",
    "creation",
    "images",
    "indexing",
    "logic",
    "losses",
    "movement",
    "norms",
    "pooling",
    "products",
    "quantized",
    "recurrent",
    "reductions",
    "segments",
    "sorting",
    "special",
]
