"""`keras.applications` without the package of models: what works, and what says how to install it."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock_keras_api.applications import imagenet_utils

X = np.random.default_rng(1).uniform(0, 255, (2, 3, 4, 3)).astype(np.float32)
FAMILIES = [
    "convnext", "densenet", "efficientnet", "efficientnet_v2", "inception_resnet_v2", "inception_v3", "mobilenet",
    "mobilenet_v2", "mobilenet_v3", "nasnet", "resnet", "resnet50", "resnet_v2", "vgg16", "vgg19", "xception",
]  # fmt: skip
missing = pytest.mark.skipif(
    importlib.util.find_spec("penstock_models") is not None, reason="the package of models is here"
)


@pytest.mark.parametrize("family", FAMILIES)
def test_preprocess_input(real: Any, family: str) -> None:
    want, got = (getattr(k.applications, family).preprocess_input(X.copy()) for k in (real, keras))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert isinstance(got, np.ndarray)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_preprocess_input_of_channels_first_and_of_tensors(real: Any, mode: str) -> None:
    x = np.moveaxis(X, -1, 1).copy()
    want = real.applications.imagenet_utils.preprocess_input(x.copy(), "channels_first", mode)
    utils = keras.applications.imagenet_utils
    got = utils.preprocess_input(keras.ops.array(x), "channels_first", mode)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5, atol=1e-4)


def test_preprocess_input_inside_of_a_model() -> None:
    image = keras.Input((3, 4, 3))
    model = keras.Model(image, keras.applications.resnet50.preprocess_input(image))
    want = keras.applications.resnet50.preprocess_input(X)
    np.testing.assert_allclose(model.predict(X, verbose=0), want, rtol=1e-5, atol=1e-4)


def test_decode_predictions_sorts_and_names() -> None:
    index = {str(n): [f"n{n:08}", f"name {n}"] for n in range(1000)}
    preds = np.zeros((1, 1000))
    preds[0, [7, 300]] = 0.6, 0.4
    assert imagenet_utils.likeliest(preds, index, 2) == [
        [("n00000007", "name 7", 0.6), ("n00000300", "name 300", 0.4)]
    ]


@missing
def test_a_model_says_what_to_install() -> None:
    assert "ResNet50" in dir(keras.applications)
    from penstock_keras_api.applications.resnet50 import ResNet50

    for name in (keras.applications.ResNet50, ResNet50):
        with pytest.raises(ImportError, match="pip install penstock-models"):
            name(weights=None)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda u: u.preprocess_input(X, mode="keras"), "use 'caffe', 'tf' or 'torch'"),
        (lambda u: u.preprocess_input(X[..., :2]), "give three channels"),
        (lambda u: u.decode_predictions(np.zeros((1, 10))), "include_top=True"),
    ],
)
def test_errors_say_what_to_give(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call(keras.applications.imagenet_utils)


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="it has ConvNeXtBase"):
        _ = keras.applications.ResNet51
