"""Real models in C, found through PENSTOCK_MIRROR: the answers of Penstock, and those of the hub's expected.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphModel
from penstock.saved.formats import find_format

MODELS = (
    "micro_speech/micro_speech_quantized",
    "mlcommons_kws/kws_ref_model",
    "mlcommons_kws/kws_ref_model_float32",
    "mlcommons_resnet8/pretrainedResnet",
    "mlcommons_resnet8/pretrainedResnet_quant",
    "mlcommons_vww/vww_96_float",
    "mlcommons_vww/vww_96_int8",
    "tflite_support/mobilenet_v1_0.25_224_1_default_1",
    "tflite_support/mobilenet_v1_0.25_224_quant",
)
CLASSIFIERS = {
    "mobilenet_v1_0.25_224_float": "tflite_support/mobilenet_v1_0.25_224_1_default_1",
    "mobilenet_v1_0.25_224_quant": "tflite_support/mobilenet_v1_0.25_224_quant",
    "mobilenet_v1_0.25_128_quant": "coral/mobilenet_v1_0.25_128_quant",
}


@pytest.fixture(scope="module")
def hub() -> Path:
    folder = os.environ.get("PENSTOCK_MIRROR")
    if not folder:
        pytest.skip("PENSTOCK_MIRROR names no folder of real models")
    return Path(folder)


def read(hub: Path, name: str) -> GraphModel:
    reader = find_format("tflite").read
    assert reader is not None
    model: GraphModel = reader(hub / "weights" / f"{name}.tflite")
    return model


def drawn(model: GraphModel, rng: np.random.Generator) -> list[Any]:
    made: list[Any] = []
    for spec in model.default.inputs.values():
        shape = [1 if isinstance(n, str) else n for n in spec.shape]
        if spec.dtype == "float32":
            made.append(rng.uniform(-1, 1, shape).astype("float32"))
        else:
            info = np.iinfo(spec.dtype.name)
            made.append(rng.integers(info.min, info.max + 1, shape).astype(spec.dtype.name))
    return made


@pytest.mark.parametrize("name", MODELS)
def test_integers_have_the_same_bits_and_floats_differ_by_less_than_1e_5(
    hub: Path, compiled: Any, name: str
) -> None:
    model = read(hub, name)
    run = compiled(model)
    rng = np.random.default_rng(5)
    for _ in range(3):
        inputs = drawn(model, rng)
        want = model.default.run([ps.asarray(x) for x in inputs])
        for got, y in zip(run(*inputs), want, strict=True):
            if got.dtype.kind == "f":
                assert np.abs(got - y.numpy()).max() < 1e-5
            else:
                np.testing.assert_array_equal(got, y.numpy())


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_classifiers_name_what_tensorflow_names(hub: Path, compiled: Any, name: str) -> None:
    image = pytest.importorskip("PIL.Image")
    model = read(hub, CLASSIFIERS[name])
    run = compiled(model)
    (spec,) = model.default.inputs.values()
    size = tuple(int(n) for n in spec.shape[1:3])
    for picture, fact in json.loads((hub / "expected.json").read_text())[name].items():
        with image.open(hub / "images" / picture) as opened:
            pixels = np.asarray(opened.convert("RGB").resize(size, image.BILINEAR))[None]
        x = pixels if spec.dtype == "uint8" else (pixels / 127.5 - 1).astype("float32")
        assert int(run(x)[0].argmax()) == fact["top1"], picture
