"""Lets convolutions and poolings see padding themselves, instead of images that somebody padded for them."""

from __future__ import annotations

import math

import numpy as np

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock.passes._rewrite import rewrite
from penstock.passes.prune import prune

_READERS = ("conv2d", "depthwise_conv2d", "max_pool2d")


def absorb_padding(graph: Graph) -> Graph:
    """Drop a `pad` before convolutions (by zeros) and max pools (by what never wins), where their kernels can do without."""
    if not any(_padding_of(t) for node in graph.nodes for t in node.inputs[:1]):
        return graph
    return prune(rewrite(graph, _without_pad, only=_READERS))


def _without_pad(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
    if node.control_inputs:
        return None
    widths = _padding_of(inputs[0])
    if widths is None or node.attrs["padding"] == "same":
        return None
    value, image = inputs[0].node.attrs["value"], inputs[0].node.inputs[0]
    if node.op == "max_pool2d":
        return _pooled(node, image, widths) if value == _lowest(image) else None
    if value != 0:
        return None
    own = node.attrs["explicit_padding"] or (0, 0, 0, 0)
    both = tuple(a + b for a, b in zip(widths, own, strict=True))
    attrs = {**node.attrs, "padding": "explicit", "explicit_padding": both}
    return list(_native.call_op(node.op, [image, *inputs[1:]], attrs))


def _lowest(image: Tensor) -> float:
    dtype = image.dtype
    return float(np.iinfo(dtype.name).min) if dtype.kind in ("signed", "unsigned") else -math.inf


def _padding_of(t: Tensor) -> tuple[int, ...] | None:
    """Give top, bottom, left and right of a `pad` of images, or None: it is none, or pads more than sides."""
    node = t.node
    if node.op != "pad" or t.ndim != 4:
        return None
    widths = tuple(node.attrs["pad_width"])
    if not all(isinstance(w, int) for w in widths) or any((*widths[:2], *widths[6:])):
        return None
    return widths[2:6]


def _pooled(node: Node, image: Tensor, widths: tuple[int, ...]) -> list[Tensor] | None:
    size, strides = node.attrs["pool_size"], node.attrs["strides"]
    if any(w >= size[i // 2] for i, w in enumerate(widths)):
        return None
    op = "core.padded_max_pool2d"
    row = _native.kernel_row(op, node.device, [image.dtype], [image.dtype])
    own = _native.kernel_for_node(node)
    if row is None or own is None or row[0] != own[0]:
        return None
    attrs = {"pool_size": size, "strides": strides, "explicit_padding": widths}
    return list(_native.call_op(op, [image], attrs))
