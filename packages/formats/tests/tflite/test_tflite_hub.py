"""Real models of TensorFlow Lite: the same bits as its reference kernels, and the answers in the hub's expected.json.

tflite_hub.json has, for each file, checksums of what the interpreter of TensorFlow 2.21 returned with its reference
kernels (OpResolverType.BUILTIN_REF) for the inputs of `_inputs`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock_formats.tflite.read import read

FACTS = json.loads(Path(__file__).with_name("tflite_hub.json").read_text())
# Files that compute in float32, with what their sums may differ by.
FLOATS = {
    "mlcommons_kws/kws_ref_model_float32.tflite": 1e-2,  # its weights are int8
    "mlcommons_resnet8/pretrainedResnet.tflite": 1e-5,
    "mlcommons_vww/vww_96_float.tflite": 1e-5,
    "movie_review/text_classification.tflite": 1e-5,
    "rfb_face/version-RFB-320_without_postprocessing.tflite": 1e-3,
    "style_arbitrary/style_transfer_f16_384.tflite": 1e-4,
    "tflite_support/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite": 1e-5,  # its boxes
    "tflite_support/mobilenet_v1_0.25_224_1_default_1.tflite": 1e-5,
}


def _inputs(model: ps.saved.GraphModel, name: str) -> list[Any]:
    rng = np.random.default_rng(1)
    made = []
    for spec in model.default.inputs.values():
        shape = [size if isinstance(size, int) else 1 for size in spec.shape]
        if spec.dtype == "float32":
            x: Any = rng.uniform(0, 1, shape).astype("float32")
            if name.startswith("movie_review"):
                x = rng.integers(0, 10000, shape).astype("float32")
        else:
            info = np.iinfo(spec.dtype.name)
            x = rng.integers(info.min, info.max + 1, shape).astype(spec.dtype.name)
        made.append(x)
    return made


@pytest.mark.parametrize("name", list(FACTS))
def test_quantised_models_have_the_bits_of_tensorflow_lite(hub: Path, name: str) -> None:
    model = read(hub / "weights" / name)
    inputs = [ps.asarray(x) for x in _inputs(model, name)]
    results = [y.numpy() for y in model.default.run(inputs)]
    fact = FACTS[name]
    if name not in FLOATS:
        assert [hashlib.sha256(y.tobytes()).hexdigest() for y in results] == fact["outputs"]
    for y, total in zip(results, fact["sums"], strict=True):
        assert y.astype(np.float64).sum() == pytest.approx(total, rel=FLOATS.get(name, 0), abs=1e-6)


def _scores(model: ps.saved.GraphModel, x: Any) -> Any:
    (spec,) = model.metadata["outputs"].values()
    y = model(x).numpy()[0]
    return (
        (y.astype(np.float32) - spec["zero_point"]) * np.float32(spec["scale"])
        if spec.get("scale")
        else y
    )


CLASSIFIERS = {
    "mobilenet_v2_1.0_224_quant": "coral/mobilenet_v2_1.0_224_quant",
    "mobilenet_v1_0.75_192_quant": "coral/mobilenet_v1_0.75_192_quant",
    "mobilenet_v1_0.25_128_quant": "coral/mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_0.25_224_float": "tflite_support/mobilenet_v1_0.25_224_1_default_1",
    "mobilenet_v1_0.25_224_quant": "tflite_support/mobilenet_v1_0.25_224_quant",
}


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_classifiers_know_the_images(hub: Path, expected: Any, picture: Any, name: str) -> None:
    model = read(hub / "weights" / f"{CLASSIFIERS[name]}.tflite")
    (spec,) = model.default.inputs.values()
    labels = (hub / "labels" / "imagenet_labels.txt").read_text().splitlines()
    for image, answer in expected[name].items():
        x = picture(image, spec.shape[1:3])
        if spec.dtype == "float32":
            x = (x.astype("float32") - 127.5) / 127.5
        scores = _scores(model, x)
        assert int(scores.argmax()) == answer["top1"], image
        assert answer["label"] in labels[answer["top1"]]
        assert scores.max() == pytest.approx(answer["score"], abs=0.08)


def test_detected_boxes(hub: Path, expected: Any, picture: Any) -> None:
    path = "tflite_support/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite"
    model = read(hub / "weights" / path)
    labels = model.metadata["labels"]["labelmap.txt"]
    for image, answers in expected["ssd_mobilenet_v1_coco_quant"].items():
        x = picture(image, (300, 300))
        boxes, classes, scores, _ = (y.numpy()[0] for y in model.default.run([ps.asarray(x)]))
        for answer in answers:
            near = np.abs(boxes - answer["box_yxyx"]).max(1) < 0.02
            (i,) = np.flatnonzero(near & (classes == answer["id"]) & (scores > 0.4))
            assert labels[answer["id"]] == answer["class"]
            assert scores[i] == pytest.approx(answer["score"], abs=0.02)


def test_the_bird_is_where_its_mask_is(hub: Path, expected: Any, picture: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    answer = expected["deeplabv3_mnv2_pascal_quant"]["bird_segmentation.bmp"]
    model = read(hub / "weights/coral/deeplabv3_mnv2_pascal_quant.tflite")
    found = model(picture("bird_segmentation.bmp", (513, 513))).numpy()[0] == answer["class"]
    with image.open(hub / "images/bird_segmentation_mask.bmp") as opened:
        mask = np.asarray(opened.convert("RGB").resize((513, 513), image.NEAREST))
    bird = mask.reshape(-1, 3).max(1).reshape(513, 513) > 0
    edge = (mask.min(-1) > 180) & bird
    iou = [(found & m).sum() / (found | m).sum() for m in (bird, bird & ~edge)]
    assert max(iou) == pytest.approx(answer["iou_with_mask"], abs=0.02)


def _digits(hub: Path) -> Any:
    images, labels = (
        np.frombuffer(gzip.decompress((hub / "datasets/mnist" / f"{n}.gz").read_bytes()), "u1")
        for n in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    )
    return images[16:].reshape(-1, 28, 28)[:500], labels[8:508]


def test_the_lstm_reads_digits(hub: Path) -> None:
    model = read(hub / "weights/coral/keras_lstm_mnist_ptq.tflite", batch="batch")
    images, labels = _digits(hub)
    assert (model(images).numpy().argmax(1) == labels).mean() == 0.98


def test_the_lstm_with_a_state_that_stays(hub: Path, expected: Any) -> None:
    """The hub's figure comes from an interpreter that was not reset between images."""
    model = read(hub / "weights/coral/keras_lstm_mnist_ptq.tflite", states=True)
    images, labels = _digits(hub)
    (_, *specs), names = model.default.inputs.values(), list(model.default.outputs)
    states = [np.zeros(spec.shape, spec.dtype.name) for spec in specs]
    hits = 0
    for image, label in zip(images, labels, strict=True):
        results = model(image[None], *states)
        states = [results[name] for name in names[1:]]
        hits += int(results[names[0]].numpy().argmax() == label)
    assert hits / 500 == expected["keras_lstm_mnist_ptq"]["mnist_test_first500_accuracy"]


def test_reviews_are_good_or_bad(hub: Path, expected: Any) -> None:
    folder = hub / "weights/movie_review"
    model = read(folder / "text_classification.tflite", batch="batch")
    rows = [line.rpartition(" ") for line in (folder / "vocab.txt").read_text().splitlines()]
    vocabulary = {word: int(number) for word, _, number in rows if number}

    def numbers(sentence: str) -> list[int]:
        words = re.sub(r"[^a-z0-9' ]", " ", sentence.lower()).split()
        found = [1] + [vocabulary.get(w, 2) for w in words]
        return (found + [0] * 256)[:256]

    lines = (hub / "datasets/sst2/test.tsv").read_text().splitlines()
    pairs = [line.rpartition("\t") for line in lines]
    x = np.array([numbers(sentence) for sentence, _, _ in pairs], "float32")
    found = model(x).numpy().argmax(1)
    accuracy = float((found == np.array([int(label) for _, _, label in pairs])).mean())
    assert accuracy == pytest.approx(
        expected["movie_review_sentiment_float"]["sst2_test_1821_accuracy"], abs=0.01
    )


@pytest.mark.parametrize("image", ["face.jpg", "grace_hopper.bmp"])
def test_faces_are_found(hub: Path, expected: Any, picture: Any, image: str) -> None:
    model = read(hub / "weights/rfb_face/version-RFB-320_without_postprocessing.tflite")
    x = (picture(image, (240, 320)).astype("float32") - 127) / 128
    scores = model(x)["Identity_1"].numpy()
    answer = expected["rfb_320_face_float"][image]["max_face_score"]
    assert scores[..., 1].max() == pytest.approx(answer, abs=0.05)


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_people_are_seen(hub: Path, picture: Any, kind: str) -> None:
    model = read(hub / f"weights/mlcommons_vww/vww_96_{kind}.tflite")
    (spec,) = model.metadata["inputs"].values()
    people = ["grace_hopper.bmp", "face.jpg", "squat.bmp"]
    for image in [*people, "cat.bmp", "parrot.jpg", "owl.jpg", "sunflower.bmp", "hot_dog.jpg"]:
        x = picture(image, (96, 96)).astype("float32") / 255
        if "scale" in spec:
            x = ps.quantize(x, spec["scale"], spec["zero_point"])
        assert int(model(x).numpy().argmax()) == (image in people), image


def test_flowers_are_told_apart_by_their_embedding(hub: Path, expected: Any) -> None:
    """A linear probe on 45 flowers of each kind, tried on 15: the features that the hub's figure comes from."""
    image = pytest.importorskip("PIL.Image")
    name = "mobilenet_v1_1.0_224_quant_embedding_extractor"
    model = read(hub / f"weights/coral/{name}.tflite", batch=60)
    rows = []
    for kind in sorted((hub / "datasets/flowers").iterdir()):
        pixels = []
        for path in sorted(kind.glob("*.jpg")):
            with image.open(path) as opened:
                resized = opened.convert("RGB").resize((224, 224), image.BILINEAR)
            pixels.append(np.asarray(resized))
        rows.append(model(np.stack(pixels)).numpy().reshape(60, -1).astype(float))
    features = np.stack(rows)
    train, test = (features[:, part].reshape(-1, 1024) for part in (slice(45), slice(45, 60)))
    middle, spread = train.mean(0), (train - train.mean(0)).std()
    train, test = (train - middle) / spread, (test - middle) / spread
    answers = np.eye(5).repeat(45, 0) - 0.2
    found = test @ train.T @ np.linalg.solve(train @ train.T + 1000 * np.eye(225), answers)
    accuracy = (found.argmax(1) == np.arange(5).repeat(15)).mean()
    assert accuracy >= expected["flowers_linear_probe_accuracy_45_15"][name] - 0.02


def test_resnet8_knows_small_images(hub: Path) -> None:
    records = gzip.decompress((hub / "datasets/cifar10/data_batch_1_first4000.bin.gz").read_bytes())
    rows = np.frombuffer(records, "u1").reshape(-1, 3073)[:200]
    x = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    model = read(hub / "weights/mlcommons_resnet8/pretrainedResnet_quant.tflite", batch=200)
    (spec,) = model.metadata["inputs"].values()
    quantised = np.clip(np.round(x / spec["scale"]) + spec["zero_point"], -128, 127).astype("int8")
    found = model(quantised).numpy().argmax(1)
    exact = read(hub / "weights/mlcommons_resnet8/pretrainedResnet.tflite", batch=200)
    assert (found == rows[:, 0]).mean() > 0.85
    assert (found == exact(x.astype("float32")).numpy().argmax(1)).mean() > 0.95


WORDS = [
    "down",
    "go",
    "left",
    "no",
    "off",
    "on",
    "right",
    "stop",
    "up",
    "yes",
    "silence",
    "unknown",
]


@pytest.mark.parametrize("kind", ["kws_ref_model_float32", "kws_ref_model"])
def test_words_are_heard(hub: Path, kind: str) -> None:
    """Ten spoken words, as 10 cepstral coefficients of 49 windows of 30 ms."""
    model = read(hub / "weights/mlcommons_kws" / f"{kind}.tflite")
    (spec,) = model.metadata["inputs"].values()
    mel = ps.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 4000.0)
    for word in WORDS[:10]:
        with wave.open(str(hub / f"datasets/speech_command_clips/{word}.wav")) as clip:
            raw = np.frombuffer(clip.readframes(16000), "<i2").astype("float32")
        sound = np.pad(raw / np.abs(raw).max(), (0, 16000 - raw.size))
        power = ps.abs(ps.signal.stft(sound, 480, 320, fft_length=512))
        x = ps.signal.mfccs_from_log_mel_spectrograms(ps.log(power @ mel + 1e-6))[
            None, :, :10, None
        ]
        if "scale" in spec:
            x = ps.quantize(x, spec["scale"], spec["zero_point"])
        assert WORDS[int(model(x).numpy().argmax())] == word


def test_style_is_carried_over(hub: Path, picture: Any) -> None:
    """Predict a style from one picture and paint another with it: float16 and int8 agree on the whole."""
    folder = hub / "weights/style_arbitrary"
    style = picture("style_udnie.jpg", (256, 256)).astype("float32") / 255
    content = picture("content_chicago.jpg", (384, 384)).astype("float32") / 255
    bottleneck = read(folder / "style_predict_quantized_256.tflite")(style)
    painted = [
        read(folder / f"style_transfer_{kind}_384.tflite")(content, bottleneck).numpy()
        for kind in ("f16", "quantized")
    ]
    assert painted[0].std() > 0.05
    assert np.abs(painted[0] - content).mean() > 0.05
    assert np.corrcoef(painted[0].ravel(), painted[1].ravel())[0, 1] > 0.8
