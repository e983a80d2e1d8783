"""Operators whose number of results depends on numbers."""

from __future__ import annotations

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts


@converts("NonZero", tensors=True)
def _nonzero(call: Call, x: Tensor) -> Tensor:
    call.only_eager("finds as many elements as there happen to be")
    if x.ndim == 0:
        return ps.zeros((0, int(bool(x))), "int64")
    return ps.stack(list(ps.nonzero(x)), 0)


@converts("Unique", tensors=True)
def _unique(call: Call, x: Tensor) -> list[Tensor]:
    call.only_eager("finds as many elements as there happen to be")
    axis = call.attr("axis")
    rows = x.numpy()
    _, first, inverse, counts = np.unique(
        rows, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    inverse = inverse.reshape(-1)
    if not call.attr("sorted", 1):
        order = np.argsort(first)
        first, counts = first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    found = ps.take(ps.reshape(x, (-1,)) if axis is None else x, first, 0 if axis is None else axis)
    return [found, *(ps.asarray(a.astype(np.int64)) for a in (first, inverse, counts))]
