"""Ops of TensorFlow Lite one by one, against what its interpreter returned.

tflite_ops.npz holds models of a few ops each, made by the converter of TensorFlow 2.21, or by hand for LSTM layers, random
inputs, and what the interpreter made of them with its reference kernels, where it has them for all ops. Quantised models
must give the same bits.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock_formats.tflite.model import parse
from penstock_formats.tflite.read import Builder, Shared, read

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

FACTS = Path(__file__).with_name("tflite_ops.npz")


def _cases() -> list[Any]:
    with np.load(FACTS) as file:
        arrays = {name: file[name] for name in file.files}
    rows = json.loads(bytes(arrays["meta"]))
    return [
        pytest.param(
            bytes(arrays[row["model"]]),
            row["kind"],
            [arrays[i] for i in row["inputs"]],
            [arrays[o] for o in row["outputs"]],
            id=f"{row['name']}-{row['kind']}",
        )
        for row in rows
    ]


CASES = _cases()


def _model(data: bytes, tmp_path: Path) -> ps.saved.GraphModel:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    return read(path)


def _results(model: ps.saved.GraphModel, inputs: list[Any]) -> list[Any]:
    return [y.numpy() for y in model.default.run([ps.asarray(x) for x in inputs])]


@pytest.mark.parametrize(
    ("data", "kind", "inputs", "outputs"), [c for c in CASES if c.values[1] != "h"]
)
def test_ops_equal_tensorflow_lite(
    data: bytes, kind: str, inputs: Any, outputs: Any, tmp_path: Path
) -> None:
    model = _model(data, tmp_path)
    through_floats = "in_float" in model.metadata
    for y, expected in zip(_results(model, inputs), outputs, strict=True):
        assert y.dtype == expected.dtype
        if through_floats and y.dtype.kind in "iu":
            assert np.abs(y.astype(int) - expected.astype(int)).max() <= 1
        elif expected.dtype.kind in "iub":
            np.testing.assert_array_equal(y, expected)
        else:
            np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_ops_without_an_integer_kernel_are_listed(tmp_path: Path) -> None:
    """They compute in float32; all other quantised ops must have TensorFlow Lite's bits."""
    listed: set[str] = set()
    for case in CASES:
        model = _model(case.values[0], tmp_path)
        listed |= set(model.metadata.get("in_float", []))
    assert listed == {
        "BATCH_MATMUL",
        "EXP",
        "GREATER",
        "HARD_SWISH",
        "L2_NORMALIZATION",
        "LOG_SOFTMAX",
        "RSQRT",
        "ABS",
        "SQUARED_DIFFERENCE",
        "TRANSPOSE_CONV",
    }


def test_float_kernels_with_integer_weights_are_near(tmp_path: Path) -> None:
    """TensorFlow Lite rounds the inputs of these ops to 8 bits on the way; here only the weights are rounded."""
    dynamic = [c.values for c in CASES if c.values[1] == "h"]
    assert dynamic
    for data, _, inputs, outputs in dynamic:
        for y, expected in zip(_results(_model(data, tmp_path), inputs), outputs, strict=True):
            assert np.abs(y - expected).max() <= 0.03 * np.abs(expected).max()


def test_float_weights_are_variables_that_learn(tmp_path: Path) -> None:
    data, _, (x,), (expected,) = next(c.values for c in CASES if c.id == "dense-f")
    model = _model(data, tmp_path)
    assert sorted(v.shape for v in model.trainable_variables) == [(5,), (8, 5)]
    target = expected + 1.0

    def loss() -> Any:
        return ps.mean(ps.square(model(x) - target))

    before = float(loss())
    for _ in range(20):
        with ps.GradientTape() as tape:
            value = loss()
        for v, g in zip(
            model.trainable_variables, tape.gradient(value, model.trainable_variables), strict=True
        ):
            v.assign(v.value - 0.1 * g)
    assert float(loss()) < 0.5 * before


def test_half_weights_become_variables_of_float32(tmp_path: Path) -> None:
    data = next(c.values[0] for c in CASES if c.id == "conv_half-16")
    model = _model(data, tmp_path)
    assert {v.dtype.name for v in model.variables.values()} == {"float32"}
    assert "dequantize" not in model.default.graph.text()


def test_scales_of_inputs_and_outputs_are_in_the_metadata(tmp_path: Path) -> None:
    model = _model(next(c.values[0] for c in CASES if c.id == "dense-q"), tmp_path)
    for kind, specs in (("inputs", model.default.inputs), ("outputs", model.default.outputs)):
        (entry,) = model.metadata[kind].values()
        assert list(model.metadata[kind]) == list(specs)
        assert entry["scale"] > 0
        assert -128 <= entry["zero_point"] <= 127


def test_the_batch_can_have_another_size(tmp_path: Path) -> None:
    data, _, (x,), (expected,) = next(c.values for c in CASES if c.id == "conv_same-q")
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    model = read(path, batch="batch")
    y = model(np.concatenate([x, x[:, ::-1], x]))
    np.testing.assert_array_equal(y.numpy()[::2], np.concatenate([expected, expected]))


# ---- files that are no good


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: b"", "no TensorFlow Lite model"),
        (lambda d: d[:4] + b"TFL2" + d[8:], "expected 'TFL3' at byte 4"),
        (lambda d: d[: len(d) // 2], "get it again"),
        (lambda d: b"\xff\xff\xff\x7f" + d[4:], "truncated or damaged"),
    ],
)
def test_damaged_files_are_named(change: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=match):
        _model(change(CASES[0].values[0]), tmp_path)


def test_a_loop_that_is_its_own_body_is_refused(tmp_path: Path) -> None:
    model = parse(next(c.values[0] for c in CASES if c.id == "while-f"))
    body = model.subgraphs[2]
    (again,) = [o for o in model.subgraphs[0].operators if o.name == "WHILE"]
    body.operators[:] = [replace(again, inputs=body.inputs, outputs=body.outputs)]
    builder = Builder(model.subgraphs[0], Shared(model.subgraphs, {}))
    with pytest.raises(FormatError, match="expected at most 8 deep"):
        builder.run()


def test_an_op_that_is_not_known_is_named(tmp_path: Path) -> None:
    data = bytearray(next(c.values[0] for c in CASES if c.id == "log_softmax-f"))
    code = 50  # LOG_SOFTMAX, in the old and in the new field
    for place in [i for i, byte in enumerate(data) if byte == code]:
        data[place] = 46  # BIDIRECTIONAL_SEQUENCE_RNN
    with pytest.raises(FormatError, match=r"BIDIRECTIONAL_SEQUENCE_RNN.* is not supported"):
        _model(bytes(data), tmp_path)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_makes_more_than_an_error(tmp_path_factory: Any, data: Any) -> None:
    case = data.draw(st.sampled_from([c.values for c in CASES]))
    raw = bytearray(case[0])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, raw[at] ^ 1, raw[at] ^ 0x40]))
    end = data.draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))
    path = tmp_path_factory.mktemp("fuzz") / "model.tflite"
    path.write_bytes(raw[:end])
    try:
        model = read(path)
        model.default.run([ps.asarray(x) for x in case[2]])
    except PenstockError:
        pass


def test_models_are_saved_and_loaded_again(tmp_path: Path) -> None:
    for name in ("conv_same-q", "activations-f", "joins-f"):
        data, _, inputs, _ = next(c.values for c in CASES if c.id == name)
        model = _model(data, tmp_path)
        ps.save(model, tmp_path / name)
        again = ps.load(tmp_path / name)
        for y, z in zip(_results(model, inputs), _results(again, inputs), strict=True):
            np.testing.assert_array_equal(y, z)


# ---- what is packed behind a model


def _packed(data: bytes, files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    archive.write(data)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return archive.getvalue()


def test_labels_behind_the_model_are_read(tmp_path: Path) -> None:
    files = {"labels.txt": b"cat\ndog\n", "../up.txt": b"name\n", "notes.md": b"no"}
    model = _model(_packed(CASES[0].values[0], files), tmp_path)
    assert model.metadata["labels"] == {"labels.txt": ["cat", "dog"], "../up.txt": ["name"]}
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]


def test_a_bomb_behind_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="more than 4,194,304 bytes; expected labels"):
        _model(_packed(CASES[0].values[0], {"labels.txt": bytes(1 << 25)}), tmp_path)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    data = _packed(CASES[0].values[0], {"labels.txt": b"cat and dog" * 50})
    broken = bytearray(data)
    at = data.rindex(b"PK\x03\x04") + 40
    broken[at : at + 8] = b"\xff" * 8
    with pytest.raises(FormatError, match="archive behind the model cannot be read"):
        _model(bytes(broken), tmp_path)
