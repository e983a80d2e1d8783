"""The custom op at the end of SSD detectors: boxes out of offsets to anchors, and the best of those that overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.ops import non_max_suppression_
from penstock_formats.tflite.building import Call, converts, is_quantized
from penstock_formats.tflite.flexbuffer import read_map

_MOST = 10_000


def _real(c: Call, i: int) -> Any:
    """An input as float32."""
    if not is_quantized(c.info(i)):
        return c.x(i)
    return ps.dequantize(c.x(i), *c.single(c.info(i)))


@converts("TFLite_Detection_PostProcess", integers="own")
def detect(c: Call) -> Any:
    """Build boxes, classes, scores and their number: float32 [1, n, 4], [1, n], [1, n] and [1].

    Boxes are (top, left, bottom, right) as parts of the image; classes count from 0 without the background.
    """
    options = read_map(c.custom or b"")
    most, classes = (int(options.get(name, 0)) for name in ("max_detections", "num_classes"))
    scores, anchors = _real(c, 1), _real(c, 2)
    background = scores.shape[2] - classes if scores.ndim == 3 else -1
    if not 0 < most <= _MOST or background not in (0, 1) or scores.shape[0] != 1:
        raise c.fail(f"finds {most} of {classes} classes in scores of shape {scores.shape}")
    if options.get("use_regular_nms"):
        raise c.fail("looks at each class by itself (use_regular_nms)")
    if int(options.get("max_classes_per_detection", 1)) != 1:
        raise c.fail("keeps several classes of one box")
    boxes = _boxes(ps.squeeze(_real(c, 0), 0), anchors, options)
    found = ps.squeeze(scores, 0)[:, background:]
    best = ps.max(found, 1)
    places, kept, count = non_max_suppression_(
        boxes,
        best,
        most,
        iou_threshold=float(options.get("nms_iou_threshold", 0.5)),
        score_threshold=float(options.get("nms_score_threshold", 0.0)),
    )
    there = ps.arange(most) < count
    rows = ps.where(there, places, 0)
    kind = ps.cast(ps.gather(ps.argmax(found, axis=1), rows), "float32")
    return [
        ps.expand_dims(ps.where(ps.expand_dims(there, 1), ps.gather(boxes, rows), 0.0), 0),
        ps.expand_dims(ps.where(there, kind, 0.0), 0),
        ps.expand_dims(ps.where(there, kept, 0.0), 0),
        ps.reshape(ps.cast(count, "float32"), (1,)),
    ]


def _boxes(offsets: Any, anchors: Any, options: dict[str, Any]) -> Any:
    """Move and stretch anchors, each (middle, middle, height, width), by what the net found."""
    scales = [
        float(options.get(name, 1.0)) for name in ("y_scale", "x_scale", "h_scale", "w_scale")
    ]
    parts = offsets / np.array(scales, np.float32)
    size = anchors[:, 2:]
    middle = parts[:, :2] * size + anchors[:, :2]
    half = ps.exp(parts[:, 2:]) * 0.5 * size
    return ps.concat([middle - half, middle + half], axis=1)
