"""Suppression of boxes that overlap better ones."""

from __future__ import annotations

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Array, Value


@converts("NonMaxSuppression")
def _non_max_suppression(
    call: Call,
    boxes: Value,
    scores: Value,
    most: Value | None = None,
    overlap: Value | None = None,
    least: Value | None = None,
) -> Tensor:
    call.only_eager("keeps as many boxes as there happen to be")
    limit = 0 if most is None else int(call.ints(most, "number of boxes")[0])
    shared = 0.0 if overlap is None else float(call.known(overlap, "overlap").reshape(-1)[0])
    floor = None if least is None else float(call.known(least, "least score").reshape(-1)[0])
    corners = _corners(boxes.tensor.numpy(), bool(call.attr("center_point_box", 0)))
    found = []
    for b, rows in enumerate(scores.tensor.numpy()):
        for c, row in enumerate(rows):
            found += [(b, c, i) for i in _kept(corners[b], row, limit, shared, floor)]
    return ps.asarray(np.array(found, np.int64).reshape(-1, 3))


def _corners(boxes: Array, centred: bool) -> Array:
    """Return the smaller and the larger corner of each box."""
    if centred:
        x, y, w, h = np.moveaxis(boxes, -1, 0)
        return np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], -1)
    y1, x1, y2, x2 = np.moveaxis(boxes, -1, 0)
    return np.stack(
        [np.minimum(y1, y2), np.minimum(x1, x2), np.maximum(y1, y2), np.maximum(x1, x2)], -1
    )


def _kept(boxes: Array, scores: Array, limit: int, shared: float, floor: float | None) -> list[int]:
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if len(kept) >= limit or (floor is not None and scores[i] <= floor):
            break
        if all(_overlap(boxes[i], boxes[j]) <= shared for j in kept):
            kept.append(int(i))
    return kept


def _overlap(a: Array, b: Array) -> float:
    """Divide the area that two boxes share by the area that they cover."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if (sides <= 0).any():
        return 0.0
    both = float(np.prod(sides))
    total = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - both
    return both / total if total > 0 else 0.0
