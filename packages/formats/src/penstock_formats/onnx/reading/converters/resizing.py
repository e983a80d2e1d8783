"""Resize and Upsample: each axis by itself, as weighted means of neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.casting import of_dtype
from penstock_formats.onnx.reading.converters.gathering import positions
from penstock_formats.onnx.reading.errors import LARGEST
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Array, Value

Kernel = Callable[[Array], Array]


class _Plan:
    """What a node says about the new sizes: sizes and scales for all axes, in the file's order.

    Args:
        call: The node.
        x: What is resized.
        scales: Numbers for the axes, or None.
        sizes: New sizes, or None.
        roi: The part to look at, for tf_crop_and_resize.
    """

    def __init__(
        self,
        call: Call,
        x: Value,
        scales: list[float] | None,
        sizes: list[Any] | None,
        roi: list[float] | None,
    ) -> None:
        self.call = call
        shape, rank = list(x.shape), x.ndim
        axes = [a % rank for a in call.attr("axes") or range(rank)]
        given = sizes if sizes is not None else scales
        if given is None or len(given) != len(axes):
            raise call.wrong(
                f"has {0 if given is None else len(given)} sizes or scales for {len(axes)} axes",
                "it needs one for each: export the model again",
            )
        self.mode = call.attr("mode", "nearest")
        self.shift = call.attr(
            "coordinate_transformation_mode", "half_pixel" if call.opset >= 11 else "asymmetric"
        )
        self.sizes = list(shape)
        self.scales: list[Any] = [1.0] * rank
        self.roi = [(0.0, 1.0)] * rank
        for i, axis in enumerate(axes):
            if roi and self.shift == "tf_crop_and_resize":
                self.roi[axis] = (roi[i], roi[i + len(axes)])
            if sizes is not None:
                self.sizes[axis], self.scales[axis] = sizes[i], _ratio(sizes[i], shape[axis])
            elif scales is not None:
                self.sizes[axis], self.scales[axis] = (
                    _scaled(call, shape[axis], scales[i]),
                    scales[i],
                )
        self._keep_ratio(shape, axes, sizes)
        self.axes = [a for a in axes if not self._is_same(shape, a)]

    def _keep_ratio(self, shape: list[Any], axes: list[int], sizes: list[Any] | None) -> None:
        policy = self.call.attr("keep_aspect_ratio_policy", "stretch")
        if policy == "stretch" or sizes is None:
            return
        ratios = [self.scales[a] for a in axes]
        if not all(isinstance(r, float) for r in ratios):
            raise self.call.unsupported(
                "a kept aspect ratio for sizes that are not known (give them: sizes={...})"
            )
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        for a in axes:
            self.scales[a], self.sizes[a] = ratio, int(ratio * shape[a] + 0.5)

    def _is_same(self, shape: list[Any], axis: int) -> bool:
        scale = self.scales[axis]
        is_one = scale is not None and math.isclose(scale, 1.0)
        return is_one and str(self.sizes[axis]) == str(shape[axis]) and self.roi[axis] == (0.0, 1.0)


def _ratio(new: Any, old: Any) -> Any:
    """Return a scale as a number, or None if it is not known yet."""
    if isinstance(new, int) and isinstance(old, int):
        return new / old if old else 1.0
    return 1.0 if str(new) == str(old) else None


def _scaled(call: Call, size: Any, scale: float) -> Any:
    if isinstance(size, int):
        return int(size * scale)
    for parts in range(1, 65):
        if math.isclose(scale * parts, round(scale * parts), rel_tol=1e-6) and round(scale * parts):
            return size * round(scale * parts) // parts
    raise call.unsupported(
        f"the scale {scale} for a size that is not known (give it: sizes={{...}})"
    )


@converts("Resize")
def _resize(
    call: Call,
    x: Value,
    roi: Value | None = None,
    scales: Value | None = None,
    sizes: Value | None = None,
) -> Value:
    if call.opset < 11:
        roi, scales = None, roi
    factors = _floats(call, scales, "scales")
    region = (
        _floats(call, roi, "region")
        if call.attr("coordinate_transformation_mode") == "tf_crop_and_resize"
        else None
    )
    wanted = None if sizes is None else call.ints(sizes, "sizes")
    return _resized(call, x, _Plan(call, x, factors or None, wanted or None, region))


def _floats(call: Call, value: Value | None, what: str) -> list[float] | None:
    if value is None:
        return None
    return [float(v) for v in call.known(value, what).reshape(-1)]


@converts("Upsample")
def _upsample(call: Call, x: Value, scales: Value | None = None) -> Value:
    factors = _floats(call, scales, "scales") if scales is not None else call.attr("scales")
    if factors is None:
        factors = [1.0, 1.0, call.need("height_scale"), call.need("width_scale")]
    return _resized(call, x, _Plan(call, x, factors, None, None))


def _resized(call: Call, x: Value, plan: _Plan) -> Value:
    call.walk.keep_small(plan.sizes)
    if not plan.axes:
        return x
    rank = x.ndim
    if rank >= 3 and min(plan.axes) >= 2:
        if rank == 4 and _is_ours(plan, x):
            return Value(last=of_dtype(ps.image.resize(x.last, plan.sizes[2:]), x.dtype))
        t = x.last
        for axis in plan.axes:
            t = _along(plan, t, axis - 1, axis)
        return Value(last=of_dtype(t, x.dtype))
    t = x.tensor
    for axis in plan.axes:
        t = _along(plan, t, axis, axis)
    return Value(of_dtype(t, x.dtype))


def _is_ours(plan: _Plan, x: Value) -> bool:
    """Say whether our own resizing of images does the same."""
    exact = all(
        isinstance(n, int)
        and isinstance(m, int)
        and plan.scales[a] is not None
        and plan.scales[a] * n == m
        for a, (n, m) in enumerate(zip(x.shape, plan.sizes, strict=True))
        if a in plan.axes
    )
    if not exact and any(
        plan.scales[a] is not None and not float(plan.scales[a]).is_integer() for a in plan.axes
    ):
        return False
    plain = plan.mode == "linear" and plan.shift in ("half_pixel", "half_pixel_symmetric")
    return plain and "float" in x.dtype and not plan.call.attr("antialias", 0)


def _along(plan: _Plan, t: Tensor, place: int, axis: int) -> Tensor:
    size, new = t.shape[place], plan.sizes[axis]
    if isinstance(size, int) and isinstance(new, int):
        return _interpolated(plan, t, place, axis)
    return _interpolated_later(plan, t, place, axis)


def _sources(
    shift: str, i: Any, scale: Any, size: Any, new: Any, exact: Any, roi: tuple[float, float]
) -> Any:
    """Return where the new elements i lie among the old ones."""
    if shift == "asymmetric":
        return i / scale
    if shift == "align_corners":
        return i * (size - 1) / (exact - 1)
    if shift == "tf_crop_and_resize":
        return roi[0] * (size - 1) + i * ((roi[1] - roi[0]) * (size - 1) / (exact - 1))
    at = (i + 0.5) / scale - 0.5
    if shift == "half_pixel_symmetric":
        return at + size / 2 * (1 - new / exact)
    return at


def _static_sources(plan: _Plan, axis: int, size: int, new: int) -> Array:
    scale, exact = plan.scales[axis], plan.scales[axis] * size
    low, high = plan.roi[axis]
    if exact == 1 and plan.shift in ("align_corners", "tf_crop_and_resize", "pytorch_half_pixel"):
        alone = {"align_corners": 0.0, "pytorch_half_pixel": -0.5}
        return np.full(new, alone.get(plan.shift, (low + high) * (size - 1) / 2))
    known = (
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "asymmetric",
        "align_corners",
    )
    if plan.shift not in (*known, "tf_crop_and_resize"):
        raise plan.call.unsupported(f"the coordinates {plan.shift!r}")
    made: Array = _sources(
        plan.shift, np.arange(new, dtype=np.float64), scale, size, new, exact, (low, high)
    )
    return made


def _nearest(mode: str, at: Any, xp: Any) -> Any:
    if mode == "floor":
        return xp.floor(at)
    if mode == "ceil":
        return xp.ceil(at)
    return xp.floor(at + 0.5) if mode == "round_prefer_ceil" else xp.ceil(at - 0.5)


def _interpolated(plan: _Plan, t: Tensor, place: int, axis: int) -> Tensor:
    size, new = int(t.shape[place]), int(plan.sizes[axis])
    if new > LARGEST:
        raise plan.call.unsupported(f"an axis of {new} elements")
    at = _static_sources(plan, axis, size, new)
    if plan.mode == "nearest":
        default = "round_prefer_floor" if plan.call.opset >= 11 else "floor"
        chosen = _nearest(plan.call.attr("nearest_mode", default), at, np).astype(np.int64)
        made = ps.take(t, np.clip(chosen, 0, size - 1), place)
    else:
        made = _weighted(t, place, *_taps(plan, at, size, plan.scales[axis]))
    outside = (at < 0) | (at > size - 1)
    if plan.shift == "tf_crop_and_resize" and outside.any():
        shape = [new if i == place else 1 for i in range(t.ndim)]
        fill = ps.full((), plan.call.attr("extrapolation_value", 0.0), made.dtype)
        made = ps.where(ps.asarray(outside.reshape(shape)), fill, made)
    return made


def _cubic(a: float) -> Kernel:
    def weight(x: Array) -> Array:
        x = np.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0.0))

    return weight


def _triangle(x: Array) -> Array:
    made: Array = np.maximum(1 - np.abs(x), 0.0)
    return made


def _taps(plan: _Plan, at: Array, size: int, scale: float) -> tuple[Array, Array]:
    """Return the neighbours of each new element, [new, taps], and their weights."""
    if plan.mode not in ("linear", "cubic"):
        raise plan.call.unsupported(f"the mode {plan.mode!r}")
    kernel, reach = (
        (_triangle, 1.0)
        if plan.mode == "linear"
        else (_cubic(plan.call.attr("cubic_coeff_a", -0.75)), 2.0)
    )
    squeeze = min(scale, 1.0) if plan.call.attr("antialias", 0) else 1.0
    reach /= squeeze
    offsets = np.arange(-math.ceil(reach) + 1, math.ceil(reach) + 1)
    places = np.floor(at)[:, None] + offsets
    weights = kernel((places - at[:, None]) * squeeze)
    if plan.call.attr("exclude_outside", 0):
        weights = np.where((places < 0) | (places > size - 1), 0.0, weights)
    total = weights.sum(1, keepdims=True)
    weights = weights / np.where(total == 0, 1.0, total)
    return np.clip(places, 0, size - 1).astype(np.int64), weights


def _weighted(t: Tensor, place: int, places: Array, weights: Array) -> Tensor:
    shape = [len(places) if i == place else 1 for i in range(t.ndim)]
    wide = t if "float" in t.dtype.name else ps.cast(t, "float32")
    total: Any = None
    for j in range(places.shape[1]):
        if not weights[:, j].any():
            continue
        factor = ps.cast(ps.asarray(weights[:, j].reshape(shape)), wide.dtype)
        part = ps.take(wide, places[:, j], place) * factor
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def _interpolated_later(plan: _Plan, t: Tensor, place: int, axis: int) -> Tensor:
    """The same for sizes that only a call knows: positions and weights are computed by ops."""
    wide = plan.mode == "cubic" or plan.call.attr("antialias", 0)
    if wide or plan.shift in ("tf_crop_and_resize", "half_pixel_symmetric"):
        raise plan.call.unsupported(
            f"{plan.mode} {plan.shift} for a size that is not known (give it: sizes={{...}})"
        )
    size, new = (
        ps.cast(ps.ops.size_of((n,)), "float64") for n in (t.shape[place], plan.sizes[axis])
    )
    scale = plan.scales[axis] if plan.scales[axis] is not None else new / size
    exact = ps.maximum(size * scale, 1.0 + 1e-9)
    i = ps.cast(positions(plan.sizes[axis]), "float64")
    at = _sources(plan.shift, i, scale, size, new, exact, (0.0, 1.0))
    if plan.shift == "pytorch_half_pixel":
        at = ps.where(ps.equal(new, 1.0), ps.full((), -0.5, "float64"), at)
    if plan.mode == "nearest":
        chosen = _nearest(plan.call.attr("nearest_mode", "round_prefer_floor"), at, ps)
        return ps.take(t, ps.cast(ps.clip(chosen, 0.0, size - 1), "int64"), place)
    below = ps.floor(at)
    shape = [-1 if j == place else 1 for j in range(t.ndim)]
    upper = ps.cast(ps.reshape(at - below, shape), t.dtype)
    first, second = (ps.cast(ps.clip(below + step, 0.0, size - 1), "int64") for step in (0.0, 1.0))
    return ps.take(t, first, place) * (1 - upper) + ps.take(t, second, place) * upper
