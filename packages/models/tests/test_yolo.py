"""Darknet's detectors as networks that can be trained: the numbers of the published graph, and learning."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_models as models
from penstock.errors import FormatError
from penstock_models.architectures.box_coding import decode
from penstock_models.architectures.yolo import JointLogit
from penstock_models.data.examples import Boxes, Examples
from penstock_models.detection.anchors import anchors_of, reach_of
from penstock_models.detection.matching import match
from penstock_models.detection.shapes import LABELS, draw_shapes
from penstock_models.loaders import darknet
from penstock_models.presets import Input, Preset
from penstock_models.presets.schema import Source
from penstock_models.sources import find_files
from penstock_models.tasks.object_detector import ObjectDetector, of

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")

NORMED = "batch_normalize=1\nactivation=leaky\n"
CFG = f"""
[net]
width=48
height=32
channels=3
[convolutional]
filters=8
size=3
stride=2
pad=1
{NORMED}
[convolutional]
filters=8
size=3
groups=8
pad=1
{NORMED}
[convolutional]
filters=8
size=1
batch_normalize=1
activation=linear
[dropout]
probability=.15
[shortcut]
from=-4
activation=linear
[maxpool]
size=3
stride=1
[route]
layers=-1,-2
[convolutional]
filters=12
size=5
stride=2
pad=1
{NORMED}
[convolutional]
filters=18
size=1
activation=linear
[yolo]
mask=1,2
anchors=6,6, 10,14, 20,12
classes=4
scale_x_y=1.2
[route]
layers=-3
[upsample]
stride=2
[convolutional]
filters=9
size=1
activation=linear
[yolo]
mask=0
anchors=6,6, 10,14, 20,12
classes=4
"""
# Of each convolution: filters, channels of a filter, size, and whether it has a norm.
CONVOLUTIONS = (
    (8, 3, 3, True), (8, 1, 3, True), (8, 8, 1, True), (12, 16, 5, True), (18, 12, 1, False),
    (9, 12, 1, False),
)  # fmt: skip


def files_of(folder: Path, cfg: str = CFG) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    numbers: list[np.ndarray[Any, Any]] = []
    for filters, channels, size, has_norm in CONVOLUTIONS:
        numbers.append(rng.normal(0, 0.3, filters))
        if has_norm:
            numbers += [rng.uniform(0.5, 1.5, filters), rng.normal(0, 0.3, filters)]
            numbers.append(rng.uniform(0.5, 1.5, filters))
        numbers.append(rng.normal(0, 0.4, filters * channels * size * size))
    body = np.concatenate(numbers).astype("<f4").tobytes()
    (folder / "net.weights").write_bytes(struct.pack("<3iq", 0, 2, 0, 0) + body)
    (folder / "net.cfg").write_text(cfg)
    return {"network": folder / "net.cfg", "weights": folder / "net.weights"}


def preset_of() -> Preset:
    return Preset(
        name="yolo.small",
        task="object-detection",
        architecture="yolo",
        loader="darknet",
        files=(),
        input=Input(kind="image", size=(32, 48), scale=1 / 255),
        labels=LABELS,
        licence="none",
        source=Source(repository="none"),
        trained_on="nothing",
    )


def assert_same(network: Any, config: Any, files: Any, batch: np.ndarray[Any, Any]) -> None:
    graph = ps.load(files["network"], weights=files["weights"]).functions["boxes"]
    boxes, scores = graph.run([ps.asarray(batch)])
    said = network(batch)
    got, want = decode(said["boxes"], anchors_of(config)).numpy(), boxes.numpy()
    # Widths are exponentials of sums: corners are as exact as the box is large.
    assert np.all(np.abs(got - want) <= 3e-6 + 3e-5 * np.abs(want).max(-1, keepdims=True))
    np.testing.assert_allclose(ps.sigmoid(said["logits"]).numpy(), scores.numpy(), atol=3e-6)


def test_the_network_says_what_darknets_graph_says(tmp_path: Path) -> None:
    files, preset = files_of(tmp_path), preset_of()
    batch = np.random.default_rng(1).uniform(0, 1, (2, 32, 48, 3)).astype(np.float32)
    assert_same(darknet.network(preset, files), darknet.config(preset, files), files, batch)


@needs_mirror
def test_a_published_detector_says_the_same_as_a_network() -> None:
    preset = models.find_preset("yolo_fastest.coco_1_1")
    files = find_files(preset)
    batch = np.random.default_rng(2).uniform(0, 1, (1, 320, 320, 3)).astype(np.float32)
    assert_same(darknet.network(preset, files), darknet.config(preset, files), files, batch)


def test_a_thing_is_answered_for_where_its_middle_is(tmp_path: Path) -> None:
    config = darknet.config(preset_of(), files_of(tmp_path))
    anchors, reach = anchors_of(config), reach_of(config)
    assert reach is not None
    assert anchors.shape == (8 * 12 * 2 + 16 * 24, 4)
    thing = np.array([[0.30, 0.40, 0.52, 0.85]])
    held = np.flatnonzero(match(thing, anchors, 0.2, reach) == 0)
    assert len(held)
    middle = np.array([0.41, 0.625])
    assert (np.abs(anchors[held, :2] - middle) <= reach[held]).all()
    everywhere = np.flatnonzero(match(thing, anchors, 0.2) == 0)
    assert len(everywhere) > len(held)
    tiny = np.array(
        [[0.001, 0.001, 0.003, 0.003]]
    )  # it hardly overlaps any anchor, and has one all the same
    [only] = np.flatnonzero(match(tiny, anchors, 0.5, reach) == 0)
    assert (np.abs(anchors[only, :2] - 0.002) <= reach[only]).all()


def test_logits_of_both_are_exact_far_out() -> None:
    rng = np.random.default_rng(3)
    there, kind = rng.normal(0, 20, (2, 5, 1)), rng.normal(0, 20, (2, 5, 3))
    got = JointLogit()([there.astype("f"), kind.astype("f")]).numpy()
    with np.errstate(over="ignore"):
        inverse = np.exp(-there) + np.exp(-kind) + np.exp(-there - kind)
    np.testing.assert_allclose(got, -np.log(inverse), rtol=1e-5)


def test_it_learns_other_things(tmp_path: Path) -> None:
    detector = of(preset_of(), files_of(tmp_path), darknet)
    drawn = draw_shapes(16, 48)
    boxes = [Boxes(b.corners, np.zeros(len(b.classes), int)) for b in drawn.targets]
    pictures = Examples("detection", drawn.inputs, boxes, ("thing",), drawn.names)
    adapted = detector.adapt("full", labels=["thing"])
    history = adapted.fit(pictures, epochs=4, batch_size=8, learning_rate=1e-2, patience=None)
    assert history.history["loss"][-1] < history.history["loss"][0] * 0.7
    adapted.save(tmp_path / "mine")
    again = models.from_preset(tmp_path / "mine")
    assert isinstance(again, ObjectDetector)
    [one], [other] = (d.found([drawn.inputs[0]]) for d in (adapted, again))
    np.testing.assert_array_equal(one.corners, other.corners)
    np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "[dropout]\nprobability=.15",
            "[softmax]",
            r"a \[softmax\] layer, which cannot be trained",
        ),
        ("[maxpool]\nsize=3\nstride=1", "[maxpool]\nsize=2\nstride=2", "only those with stride=1"),
        ("activation=leaky", "activation=elu", "activation=elu; there may be leaky"),
        ("[route]\nlayers=-3", "[route]\nlayers=-3\ngroups=2", "only whole layers can be trained"),
        ("[yolo]", "[dropout]", r"no \[yolo\] layer; give a detector's .cfg file"),
    ],
)
def test_layers_that_cannot_be_trained_are_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    files = files_of(tmp_path, CFG.replace(old, new))
    with pytest.raises(FormatError, match=message):
        darknet.network(preset_of(), files)
