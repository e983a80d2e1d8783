"""Boxes, masks and galleries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras

vis = keras.visualization
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras on torch
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 12, 14, 3)).astype(np.float32)
MASKS = np.random.default_rng(1).integers(-1, 3, (2, 12, 14, 1))
COLORS = {0: (10, 20, 30), 1: (200, 0, 0), 2: (0, 0, 255)}


@pytest.mark.parametrize("settings", [{}, {"alpha": 0.5}, {"blend": False}, {"ignore_index": 1}])
def test_masks_as_in_keras(real: Any, settings: Any) -> None:
    settings = {"num_classes": 3, "color_mapping": COLORS, **settings}
    masks = np.maximum(MASKS, 0) if "ignore_index" in settings else MASKS
    want = real.visualization.draw_segmentation_masks(IMAGES, masks, **settings)
    got = vis.draw_segmentation_masks(IMAGES, masks, **settings)
    want = np.asarray(real.ops.convert_to_numpy(want)).astype(int)
    assert np.abs(got.astype(int) - want).max() <= 1  # halves may be cut otherwise


def test_boxes_are_frames_of_their_colour() -> None:
    boxes = {"boxes": np.array([[[2, 3, 9, 8], [0, 0, 5, 5]]]), "labels": np.array([[1, -1]])}
    image = np.zeros((1, 12, 12, 3))
    made = vis.draw_bounding_boxes(image, boxes, "xyxy", color=(255, 128, 0), line_thickness=1)
    want = np.zeros((12, 12), bool)
    want[3, 2:10] = want[8, 2:10] = want[3:9, 2] = want[3:9, 9] = True
    np.testing.assert_array_equal(made[0, :, :, 0] == 255, want)
    assert made.dtype == "uint8"


def test_names_are_written_over_boxes() -> None:
    boxes = {
        "boxes": np.array([[[5, 20, 30, 35]]]),
        "labels": np.array([[1]]),
        "confidences": np.array([[0.5]]),
    }
    image = np.zeros((1, 40, 60, 3))
    plain, named = (
        vis.draw_bounding_boxes(image, boxes, "xyxy", names) for names in (None, {1: "cat"})
    )
    assert (plain != named)[0, :19].any()


def test_galleries_are_figures(tmp_path: Path) -> None:
    boxes = {"boxes": np.array([[[2, 3, 9, 8]]] * 2), "labels": np.array([[1]] * 2)}
    path = tmp_path / "a.png"
    figure = vis.plot_image_gallery(
        IMAGES, [0, 1], [1, 1], {0: "a", 1: "b"}, rows=1, cols=2, path=path
    )
    assert [axis.get_title() for axis in figure.axes] == ["true: a\npred: b", "true: b\npred: b"]
    assert path.stat().st_size > 0
    assert len(vis.plot_bounding_box_gallery(IMAGES, "xyxy", boxes, boxes, legend=True).axes) == 2
    assert len(vis.plot_segmentation_mask_gallery(IMAGES, 3, y_true=MASKS, y_pred=MASKS).axes) == 6


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: vis.plot_image_gallery(IMAGES[0]), r"give \[batch, height, width, channels\]"),
        (lambda: vis.plot_image_gallery(IMAGES, [0, 1]), "give label_map"),
        (lambda: vis.draw_segmentation_masks(IMAGES, MASKS[:, :3]), "a class for each pixel"),
        (lambda: vis.draw_bounding_boxes(IMAGES, {"boxes": []}, "xyxy"), "'labels'"),
    ],
)
def test_errors_say_what_to_give(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()
