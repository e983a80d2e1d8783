"""Anchors, offsets, matching and suppression of a detector, each against a plain computation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import FormatError
from penstock_models.architectures.box_coding import decode, encode
from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config, backbone
from penstock_models.detection.anchors import anchors_of, map_sizes
from penstock_models.detection.matching import match, targets
from penstock_models.detection.suppression import Suppression
from penstock_models.loaders import ssd
from penstock_models.preprocessing import ImageScaler, read_image
from penstock_models.presets import find_preset
from penstock_models.sources import find_files

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")


def some_boxes(rng: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    low = rng.uniform(0.0, 0.7, (count, 2))
    return np.concatenate([low, low + rng.uniform(0.05, 0.3, (count, 2))], 1)


def shared(a: Any, b: Any) -> float:
    """Intersection over union, said slowly."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    one, other = ((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return float(both / (one + other - both))


@needs_mirror
def test_anchors_are_those_of_the_published_file() -> None:
    from penstock_formats.tflite.model import parse

    preset = find_preset("ssd_mobilenet_v1.coco_quant")
    graph = parse((Path(MIRROR) / preset.file("weights").path).read_bytes()).subgraphs[0]
    stored = graph.tensors[graph.operators[-1].inputs[2]]
    step = float(stored.quantization.scale[0])
    swapped = stored.value[:, [1, 0, 3, 2]] * step  # the file says y, x, height, width
    ours = anchors_of(SsdMobilenetV1Config.of(preset.config))
    assert np.abs(swapped - ours).max() < step / 2 * 1.001


@needs_mirror
@pytest.mark.parametrize("picture", ["cats_and_dogs.jpg", "dog.jpg", "multi_objects.jpg"])
def test_the_network_finds_what_the_published_graph_finds(picture: str) -> None:
    preset = find_preset("ssd_mobilenet_v1.coco_quant")
    files = find_files(preset)
    anchors = anchors_of(SsdMobilenetV1Config.of(preset.config))
    pixels = ImageScaler.of(preset.input)(read_image(Path(MIRROR) / "images" / picture)[None])
    want = {key: value.numpy() for key, value in ssd.graph(preset, files)(pixels).items()}
    layer = Suppression(anchors, most=20, overlap=0.6, least=0.3, apart=False)
    found = {key: v[0].numpy() for key, v in layer(ssd.network(preset, files)(pixels)).items()}
    sure = np.flatnonzero(want["scores"] >= 0.45)
    assert len(sure)
    for i in sure:
        near = np.abs(found["boxes"] - want["boxes"][i].clip(0, 1)).max(1) < 0.012
        same = near & (found["classes"] == want["classes"][i])
        # Whole steps of 1/256 of scores, made of whole steps in every layer.
        assert np.abs(found["scores"][same] - want["scores"][i]).min() < 0.04


@needs_mirror
def test_sizes_that_do_not_fit_the_file_are_refused() -> None:
    preset = find_preset("ssd_mobilenet_v1.coco_quant")
    files = find_files(preset)
    fewer = preset.model_copy(update={"config": {**preset.config, "num_classes": 20}})
    with pytest.raises(FormatError, match=r"tells 273 numbers at each point.*give the sizes"):
        ssd.network(fewer, files)
    shorter = preset.model_copy(update={"config": {**preset.config, "extras": ((8, 8),)}})
    with pytest.raises(FormatError, match=r"the file has 47 convolutions.*has 35; give the sizes"):
        ssd.network(shorter, files)


def test_there_is_an_anchor_for_every_row_of_the_outputs() -> None:
    config = SsdMobilenetV1Config(
        num_classes=3, size=(65, 97), width_multiplier=0.25, extras=((32, 64),)
    )
    network = backbone(config)
    assert map_sizes(config) == [(5, 7), (3, 4), (2, 2)]
    assert network.output["boxes"].shape == (None, len(anchors_of(config)), 4)
    assert network.output["logits"].shape == (None, len(anchors_of(config)), 3)
    middles = anchors_of(config)[: 5 * 7 * 3 : 3, :2]
    np.testing.assert_allclose(middles[1] - middles[0], [1 / 7, 0], atol=1e-6)  # x runs first
    np.testing.assert_allclose(middles[7] - middles[0], [0, 1 / 5], atol=1e-6)


def test_boxes_come_back_from_their_offsets() -> None:
    rng = np.random.default_rng(0)
    boxes = some_boxes(rng, 200).astype(np.float32)
    anchors = rng.uniform(0.1, 0.9, (200, 4)).astype(np.float32)
    again = decode(encode(boxes, anchors)[None], anchors).numpy()[0]
    np.testing.assert_allclose(again, boxes, atol=1e-5)
    # A box of no width has no logarithm; its offset is large, and finite.
    assert np.isfinite(encode(np.array([0.5, 0.5, 0.5, 0.6]), anchors[0])).all()


def test_each_thing_has_an_anchor_and_each_anchor_the_thing_it_overlaps_most() -> None:
    rng = np.random.default_rng(2)
    things, anchors = some_boxes(rng, 4), anchors_of(SsdMobilenetV1Config())
    corners = np.concatenate(
        [anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], 1
    )
    owner = match(things, anchors)
    best = {max(range(len(corners)), key=lambda i: shared(thing, corners[i])) for thing in things}
    for i in range(0, len(anchors), 7):
        values = [shared(thing, corners[i]) for thing in things]
        if i not in best:
            assert owner[i] == (int(np.argmax(values)) if max(values) >= 0.5 else -1)
    assert set(owner[sorted(best)]) == {0, 1, 2, 3}
    assert (match(np.zeros((0, 4)), anchors) == -1).all()


def test_no_two_things_want_the_same_anchor() -> None:
    anchors = np.array([[0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]])
    twice = np.array([[0.4, 0.4, 0.6, 0.6], [0.42, 0.4, 0.6, 0.6]])
    assert sorted(match(twice, anchors).tolist()) == [0, 1]
    assert match(twice, anchors)[0] == 0  # the better pair is the first


def test_targets_are_offsets_and_classes_of_what_anchors_answer_for() -> None:
    anchors = anchors_of(SsdMobilenetV1Config())
    things, kinds = some_boxes(np.random.default_rng(3), 3), np.array([7, 0, 2])
    made = targets(things, kinds, anchors)
    owner = match(things, anchors)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[:, 4], np.where(owner >= 0, kinds[owner], -1))
    back = decode(made[None, :, :4], anchors).numpy()[0]
    held = owner >= 0
    np.testing.assert_allclose(back[held], things[owner[held]], atol=1e-5)
    assert (made[~held, :4] == 0).all()


def suppressed(
    boxes: Any, scores: Any, most: int, overlap: float, least: float, apart: bool
) -> list[tuple[int, int]]:
    """What stays, as anchors and classes: the surest first, without what it is in the way of."""
    kinds, best = scores.argmax(1), scores.max(1)
    kept: list[int] = []
    for i in np.argsort(-best, kind="stable"):
        rivals = [j for j in kept if kinds[j] == kinds[i] or not apart]
        if best[i] > least and all(shared(boxes[i], boxes[j]) <= overlap for j in rivals):
            kept.append(int(i))
    return [(i, int(kinds[i])) for i in kept[:most]]


@pytest.mark.parametrize("apart", [True, False])
def test_what_overlaps_something_better_is_left_out(apart: bool) -> None:
    rng = np.random.default_rng(4)
    config = SsdMobilenetV1Config(size=(64, 64), extras=())
    anchors = anchors_of(config)
    offsets = rng.normal(0, 2, (3, len(anchors), 4)).astype(np.float32)
    logits = rng.normal(0, 2, (3, len(anchors), 2)).astype(np.float32)
    logits[2] = -9.0  # nothing at all
    layer = Suppression(anchors, most=6, overlap=0.4, least=0.3, apart=apart)
    found = layer({"boxes": offsets, "logits": logits})
    boxes = decode(offsets, anchors).numpy()
    chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    for i in range(3):
        want = suppressed(boxes[i], chances[i], 6, 0.4, 0.3, apart)
        count = int(found["count"][i])
        assert count == len(want)
        assert found["classes"][i, :count].tolist() == [kind for _, kind in want]
        rows = [row for row, _ in want]
        np.testing.assert_allclose(
            found["boxes"][i, :count].numpy(), boxes[i][rows].clip(0, 1), atol=1e-6
        )
        np.testing.assert_allclose(
            found["scores"][i, :count].numpy(), chances[i][rows].max(1), rtol=1e-5
        )
        assert (found["scores"][i, count:].numpy() == 0).all()
    assert int(found["count"][2]) == 0


def test_the_layer_is_made_again_from_its_config() -> None:
    layer = Suppression(anchors_of(SsdMobilenetV1Config(size=(64, 64), extras=())), 7, 0.3, 0.2)
    again = Suppression.from_config(layer.get_config())
    np.testing.assert_array_equal(again.anchors, layer.anchors)
    assert (again.most, again.overlap, again.least, again.apart) == (7, 0.3, 0.2, True)
