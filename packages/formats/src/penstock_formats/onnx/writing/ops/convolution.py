"""Convolutions, and the transposed ones; filters of constants are stored as ONNX wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import FormatError
from penstock_formats.onnx.writing._table import exports
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Node
    from penstock_formats.onnx.writing._writer import GraphWriter


def window_attrs(node: Node, sides: int, shape: Any, window: Any) -> dict[str, Any]:
    """Return ONNX's attributes of a window that slides over images of a shape.

    Args:
        node: With strides, padding and dilations.
        sides: 2 for images, 3 for volumes.
        shape: That of the image.
        window: Its size, for each side.
    """
    attrs = node.attrs
    strides = _each(attrs.get("strides") or window, sides)
    dilations = _each(attrs.get("dilations", 1), sides)
    made: dict[str, Any] = {"kernel_shape": list(window), "strides": strides}
    if dilations != [1] * sides:
        made["dilations"] = dilations
    if attrs["padding"] == "explicit":
        made["pads"] = _onnx_pads(attrs["explicit_padding"], sides)
    elif attrs["padding"] == "same":
        made |= _same(shape, window, strides, dilations)
    return made


def _each(numbers: Any, sides: int) -> list[int]:
    if isinstance(numbers, int):
        return [numbers] * sides
    return [int(n) for n in numbers] * (sides if len(numbers) == 1 else 1)


def _onnx_pads(explicit: Any, sides: int) -> list[int]:
    """(before, after) for each side, as all befores and then all afters."""
    pads = [int(n) for n in explicit]
    return [pads[2 * i] for i in range(sides)] + [pads[2 * i + 1] for i in range(sides)]


def _same(shape: Any, window: Any, strides: Any, dilations: Any) -> dict[str, Any]:
    sizes = shape[1:-1]
    if not all(isinstance(size, int) for size in sizes):
        if set(strides) == {1}:  # the same for any size
            totals = [(k - 1) * d for k, d in zip(window, dilations, strict=True)]
            return {"pads": [t // 2 for t in totals] + [t - t // 2 for t in totals]}
        return {"auto_pad": "SAME_UPPER"}
    before, after = [], []
    for size, k, stride, dilation in zip(sizes, window, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return {"pads": before + after}


def _filter_axes(sides: int) -> tuple[int, ...]:
    """[*sides, in, out] -> [out, in, *sides]."""
    return (sides + 1, sides, *range(sides))


@exports("conv2d", "conv3d")
def _(w: GraphWriter, node: Node) -> None:
    x, filter = node.inputs
    sides = x.ndim - 2
    attrs = window_attrs(node, sides, x.shape, _window(node, filter.shape[:sides]))
    weights = w.permuted(filter, _filter_axes(sides))
    made = w.first(x).op("Conv", weights, group=int(node.attrs["groups"]), **attrs)
    w.keep_first(node.outputs[0], made)


def _window(node: Node, sizes: Any) -> list[int]:
    if not all(isinstance(size, int) for size in sizes):
        raise FormatError(
            f"[onnx] the filter of {node.name} ({node.op}) has a window of {tuple(map(str, sizes))}; ONNX wants "
            "numbers. Give the filter a known shape"
        )
    return list(sizes)


@exports("depthwise_conv2d")
def _(w: GraphWriter, node: Node) -> None:
    """Write [rows, columns, channels, times] as a convolution of a group for each channel."""
    x, filter = node.inputs
    attrs = window_attrs(node, 2, x.shape, _window(node, filter.shape[:2]))
    weights = depthwise_filter(w, node)
    made = w.first(x).op("Conv", weights, group=int(filter.shape[2]), **attrs)
    w.keep_first(node.outputs[0], made)


def depthwise_filter(w: GraphWriter, node: Node) -> Value:
    """Return the filter of a depthwise convolution as [channels * times, 1, rows, columns]."""
    filter = node.inputs[1]
    rows, columns, channels, times = _window(node, filter.shape)
    moved = w.permuted(filter, (2, 3, 0, 1))
    if times == 1:
        return moved
    return moved.reshape(channels * times, 1, rows, columns)


@exports("conv2d_transpose")
def _(w: GraphWriter, node: Node) -> None:
    filter = node.inputs[1]
    _write_transposed(w, node, filter.shape, _cut(node), w.permuted(filter, (3, 2, 0, 1)), 1)


def _cut(node: Node) -> list[tuple[int, int]]:
    """Return how much is cut off before and behind each side; negative is added."""
    attrs = node.attrs
    window = node.inputs[1].shape
    strides, dilations = (_each(attrs[name], 2) for name in ("strides", "dilations"))
    extra = attrs["output_padding"]
    cuts = []
    for i in range(2):
        reach = (int(window[i]) - 1) * dilations[i] + 1
        more = 0 if extra is None else _each(extra, 2)[i]
        if attrs["padding"] == "explicit":
            pads = [int(n) for n in attrs["explicit_padding"][2 * i : 2 * i + 2]]
            cuts.append((pads[0], pads[1] - more))
        elif attrs["padding"] == "valid":
            # n * stride + max(reach - stride, 0) where (n - 1) * stride + reach would be natural
            cuts.append((0, -more if extra is not None else min(reach - strides[i], 0)))
        elif extra is None:
            total = reach - strides[i]  # n * stride
            before = max(total, 0) // 2
            cuts.append((before, total - before))
        else:
            total = reach // 2 * 2 - more
            before = max(total, 0) // 2
            cuts.append((before, total - before))
    return cuts


def _write_transposed(
    w: GraphWriter, node: Node, window: Any, cuts: Any, weights: Value, groups: int
) -> None:
    x, sides = node.inputs[0], node.inputs[0].ndim - 2
    attrs = node.attrs
    made: dict[str, Any] = {
        "kernel_shape": _window(node, window[:sides]),
        "strides": _each(attrs["strides"], sides),
        "dilations": _each(attrs["dilations"], sides),
        "pads": [max(cut[0], 0) for cut in cuts] + [max(cut[1], 0) for cut in cuts],
    }
    full = w.first(x).op("ConvTranspose", weights, group=groups, **made)
    missing = [max(-cut[1], 0) for cut in cuts]
    if any(missing):  # what no window reached
        widths = [0] * (2 + sides) + [0, 0, *missing]
        full = full.op("Pad", w.emitter.ints(widths), 0)
    w.keep_first(node.outputs[0], full)


@exports("conv2d_input_grad", "conv3d_input_grad", "depthwise_conv2d_input_grad")
def _(w: GraphWriter, node: Node) -> None:
    """Write the gradient of a convolution's input, which is a transposed convolution."""
    dy, filter = node.inputs
    sides = dy.ndim - 2
    image = node.outputs[0].shape
    sizes = [*image[1:-1], *dy.shape[1:-1]]
    if not all(isinstance(size, int) for size in sizes):
        raise FormatError(
            f"[onnx] {node.name} ({node.op}) has sides of {tuple(map(str, sizes))}; a transposed convolution needs "
            "known ones. Give the images of the function a fixed height and width"
        )
    window = _window(node, filter.shape[:sides])
    strides, dilations = (_each(node.attrs[name], sides) for name in ("strides", "dilations"))
    pads = window_attrs(node, sides, image, window).get("pads", [0] * 2 * sides)
    cuts = []
    for i in range(sides):
        natural = (int(dy.shape[1 + i]) - 1) * strides[i] + (window[i] - 1) * dilations[i] + 1
        cuts.append((pads[i], natural - int(image[1 + i]) - pads[i]))
    if node.op.startswith("depthwise"):
        weights, groups = depthwise_filter(w, node), int(filter.shape[2])
    else:
        weights, groups = w.permuted(filter, _filter_axes(sides)), int(node.attrs["groups"])
    _write_transposed(w, node, window, cuts, weights, groups)
