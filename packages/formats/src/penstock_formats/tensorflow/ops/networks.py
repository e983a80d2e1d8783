"""Products, convolutions, pooling, normalisation, resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor, image, nn, ops
from penstock_formats.tensorflow._node import Node, integer, sizes, tensor
from penstock_formats.tensorflow._registry import tf_op


def _to_last(node: Node, x: Tensor) -> Tensor:
    return ops.moveaxis(x, 1, -1) if _first(node) else x


def _from_last(node: Node, x: Tensor) -> Tensor:
    return ops.moveaxis(x, -1, 1) if _first(node) else x


def _first(node: Node) -> bool:
    name = node.text("data_format", "NHWC")
    if name not in ("NHWC", "NCHW", "NDHWC", "NCDHW"):
        raise node.unsupported(f"data_format={name!r:.20}")
    return name.startswith("NC")


def _sides(node: Node, name: str) -> tuple[int, ...]:
    """Read an attribute that has a number for each axis; those of batch and channels are 1."""
    rows = node.integers(name, (1, 1, 1, 1))
    inside, ends = (rows[2:], rows[:2]) if _first(node) else (rows[1:-1], [rows[0], rows[-1]])
    if ends != [1, 1]:
        raise node.unsupported(f"{name}={rows} over batch or channels")
    return tuple(inside)


def _padded(node: Node) -> tuple[str, tuple[int, ...] | None]:
    """Read how a convolution pads."""
    word = node.text("padding").lower()
    if word != "explicit":
        return word, None
    rows = node.integers("explicit_paddings")
    return "explicit", tuple(rows[4:] if _first(node) else rows[2:-2])


@tf_op("MatMul")
def _(node: Node, a: Any, b: Any) -> Tensor:
    return ops.matmul(
        tensor(a),
        tensor(b),
        transpose_x=node.flag("transpose_a"),
        transpose_y=node.flag("transpose_b"),
    )


@tf_op("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def _(node: Node, a: Any, b: Any) -> Tensor:
    return ops.matmul(
        tensor(a), tensor(b), transpose_x=node.flag("adj_x"), transpose_y=node.flag("adj_y")
    )


@tf_op("Einsum")
def _(node: Node, *xs: Any) -> Tensor:
    return ops.einsum(node.text("equation"), *[tensor(x) for x in xs])


@tf_op("BiasAdd")
def _(node: Node, x: Any, bias: Any) -> Tensor:
    return _from_last(node, _to_last(node, tensor(x)) + tensor(bias))


@tf_op("Conv2D", "Conv3D")
def _(node: Node, x: Any, kernel: Any) -> Tensor:
    x, kernel = _to_last(node, tensor(x)), tensor(kernel)
    padding, pads = _padded(node)
    groups = int(x.shape[-1]) // int(kernel.shape[-2])
    default = [1] * (x.ndim)
    rates = _sides(node, "dilations") if node.has("dilations") else tuple(default[2:])
    convolve = nn.conv2d if node.op == "Conv2D" else nn.conv3d
    y = convolve(x, kernel, _sides(node, "strides"), padding, pads, rates, groups)
    return _from_last(node, y)


@tf_op("DepthwiseConv2dNative")
def _(node: Node, x: Any, kernel: Any) -> Tensor:
    x, kernel = _to_last(node, tensor(x)), tensor(kernel)
    padding, pads = _padded(node)
    y = nn.depthwise_conv2d(
        x, kernel, _sides(node, "strides"), padding, pads, _sides(node, "dilations")
    )
    return _from_last(node, y)


@tf_op("Conv2DBackpropInput")
def _(node: Node, shape: Any, kernel: Any, y: Any) -> Tensor:
    wanted = sizes(node, shape)
    kernel, y = tensor(kernel), _to_last(node, tensor(y))
    strides, word = _sides(node, "strides"), node.text("padding")
    if _sides(node, "dilations") != (1, 1) or word == "EXPLICIT":
        raise node.unsupported("dilations or explicit paddings")
    wanted = wanted[2:] if _first(node) else wanted[1:3]
    cut: list[int] = []
    more: list[int] = []
    for size, n, k, step in zip(wanted, y.shape[1:3], kernel.shape[:2], strides, strict=True):
        total = (int(n) - 1) * step + int(k) - int(size)
        before = max(total, 0) // 2 if word == "SAME" else 0
        cut += [before, max(total, 0) - before]
        more.append(max(-total, 0))
    made = nn.conv2d_transpose(y, kernel, strides, "explicit", tuple(cut), (1, 1), tuple(more))
    return _from_last(node, made)


@tf_op("MaxPool", "AvgPool")
def _(node: Node, x: Any) -> Tensor:
    pool = nn.max_pool2d if node.op == "MaxPool" else nn.avg_pool2d
    word = node.text("padding").lower()
    y = pool(_to_last(node, tensor(x)), _sides(node, "ksize"), _sides(node, "strides"), word)
    return _from_last(node, y)


@tf_op("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def _(node: Node, x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> list[Tensor]:
    if node.flag("is_training", True):
        raise node.unsupported("is_training=true")
    given = [tensor(v) for v in (mean, variance, scale, offset)]
    epsilon = node.number("epsilon", 1e-4)
    y = nn.batch_norm_inference(_to_last(node, tensor(x)), *given, epsilon=epsilon)
    # Only training reads the others.
    return [_from_last(node, y), given[0], given[1], given[0], given[1], given[1]]


@tf_op("LRN")
def _(node: Node, x: Any) -> Tensor:
    return nn.local_response_normalization(
        tensor(x),
        depth_radius=node.integer("depth_radius", 5),
        bias=node.number("bias", 1.0),
        alpha=node.number("alpha", 1.0),
        beta=node.number("beta", 0.5),
    )


@tf_op("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic")
def _(node: Node, x: Any, size: Any) -> Tensor:
    if node.flag("align_corners") or not node.flag("half_pixel_centers"):
        return _resized_by_corner(node, tensor(x), [int(n) for n in sizes(node, size)])
    method = {"ResizeBilinear": "bilinear", "ResizeBicubic": "bicubic"}.get(node.op, "nearest")
    return image.resize(tensor(x), sizes(node, size), method)


def _resized_by_corner(node: Node, x: Tensor, size: list[int]) -> Tensor:
    """Resize as TensorFlow 1 does: pixels lie at whole numbers, with or without the last at the last."""
    if node.op == "ResizeBicubic":
        raise node.unsupported("pixels without half_pixel_centers")
    last = node.flag("align_corners")
    for axis, m in enumerate(size, 1):
        n = int(x.shape[axis])
        scale = (n - 1) / (m - 1) if last and m > 1 else n / m
        places = np.arange(m) * np.float32(scale)
        if node.op == "ResizeNearestNeighbor":
            # Half a pixel goes up when the corners are aligned.
            rows = np.floor(places + 0.5) if last else np.floor(places)
            x = ops.take(x, np.minimum(rows, n - 1).astype(np.int64), axis=axis)
            continue
        low = np.floor(places).astype(np.int64)
        share = (
            (places - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
        )
        a, b = (
            ops.take(ops.cast(x, "float32"), np.minimum(low + k, n - 1), axis=axis) for k in (0, 1)
        )
        x = a + (b - a) * ps.asarray(share)
    return x


@tf_op("DepthToSpace", "SpaceToDepth")
def _(node: Node, x: Any) -> Tensor:
    move = ops.depth_to_space if node.op == "DepthToSpace" else ops.space_to_depth
    return _from_last(node, move(_to_last(node, tensor(x)), node.integer("block_size")))


@tf_op("OneHot")
def _(node: Node, indices: Any, depth: Any, on: Any, off: Any) -> Tensor:
    hot = ops.one_hot(tensor(indices), integer(node, depth), "bool")
    if node.integer("axis", -1) != -1:
        raise node.unsupported("another axis than the last")
    return ops.where(hot, tensor(on), tensor(off))


@tf_op("TopKV2")
def _(node: Node, x: Any, k: Any) -> list[Tensor]:
    values, places = ops.top_k(tensor(x), integer(node, k))
    return [values, ops.cast(places, "int32")]
