"""Operators that read at positions."""

from __future__ import annotations

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock._native import Dim
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


@converts("Gather", tensors=True)
def _gather(call: Call, x: Tensor, indices: Tensor) -> Tensor:
    return ps.take(x, indices, call.attr("axis", 0))


@converts("GatherElements", tensors=True)
def _gather_elements(call: Call, x: Tensor, indices: Tensor) -> Tensor:
    axis = call.attr("axis", 0) % x.ndim
    return ps.take_along_axis(cropped(x, indices, axis), indices, axis)


def cropped(x: Tensor, like: Tensor, axis: int) -> Tensor:
    """Cut x down to the sizes of another tensor, but for one axis."""
    cuts = []
    for i, (have, want) in enumerate(zip(x.shape, like.shape, strict=True)):
        same = i == axis or str(have) == str(want)
        cuts.append(slice(None) if same else slice(0, want))
    return x if all(c == slice(None) for c in cuts) else x[tuple(cuts)]


@converts("GatherND", tensors=True)
def _gather_nd(call: Call, x: Tensor, indices: Tensor) -> Tensor:
    batch = call.attr("batch_dims", 0)
    if not isinstance(indices.shape[-1], int):
        raise call.unsupported("positions of a number of axes that is not known")
    if not batch:
        return ps.gather_nd(x, indices)
    grid = [
        ps.broadcast_to(
            ps.reshape(positions(d), [d if i == j else 1 for j in range(indices.ndim)]),
            (*indices.shape[:-1], 1),
        )
        for i, d in enumerate(indices.shape[:batch])
    ]
    return ps.gather_nd(x, ps.concat([*grid, ps.cast(indices, "int64")], -1))


@converts("OneHot")
def _one_hot(call: Call, indices: Value, depth: Value, values: Value) -> Tensor:
    count = call.ints(depth, "depth")[0]
    axis = call.attr("axis", -1)
    places = ps.cast(indices.tensor, "int64")
    places = ps.where(places < 0, places + ps.cast(depth.tensor, "int64").reshape(()), places)
    rank = places.ndim + 1
    call.walk.keep_small([*indices.shape, count])
    steps = positions(count)
    shape = [1] * rank
    shape[axis % rank] = count
    hit = ps.equal(ps.expand_dims(places, axis=axis % rank), ps.reshape(steps, shape))
    return ps.where(hit, values.tensor[1], values.tensor[0])


@converts("ReverseSequence", tensors=True)
def _reverse_sequence(call: Call, x: Tensor, lengths: Tensor) -> Tensor:
    return ps.reverse_sequence(x, lengths, call.attr("time_axis", 0), call.attr("batch_axis", 1))


@converts("Compress")
def _compress(call: Call, x: Value, condition: Value) -> Tensor:
    mask = call.known(condition, "choice").astype(bool)
    axis = call.attr("axis")
    t = x.tensor if axis is not None else ps.reshape(x.tensor, (-1,))
    return ps.take(t, np.flatnonzero(mask), 0 if axis is None else axis)


def positions(size: int | Dim) -> Tensor:
    """Count from 0 to a size, which may be a name."""
    return ps.cumsum(ps.ones((size,), "int64")) - 1
