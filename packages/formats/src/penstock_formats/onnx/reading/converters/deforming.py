"""Convolutions whose taps are moved by numbers of their own."""

from __future__ import annotations

from itertools import product
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.convolving import convolved, filters, window
from penstock_formats.onnx.reading.converters.gathering import positions
from penstock_formats.onnx.reading.converters.sampling import sampled
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


@converts("DeformConv")
def _deform_conv(
    call: Call, x: Value, w: Value, offset: Value, b: Value | None = None, mask: Value | None = None
) -> Value:
    if x.ndim != 4 or not isinstance(x.shape[1], int):
        raise call.unsupported(f"a deformable convolution of {x.ndim} axes")
    kernel = [int(k) for k in w.shape[2:]]
    strides, dilations = window(call, kernel, 2)
    pads, groups = call.attr("pads") or [0] * 4, call.attr("offset_group", 1)
    moves, out = offset.tensor, offset.shape[2:]
    parts = ps.split(x.last, groups, axis=3)
    f, total = filters(w), None
    for tap, (i, j) in enumerate(product(range(kernel[0]), range(kernel[1]))):
        seen: list[Tensor] = []
        for g, part in enumerate(parts):
            number = g * kernel[0] * kernel[1] + tap
            places = [
                _steps(out[axis], axis, strides[axis], cell * dilations[axis] - pads[axis], moves)
                + moves[:, 2 * number + axis]
                for axis, cell in enumerate((i, j))
            ]
            looked = sampled(part, places)
            if mask is not None:
                looked = looked * ps.expand_dims(mask.tensor[:, number], axis=3)
            seen.append(looked)
        whole = seen[0] if groups == 1 else ps.concat(seen, 3)
        made = convolved(
            whole, f[i : i + 1, j : j + 1], [1, 1], [1, 1], [(0, 0)] * 2, call.attr("group", 1)
        )
        total = made if total is None else total + made
    assert total is not None
    return Value(last=total if b is None else total + b.tensor)


def _steps(count: Any, axis: int, stride: int, start: int, like: Tensor) -> Tensor:
    """Return where a tap lies before it is moved, for every row or column of the result."""
    steps = ps.cast(positions(count) * stride + start, like.dtype)
    return ps.reshape(steps, (1, -1, 1) if axis == 0 else (1, 1, -1))
