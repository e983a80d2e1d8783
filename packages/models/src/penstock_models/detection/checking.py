"""Examples that a detector cannot learn from, refused before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.errors import InvalidValueError, ShapeError
from penstock_models.data.examples import Boxes, Examples


def check_examples(examples: Examples, labels: Sequence[str], need_things: bool = True) -> None:
    """Refuse pictures whose boxes or labels are not as a detector needs them.

    Args:
        examples: Pictures with their boxes.
        labels: The detector's labels.
        need_things: Whether there must be a box on one of the pictures at least.

    Raises:
        ValueError: They are no pictures with boxes, there are none, the labels differ, or a box is no box.
    """
    if examples.kind != "detection":
        raise InvalidValueError(
            f"[detector] got examples of kind {examples.kind!r}; give pictures with boxes: a folder in VOC's or COCO's form"
        )
    if not len(examples):
        raise InvalidValueError("[detector] got no pictures; give some with boxes")
    if tuple(examples.labels) != tuple(labels):
        raise InvalidValueError(
            f"[detector] the examples have the labels {list(examples.labels)}, the detector has {list(labels)}; write "
            'detector.adapt("full", labels=examples.labels)'
        )
    for name, boxes in zip(examples.names, examples.targets, strict=True):
        _check_boxes(str(name), boxes, len(labels))
    if need_things and not any(len(boxes.classes) for boxes in examples.targets):
        raise InvalidValueError(
            f"[detector] there is no box on any of the {len(examples)} pictures; mark at least one thing of each label"
        )


def _check_boxes(name: str, boxes: Boxes, count: int) -> None:
    corners, classes = np.asarray(boxes.corners), np.asarray(boxes.classes)
    if corners.shape != (len(classes), 4):
        raise ShapeError(
            f"[detector] {name}: got corners of shape {corners.shape} and {len(classes)} classes; give [things, 4] and "
            "[things], empty ones as zeros((0, 4)) and zeros(0)"
        )
    if not len(classes):
        return
    if classes.dtype.kind not in "iu" or classes.min() < 0 or classes.max() >= count:
        raise InvalidValueError(
            f"[detector] {name}: got the classes {classes.tolist()}; give numbers of labels, from 0 to {count - 1}"
        )
    wrong = ~np.isfinite(corners).all(1) | (corners.min(1) < -1e-3) | (corners.max(1) > 1 + 1e-3)
    if wrong.any():
        raise InvalidValueError(
            f"[detector] {name}: got the box {corners[wrong][0].tolist()}; give left, top, right and bottom in parts of the "
            "picture, from 0 to 1: divide pixels by its width and height"
        )
    flat = (corners[:, 2:] <= corners[:, :2]).any(1)
    if flat.any():
        raise InvalidValueError(
            f"[detector] {name}: the box {corners[flat][0].tolist()} has no area; right must be more than left, and bottom "
            "more than top: mend it, or leave it out"
        )
