"""Detectors that learn: from nothing, from another detector, in all their strategies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_keras_api as keras
import penstock_models as models
from penstock_models.architectures.ssd_mobilenet_v1 import SsdMobilenetV1Config
from penstock_models.data.examples import Boxes, Examples
from penstock_models.detection.augmentation import away, cut_window, mirrored, seen_through, varied
from penstock_models.detection.shapes import LABELS, draw_shapes
from penstock_models.tasks.object_detector import ObjectDetector

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
SMALL = SsdMobilenetV1Config(
    size=(48, 48),
    width_multiplier=0.5,
    pairs=((64, 1), (128, 2), (128, 1)),
    taps=(2,),
    extras=((64, 128),),
    least_scale=0.2,
    most_scale=0.6,
    aspects=(1.0, 2.0, 0.5),
    small_first=False,
)
QUICK: dict[str, Any] = {"batch_size": 4, "patience": None}


def new(seed: int = 0) -> ObjectDetector:
    return ObjectDetector.new(LABELS, SMALL, seed)


def weights_of(detector: ObjectDetector) -> dict[str, np.ndarray[Any, Any]]:
    return {w.path: w.numpy() for w in detector.network.weights}


def test_a_new_detector_learns_what_is_where() -> None:
    pictures = draw_shapes(32, 48)
    detector = new()
    assert detector.evaluate(pictures)["ap50"] < 0.05
    history = detector.fit(
        pictures, epochs=30, batch_size=8, augment=False, learning_rate=1e-2, patience=None
    )
    assert history.epochs == 30
    assert history.history["loss"][-1] < history.history["loss"][0] / 3
    assert detector.evaluate(pictures)["ap50"] > 0.6
    picture = pictures.inputs[0]
    best = detector.predict(picture, least=0.0)[0]
    assert best.label in LABELS
    assert 0 <= best.box[0] < best.box[2] <= 1


def test_the_same_seed_takes_the_same_steps() -> None:
    pictures = draw_shapes(8, 48)
    histories = []
    for seed in (3, 3, 4):
        detector = new(seed)
        histories.append(detector.fit(pictures, epochs=2, **QUICK).history["loss"])
    assert histories[0] == histories[1] != histories[2]


def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    pictures = draw_shapes(8, 48)
    whole = new()
    whole.fit(pictures, pictures, epochs=3, **QUICK)

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    cut = new()
    with pytest.raises(KeyboardInterrupt):
        cut.fit(pictures, pictures, epochs=3, checkpoint=tmp_path, callbacks=[Stop()], **QUICK)
    again = new(seed=0)
    history = again.fit(pictures, pictures, epochs=3, checkpoint=tmp_path, **QUICK)
    assert history.epochs == 3
    for path, value in weights_of(whole).items():
        np.testing.assert_array_equal(weights_of(again)[path], value)
    assert not any(tmp_path.iterdir())
    replayed = new()
    replayed.fit(pictures, pictures, resolved=history.resolved)
    for path, value in weights_of(whole).items():
        np.testing.assert_array_equal(weights_of(replayed)[path], value)


def test_time_ends_a_training() -> None:
    detector = new()
    history = detector.fit(draw_shapes(8, 48), epochs=500, time_limit=0.01, **QUICK)
    assert 1 <= history.epochs < 10
    assert history.resolved["epochs"] == history.epochs


@pytest.mark.parametrize(
    ("strategy", "learns"),
    [
        ("probe", ()),
        ("head", ("class_", "box_")),
        ("partial:1", ("class_", "box_", "extra_", "conv_4", "conv_5")),
        ("lora", ("class_", "box_", "extra_", "conv_", "stem")),
        ("full", ("class_", "box_", "extra_", "conv_", "stem")),
    ],
)
def test_strategies_change_what_they_say(strategy: str, learns: tuple[str, ...]) -> None:
    parent = new()
    before = weights_of(parent)
    detector = parent.adapt(strategy, labels=LABELS)  # known labels: scores are kept
    start = weights_of(detector)
    for path, value in before.items():
        np.testing.assert_allclose(start[path], value, rtol=1e-6)
    detector.fit(draw_shapes(8, 48), epochs=None if strategy == "probe" else 1, **QUICK)
    changed = {
        path.split("/")[-2]
        for path, value in weights_of(detector).items()
        if not np.array_equal(value, start[path])
    }
    assert all(name.startswith(learns) for name in changed) if learns else not changed
    assert all(any(name.startswith(word) for name in changed) for word in learns)
    assert not any("moving" in p for p, v in weights_of(detector).items() if (v != start[p]).any())
    for path, value in weights_of(parent).items():
        np.testing.assert_array_equal(value, before[path])
    if (
        strategy == "lora"
    ):  # convolutions of single channels stay, the others move by matrices of low rank
        assert not any(
            name.startswith("conv_") and int(name[5:]) % 2 == 0
            for name in changed
            if "norm" not in name
        )
        moved = weights_of(detector)["conv_5/kernel"] - start["conv_5/kernel"]
        assert np.linalg.matrix_rank(moved[0, 0], tol=1e-6) <= 8


def test_known_labels_keep_their_scores_in_another_order() -> None:
    parent = new()
    for place in range(SMALL.num_maps):  # scores that differ from label to label
        layer = parent.network.get_layer(f"class_{place}")
        rng = np.random.default_rng(place)
        layer.set_weights([rng.normal(0, 0.1, w.shape).astype("f") for w in layer.get_weights()])
    child = parent.adapt("probe", labels=["ring", "circle"])
    picture = np.asarray(draw_shapes(1, 48).inputs)
    old, other = (d.network(picture) for d in (parent, child))
    want = old["logits"].numpy()[..., [LABELS.index("ring"), LABELS.index("circle")]]
    np.testing.assert_allclose(other["logits"].numpy(), want, atol=1e-5)
    np.testing.assert_array_equal(other["boxes"].numpy(), old["boxes"].numpy())


def test_a_saved_detector_serves_and_comes_back(tmp_path: Path) -> None:
    detector = new().adapt("full", labels=["square", "star"])
    pictures = draw_shapes(6, 48)
    kept = [i for i, b in enumerate(pictures.targets) if 1 in b.classes][:3]
    squares = [
        Boxes(pictures.targets[i].corners, np.zeros(len(pictures.targets[i].classes), int))
        for i in kept
    ]
    some = Examples(
        "detection",
        [pictures.inputs[i] for i in kept],
        squares,
        ("square", "star"),
        ["a", "b", "c"][: len(kept)],
    )
    detector.fit(some, epochs=1, **QUICK)
    detector.save(tmp_path / "mine", name="ssd_mobilenet_v1.mine", trained_on="drawings")
    graph = ps.load(tmp_path / "mine")
    picture = draw_shapes(1, 60, seed=5).inputs[0]
    said = {key: value.numpy() for key, value in graph(picture).items()}
    [found] = detector.found([picture])
    count = int(said["count"])
    assert count == len(found.scores) > 0
    np.testing.assert_allclose(said["boxes"][:count], found.corners, atol=1e-6)
    np.testing.assert_allclose(said["scores"][:count], found.scores, atol=1e-6)
    np.testing.assert_array_equal(said["classes"][:count], found.classes)
    assert graph.metadata["labels"] == ["square", "star"]
    again = models.from_preset(tmp_path / "mine")
    assert again.labels == ["square", "star"]
    [same] = again.found([picture])
    np.testing.assert_array_equal(same.corners, found.corners)
    assert "drawings" in (tmp_path / "mine" / "CARD.md").read_text()
    assert again.adapt("head", labels=["dot"]).labels == ["dot"]
    with pytest.raises(ValueError, match=r'detector.adapt\("full", labels=\[...\]\)'):
        again.fit(some)


def one(
    corners: Any, classes: Any = (0,), labels: tuple[str, ...] = LABELS, kind: Any = "detection"
) -> Examples:
    boxes = Boxes(np.asarray(corners, float), np.asarray(classes))
    return Examples(kind, [np.zeros((48, 48, 3), np.uint8)], [boxes], labels, ["photo.jpg"])


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (one([[10, 10, 20, 20]]), "photo.jpg: got the box.*divide pixels by its width and height"),
        (one([[0.5, 0.1, 0.5, 0.2]]), "photo.jpg: the box.*has no area; right must be more than left"),
        (one([[0.1, np.nan, 0.5, 0.2]]), "photo.jpg: got the box"),
        (one([[0.1, 0.1, 0.5, 0.2]], [7]), "photo.jpg: got the classes.*numbers of labels, from 0 to 3"),
        (one([[0.1, 0.1, 0.5]]), r"photo.jpg: got corners of shape \(1, 3\).*give \[things, 4\]"),
        (one(np.zeros((0, 4)), np.zeros(0, int)), "no box on any of the 1 pictures; mark at least one"),
        (one([[0.1, 0.1, 0.5, 0.2]], labels=("dog",)), "write detector.adapt"),
        (one([[0.1, 0.1, 0.5, 0.2]], kind="image"), "give pictures with boxes"),
        (Examples("detection", [], [], LABELS, []), "got no pictures; give some"),
    ],
)  # fmt: skip
def test_examples_that_teach_nothing_are_refused(examples: Examples, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new().fit(examples)


def test_what_cannot_be_adapted_says_so() -> None:
    spec = new().input
    finished = ObjectDetector(["cat"], spec, run=lambda batch: {})
    with pytest.raises(ValueError, match="choose a preset that names an architecture"):
        finished.adapt("full", labels=["dog"])
    with pytest.raises(ValueError, match=r"save what detector\.adapt"):
        finished.save("nowhere")
    with pytest.raises(ValueError, match="give one or more, each once"):
        new().adapt("full", labels=["dog", "dog"])
    with pytest.raises(ValueError, match='choose "partial:1" to "partial:3", or "full"'):
        new().adapt("partial:9", labels=["dog"])
    with pytest.raises(ValueError, match="give a word for each kind"):
        ObjectDetector([], spec)
    with pytest.raises(ValueError, match="adapt it to these labels first"):
        new().evaluate(one([[0.1, 0.1, 0.5, 0.5]], labels=("dog",)))
    with pytest.raises(ValueError, match="use 24 pixels or more"):
        draw_shapes(1, size=5)


def test_classes_are_compared_by_label() -> None:
    detector, pictures = new(), draw_shapes(5, 48)
    turned = [Boxes(b.corners, 3 - b.classes) for b in pictures.targets]
    other = Examples("detection", pictures.inputs, turned, LABELS[::-1], pictures.names)
    assert detector.evaluate(other) == detector.evaluate(pictures)


def marked(box: tuple[int, int, int, int]) -> tuple[np.ndarray[Any, Any], Boxes]:
    """A black picture with a white box on it."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = 255
    return pixels, Boxes(np.array([box]) / np.array([80, 60, 80, 60]), np.array([0]))


def test_boxes_stay_on_their_things_however_a_picture_is_varied() -> None:
    pixels, boxes = marked((20, 10, 50, 40))
    flipped, other = mirrored(pixels, boxes)
    assert_marks(flipped, other)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        window = away(rng) if seed % 2 else cut_window(boxes.corners, rng)
        seen, found = seen_through(pixels, boxes, window)
        assert_marks(seen, found)
    nothing, none = seen_through(pixels, boxes, np.array([0.7, 0.7, 1.0, 1.0]))
    assert len(none.classes) == 0
    assert (nothing == 0).all()
    first, again, another = (varied(pixels, boxes, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape != another[0].shape or (first[0] != another[0]).any()


def assert_marks(pixels: np.ndarray[Any, Any], boxes: Boxes) -> None:
    """White pixels are where the box is."""
    rows, columns = (np.flatnonzero((pixels[..., 0] == 255).any(axis)) for axis in (1, 0))
    height, width = pixels.shape[:2]
    want = [
        columns[0] / width,
        rows[0] / height,
        (columns[-1] + 1) / width,
        (rows[-1] + 1) / height,
    ]
    np.testing.assert_allclose(boxes.corners[0], want, atol=1e-9)


def test_the_shipped_detector_finds_shapes_and_is_a_start_for_others() -> None:
    detector = models.from_preset("ssd_mobilenet_v1.shapes")
    drawn = draw_shapes(40, 64, seed=77)
    assert detector.evaluate(drawn)["ap50"] > 0.85
    boxes = [Boxes(b.corners, np.zeros(len(b.classes), int)) for b in drawn.targets]
    pictures = Examples("detection", drawn.inputs, boxes, ("shape",), drawn.names)
    adapted = detector.adapt("probe", labels=["shape"])
    adapted.fit(pictures.subset(range(15)))
    assert adapted.evaluate(pictures.subset(range(15, 40)))["ap50"] > 0.6


@needs_mirror
def test_known_things_are_the_start_for_new_ones() -> None:
    from penstock_models.data import read

    splits = read(Path(MIRROR) / "datasets" / "raccoon")
    detector = models.from_preset("ssd_mobilenet_v1.coco_quant").adapt("probe", labels=["raccoon"])
    detector.fit(splits.train.subset(range(10)), epochs=0)
    assert splits.test is not None
    assert detector.evaluate(splits.test.subset(range(10)))["ap50"] > 0.75
