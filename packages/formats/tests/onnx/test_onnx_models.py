"""Whole models: real weights against ONNX Runtime, exports of torch against torch, and training of what was read."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import errors, image

onnx = pytest.importorskip("onnx", reason="needs the package onnx")

from penstock_formats.onnx.read import read  # noqa: E402


@pytest.fixture
def faces() -> Path:
    hub = os.environ.get("PENSTOCK_MIRROR")
    if not hub:
        pytest.skip("PENSTOCK_MIRROR names no folder of weights")
    return Path(hub)


@pytest.fixture
def face_model(faces: Path) -> Any:
    return read(faces / "weights/rfb_face/version-RFB-320_without_postprocessing.onnx")


def _picture(faces: Path, name: str) -> Any:
    pixels = image.decode_image((faces / "images" / name).read_bytes(), channels=3)
    small = image.resize(ps.cast(pixels, "float32"), (240, 320))
    return ps.transpose(ps.expand_dims((small - 127.0) / 128.0, axis=0), (0, 3, 1, 2))


@pytest.mark.parametrize("name", ["face.jpg", "grace_hopper.bmp"])
def test_a_real_detector_gives_the_scores_that_were_measured(
    faces: Path, face_model: Any, name: str
) -> None:
    expected = json.loads((faces / "expected.json").read_text())["rfb_320_face_float"][name]
    results = face_model(_picture(faces, name))
    assert float(ps.max(results["scores"][..., 1])) == pytest.approx(
        expected["max_face_score"], abs=1e-3
    )


def test_a_real_detector_equals_onnx_runtime(faces: Path, face_model: Any) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="compares with ONNX Runtime")
    x = _picture(faces, "face.jpg")
    path = faces / "weights/rfb_face/version-RFB-320_without_postprocessing.onnx"
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = session.run(None, {"input": x.numpy()})
    for name, want in zip(face_model.default.outputs, expected, strict=True):
        np.testing.assert_allclose(face_model(x)[name].numpy(), want, atol=1e-4)


def test_a_real_detector_has_transposes_only_at_its_borders(face_model: Any) -> None:
    nodes = face_model.default.graph.nodes
    convolutions = [n for n in nodes if n.op in ("conv2d", "depthwise_conv2d")]
    moved = [n for n in nodes if n.op == "transpose"]
    assert len(convolutions) > 50
    assert len(moved) == 1
    assert moved[0].inputs[0].node.op == "placeholder"


def _train(model: Any, loss_of: Any, steps: int = 8, rate: float = 0.05) -> list[float]:
    losses = []
    for _ in range(steps):
        with ps.GradientTape() as tape:
            loss = loss_of(model)
        losses.append(float(loss))
        variables = model.trainable_variables
        for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
            if g is not None:
                v.assign_sub(rate * g)
    return losses


def test_a_real_detector_learns(faces: Path, face_model: Any) -> None:
    x = _picture(faces, "face.jpg")
    before = face_model(x)["scores"].numpy()
    target = ps.asarray(before[..., ::-1].copy())
    losses = _train(
        face_model, lambda m: ps.mean((m(x)["scores"] - target) ** 2), steps=3, rate=0.5
    )
    assert losses[-1] < 0.9 * losses[0]


def _torch_file(
    path: Path, module: Any, inputs: tuple[Any, ...], dynamic: dict[str, dict[int, str]]
) -> Path:
    torch = pytest.importorskip("torch", reason="compares with torch")
    names = [f"x{i}" for i in range(len(inputs))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from the exporter
        torch.onnx.export(
            module.eval(),
            inputs,
            path,
            input_names=names,
            dynamic_axes=dynamic,
            opset_version=17,
            dynamo=False,
        )
    return path


def _equals_torch(path: Path, module: Any, *shapes: tuple[int, ...]) -> Any:
    """Export with one batch size, compare with others."""
    import torch

    dynamic = {f"x{i}": {0: "batch"} for i in range(len(shapes))}
    _torch_file(path, module, tuple(torch.randn(2, *shape) for shape in shapes), dynamic)
    model = read(path)
    assert [s.shape[0] for s in model.default.inputs.values()] == ["batch"] * len(shapes)
    for batch in (1, 2, 5):
        xs = [torch.randn(batch, *shape) for shape in shapes]
        with torch.no_grad():
            expected = module(*xs)
        expected = expected if isinstance(expected, tuple) else (expected,)
        results = model.default.run([ps.asarray(x.numpy()) for x in xs])
        for have, want in zip(results, expected, strict=True):
            np.testing.assert_allclose(have.numpy(), want.numpy(), atol=1e-4)
    return model


def test_a_convolutional_network_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, groups=2, bias=False),
                nn.BatchNorm2d(channels),
                nn.Hardswish(),
            )

        def forward(self, x: Any) -> Any:
            return x + self.layers(x)

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Block(8),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
        nn.LogSoftmax(1),
    )
    for _ in range(3):
        module(torch.randn(4, 3, 33, 31))  # running means that are not zero
    module.eval()
    model = _equals_torch(tmp_path / "net.onnx", module, (3, 33, 31))
    x = ps.random.normal((6, 3, 33, 31), seed=1)
    labels = ps.asarray([0, 1, 2, 3, 4, 0])
    losses = _train(model, lambda m: ps.mean(ps.nll_loss(m(x), labels)), rate=0.5)
    assert losses[-1] < losses[0] - 0.05


def test_filters_for_each_channel(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=(1, 2), stride=2, groups=4),
        nn.Conv2d(8, 8, (3, 2), dilation=2, groups=8, bias=False),
        nn.Flatten(2),
        nn.Conv1d(8, 16, 3, groups=8, stride=2, padding=1),
        nn.ConvTranspose1d(16, 4, 3, stride=2, groups=2, padding=1, output_padding=1),
    )
    model = _equals_torch(tmp_path / "net.onnx", module, (4, 17, 18))
    ops = [n.op for n in model.default.graph.nodes]
    assert ops.count("depthwise_conv2d") == 3
    assert "conv2d" not in ops


def test_a_model_that_was_read_can_be_saved(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    model = _equals_torch(tmp_path / "net.onnx", module, (3, 6))
    ps.save(model, tmp_path / "net")
    x = ps.random.normal((2, 3, 6), seed=1)
    again = ps.load(tmp_path / "net")
    assert again(x).tolist() == model(x).tolist()
    assert sorted(again.variables) == sorted(model.variables) == ["0.bias", "0.weight"]


def test_a_model_that_was_read_written_and_read_is_the_same(
    tmp_path: Path, faces: Path, face_model: Any
) -> None:
    pytest.importorskip("onnxruntime", reason="what is written is run in ONNX Runtime")
    path = tmp_path / "again.onnx"
    ps.save(face_model, path)
    again = read(path)
    x = _picture(faces, "face.jpg")
    for name, want in face_model(x).items():
        np.testing.assert_allclose(again(x)[name].numpy(), want.numpy(), atol=1e-6)
    assert sorted(again.variables) == sorted(face_model.variables)
    moved = [n for n in again.default.graph.nodes if n.op == "transpose"]
    assert len(moved) == 1


def test_a_transformer_block_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(11, 16)
            self.attend = torch.nn.MultiheadAttention(16, 4, batch_first=True)
            self.first, self.second = torch.nn.LayerNorm(16), torch.nn.LayerNorm(16)
            self.up, self.down = torch.nn.Linear(16, 32), torch.nn.Linear(32, 16)

        def forward(self, x: Any) -> Any:
            x = x + self.embed.weight[:7]
            x = self.first(x + self.attend(x, x, x, need_weights=False)[0])
            return self.second(x + self.down(torch.nn.functional.gelu(self.up(x))))

    torch.manual_seed(0)
    model = _equals_torch(tmp_path / "encoder.onnx", Encoder().eval(), (7, 16))
    x, target = ps.random.normal((3, 7, 16), seed=1), ps.random.normal((3, 7, 16), seed=2)
    losses = _train(model, lambda m: ps.mean((m(x) - target) ** 2))
    assert losses[-1] < losses[0] - 0.05


def test_recurrent_networks_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(5, 6, batch_first=True, bidirectional=True, num_layers=2)
            self.gru = torch.nn.GRU(12, 4, batch_first=True)

        def forward(self, x: Any) -> Any:
            rows, (h, _) = self.lstm(x)
            return self.gru(rows)[0], h

    torch.manual_seed(0)
    model = _equals_torch(tmp_path / "net.onnx", Net().eval(), (9, 5))
    x = ps.random.normal((3, 9, 5), seed=1)
    name = next(iter(model.default.outputs))
    losses = _train(model, lambda m: ps.mean((m(x)[name] - 0.5) ** 2), rate=0.5)
    assert losses[-1] < losses[0]


def test_sizes_that_vary_stay_names_through_arithmetic_of_shapes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")

    class Net(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            batch, channels, height, width = x.shape
            rows = x.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
            grid = (
                torch.arange(height * width, dtype=x.dtype)
                .view(1, -1, 1)
                .expand(batch, -1, channels)
            )
            wide = torch.nn.functional.interpolate(x, size=(height * 2, width * 3), mode="nearest")
            return torch.cat([rows, grid, torch.zeros(batch, height * width, 1)], 2), wide

    path = tmp_path / "net.onnx"
    dynamic = {"x0": {0: "batch", 2: "height", 3: "width"}}
    _torch_file(path, Net(), (torch.randn(2, 3, 4, 5),), dynamic)
    model = read(path)
    for shape in ((2, 3, 4, 5), (1, 3, 7, 2), (3, 3, 1, 1)):
        x = torch.randn(*shape)
        results = model.default.run([ps.asarray(x.numpy())])
        for have, want in zip(results, Net()(x), strict=True):
            np.testing.assert_allclose(have.numpy(), want.numpy(), atol=1e-5)


_LOOPS = """
    <ir_version: 8, opset_import: ["" : 18]>
    loops (float[n] x, int64 count) => (float[n] y, float[rounds, n] rows, float[n] z, float[n] w) {
        on = Constant <value = bool {1}> ()
        half = Constant <value = float {0.5}> ()
        three = Constant <value = int64 {3}> ()
        y, rows = Loop <body = counted (int64 i, bool c, float[n] t) => (bool c2, float[n] t2, float[n] r) {
            c2 = Identity(c)
            less = Mul(t, half)
            t2 = Add(less, x)
            r = Identity(t2)
        }> (three, on, x)
        z = Loop <body = open (int64 j, bool d, float[n] u) => (bool d2, float[n] u2) {
            less2 = Mul(u, half)
            u2 = Sub(less2, x)
            top = ReduceMax <keepdims = 0> (u2)
            limit = Constant <value = float {3.0}> ()
            d2 = Less(top, limit)
        }> (count, on, x)
        total = ReduceSum <keepdims = 0> (x)
        zero = Constant <value = float {0.0}> ()
        positive = Greater(total, zero)
        w = If (positive) <
            then_branch = yes () => (float[n] a) { a = Add(x, half) },
            else_branch = no () => (float[n] b) { b = Sub(x, half) }
        >
    }"""


def test_loops_and_branches_equal_the_reference(tmp_path: Path) -> None:
    from onnx.reference import ReferenceEvaluator

    message = onnx.parser.parse_model(_LOOPS)
    path = tmp_path / "loops.onnx"
    onnx.save(message, path)
    model, eager = read(path), read(path, eager=True)
    assert {n.op for n in model.default.graph.nodes} >= {"scan", "while", "cond"}
    for x, count in (([1.0, -2.0, 3.0], 4), ([-1.0, -2.0], 0), ([-5.0], 7)):
        inputs = [np.array(x, np.float32), np.array(count)]
        expected = ReferenceEvaluator(message).run(
            None, dict(zip(("x", "count"), inputs, strict=True))
        )
        for results in (model.default.run([ps.asarray(i) for i in inputs]), eager.run(inputs)):
            for have, want in zip(results, expected, strict=True):
                np.testing.assert_allclose(have.numpy(), want, rtol=1e-6)


def test_what_depends_on_numbers_runs_node_by_node(tmp_path: Path) -> None:
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 18]>
        chosen (float[n] x, float[1] w) => (float[m] y) {
            zero = Constant <value = float {0.0}> ()
            hit = Greater(x, zero)
            found = Compress(x, hit)
            y = Mul(found, w)
        }""")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2.0], np.float32), "w"))
    path = tmp_path / "chosen.onnx"
    onnx.save(model, path)
    with pytest.raises(errors.FormatError, match="read the model with eager=True"):
        read(path)
    chosen = read(path, eager=True)
    x = ps.asarray([1.0, -2.0, 3.0])
    assert chosen(x).tolist() == [2.0, 6.0]
    with ps.GradientTape() as tape:
        tape.watch(x)
        total = ps.sum(chosen(x))
    by_x, by_w = tape.gradient(total, [x, chosen.variables["w"]])
    assert by_x.tolist() == [2.0, 0.0, 2.0]
    assert by_w.tolist() == [4.0]


def test_a_table_of_positions_is_cut_to_the_length_of_the_input(tmp_path: Path) -> None:
    """As exported encoders do: positions[:, :tokens], of which the file says nothing but the name."""
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 13]>
        cut (int64[batch, tokens] ids) => (int64[batch, tokens] y)
        <int64[1, 6] table = {10, 11, 12, 13, 14, 15}, int64[1] zero = {0}, int64[1] one = {1}>
        {
            sizes = Shape(ids)
            tokens = Gather(sizes, one)
            part = Slice(table, zero, tokens, one)
            y = Add(ids, part)
        }""")
    onnx.save(model, tmp_path / "cut.onnx")
    cut = read(tmp_path / "cut.onnx")
    for tokens in (1, 2, 6):
        got = cut(np.zeros((2, tokens), np.int64)).numpy()
        np.testing.assert_array_equal(got, np.tile(np.arange(10, 10 + tokens), (2, 1)))
    with pytest.raises(errors.ShapeError, match="tokens"):
        cut(np.zeros((2, 7), np.int64))
