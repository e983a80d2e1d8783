"""Imported models of the real world go through a saved folder, and compute the same bits afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import penstock as ps
from penstock.saved._samples import samples

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
FILES = [
    "coral/mobilenet_v1_0.25_128_quant.tflite",
    "coral/keras_lstm_mnist_ptq.tflite",
    "micro_speech/micro_speech_quantized.tflite",
    "mlcommons_resnet8/pretrainedResnet.h5",
    "mlcommons_vww/vww_96_float.tflite",
    "movie_review/text_classification.tflite",
    "rfb_face/version-RFB-320_without_postprocessing.onnx",
    "yolo_fastest/yolo-fastest-1.1.cfg",
]


@pytest.mark.skipif(not MIRROR, reason="needs the model files that PENSTOCK_MIRROR names")
@pytest.mark.parametrize("name", FILES)
def test_a_model_is_saved_and_loaded(tmp_path: Path, name: str) -> None:
    path = Path(MIRROR) / "weights" / name
    if not path.exists():
        pytest.skip(f"the mirror has no {name}")
    model = ps.load(path)
    inputs = samples(model.default)
    ps.save(model, tmp_path / "net", golden=tuple(inputs))
    again = ps.load(tmp_path / "net")
    assert again.default.is_optimized
    assert again.metadata.keys() == model.metadata.keys()
    pairs = zip(model.default.run(inputs), again.default.run(inputs), strict=True)
    for wanted, found in pairs:
        assert found.numpy().tobytes() == wanted.numpy().tobytes()
