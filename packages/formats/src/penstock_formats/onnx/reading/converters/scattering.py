"""Operators that write at positions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.gathering import positions
from penstock_formats.onnx.reading.table import Call, converts

_WRITERS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "none": ps.scatter_nd_update,
    "add": ps.scatter_nd_add,
    "max": ps.scatter_nd_max,
    "min": ps.scatter_nd_min,
}


def _written(call: Call, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    """Write updates at coordinates, as the node's reduction says."""
    mode = call.attr("reduction", "none")
    if mode == "mul":
        return x * _products(x, places, updates)
    if mode not in _WRITERS:
        raise call.unsupported(f"the reduction {mode!r}")
    if x.dtype.name == "bool" and mode != "none":
        raise call.unsupported(f"the reduction {mode!r} of booleans")
    return _WRITERS[mode](x, places, updates)


def _products(x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    """Multiply all updates for each place, ones elsewhere."""
    depth = places.shape[-1]
    assert isinstance(depth, int)
    leading: list[Any] = list(x.shape[:depth])
    rest = x.shape[depth:]
    number = ps.zeros(places.shape[:-1], "int64")
    for i, size in enumerate(leading):
        place = places[..., i]
        count = ps.ops.size_of((size,))
        number = number * count + ps.where(place < 0, place + count, place)
    flat = ps.reshape(updates, (math.prod(places.shape[:-1]), *rest))
    factors = ps.segment_prod(flat, ps.reshape(number, (-1,)), math.prod(leading))
    return ps.reshape(factors, x.shape)


@converts("ScatterND", tensors=True)
def _scatter_nd(call: Call, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    return _written(call, x, indices, updates)


@converts("ScatterElements", tensors=True)
@converts("Scatter", tensors=True)
def _scatter_elements(call: Call, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    rank = x.ndim
    axis = call.attr("axis", 0) % rank
    coordinates = [
        ps.cast(indices, "int64")
        if i == axis
        else ps.broadcast_to(
            ps.reshape(positions(d), [d if i == j else 1 for j in range(rank)]), indices.shape
        )
        for i, d in enumerate(indices.shape)
    ]
    return _written(call, x, ps.stack(coordinates, -1), updates)


@converts("TensorScatter", tensors=True)
def _tensor_scatter(
    call: Call, cache: Tensor, update: Tensor, starts: Tensor | None = None
) -> Tensor:
    axis = call.attr("axis", -2) % cache.ndim
    size = ps.ops.size_of((cache.shape[axis],))
    at = ps.reshape(
        positions(update.shape[axis]), [-1 if i == axis else 1 for i in range(cache.ndim)]
    )
    if starts is not None:
        at = at + ps.reshape(
            ps.cast(starts, "int64"), [-1 if i == 0 else 1 for i in range(cache.ndim)]
        )
    if call.attr("mode", "linear") == "circular":
        at = ps.remainder(at, size)
    return ps.put_along_axis(cache, ps.broadcast_to(at, update.shape), update, axis)
