"""DeepLab v3 against the library that publishes it, and against the published file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import penstock_models as models
from penstock_models.architectures import deeplab_v3
from penstock_models.layers.corner_resize import CornerResize
from penstock_models.preprocessing import pictures, read_image
from penstock_models.weights import load_weights

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
BIRD = 3


@pytest.mark.parametrize("stride", [8, 16])
def test_deeplab_is_that_of_transformers(stride: int) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(stride)
    published = transformers.MobileNetV2Config(
        depth_multiplier=0.35, output_stride=stride, num_labels=4, finegrained_output=True
    )
    theirs = transformers.MobileNetV2ForSemanticSegmentation(published).eval()
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.dtype == torch.float32:
                value.copy_(torch.rand_like(value) * 0.5 + 0.5 if value.ndim < 2 else value)
    config = deeplab_v3.DeeplabV3Config(
        image_size=(65, 81), num_classes=4, width_multiplier=0.35, output_stride=stride
    )
    ours = deeplab_v3.segmenting(deeplab_v3.backbone(config), config)
    tensors = {name: value.numpy() for name, value in theirs.state_dict().items()}
    load_weights(ours, tensors, deeplab_v3.NAMES)
    x = np.random.default_rng(0).normal(size=(2, 65, 81, 3)).astype("float32")
    with torch.no_grad():
        coarse = theirs(torch.tensor(x.transpose(0, 3, 1, 2))).logits
        want = torch.nn.functional.interpolate(
            coarse, (65, 81), mode="bilinear", align_corners=True
        ).numpy()
    np.testing.assert_allclose(
        ours(x)["logits"].numpy(), want.transpose(0, 2, 3, 1), atol=1e-4 * np.abs(want).max()
    )


def test_corners_stay_where_they_are() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(1).normal(size=(2, 5, 7, 3)).astype("float32")
    for size in ((9, 4), (5, 13), (1, 1)):
        want = torch.nn.functional.interpolate(
            torch.tensor(x.transpose(0, 3, 1, 2)), size, mode="bilinear", align_corners=True
        )
        layer = CornerResize(size)
        np.testing.assert_allclose(layer(x).numpy(), want.numpy().transpose(0, 2, 3, 1), atol=1e-5)
        assert CornerResize.from_config(layer.get_config()).size == size


@needs_mirror
def test_the_bird_is_found() -> None:
    image = pytest.importorskip("PIL.Image")
    folder = Path(MIRROR) / "images"
    model = models.from_preset("deeplab_v3.pascal_quant")
    found = model.predict(folder / "bird_segmentation.bmp")
    mask = np.asarray(image.open(folder / "bird_segmentation_mask.bmp")) == BIRD
    assert found.shape == mask.shape

    def overlap(classes: np.ndarray) -> float:
        return float(((classes == BIRD) & mask).sum() / ((classes == BIRD) | mask).sum())

    facts = json.loads((Path(MIRROR) / "expected.json").read_text())
    wanted = facts["deeplabv3_mnv2_pascal_quant"]["bird_segmentation.bmp"]["iou_with_mask"]
    assert overlap(found) == pytest.approx(wanted, abs=0.005)
    # The network that can be trained, with the file's weights, draws the same bird.
    pixels = read_image(folder / "bird_segmentation.bmp")
    logits = model.network(pictures(pixels, model.network_scaler))["logits"].numpy()[0]
    assert overlap(logits.argmax(-1)) == pytest.approx(wanted, abs=0.005)
    assert (logits.argmax(-1) == found).mean() > 0.995
