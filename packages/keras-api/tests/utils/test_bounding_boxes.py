"""Boxes, as real Keras has them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from penstock import keras

BOXES = np.array([[10.0, 20.0, 40.0, 60.0], [0.0, 5.0, 30.0, 95.0]], np.float32)
ANCHORS = np.array([[5.0, 15.0, 45.0, 55.0], [0.0, 0.0, 30.0, 90.0]], np.float32)
FORMATS = [
    "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras on torch


def plain(library: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(library, item) for key, item in value.items()}
    return np.asarray(library.ops.convert_to_numpy(value))


def compare(real: Any, call: Any) -> None:
    want, got = (
        plain(k, call(k.utils.bounding_boxes, k.ops.convert_to_tensor)) for k in (real, keras)
    )
    pairs = [(want[key], got[key]) for key in want] if isinstance(want, dict) else [(want, got)]
    for a, b in pairs:
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize(("source", "target"), list(itertools.product(FORMATS, FORMATS)))
def test_convert_format(real: Any, source: str, target: str) -> None:
    boxes = BOXES / 100 if source.startswith("rel") else BOXES
    compare(real, lambda b, t: b.convert_format(t(boxes), source, target, height=100, width=50))


ONE = {
    "angle": 20.0,
    "translate_x": 0.3,
    "translate_y": -0.4,
    "scale": 1.5,
    "shear_x": 10.0,
    "shear_y": 5.0,
}
NONE = {**dict.fromkeys(ONE, 0.0), "scale": 1.0}
CALLS: list[Any] = [
    lambda b, t: b.compute_iou(t(BOXES), t(BOXES[::-1] + 3), "xyxy"),
    lambda b, t: b.compute_iou(t(BOXES[None]), t(BOXES[None] + 3), "xywh"),
    lambda b, t: b.compute_iou(
        t(BOXES), t(np.stack([BOXES[0] * 0 - 1, BOXES[1]])), "xyxy", use_masking=True
    ),
    lambda b, t: b.compute_iou(
        t(BOXES / 100), t(BOXES / 100 + 0.03), "rel_xyxy", image_shape=(100, 100, 3)
    ),
    lambda b, t: b.compute_ciou(t(BOXES), t(BOXES + 5), "xyxy"),
    lambda b, t: b.compute_ciou(t(BOXES), t(BOXES * np.array([1, 1, 2, 1], np.float32)), "xywh"),
    lambda b, t: b.clip_to_image_size(
        {"boxes": t(BOXES + 30), "labels": t(np.array([1, 2]))}, 70, 50
    ),
    lambda b, t: b.clip_to_image_size(
        {"boxes": t(BOXES + 60), "labels": t(np.array([1, 2]))}, 70, 50
    ),
    lambda b, t: b.crop(t(BOXES), 10, 5, 50, 30),
    lambda b, t: b.pad(t(BOXES), 10, 5),
    lambda b, t: b.encode_box_to_deltas(t(ANCHORS), t(BOXES), "xyxy", "xyxy"),
    lambda b, t: b.encode_box_to_deltas(
        t(ANCHORS), t(BOXES), "xyxy", "xywh", "center_xywh", [0.1, 0.1, 0.2, 0.2]
    ),
    lambda b, t: b.decode_deltas_to_boxes(t(ANCHORS), t(BOXES / 100), "xyxy", "xywh"),
    lambda b, t: b.decode_deltas_to_boxes(
        {"a": t(ANCHORS)}, {"a": t(BOXES / 100)}, "xyxy", "xyxy", variance=[0.1] * 4
    ),
]


@pytest.mark.parametrize("call", CALLS)
def test_functions(real: Any, call: Any) -> None:
    compare(real, call)


@pytest.mark.parametrize("settings", [ONE, *({**NONE, key: ONE[key]} for key in ONE)])
def test_affine_transform(real: Any, settings: dict[str, float]) -> None:
    def call(b: Any, t: Any) -> Any:
        given = {key: t(np.array([value], np.float32)) for key, value in settings.items()}
        return b.affine_transform(t(BOXES[None]), height=100, width=50, **given)

    compare(real, call)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda b: b.convert_format(BOXES, "xyxy", "yxxy"), "use one of xyxy"),
        (lambda b: b.convert_format(BOXES, "xyxy", "rel_xyxy"), "give height and width"),
        (lambda b: b.convert_format(BOXES[:, :3], "xyxy", "xywh"), "four numbers on the last axis"),
        (lambda b: b.crop(BOXES, 1, 1, 2, 2, "xywh"), "after convert_format"),
        (
            lambda b: b.encode_box_to_deltas(ANCHORS, BOXES, "xyxy", "xyxy", "xywh"),
            "'center_yxhw' or",
        ),
    ],
)
def test_errors_say_what_to_give(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call(keras.utils.bounding_boxes)
