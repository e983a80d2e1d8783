"""Convolutions and transposed convolutions. Channels are second in the file, and last here."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.shaping import padded
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


def window(call: Call, kernel: list[int], rank: int) -> tuple[list[int], list[int]]:
    """Return the strides and dilations of a node's window.

    Raises:
        FormatError: The numbers do not fit the axes.
    """
    strides, dilations = call.attr("strides") or [1] * rank, call.attr("dilations") or [1] * rank
    given = call.attr("kernel_shape") or kernel
    if not len(kernel) == len(strides) == len(dilations) == rank or list(given) != list(kernel):
        raise call.wrong(
            f"has a kernel {given}, strides {strides} and dilations {dilations} for a window {kernel} of {rank} axes",
            "it needs one number for each: export the model again",
        )
    return list(strides), list(dilations)


def pads_of(
    call: Call, sizes: list[Any], kernel: list[int], strides: list[int], dilations: list[int]
) -> list[tuple[int, int]] | None:
    """Return the widths before and behind each axis; None where the result is to have ceil(size / stride)."""
    rank, auto = len(kernel), call.attr("auto_pad", "NOTSET")
    if auto == "VALID":
        return [(0, 0)] * rank
    if auto == "SAME_UPPER":
        return None
    if auto == "SAME_LOWER":
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        totals = [_same(call, n, span, s) for n, span, s in zip(sizes, spans, strides, strict=True)]
        return [(t - t // 2, t // 2) for t in totals]
    pads = call.attr("pads") or [0] * 2 * rank
    if len(pads) != 2 * rank:
        raise call.wrong(
            f"has the pads {pads} for {rank} axes", "it needs two for each: export the model again"
        )
    return list(zip(pads[:rank], pads[rank:], strict=True))


def _same(call: Call, size: Any, span: int, stride: int) -> int:
    """Return how much to pad for ceil(size / stride) results."""
    if stride == 1:
        return span - 1
    if not isinstance(size, int):
        raise call.unsupported(
            "padding SAME_LOWER with a stride and a size that is not known (give it: sizes={...})"
        )
    return max((-(-size // stride) - 1) * stride + span - size, 0)


def filters(w: Value) -> Tensor:
    """Return filters with their axes as ours are: [..., channels, filters]."""
    axes = (*range(2, w.ndim), 1, 0)
    return w.weight.read(axes) if w.weight is not None else ps.transpose(w.tensor, axes)


@converts("Conv")
def _conv(call: Call, x: Value, w: Value, b: Value | None = None) -> Value:
    rank = x.ndim - 2
    if w.ndim != rank + 2 or not 1 <= rank <= 3:
        raise call.unsupported(f"a convolution of {x.ndim} axes with filters of {w.ndim}")
    kernel = [int(k) for k in w.shape[2:]]
    strides, dilations = window(call, kernel, rank)
    pads = pads_of(call, list(x.shape[2:]), kernel, strides, dilations)
    groups = call.attr("group", 1)
    if groups > 1 and w.shape[1] == 1 and rank < 3 and str(x.shape[1]) == str(groups):
        made = _depthwise(x.last, w, strides, dilations, pads, groups)
    else:
        made = convolved(x.last, filters(w), strides, dilations, pads, groups)
    return Value(last=made if b is None else made + b.tensor)


def _depthwise(
    x: Tensor,
    w: Value,
    strides: list[int],
    dilations: list[int],
    pads: list[tuple[int, int]] | None,
    channels: int,
) -> Tensor:
    """Call the convolution in which every channel has filters of its own; a sequence is an image of one row."""
    axes = (*range(2, w.ndim), 0, 1)
    f = w.weight.read(axes) if w.weight is not None else ps.transpose(w.tensor, axes)
    if pads is not None and any(p < 0 for pair in pads for p in pair):
        x, pads = padded(x, [(0, 0), *pads, (0, 0)]), [(0, 0)] * len(pads)
    flat = len(strides) == 1
    if flat:
        x, f = ps.expand_dims(x, axis=1), ps.expand_dims(f, axis=0)
        strides, dilations = [1, *strides], [1, *dilations]
        pads = None if pads is None else [(0, 0), *pads]
    if f.shape[2] != channels:
        f = ps.reshape(f, (*f.shape[:2], channels, -1))
    where = "same" if pads is None else "explicit"
    widths = None if pads is None else [p for pair in pads for p in pair]
    made = ps.ops.depthwise_conv2d(x, f, strides, where, widths, dilations)
    return ps.squeeze(made, axis=1) if flat else made


def convolved(
    x: Tensor,
    w: Tensor,
    strides: list[int],
    dilations: list[int],
    pads: list[tuple[int, int]] | None,
    groups: int,
) -> Tensor:
    """Call the convolution for a number of axes."""
    if pads is not None and any(p < 0 for pair in pads for p in pair):
        x, pads = padded(x, [(0, 0), *pads, (0, 0)]), [(0, 0)] * len(pads)
    where = "same" if pads is None else "explicit"
    widths = None if pads is None else [p for pair in pads for p in pair]
    if len(strides) == 1:
        return ps.conv1d(x, w, strides[0], where, dilations[0], groups, widths)
    function = ps.conv2d if len(strides) == 2 else ps.nn.conv3d
    made: Tensor = function(x, w, strides, where, widths, dilations, groups)
    return made


@converts("ConvTranspose")
def _conv_transpose(call: Call, x: Value, w: Value, b: Value | None = None) -> Value:
    rank = x.ndim - 2
    if w.ndim != rank + 2 or not 1 <= rank <= 3:
        raise call.unsupported(
            f"a transposed convolution of {x.ndim} axes with filters of {w.ndim}"
        )
    kernel = [int(k) for k in w.shape[2:]]
    strides, dilations = window(call, kernel, rank)
    behind = call.attr("output_padding") or [0] * rank
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    cuts = _cuts(call, list(x.shape[2:]), spans, strides, behind)
    cut = [(max(a, 0), max(z, 0)) for a, z in cuts]
    t, f, groups = x.last, filters(w), call.attr("group", 1)
    made = [
        _transposed(*part, strides, dilations, cut)
        for part in zip(_parts(t, groups), _parts(f, groups), strict=True)
    ]
    joined = made[0] if groups == 1 else ps.concat(made, -1)
    grown = [(max(-a, 0), max(-z, 0)) for a, z in cuts]
    joined = padded(joined, [(0, 0), *grown, (0, 0)])
    return Value(last=joined if b is None else joined + b.tensor)


def _parts(x: Tensor, groups: int) -> list[Tensor]:
    return [x] if groups == 1 else ps.split(x, groups, axis=x.ndim - 1)


def _transposed(
    x: Tensor, w: Tensor, strides: list[int], dilations: list[int], cut: list[tuple[int, int]]
) -> Tensor:
    # The last two axes of the file's filters are [channels, filters / groups], which our order has turned around.
    widths = [p for pair in cut for p in pair]
    if len(strides) == 1:
        made: Tensor = ps.nn.conv1d_transpose(
            x, w, strides[0], "explicit", dilations[0], explicit_padding=widths
        )
        return made
    function = ps.conv2d_transpose if len(strides) == 2 else ps.nn.conv3d_transpose
    result: Tensor = function(x, w, strides, "explicit", widths, dilations)
    return result


def _cuts(
    call: Call, sizes: list[Any], spans: list[int], strides: list[int], behind: list[int]
) -> list[tuple[int, int]]:
    """Return how much to cut off before and behind each axis; negative numbers add."""
    shape, auto = call.attr("output_shape"), call.attr("auto_pad", "NOTSET")
    rank = len(sizes)
    pads = call.attr("pads") or [0] * 2 * rank
    cuts = []
    for i, (span, stride, extra) in enumerate(zip(spans, strides, behind, strict=True)):
        if shape is None and not auto.startswith("SAME"):
            before, after = (0, 0) if auto == "VALID" else (pads[i], pads[i + rank])
            cuts.append((before, after - extra))
            continue
        if shape is not None and not isinstance(sizes[i], int):
            raise call.unsupported(
                "an output shape for sizes that are not known (give them: sizes={...})"
            )
        total = (
            span - stride if shape is None else stride * (sizes[i] - 1) + span - shape[-rank:][i]
        )
        half = total // 2
        cuts.append((half, total - half) if auto == "SAME_UPPER" else (total - half, half))
    return cuts
