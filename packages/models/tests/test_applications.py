"""Keras's published networks against Keras: layers, sizes of weights, and outputs for the same weights."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import InvalidValueError
from penstock_models import MissingFileError, applications

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras's own

SMALL = ["MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0"]
LARGE = ["VGG16", "ResNet50", "ResNet50V2", "DenseNet121", "Xception", "MobileNetV3Large", "EfficientNetB1",
         "EfficientNetV2S", "ConvNeXtTiny", "InceptionV3", "InceptionResNetV2"]  # fmt: skip


@pytest.fixture(scope="module")
def real() -> Any:
    """Return the real Keras, on whichever backend is installed."""
    backends = [b for b in ("torch", "jax") if importlib.util.find_spec(b)]
    if importlib.util.find_spec("keras") is None or not backends:
        pytest.skip("needs Keras and a backend of it: pip install keras torch")
    os.environ.setdefault("KERAS_BACKEND", backends[0])
    return pytest.importorskip("keras")


def random_weights(model: Any) -> list[Any]:
    """Draw weights that leave activations neither tiny nor huge; what adapts to data stays."""
    rng = np.random.default_rng(0)
    drawn = []
    for weight, start in zip(model.weights, model.get_weights(), strict=True):
        if "normalization/" in weight.path and "batch" not in weight.path:
            drawn.append(start)
        elif weight.path.endswith(("variance", "gamma")):
            drawn.append(rng.uniform(0.5, 1.5, start.shape).astype("float32"))
        else:
            spread = 0.1 if start.ndim < 2 else 1 / np.sqrt(np.prod(start.shape[:-1]))
            drawn.append((rng.normal(size=start.shape) * spread).astype("float32"))
    return drawn


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_networks_are_those_of_keras(real: Any, name: str) -> None:
    shape = (64, 64, 3) if name == "VGG16" else (96, 96, 3)
    given: dict[str, Any] = {
        "weights": None,
        "input_shape": shape,
        "include_top": False,
        "pooling": "avg",
    }
    theirs, ours = (getattr(a, name)(**given) for a in (real.applications, applications))
    kinds = [[type(layer).__name__ for layer in m.layers] for m in (theirs, ours)]
    assert kinds[0] == kinds[1]
    assert theirs.name == ours.name
    assert [tuple(w.shape) for w in theirs.weights] == [tuple(w.shape) for w in ours.weights]
    weights = random_weights(theirs)
    for model in (theirs, ours):
        model.set_weights(weights)
    x = np.random.default_rng(1).uniform(0, 255, (1, *shape)).astype("float32")
    want = real.ops.convert_to_numpy(theirs(x, training=False))
    np.testing.assert_allclose(ours(x).numpy(), want, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0"])
def test_heads_are_those_of_keras(real: Any, name: str) -> None:
    given: dict[str, Any] = {"weights": None, "input_shape": (64, 64, 3), "classes": 7}
    theirs, ours = (getattr(a, name)(**given) for a in (real.applications, applications))
    weights = random_weights(theirs)
    for model in (theirs, ours):
        model.set_weights(weights)
    x = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    want = real.ops.convert_to_numpy(theirs(x, training=False))
    np.testing.assert_allclose(ours(x).numpy(), want, atol=1e-5)
    assert theirs.name == ours.name


def test_what_does_not_go_together_is_said(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setenv("PENSTOCK_MIRROR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    build = applications.MobileNet
    with pytest.raises(MissingFileError, match="Give weights=None for random ones"):
        build()
    with pytest.raises(InvalidValueError, match="use include_top=False, or weights=None"):
        build(classes=5)
    with pytest.raises(InvalidValueError, match="must be at least 32"):
        build(weights=None, input_shape=(16, 64, 3))
    with pytest.raises(InvalidValueError, match=r"expected \(height, width, channels\)"):
        build(weights=None, input_shape=(64, 64))
    with pytest.raises(InvalidValueError, match="use None, 'avg' or 'max'"):
        build(weights=None, include_top=False, pooling="sum")


def test_weights_come_from_a_file(tmp_path: Any) -> None:
    pytest.importorskip("h5py")
    given: dict[str, Any] = {"input_shape": (32, 32, 3), "include_top": False, "alpha": 0.25}
    first = applications.MobileNet(weights=None, **given)
    first.save_weights(tmp_path / "small.weights.h5")
    again = applications.MobileNet(weights=tmp_path / "small.weights.h5", **given)
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Keras's own, of an old format
@pytest.mark.parametrize("name", ["MobileNetV2"])
def test_weights_come_from_old_files_of_keras(real: Any, name: str, tmp_path: Any) -> None:
    pytest.importorskip("h5py")
    given: dict[str, Any] = {"input_shape": (75, 75, 3), "include_top": False, "pooling": "avg"}
    theirs = getattr(real.applications, name)(weights=None, **given)
    theirs.set_weights(random_weights(theirs))
    theirs.save(tmp_path / "network.h5")
    ours = getattr(applications, name)(weights=tmp_path / "network.h5", **given)
    x = np.random.default_rng(1).uniform(0, 255, (1, 75, 75, 3)).astype("float32")
    want = real.ops.convert_to_numpy(theirs(x, training=False))
    np.testing.assert_allclose(ours(x).numpy(), want, atol=1e-5 * np.abs(want).max())


def test_networks_grow_on_tensors_of_others() -> None:
    x = keras.Input((64, 64, 3))
    model = applications.MobileNetV2(
        input_tensor=keras.layers.Rescaling(1 / 127.5, -1.0)(x), weights=None, include_top=False
    )
    assert model.input_shape == (None, 64, 64, 3)
    assert "rescaling" in model.layers[1].name


def test_keras_applications_finds_them() -> None:
    assert keras.applications.MobileNetV2 is applications.MobileNetV2
    assert keras.applications.resnet.ResNet50 is applications.ResNet50


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0"])
def test_pictures_of_unknown_size_are_padded_as_in_keras(real: Any, name: str) -> None:
    pads = [
        [layer.padding for layer in model.layers if type(layer).__name__ == "ZeroPadding2D"]
        for model in (
            getattr(a, name)(weights=None, include_top=False)
            for a in (real.applications, applications)
        )
    ]
    assert pads[0] == pads[1]
    assert pads[0]
