"""Bounding boxes that go with images: against Keras itself where it keeps them, else against the images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras
from penstock_keras_api.layers.preprocessing.image import boxes as formats

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
layers = keras.layers
BOXES = np.array(
    [[[1, 2, 4, 6], [0, 0, 10, 8], [6, 1, 9, 3]], [[5, 5, 7, 7], [2, 1, 3, 8], [3, 3, 8, 5]]],
    np.float32,
)
LABELS = np.array([[1, 2, 3], [4, 5, 6]])
IMAGES = np.zeros((2, 8, 10, 3), np.float32)


def data() -> dict[str, Any]:
    return {"images": IMAGES, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}}


@pytest.mark.parametrize(
    "make",
    [
        "CenterCrop(4, 6)",
        "CenterCrop(7, 9)",
        "Resizing(16, 5)",
        "Resizing(16, 5, pad_to_aspect_ratio=True)",
        "RandomRotation((0.1, 0.1))",
        "RandomTranslation((0.25, 0.25), (0.1, 0.1))",
        "RandomZoom((0.2, 0.2), (0.5, 0.5))",
        "RandomZoom((-0.2, -0.2), (-0.5, -0.5))",
        "RandomBrightness((0.2, 0.2))",
        "MaxNumBoundingBoxes(2)",
        "MaxNumBoundingBoxes(5)",
    ],
)
def test_boxes_move_as_in_keras(real: Any, make: str) -> None:
    text = f"{make[:-1]}, bounding_box_format='xyxy')"
    ours, theirs = (
        eval(text, vars(m.layers))(data(), training=True)["bounding_boxes"]  # noqa: S307
        for m in (keras, real)
    )
    np.testing.assert_allclose(
        ours["boxes"].numpy(), real.ops.convert_to_numpy(theirs["boxes"]), atol=1e-4
    )
    np.testing.assert_array_equal(
        ours["labels"].numpy(), real.ops.convert_to_numpy(theirs["labels"])
    )


@pytest.mark.parametrize("name", [*formats.FORMATS, *formats.RELATIVE])
def test_formats_are_keras_s(real: Any, name: str) -> None:
    convert = real.utils.bounding_boxes.convert_format
    given = np.asarray(
        real.ops.convert_to_numpy(convert(BOXES, source="xyxy", target=name, height=8, width=10))
    )
    back = formats.to_corners(ps.asarray(given), name, 8, 10)
    np.testing.assert_allclose(back.numpy(), BOXES, atol=1e-5)
    np.testing.assert_allclose(formats.from_corners(back, name, 8, 10).numpy(), given, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        "RandomFlip('horizontal', seed=3)",
        "RandomFlip('vertical', seed=3)",
        "RandomFlip(seed=4)",
        "RandomShear((0.2, 0.2), (0.1, 0.1), fill_mode='constant', seed=2)",
        "RandomRotation(0.05, fill_mode='constant', seed=2)",
        "RandomZoom(0.3, fill_mode='constant', seed=2)",
        "RandomTranslation(0.1, 0.1, fill_mode='constant', seed=2)",
        "RandomPerspective((1, 1), 0.3, seed=2)",
        "RandomCrop(40, 44, seed=2)",
        "RandAugment(seed=8)",
    ],
)
@pytest.mark.parametrize("name", ["xyxy", "rel_yxyx", "center_xywh"])
def test_a_bright_rectangle_stays_in_its_box(make: str, name: str) -> None:
    images = np.zeros((3, 48, 56, 1), np.float32)
    corners = np.array([[[10, 20, 30, 34]], [[22, 12, 36, 30]], [[16, 18, 40, 26]]], np.float32)
    for image, ((left, top, right, bottom),) in zip(images, corners.astype(int), strict=True):
        image[top:bottom, left:right] = 255.0
    given = formats.from_corners(ps.asarray(corners), name, 48, 56)
    layer = eval(f"{make[:-1]}, bounding_box_format={name!r})", vars(layers))  # noqa: S307
    result = layer(
        {"images": images, "bounding_boxes": {"boxes": given, "labels": np.ones((3, 1))}},
        training=True,
    )
    moved, new = result["bounding_boxes"], result["images"].numpy()
    height, width = new.shape[1:3]
    found = formats.to_corners(moved["boxes"], name, height, width).numpy()
    for image, box in zip(new, found[:, 0], strict=True):
        if "RandAugment" in make:
            image = np.abs(image - np.median(image))
        rows, columns = np.nonzero(image[..., 0] > 0.6 * image.max())
        assert columns.min() >= box[0] - 1.5
        assert columns.max() + 1 <= box[2] + 1.5
        assert rows.min() >= box[1] - 1.5
        assert rows.max() + 1 <= box[3] + 1.5


def test_both_images_boxes_stay_when_they_are_mixed() -> None:
    layer = layers.MixUp(1.0, seed=1, bounding_box_format="xyxy")
    mixed = layer(data(), training=True)["bounding_boxes"]
    assert mixed["boxes"].shape == (2, 6, 4)
    assert mixed["labels"].shape == (2, 6)
    np.testing.assert_array_equal(mixed["boxes"][:, :3].numpy(), BOXES)


def test_boxes_are_part_of_graphs() -> None:
    layer = layers.RandomRotation((0.1, 0.1), bounding_box_format="xyxy")
    call = ps.function(
        lambda x, b, n: layer(
            {"images": x, "bounding_boxes": {"boxes": b, "labels": n}}, training=True
        )
    )
    got = call(ps.asarray(IMAGES), ps.asarray(BOXES), ps.asarray(LABELS))["bounding_boxes"]
    want = layer(data(), training=True)["bounding_boxes"]
    np.testing.assert_allclose(got["boxes"].numpy(), want["boxes"].numpy(), atol=1e-4)
    np.testing.assert_array_equal(got["labels"].numpy(), want["labels"].numpy())


def test_boxes_need_a_format_and_a_shape() -> None:
    with pytest.raises(ValueError, match="give bounding_box_format='xyxy' to the layer"):
        layers.RandomFlip()(data(), training=True)
    with pytest.raises(ValueError, match="use MixUp"):
        layers.CutMix(bounding_box_format="xyxy")(data(), training=True)
    with pytest.raises(ValueError, match="use RandomPerspective"):
        layers.RandomElasticTransform(bounding_box_format="xyxy")(data(), training=True)
