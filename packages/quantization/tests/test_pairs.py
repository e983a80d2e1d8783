"""Models that others quantised, with pairs of quantise and dequantise around float ops, compute in integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphFunction, GraphModel
from penstock_quantization import convert

LAYERS = {"conv2d", "depthwise_conv2d", "matmul"}


def ops_of(model: GraphModel) -> list[str]:
    return [node.op for node in model.default.graph.nodes]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_file_of_another_tool(learned: Any, tmp_path: Path, kind: str, per_channel: bool) -> None:
    """ONNX Runtime quantises; our integers answer as its own do, and no float layer is left."""
    pytest.importorskip("penstock_formats")
    onnxruntime = pytest.importorskip("onnxruntime")
    theirs = pytest.importorskip("onnxruntime.quantization")
    ps.save(learned.model, tmp_path / "float.onnx")

    class Examples(theirs.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.batches = iter([{"x": learned.x[i : i + 100]} for i in range(0, 500, 100)])

        def get_next(self) -> Any:
            return next(self.batches, None)

    files = str(tmp_path / "float.onnx"), str(tmp_path / "pairs.onnx")
    types = {"activation_type": getattr(theirs.QuantType, kind), "per_channel": per_channel}
    theirs.quantize_static(*files, Examples(), weight_type=theirs.QuantType.QInt8, **types)
    imported = ps.load(files[1])
    made = convert(imported)
    ops = ops_of(made)
    assert not LAYERS & set(ops)
    assert {"quantized_conv2d", "quantized_matmul"} <= set(ops)
    assert ops.count("dequantize") <= len(made.default.outputs) + ops.count("mean")
    session = onnxruntime.InferenceSession(files[1])
    wanted = session.run(None, {"x": learned.test_x})[0]
    got = np.asarray(made(learned.test_x))
    step = (wanted.max() - wanted.min()) / 255
    assert np.abs(got - wanted).max() < 4 * step
    assert (
        np.abs(got - wanted).mean() < 0.5 * step
    )  # what is rounded last differs by a quarter step
    ps.save(made, tmp_path / "integers")
    np.testing.assert_array_equal(ps.load(tmp_path / "integers")(learned.test_x), got)


def pairs_around_a_product(signed: bool) -> tuple[GraphModel, Any]:
    """A dense layer with pairs before it and behind it, written with this project's ops."""
    dtype, zero = ("int8", -3) if signed else ("uint8", 125)
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (12, 7)).astype("int8")
    scales = rng.uniform(0.01, 0.02, 7).astype("float32")

    def rounded(x: Any, scale: float) -> Any:
        return ps.dequantize(ps.quantize(x, scale, zero, dtype=dtype), scale, zero)

    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 12), name="x")
        w = ps.dequantize(weights, scales, np.zeros(7, "int32"))
        graph.inputs, graph.outputs = [x], [rounded(ps.matmul(rounded(x, 0.02), w), 0.25)]
    return GraphModel({"main": GraphFunction(graph)}, {}), (weights, scales)


@pytest.mark.parametrize("signed", [True, False])
def test_scales_are_taken_as_they_are(signed: bool) -> None:
    rng = np.random.default_rng(5)
    model, (weights, scales) = pairs_around_a_product(signed)
    made = convert(model)
    assert ops_of(made).count("quantized_matmul") == 1
    x = rng.standard_normal((50, 12)).astype("float32")
    steps = np.clip(np.round(x / np.float32(0.02)), -125, 130).astype(np.int64)
    sums = steps @ weights.astype(np.int64)
    exact = sums * (0.02 * scales.astype(np.float64)) / 0.25
    clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-3
    limits = (-125, 130)
    want = 0.25 * np.clip(np.round(exact), *limits)
    got = np.asarray(made(x))
    assert clear.mean() > 0.9
    np.testing.assert_allclose(got[clear], want[clear], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(model(x))[clear], want[clear], rtol=1e-6)


def test_what_has_no_integer_form_stays_float() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 4), name="x")
        y = ps.dequantize(ps.quantize(x, 0.1, 0), 0.1, 0)
        graph.inputs, graph.outputs = [x], [ps.tanh(y)]
    made = convert(GraphModel({"main": GraphFunction(graph)}, {}))
    assert ops_of(made) == ["placeholder", "tanh"]
