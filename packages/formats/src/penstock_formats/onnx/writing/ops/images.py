"""Images of another size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock.ops._resampling import weights
from penstock_formats.onnx.writing._table import composes, exports

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter

# Nearest: the pixel whose square holds the point. Bicubic: weights beyond the border count for nothing.
_MODES: dict[str, dict[str, Any]] = {
    "nearest": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
    "bilinear": {"mode": "linear"},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1},
}


@exports("image_resize")
def _(w: GraphWriter, node: Node) -> None:
    (x,), out, attrs = node.inputs, node.outputs[0], node.attrs
    value = w.first(x).cast(out.dtype.name)
    shape = [out.shape[0], out.shape[3], *out.shape[1:3]]
    sizes = w.sizes.vector(shape)
    options = {**_MODES[attrs["method"]], "coordinate_transformation_mode": "half_pixel"}
    if attrs["antialias"] and attrs["method"] != "nearest":
        options["antialias"] = 1
    made = w.emitter.op("Resize", value, None, None, sizes, dtype=value.dtype, **options)
    w.keep_first(out, made)


def has_mode(node: Node) -> bool:
    """Whether a Resize does what a node does; with known sizes matrices do some of it better."""
    if node.op != "image_resize":
        return False
    method, antialias = node.attrs["method"], node.attrs["antialias"]
    if method == "nearest" or (method == "bilinear" and not antialias):
        return True
    sizes = [*node.inputs[0].shape[1:3], *node.attrs["size"]]
    return method in _MODES and not all(isinstance(size, int) for size in sizes)


@composes("image_resize")
def _(x: Tensor, size: Any, method: str, antialias: bool) -> Any:
    """Multiply by the matrices of weights, which only known sizes have."""
    kind = x.dtype if x.dtype.kind == "float" else ps.float32
    rows, columns = (
        ps.asarray(weights(int(n), int(m), method, antialias).astype(np.float64)).astype(kind)
        for n, m in zip(x.shape[1:3], size, strict=True)
    )
    return ps.einsum("ik,nklc,jl->nijc", rows, ps.cast(x, kind), columns)
