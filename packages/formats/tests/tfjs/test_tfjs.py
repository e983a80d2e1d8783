"""Layers models of TensorFlow.js: a small one against NumPy, the hub's against expected.json, and damaged files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock.saved import GraphModel
from penstock_formats.tfjs.read import read

LAYERS = [
    {
        "class_name": "Dense",
        "config": {"name": "a", "units": 3, "activation": "relu", "batch_input_shape": [None, 4]},
    },
    {
        "class_name": "Dense",
        "config": {"name": "b", "units": 2, "activation": "linear", "use_bias": False},
    },
]


def _content() -> dict[str, Any]:
    def weight(name: str, *shape: int, **more: Any) -> dict[str, Any]:
        return {"name": name, "shape": list(shape), "dtype": "float32", **more}

    config = {"class_name": "Sequential", "config": {"name": "small", "layers": LAYERS}}
    rule = {"dtype": "uint8", "scale": 0.02, "min": -1.5}
    return {
        "modelTopology": {
            "keras_version": "2.4.0",
            "backend": "tensorflow",
            "model_config": config,
        },
        "weightsManifest": [
            {
                "paths": ["one.bin", "two.bin"],
                "weights": [weight("a/kernel", 4, 3), weight("a/bias", 3)],
            },
            {"paths": ["three.bin"], "weights": [weight("b/kernel", 3, 2, quantization=rule)]},
        ],
    }


RNG = np.random.default_rng(6)
KERNEL, BIAS = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=3).astype("float32")
STEPS = RNG.integers(0, 256, (3, 2)).astype("uint8")


def _write(folder: Path, content: dict[str, Any]) -> Path:
    numbers = KERNEL.tobytes() + BIAS.tobytes()
    (folder / "one.bin").write_bytes(numbers[:21])
    (folder / "two.bin").write_bytes(numbers[21:])
    (folder / "three.bin").write_bytes(STEPS.tobytes())
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def test_a_model_computes_what_its_layers_say(tmp_path: Path) -> None:
    model = read(_write(tmp_path, _content()))
    assert isinstance(model, GraphModel)
    x = RNG.normal(size=(5, 4)).astype("float32")
    expected = np.maximum(x @ KERNEL + BIAS, 0) @ (STEPS * np.float32(0.02) - np.float32(1.5))
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5, atol=1e-5)
    assert list(model.variables) == ["a/kernel", "a/bias", "b/kernel"]


def _changed(*path: Any, to: Any) -> dict[str, Any]:
    content = _content()
    inner: Any = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return content


GROUP = ("weightsManifest", 0)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (_changed(*GROUP, "paths", to=["../one.bin"]), "outside its folder.*do not use it"),
        (_changed(*GROUP, "paths", to=["/etc/hostname"]), "outside its folder"),
        (_changed(*GROUP, "paths", to=["none.bin"]), "expected the weights beside the model"),
        (_changed(*GROUP, "paths", to=["one.bin"]), "goes beyond its file"),
        (_changed("weightsManifest", 1, "paths", to=["two.bin"]), "have 39 bytes"),
        (_changed(*GROUP, "weights", 0, "dtype", to="string"), "is of 'string'; expected one of"),
        (_changed(*GROUP, "weights", 0, "shape", to=[-1, 3]), "the shape of 'a/kernel'"),
        (_changed(*GROUP, "weights", 0, "shape", to=[3, 4]), "of another shape: a/kernel"),
        (
            _changed(*GROUP, "weights", 0, "name", to="c/kernel"),
            "missing: a/kernel; extra: c/kernel",
        ),
        (_changed("weightsManifest", to=None), "weightsManifest is None, not a list"),
        (_changed("modelTopology", to={"node": []}), "this is a graph model"),
        (_changed("modelTopology", to=[]), "modelTopology is"),
        ({"Variable": {"filename": "one.bin", "shape": [2]}}, "has 21 bytes"),
        ({}, "expected a model.json"),
    ],
)
def test_bad_files_are_named(content: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=match):
        read(_write(tmp_path, content))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_damage_makes_more_than_an_error(tmp_path_factory: Any, data: Any) -> None:
    folder = _write(tmp_path_factory.mktemp("fuzz"), _content())
    text = bytearray((folder / "model.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from([*b'0123456789-,[]{}":n', 0, 0xFF]))
    (folder / "model.json").write_bytes(text[: data.draw(st.integers(len(text) // 2, len(text)))])
    try:
        model = read(folder)
        assert isinstance(model, GraphModel)
        model(np.zeros((1, 4), "float32"))
    except PenstockError:
        pass


# ---- real models


@pytest.fixture
def hub() -> Path:
    if not (folder := os.environ.get("PENSTOCK_MIRROR")):
        pytest.skip("PENSTOCK_MIRROR names no folder of real models")
    return Path(folder)


def _pixels(path: Path, size: tuple[int, int]) -> Any:
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        return np.asarray(opened.convert("RGB").resize(size, image.BILINEAR), "float32")[None]


def test_tiny_darknet_knows_the_images(hub: Path) -> None:
    model = read(hub / "weights/tiny_darknet")
    answers = json.loads((hub / "expected.json").read_text())["tiny_darknet_float"]
    labels = (hub / "labels/imagenet.shortnames.list").read_text().splitlines()
    assert isinstance(model, GraphModel)
    for file, answer in answers.items():
        scores = model(_pixels(hub / "images" / file, (224, 224)) / 255).numpy()[0]
        assert int(scores.argmax()) == answer["top1"]
        assert labels[answer["top1"]] == answer["label"]
        assert scores.max() == pytest.approx(answer["score"], abs=2e-3)


def test_weights_of_the_first_releases_paint_a_wave(hub: Path) -> None:
    """The style network of Johnson and others: three layers down, five residual blocks, three layers up."""
    tensors = read(hub / "weights/fast_style_transfer_wave/manifest.json", weights_only=True)
    assert isinstance(tensors, dict)
    assert len(tensors) == 48
    rows = iter([tensors["Variable" if i == 0 else f"Variable_{i}"] for i in range(48)])

    def layer(x: Any, stride: int = 1, *, up: bool = False) -> Any:
        filter, shift, scale = next(rows), next(rows), next(rows)
        op = ps.conv2d_transpose if up else ps.conv2d
        x = op(x, filter, strides=stride, padding="same")
        return ps.instance_norm(x, scale, shift, epsilon=1e-3)

    x: Any = _pixels(hub / "images/content_chicago.jpg", (128, 128))
    original = x
    for stride in (1, 2, 2):
        x = ps.relu(layer(x, stride))
    for _ in range(5):
        x = x + layer(ps.relu(layer(x)))
    for _ in range(2):
        x = ps.relu(layer(x, 2, up=True))
    painted = (ps.tanh(layer(x)) * 150 + 127.5).numpy()
    assert painted.shape == original.shape
    # The picture is still there, in the blue and beige of the print.
    assert 0.4 < np.corrcoef(painted.mean(-1).ravel(), original.mean(-1).ravel())[0, 1] < 0.98
    assert painted.std() > 20
