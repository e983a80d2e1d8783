"""What is written is read again: the same numbers and the same names of weights. And the hub's models as ONNX files."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphFunction, GraphModel

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from penstock_formats.onnx.writing import write  # noqa: E402
from penstock_formats.onnx.writing._verify import (  # noqa: E402
    difference,
    random_inputs,
    run_function,
)

# The format's largest and smallest; int8 and uint8; LSTMs, detectors, a segmenter; from four other formats.
HUB = {
    "coral/keras_lstm_mnist_ptq.tflite": 0.0,
    "coral/mobilenet_v1_0.25_128_quant.tflite": 0.0,
    "coral/mobilenet_v2_1.0_224_quant.tflite": 0.0,
    "micro_speech/micro_speech_quantized.tflite": 0.0,
    "mlcommons_kws/kws_ref_model.tflite": 0.0,
    "mlcommons_resnet8/pretrainedResnet.h5": 1e-5,
    "mlcommons_resnet8/pretrainedResnet.tflite": 1e-5,
    "mlcommons_resnet8/pretrainedResnet_quant.tflite": 0.0,
    "mlcommons_vww/vww_96_int8.tflite": 0.0,
    "rfb_face/version-RFB-320_without_postprocessing.onnx": 1e-4,
    "tflite_support/mobilenet_v1_0.25_224_1_default_1.tflite": 1e-5,
    "tflite_support/mobilenet_v1_0.25_224_quant.tflite": 0.0,
    "tiny_darknet/model.json": 1e-4,
    "yolo_fastest/yolo-fastest-1.1.cfg": 1e-3,
}


def read_again(model: GraphModel, folder: Path) -> Any:
    """Write a model, read the file, and compare the two on random inputs."""
    report = write(model, folder / "again.onnx")
    again = ps.load(folder / "again.onnx")
    arrays = random_inputs(model.default, 2, {}, 0)
    wanted, got = (run_function(m.default, arrays) for m in (model, again))
    for have, want in zip(got, wanted, strict=True):
        assert difference(have, want) <= 1e-4 * max(1.0, float(np.max(np.abs(want))))
    assert set(model.variables) <= set(again.variables)
    return report, again


def model_of(build: Any, shape: tuple[Any, ...], **weights: tuple[int, ...]) -> GraphModel:
    rng = np.random.default_rng(8)
    variables = {
        name: ps.Variable(rng.standard_normal(size).astype("float32") * 0.3)
        for name, size in weights.items()
    }
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", shape, name="x")
        y = build(x, **variables)
    graph.inputs, graph.outputs = [x], [y]
    function = GraphFunction(graph, "main", ["x"], ["y"])
    return GraphModel({"main": function}, variables)


def test_a_convolutional_net(tmp_path: Path) -> None:
    def build(x: Any, stem: Any, bias: Any, depth: Any, head: Any) -> Any:
        y = ps.nn.relu(ps.nn.conv2d(x, stem, strides=2, padding="same") + bias)
        y = ps.nn.avg_pool2d(ps.nn.depthwise_conv2d(y, depth, padding="same"), 2)
        return ps.nn.softmax(ps.mean(y, (1, 2)) @ head)

    sizes = {"stem": (3, 3, 3, 8), "bias": (8,), "depth": (3, 3, 8, 1), "head": (8, 5)}
    model = model_of(build, ("batch", 16, 16, 3), **sizes)
    _, again = read_again(model, tmp_path)
    assert [str(d) for d in again.default.graph.inputs[0].shape] == ["batch", "16", "16", "3"]
    with ps.GradientTape() as tape:
        loss = ps.sum(ps.square(again(np.ones((2, 16, 16, 3), "float32"))))
    assert all(g is not None for g in tape.gradient(loss, again.trainable_variables))


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3), ("simple_rnn", 1)])
def test_a_recurrent_net(tmp_path: Path, kind: str, gates: int) -> None:
    def build(x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
        return getattr(ps.nn, kind)(x, kernel, recurrent, bias)[0]

    sizes = {"kernel": (3, gates * 4), "recurrent": (4, gates * 4), "bias": (gates * 4,)}
    read_again(model_of(build, ("batch", 6, 3), **sizes), tmp_path)


@pytest.mark.parametrize("name", list(HUB))
def test_real_models(tmp_path: Path, name: str) -> None:
    if "PENSTOCK_MIRROR" not in os.environ:
        pytest.skip("PENSTOCK_MIRROR names no hub of real models")
    model = ps.load(Path(os.environ["PENSTOCK_MIRROR"]) / "weights" / name)
    report, _ = read_again(model, tmp_path)
    assert report.runtime == "onnxruntime"
    assert report.max_abs_diff <= HUB[name]
    ops = Counter(node.op_type for node in onnx.load(tmp_path / "again.onnx").graph.node)
    assert ops["Transpose"] <= 12  # at the borders, and where a detector's heads end


QUANTISED = {
    "mobilenet_v1_0.25_128_quant": "coral/mobilenet_v1_0.25_128_quant.tflite",
    "mobilenet_v1_0.25_224_quant": "tflite_support/mobilenet_v1_0.25_224_quant.tflite",
    "mobilenet_v2_1.0_224_quant": "coral/mobilenet_v2_1.0_224_quant.tflite",
}


@pytest.mark.parametrize("name", list(QUANTISED))
def test_fast_files_of_quantised_models_know_the_same_images(tmp_path: Path, name: str) -> None:
    if "PENSTOCK_MIRROR" not in os.environ:
        pytest.skip("PENSTOCK_MIRROR names no hub of real models")
    image = pytest.importorskip("PIL.Image")
    hub = Path(os.environ["PENSTOCK_MIRROR"])
    model = ps.load(hub / "weights" / QUANTISED[name])
    report = write(model, tmp_path / "fast.onnx", exact=False)
    assert report.max_abs_diff <= 16  # of 255 steps
    session = onnxruntime.InferenceSession(tmp_path / "fast.onnx")
    (given,) = session.get_inputs()
    for file, answer in json.loads((hub / "expected.json").read_text())[name].items():
        with image.open(hub / "images" / file) as opened:
            pixels = opened.convert("RGB").resize(given.shape[2:0:-1], image.BILINEAR)
        (scores,) = session.run(None, {given.name: np.asarray(pixels)[None]})
        assert int(scores.argmax()) == answer["top1"], file
