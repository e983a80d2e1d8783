"""Networks for pictures against torch and Keras, with the same weights."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
import penstock_models as models
from penstock.errors import InvalidValueError
from penstock_models import applications
from penstock_models.architectures import architecture, keras_networks, lenet, squeezenet
from penstock_models.architectures.classifier import classifier
from penstock_models.data import Examples
from penstock_models.presets import Input
from penstock_models.tasks.image_classifier import ImageClassifier
from penstock_models.tasks.image_features import ImageFeatures
from penstock_models.weights import Names, load_weights

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")
ROOT = Path(MIRROR)


def facts(name: str) -> Any:
    return json.loads((ROOT / "expected.json").read_text())[name]


def fire(nn: Any, into: int, squeezed: int, expanded: int) -> Any:
    class Fire(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.squeeze = nn.Conv2d(into, squeezed, 1)
            self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
            self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

        def forward(self, x: Any) -> Any:
            import torch

            x = self.squeeze(x).relu()
            return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], 1)

    return Fire()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_squeezenet_is_that_of_torch(version: str) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    channels, window, halved = {"1.0": (96, 7, (5, 9)), "1.1": (64, 3, (4, 6))}[version]
    steps = [nn.Conv2d(3, channels, window, 2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    into = channels
    for number, (squeezed, expanded) in enumerate(squeezenet.FIRES, 2):
        if number in halved:
            steps.append(nn.MaxPool2d(3, 2))
        steps.append(fire(nn, into, squeezed, expanded))
        into = 2 * expanded
    features = nn.Sequential(*steps)
    head = nn.Sequential(
        nn.Dropout(), nn.Conv2d(512, 7, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    theirs = nn.ModuleDict({"features": features, "classifier": head}).eval()
    config = squeezenet.SqueezenetConfig(version=version, num_classes=7)
    ours = squeezenet.classified(squeezenet.backbone(config), config)
    tensors = {name: value.numpy() for name, value in theirs.state_dict().items()}
    load_weights(ours, tensors, squeezenet.names_of(config))
    x = np.random.default_rng(0).normal(size=(2, 95, 111, 3)).astype("float32")
    with torch.no_grad():
        want = head(features(torch.tensor(x.transpose(0, 3, 1, 2)))).numpy()
    np.testing.assert_allclose(ours(x)["logits"].numpy(), want, atol=1e-6)
    assert np.ptp(want) > 0.01


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_lenet_is_that_of_torch(pooling: str) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(1)
    theirs = nn.ModuleDict(
        {
            "conv": nn.ModuleList([nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)]),
            "dense": nn.ModuleList([nn.Linear(400, 120), nn.Linear(120, 84)]),
            "classifier": nn.Linear(84, 10),
        }
    )
    pool = nn.AvgPool2d(2) if pooling == "average" else nn.MaxPool2d(2)
    config = lenet.LenetConfig(pooling=pooling, activation="tanh")
    ours = classifier(lenet.backbone(config), 10)
    names = Names({"conv_{i}": "conv.{i}", "dense_{i}": "dense.{i}", "classifier": "classifier"})
    load_weights(ours, {n: v.numpy() for n, v in theirs.state_dict().items()}, names)
    # Torch flattens channels first: so that products agree, its first one is read in our order.
    dense = theirs["dense"][0].weight.detach().numpy().reshape(120, 16, 5, 5)
    kernel = dense.transpose(2, 3, 1, 0).reshape(400, 120)
    ours.get_layer("dense_0").kernel.assign(kernel)
    x = np.random.default_rng(0).normal(size=(3, 28, 28, 1)).astype("float32")
    with torch.no_grad():
        y = torch.tensor(x.transpose(0, 3, 1, 2))
        for conv in theirs["conv"]:
            y = pool(torch.tanh(conv(y)))
        y = y.flatten(1)
        for product in theirs["dense"]:
            y = torch.tanh(product(y))
        want = theirs["classifier"](y).numpy()
    np.testing.assert_allclose(ours(x)["logits"].numpy(), want, atol=1e-6)


def test_networks_of_keras_are_backbones() -> None:
    assert set(keras_networks.FAMILIES) <= set(architecture.MODULES)
    found = architecture.find("mobilenet_v3")
    config = found.config.of({"image_size": (64, 64), "arguments": {"alpha": 0.75}})
    ours = found.backbone(config)
    plain = applications.MobileNetV3Small(
        weights=None, include_top=False, pooling="avg", alpha=0.75, input_shape=(64, 64, 3)
    )
    plain.set_weights(ours.get_weights())
    x = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    made = ours(x)
    np.testing.assert_array_equal(made["pooled"].numpy(), plain(x).numpy())
    assert made["features"].shape == (1, 2, 2, 432)
    with pytest.raises(InvalidValueError, match=r"there are: .*InceptionV3"):
        found.backbone(found.config.of({"builder": "VGG11"}))


def test_networks_that_score_each_place_get_new_heads() -> None:
    config = squeezenet.SqueezenetConfig(num_classes=3)
    network = squeezenet.classified(squeezenet.backbone(config), config)
    model = ImageClassifier(
        ["a", "b", "c"], Input(kind="image", size=(48, 48), scale=1 / 255), None, lambda: network
    )
    rng = np.random.default_rng(0)
    classes = [i % 2 for i in range(12)]
    pictures = [(rng.uniform(0, 99, (48, 48, 3)) + 150 * c).astype("uint8") for c in classes]
    names = [str(i) for i in range(12)]
    examples = Examples("image", pictures, classes, ("dark", "light"), names)
    adapted = model.adapt("probe", labels=examples.labels)
    adapted.fit(examples)
    assert adapted.evaluate(examples)["accuracy"] == 1.0


@needs_mirror
def test_squeezenet_makes_the_published_features() -> None:
    h5py = pytest.importorskip("h5py")
    torch = pytest.importorskip("torch")
    model = models.from_preset("squeezenet_v1_1.imagenet_features")
    assert isinstance(model, ImageFeatures)
    pictures = [ROOT / "images" / name for name in ("cat.bmp", "parrot.jpg")]
    file = h5py.File(ROOT / model.preset.files[0].path)

    def weights(name: str) -> Any:
        arrays = {n.split("/")[-1]: np.array(file[name][n]) for n in file[name].attrs["weight_names"].astype(str)}  # fmt: skip
        kernel = torch.tensor(arrays["kernel:0"].transpose(3, 2, 0, 1))
        return kernel, torch.tensor(arrays["bias:0"])

    def conv(x: Any, name: str, **options: Any) -> Any:
        return torch.nn.functional.conv2d(x, *weights(name), **options).relu()

    x = torch.tensor(model.prepare(pictures).numpy().transpose(0, 3, 1, 2))
    x = conv(x, "conv1", stride=2)
    for number in range(2, 10):
        if number in (2, 4, 6):
            x = torch.nn.functional.max_pool2d(x, 3, 2)
        x = conv(x, f"fire{number}/squeeze1x1")
        parts = [conv(x, f"fire{number}/expand{k}x{k}", padding=k // 2) for k in (1, 3)]
        x = torch.cat(parts, 1)
    want = x.mean((2, 3)).numpy()
    np.testing.assert_allclose(model.predict(pictures), want, atol=1e-4 * want.max())


@needs_mirror
def test_resnet8_is_as_good_as_published() -> None:
    pytest.importorskip("h5py")
    image = pytest.importorskip("PIL.Image")
    labels = models.find_preset("resnet8.cifar10").labels or ()
    archive = ROOT / "datasets" / "cifar10" / "cifar10_jpeg_train6000_test1500.tar.gz"
    pixels, classes = [], []
    with tarfile.open(archive) as tar:
        for member in tar:
            if "test/" in member.name and member.name.endswith(".jpg"):
                content = tar.extractfile(member)
                assert content is not None
                pixels.append(np.asarray(image.open(io.BytesIO(content.read()))))
                classes.append(labels.index(member.name.split("/")[-2]))
    x, y = np.stack(pixels), np.array(classes)
    assert x.shape == (1500, 32, 32, 3)
    found = models.from_preset("resnet8.cifar10").probabilities(x).numpy().argmax(1)
    wanted = facts("cifar10_resnet8_float")["jpeg_test1500_accuracy"]
    assert (found == y).mean() == pytest.approx(wanted, abs=0.0015)
    quantised = models.from_preset("resnet8.cifar10_quant")
    bytes_say = quantised.probabilities(x).numpy().argmax(1)
    assert (bytes_say == y).mean() == pytest.approx(wanted, abs=0.01)
    logits = quantised.network(x[::10].astype("float32"))["logits"].numpy()
    assert (logits.argmax(1) == found[::10]).mean() > 0.9  # their weights were rounded to bytes


@needs_mirror
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # Keras's own
def test_resnet8_is_that_of_keras() -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("torch")
    keras = pytest.importorskip("keras")
    model = models.from_preset("resnet8.cifar10")
    theirs = keras.models.load_model(ROOT / model.preset.files[0].path, compile=False)
    x = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype("float32")
    want = keras.ops.convert_to_numpy(theirs(x))
    np.testing.assert_allclose(model.probabilities(x).numpy(), want, atol=1e-5)


@needs_mirror
def test_tiny_darknet_can_be_trained_with_the_published_weights() -> None:
    model = models.from_preset("tiny_darknet.imagenet")
    pictures = [ROOT / "images" / name for name in ("cat.bmp", "parrot.jpg")]
    batch = model.prepare(pictures)
    want = ps.load(ROOT / "weights" / "tiny_darknet")(batch).numpy()
    logits = model.network(batch)["logits"].numpy()
    np.testing.assert_allclose(logits, want, atol=1e-4 * np.abs(want).max())
    wanted = facts("tiny_darknet_float")
    for picture, row in zip(pictures, logits, strict=True):
        # The figure was measured with another library's resizing.
        assert row.max() == pytest.approx(wanted[picture.name]["score"], rel=0.03)
        assert row.argmax() == wanted[picture.name]["top1"]


@needs_mirror
def test_an_lstm_reads_digits() -> None:
    def read(name: str, start: int) -> Any:
        content = gzip.decompress((ROOT / "datasets" / "mnist" / name).read_bytes())
        return np.frombuffer(content, np.uint8, offset=start)

    x = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)[:500]
    y = read("t10k-labels-idx1-ubyte.gz", 8)[:500]
    model = models.from_preset("lstm.mnist_quant")
    found = model.probabilities(x).numpy().argmax(1)
    # What TensorFlow Lite's interpreter says too, if its state is made empty before each picture.
    assert (found == y).mean() == pytest.approx(0.98)
    # The published figure was measured with the state of each picture left over for the next.
    graph = ps.load(ROOT / model.preset.files[0].path, states=True).default
    states = [ps.zeros(t.shape, t.dtype.name) for t in list(graph.inputs.values())[1:]]
    right = 0
    for picture, digit in zip(x[..., 0], y, strict=True):
        made, *states = graph.run([ps.asarray(picture[None]), *states])
        right += int(made.numpy().argmax() == digit)
    wanted = facts("keras_lstm_mnist_ptq")["mnist_test_first500_accuracy"]
    assert right / len(y) == pytest.approx(wanted)
    (nine,) = model.predict(ROOT / "images" / "mnist_nine.bmp", top=1)[0]
    assert nine.label == "9"


@needs_mirror
@pytest.mark.parametrize("name", ["mobilenet_v1.person", "mobilenet_v1.person_quant"])
def test_people_are_seen_on_pictures(name: str) -> None:
    model = models.from_preset(name)
    names = ("grace_hopper.bmp", "cat.bmp", "squat.bmp", "face.jpg", "sunflower.bmp")
    pictures = [ROOT / "images" / n for n in names]
    said = [guess[0].label for guess in model.predict(pictures)]
    assert said == ["person", "no person", "person", "person", "no person"]
    # The network that can be trained says what the file's own graph says.
    scores = ps.nn.softmax(model.network(model.prepare(pictures))["logits"]).numpy()
    np.testing.assert_allclose(scores, model.probabilities(pictures).numpy(), atol=0.02 if "quant" in name else 1e-5)  # fmt: skip
