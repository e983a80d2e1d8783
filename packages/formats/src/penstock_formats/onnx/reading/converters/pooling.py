"""Operators that look through windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.convolving import pads_of, window
from penstock_formats.onnx.reading.converters.shaping import padded
from penstock_formats.onnx.reading.errors import LARGEST
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value

Widths = list[tuple[int, int]]

MOST_CELLS = 4096
"""Windows that are taken cell by cell make as many nodes."""


class _Window:
    """The window of a node, with everything that it must be told about a tensor."""

    def __init__(self, call: Call, x: Value) -> None:
        self.call = call
        self.rank = x.ndim - 2
        self.kernel: list[int] = list(call.need("kernel_shape"))
        self.strides, self.dilations = window(call, self.kernel, self.rank)
        self.sizes = list(x.shape[2:])
        pads = pads_of(call, self.sizes, self.kernel, self.strides, self.dilations)
        self.is_same = pads is None
        self.spans = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        self.pads: Widths = [(0, 0)] * self.rank if pads is None else pads
        self.extra = [0] * self.rank
        known = all(isinstance(n, int) for n in self.sizes)
        if pads is None and (known or self.is_dilated):
            self._make_explicit(call)
        if call.attr("ceil_mode", 0) and not self.is_same:
            self.extra = [self._beyond(call, i) for i in range(self.rank)]

    @property
    def is_dilated(self) -> bool:
        return any(d > 1 for d in self.dilations)

    def _make_explicit(self, call: Call) -> None:
        """Turn the padding that is asked for by name into numbers."""
        if not all(isinstance(n, int) for n in self.sizes):
            raise call.unsupported("padding SAME_UPPER and dilations with sizes that are not known")
        results = [-(-n // s) for n, s in zip(self.sizes, self.strides, strict=True)]
        rows = zip(results, self.strides, self.spans, self.sizes, strict=True)
        totals = [max((m - 1) * s + span - n, 0) for m, s, span, n in rows]
        self.pads = [(t // 2, t - t // 2) for t in totals]
        self.is_same = False

    def _beyond(self, call: Call, i: int) -> int:
        """Return how far a last window, which begins before the end, reaches beyond it."""
        before, after = self.pads[i]
        size, stride = self.sizes[i], self.strides[i]
        if after + stride <= self.spans[i]:
            return stride - 1  # more than is needed makes no further window
        if not isinstance(size, int):
            raise call.unsupported(
                "ceil_mode with sizes that are not known (give them: sizes={...})"
            )
        free = size + before + after - self.spans[i]
        count = -(-free // stride) + 1
        if (count - 1) * stride >= size + before:
            count -= 1
        return max((count - 1) * stride - free, 0)

    def around(self, x: Tensor, number: Any) -> Tensor:
        """Pad a tensor with channels last, for windows that then fit."""
        pairs = [(a, b + e) for (a, b), e in zip(self.pads, self.extra, strict=True)]
        return padded(x, [(0, 0), *pairs, (0, 0)], "constant", number)

    def shifts(self, x: Tensor) -> Iterator[tuple[tuple[int, ...], Tensor]]:
        """For each cell of the window, its position and what all windows see there."""
        if math.prod(self.kernel) > MOST_CELLS:
            raise self.call.unsupported(f"positions in a window of more than {MOST_CELLS} cells")
        ends = [
            (n - span) // s * s + 1
            for n, span, s in zip(x.shape[1:-1], self.spans, self.strides, strict=True)
        ]
        for cell in product(*(range(k) for k in self.kernel)):
            offsets = [c * d for c, d in zip(cell, self.dilations, strict=True)]
            cuts = [slice(o, o + e, s) for o, e, s in zip(offsets, ends, self.strides, strict=True)]
            yield cell, x[(slice(None), *cuts)]

    def folded(self, x: Tensor, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Join what a window sees by a function, one axis after the other."""
        if sum(self.kernel) > MOST_CELLS:
            raise self.call.unsupported(f"a dilated window longer than {MOST_CELLS}")
        for i, (cells, gap, stride) in enumerate(
            zip(self.kernel, self.dilations, self.strides, strict=True)
        ):
            end = (x.shape[1 + i] - self.spans[i]) // stride * stride + 1
            before = (slice(None),) * (1 + i)
            parts = [x[(*before, slice(c * gap, c * gap + end, stride))] for c in range(cells)]
            x = reduce(function, parts)
        return x


def _smallest(dtype: str) -> Any:
    return -math.inf if "float" in dtype else int(np.iinfo(dtype).min)


@converts("MaxPool")
def _max_pool(call: Call, x: Value) -> list[Value]:
    w = _Window(call, x)
    t = w.around(x.last, _smallest(x.dtype))
    if call.wants(1):
        return _with_places(call, w, t, x)
    if w.is_dilated:
        return [Value(last=w.folded(t, ps.maximum))]
    return [Value(last=_pooled(t, w, "max"))]


def _pooled(t: Tensor, w: _Window, kind: str) -> Tensor:
    padding = "same" if w.is_same else "valid"
    flat = {"max": ps.max_pool2d, "avg": ps.avg_pool2d}
    deep = {"max": ps.nn.max_pool3d, "avg": ps.nn.avg_pool3d}
    if w.rank == 1:
        made = flat[kind](ps.expand_dims(t, axis=1), [1, *w.kernel], [1, *w.strides], padding)
        return ps.squeeze(made, axis=1)
    function = flat[kind] if w.rank == 2 else deep[kind]
    result: Tensor = function(t, w.kernel, w.strides, padding)
    return result


def _with_places(call: Call, w: _Window, t: Tensor, x: Value) -> list[Value]:
    """Also say where in the whole tensor each largest element is."""
    sizes = [int(n) for n in x.shape]
    if math.prod(sizes) > LARGEST:
        raise call.unsupported(f"positions in a tensor of more than {LARGEST} elements")
    places = np.arange(math.prod(sizes[2:])).reshape(sizes[2:])
    if call.attr("storage_order", 0):
        places = np.arange(math.prod(sizes[2:])).reshape(sizes[2:][::-1]).T
    whole = np.arange(sizes[0] * sizes[1]).reshape(sizes[0], *[1] * w.rank, sizes[1]) * math.prod(
        sizes[2:]
    )
    numbers = w.around(ps.asarray(whole + places[None, ..., None]), 0)
    seen = ps.stack([part for _, part in w.shifts(t)], -1)
    where = ps.stack([part for _, part in w.shifts(numbers)], -1)
    best = ps.argmax(seen, -1, keepdims=True)
    picked = [ps.squeeze(ps.take_along_axis(a, best, -1), axis=-1) for a in (seen, where)]
    return [Value(last=picked[0]), Value(last=picked[1])]


@converts("AveragePool")
def _average_pool(call: Call, x: Value) -> Value:
    w = _Window(call, x)
    if w.is_same:
        return Value(last=_pooled(x.last, w, "avg"))
    total = _summed(w.around(x.last, 0.0), w)
    ones = ps.ones((1, *w.sizes, 1), x.dtype)
    inside = ones
    if call.attr("count_include_pad", 0):
        inside = padded(ones, [(0, 0), *w.pads, (0, 0)], "constant", 1.0)
        beyond: Widths = [(0, e) for e in w.extra]
        inside = padded(inside, [(0, 0), *beyond, (0, 0)])
    else:
        inside = w.around(ones, 0.0)
    return Value(last=total / _summed(inside, w))


def _summed(t: Tensor, w: _Window) -> Tensor:
    if not w.is_dilated:
        return _pooled(t, w, "avg") * math.prod(w.kernel)
    return w.folded(t, ps.add)


@converts("LpPool")
def _lp_pool(call: Call, x: Value) -> Value:
    w, p = _Window(call, x), float(call.attr("p", 2))
    powers = ps.power(ps.abs(x.last), p)
    if w.is_same:
        raise call.unsupported("padding SAME_UPPER with sizes that are not known")
    return Value(last=ps.power(_summed(w.around(powers, 0.0), w), 1 / p))


@converts("GlobalAveragePool")
def _global_average_pool(_call: Call, x: Value) -> Value:
    return Value(last=ps.mean(x.last, tuple(range(1, x.ndim - 1)), keepdims=True))


@converts("GlobalMaxPool")
def _global_max_pool(_call: Call, x: Value) -> Value:
    return Value(last=ps.max(x.last, tuple(range(1, x.ndim - 1)), keepdims=True))


@converts("GlobalLpPool")
def _global_lp_pool(call: Call, x: Value) -> Value:
    p = float(call.attr("p", 2))
    total = ps.sum(ps.power(ps.abs(x.last), p), tuple(range(1, x.ndim - 1)), keepdims=True)
    return Value(last=ps.power(total, 1 / p))


@converts("MaxUnpool")
def _max_unpool(call: Call, x: Value, places: Value, shape: Value | None = None) -> Tensor:
    kernel = call.need("kernel_shape")
    rank = len(kernel)
    strides, pads = call.attr("strides") or [1] * rank, call.attr("pads") or [0] * 2 * rank
    own: list[Any] = list(x.shape[:2])
    for n, k, s, before, after in zip(
        x.shape[2:], kernel, strides, pads[:rank], pads[rank:], strict=True
    ):
        own.append((n - 1) * s + k - before - after)
    wanted = own if shape is None else call.ints(shape, "shape")
    # The positions are those in a tensor of the own shape; a larger one gets it as its first part.
    flat = ps.zeros((math.prod(own),), x.dtype)
    updates, index = ps.reshape(x.tensor, (-1,)), ps.reshape(places.tensor, (-1, 1))
    made = ps.reshape(ps.scatter_nd_update(flat, index, updates), own)
    return padded(made, [(0, w - n) for w, n in zip(wanted, own, strict=True)])


@converts("Col2Im")
def _col2im(call: Call, x: Value, shape: Value, block: Value) -> Tensor:
    sizes, kernel = call.ints(shape, "shape"), [int(k) for k in call.ints(block, "block")]
    rank = len(sizes)
    strides, dilations = call.attr("strides") or [1] * rank, call.attr("dilations") or [1] * rank
    pads = call.attr("pads") or [0] * 2 * rank
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise call.wrong("has numbers for other axes than its shape", "export the model again")
    whole = [n + a + b for n, a, b in zip(sizes, pads[:rank], pads[rank:], strict=True)]
    steps = zip(whole, kernel, strides, dilations, strict=True)
    counts = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in steps]
    if (
        not all(isinstance(n, int) for n in [*sizes, x.shape[1]])
        or math.prod(whole) * math.prod(kernel) > LARGEST
    ):
        raise call.unsupported(
            "an image of more than 2**24 elements in its blocks, or of a size that is not known"
        )
    number = np.zeros((), np.int64)
    for n, k, s, d, c in zip(whole, kernel, strides, dilations, counts, strict=True):
        cells = np.arange(k)[:, None] * d + np.arange(c) * s
        number = number[..., None, None] * n + cells
    axes = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    flat = number.transpose(axes).reshape(-1)
    batch, channels = x.shape[0], x.shape[1] // math.prod(kernel)
    parts = ps.reshape(x.tensor, (batch, channels, len(flat)))
    rows = ps.transpose(parts, (2, 0, 1))
    total = ps.segment_sum(rows, ps.asarray(flat), math.prod(whole))
    image = ps.reshape(ps.transpose(total, (1, 2, 0)), (batch, channels, *whole))
    cut = [
        slice(None),
        slice(None),
        *(slice(a, a + n) for a, n in zip(pads[:rank], sizes, strict=True)),
    ]
    return image[tuple(cut)]
