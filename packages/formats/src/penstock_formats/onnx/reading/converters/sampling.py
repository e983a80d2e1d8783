"""Operators that look between pixels: at the points of a grid, or inside of boxes."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.gathering import positions
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value

_MODES = {
    "bilinear": "linear",
    "bicubic": "cubic",
    "linear": "linear",
    "cubic": "cubic",
    "nearest": "nearest",
}


@converts("GridSample")
def _grid_sample(call: Call, x: Value, grid: Value) -> Value:
    mode = _MODES.get(call.attr("mode", "linear"))
    if mode is None or (mode == "cubic" and x.ndim != 4):
        raise call.unsupported(f"the mode {call.attr('mode')!r} for {x.ndim} axes")
    image, points = x.last, grid.tensor
    rank, aligned = x.ndim - 2, bool(call.attr("align_corners", 0))
    sizes = [ps.cast(ps.ops.size_of((n,)), points.dtype) for n in image.shape[1:-1]]
    places = []
    for axis, size in enumerate(sizes):
        g = points[..., rank - 1 - axis]  # the grid names the last axis first
        places.append((g + 1) * (size - 1) / 2 if aligned else ((g + 1) * size - 1) / 2)
    return Value(last=sampled(image, places, mode, call.attr("padding_mode", "zeros"), aligned))


@converts("AffineGrid")
def _affine_grid(call: Call, theta: Value, size: Value) -> Tensor:
    # The standard's own definition fails for a batch of one: it squeezes axes without naming them.
    sizes = call.ints(size, "size")
    if (
        theta.ndim != 3
        or len(sizes) not in (4, 5)
        or theta.shape[1:] != (len(sizes) - 2, len(sizes) - 1)
    ):
        raise call.wrong(
            f"has the size {sizes} and a theta of shape {theta.shape}", "export the model again"
        )
    if not all(isinstance(n, int) for n in sizes[2:]):
        raise call.unsupported("sizes that are not known (give them: sizes={...})")
    call.walk.keep_small(sizes)
    aligned = bool(call.attr("align_corners", 0))
    rows = [
        np.linspace(-1.0, 1.0, n) if aligned else (2 * np.arange(n) + 1) / n - 1 for n in sizes[2:]
    ]
    grid = np.meshgrid(*rows, indexing="ij")[::-1]  # the last axis is named first
    points = np.stack([*grid, np.ones(sizes[2:])], -1).reshape(-1, len(sizes) - 1)
    made = ps.matmul(ps.cast(ps.asarray(points), theta.dtype), theta.tensor, transpose_y=True)
    return ps.reshape(made, (theta.shape[0], *sizes[2:], len(sizes) - 2))


def sampled(
    image: Tensor,
    places: list[Tensor],
    mode: str = "linear",
    padding: str = "zeros",
    aligned: bool = False,
) -> Tensor:
    """Look into images [batch, ..., channels] at places [batch, ...], a tensor of them for each axis."""
    total: Any = None
    for chosen in product(*[_taps(mode, at) for at in places]):
        weight, index, inside = _joined(
            image, [c[0] for c in chosen], [c[1] for c in chosen], padding, aligned
        )
        factor = weight if inside is None else weight * ps.cast(inside, weight.dtype)
        part = _pixels(image, index)
        part = part * ps.cast(ps.expand_dims(factor, axis=-1), part.dtype)
        total = part if total is None else total + part
    made: Tensor = total
    return made


def _taps(mode: str, at: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the neighbours of places along an axis, and their weights."""
    if mode == "nearest":
        return [(ps.round(at), ps.ones_like(at))]
    below = ps.floor(at)
    part = at - below
    if mode == "linear":
        return [(below, 1 - part), (below + 1, part)]
    a = -0.75
    far = [part + 1, 2 - part]
    near = [part, 1 - part]
    outer = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in far]
    inner = [((a + 2) * d - (a + 3)) * d * d + 1 for d in near]
    return [(below - 1, outer[0]), (below, inner[0]), (below + 1, inner[1]), (below + 2, outer[1])]


def _joined(
    image: Tensor, places: list[Tensor], weights: list[Tensor], padding: str, aligned: bool
) -> tuple[Tensor, list[Tensor], Tensor | None]:
    """Multiply the weights of the axes; bring positions inside, and say which were."""
    weight, inside, index = math.prod(weights[1:], start=weights[0]), None, []
    for size, at in zip(image.shape[1:-1], places, strict=True):
        last = ps.cast(ps.ops.size_of((size,)), at.dtype) - 1
        if padding == "zeros":
            within = ps.logical_and(at >= 0, at <= last)
            inside = within if inside is None else ps.logical_and(inside, within)
        elif padding == "reflection":
            at = _reflected(at, last, aligned)
        index.append(ps.cast(ps.minimum(ps.maximum(at, ps.zeros_like(at)), last), "int64"))
    return weight, index, inside


def _reflected(at: Tensor, last: Tensor, aligned: bool) -> Tensor:
    """Mirror positions at the outermost pixels, or at their outer edges."""
    if aligned:
        period = ps.maximum(2 * last, ps.ones_like(last))
        at = ps.remainder(at, period)
        return ps.minimum(at, period - at)
    period = 2 * (last + 1)
    at = ps.remainder(at, period)
    return ps.minimum(at, period - 1 - at)


def _pixels(image: Tensor, index: list[Tensor]) -> Tensor:
    """Read pixels of [batch, ..., channels] at positions [batch, ...] for each axis."""
    shape = image.shape
    batch = ps.reshape(positions(shape[0]), [-1 if i == 0 else 1 for i in range(index[0].ndim)])
    number = batch + ps.zeros_like(index[0])
    for size, at in zip(shape[1:-1], index, strict=True):
        number = number * ps.ops.size_of((size,)) + at
    return ps.take(ps.reshape(image, (math.prod(shape[:-1]), shape[-1])), number, 0)


@converts("RoiAlign")
def _roi_align(call: Call, x: Value, boxes: Value, batches: Value) -> Tensor:
    image, half = (
        x.last,
        call.opset >= 16
        and call.attr("coordinate_transformation_mode", "half_pixel") == "half_pixel",
    )
    rois = boxes.tensor * call.attr("spatial_scale", 1.0) - (0.5 if half else 0.0)
    ratio = call.attr("sampling_ratio", 0)
    rows, columns = call.attr("output_height", 1), call.attr("output_width", 1)
    if ratio > 0:
        return _aligned(call, image, rois, batches.tensor, (rows, columns), (ratio, ratio), half)
    call.only_eager("looks as often into a box as it is large")
    made = []
    for n in range(int(rois.shape[0])):
        x1, y1, x2, y2 = rois[n].tolist()
        sides = [y2 - y1, x2 - x1] if half else [max(y2 - y1, 1.0), max(x2 - x1, 1.0)]
        grid = (max(math.ceil(sides[0] / rows), 1), max(math.ceil(sides[1] / columns), 1))
        made.append(
            _aligned(
                call, image, rois[n : n + 1], batches.tensor[n : n + 1], (rows, columns), grid, half
            )
        )
    return ps.concat(made, 0)


def _aligned(
    call: Call,
    image: Tensor,
    rois: Tensor,
    batches: Tensor,
    out: tuple[int, int],
    grid: tuple[int, int],
    half: bool,
) -> Tensor:
    """Look into each box at grid points of each of its cells, and average them or take the largest."""
    count, chosen = rois.shape[0], ps.reshape(ps.cast(batches, "int64"), (-1, 1, 1))
    axes = []
    for axis, (cells, points) in enumerate(zip(out, grid, strict=True)):
        start, end = rois[:, 1 - axis], rois[:, 3 - axis]
        side = end - start if half else ps.maximum(end - start, 1.0)
        steps = (ps.cast(positions(cells * points), rois.dtype) + 0.5) / points
        at = ps.expand_dims(start, axis=1) + ps.expand_dims(side / cells, axis=1) * steps
        axes.append(_box_taps(at, image.shape[1 + axis]))
    parts = []
    for (y, wy), (x, wx) in product(*axes):
        number = (
            chosen * ps.ops.size_of((image.shape[1],)) + ps.expand_dims(y, axis=2)
        ) * ps.ops.size_of((image.shape[2],)) + ps.expand_dims(x, axis=1)
        flat = ps.reshape(image, (math.prod(image.shape[:-1]), image.shape[-1]))
        weight = ps.expand_dims(ps.expand_dims(wy, axis=2) * ps.expand_dims(wx, axis=1), axis=3)
        parts.append(ps.take(flat, number, 0) * weight)
    cells_shape = (count, out[0], grid[0], out[1], grid[1], image.shape[-1])
    if call.attr("mode", "avg") == "avg":
        made = ps.mean(ps.reshape(sum(parts[1:], parts[0]), cells_shape), (2, 4))
    else:
        largest = parts[0]
        for part in parts[1:]:
            largest = ps.maximum(largest, part)
        made = ps.max(ps.reshape(largest, cells_shape), (2, 4))
    return ps.transpose(made, (0, 3, 1, 2))


def _box_taps(at: Tensor, size: Any) -> list[tuple[Tensor, Tensor]]:
    """Return two neighbours along an axis; more than a pixel outside of the image nothing is seen."""
    count = ps.cast(ps.ops.size_of((size,)), at.dtype)
    seen = ps.cast(ps.logical_and(at >= -1.0, at <= count), at.dtype)
    at = ps.minimum(ps.maximum(at, ps.zeros_like(at)), count - 1)
    below = ps.floor(at)
    above = ps.minimum(below + 1, count - 1)
    part = at - below
    return [(ps.cast(below, "int64"), (1 - part) * seen), (ps.cast(above, "int64"), part * seen)]
