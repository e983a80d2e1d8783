"""Darknet nets: small ones against NumPy, real ones against the boxes in the hub's expected.json, and damaged files."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import penstock as ps
from penstock.errors import FormatError, PenstockError
from penstock_formats.darknet.read import read

HEADER = struct.pack("<3iq", 0, 2, 5, 1000)
CFG = """
[net]
width=6
height=4
channels=2

# a normalised layer
[convolutional]
batch_normalize=1
filters=3
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[upsample]
stride=2

[route]
layers=-1,0

[convolutional]
filters=4
size=1
activation=linear

[shortcut]
from=-1
activation=relu

[connected]
output=5
activation=logistic
"""
# scales are positive and so are variances
SIZES = [3, 3, 3, 3, 3 * 2 * 9, 4, 4 * 6, 5, 5 * 96]


@pytest.fixture
def numbers() -> list[Any]:
    rng = np.random.default_rng(3)
    made = [rng.normal(size=n).astype("float32") for n in SIZES]
    made[3] = np.abs(made[3]) + 0.5
    return made


def _write(folder: Path, cfg: str, weights: bytes) -> Path:
    path = folder / "net.cfg"
    path.write_text(cfg)
    path.with_suffix(".weights").write_bytes(weights)
    return path


def _bytes(numbers: list[Any]) -> bytes:
    return HEADER + b"".join(n.tobytes() for n in numbers)


def _convolved(x: Any, filters: Any, pad: int) -> Any:
    """Channels first, as darknet has them."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    return np.stack(
        [
            sum(signal.correlate2d(c, f, "valid") for c, f in zip(x, fs, strict=True))
            for fs in filters
        ]
    )


def _by_hand(x: Any, numbers: list[Any]) -> Any:
    offset, scale, mean, variance, first, bias, second, last_bias, matrix = numbers
    y = _convolved(x, first.reshape(3, 2, 3, 3), 1)
    columns = [v[:, None, None] for v in (mean, variance, scale, offset)]
    y = (y - columns[0]) / np.sqrt(columns[1] + 1e-5) * columns[2] + columns[3]
    y = np.where(y > 0, y, 0.1 * y)
    # A window of 2 and a step of 2, with a row and a column of padding behind.
    pooled = y.reshape(3, 2, 2, 3, 2).max((2, 4))
    joined = np.concatenate([pooled.repeat(2, 1).repeat(2, 2), y])
    z = _convolved(joined, second.reshape(4, 6, 1, 1), 0) + bias[:, None, None]
    z = np.maximum(z + z, 0)
    return 1 / (1 + np.exp(-(matrix.reshape(5, 96) @ z.ravel() + last_bias)))


def test_layers_compute_what_darknet_does(tmp_path: Path, numbers: list[Any]) -> None:
    model = read(_write(tmp_path, CFG, _bytes(numbers)))
    x = np.random.default_rng(4).uniform(0, 1, (3, 2, 4, 6)).astype("float32")
    expected = [_by_hand(image.astype(float), numbers) for image in x]
    np.testing.assert_allclose(model(x.transpose(0, 2, 3, 1)).numpy(), expected, rtol=1e-4)
    assert list(model.functions) == ["main"]
    assert "layer0/rolling_mean" in model.variables
    assert len(model.trainable_variables) == len(model.variables) - 2


def test_older_headers_are_shorter(tmp_path: Path, numbers: list[Any]) -> None:
    old = struct.pack("<4i", 0, 1, 0, 1000) + _bytes(numbers)[len(HEADER) :]
    model = read(_write(tmp_path, CFG, old))
    np.testing.assert_array_equal(model.variables["layer0/biases"].value.numpy(), numbers[0])


YOLO = """
[net]
width=8
height=4
channels=12
[yolo]
mask=1,0
anchors=2,3, 4,5
classes=1
scale_x_y=1.2
"""


def test_boxes_are_decoded(tmp_path: Path) -> None:
    model = read(_write(tmp_path, YOLO, HEADER), score_threshold=0.1)
    x = np.random.default_rng(5).normal(size=(1, 4, 8, 12)).astype("float32")
    boxes, scores = (y.numpy() for y in model.functions["boxes"](x).values())
    t = x.reshape(4, 8, 2, 6)[2, 5, 1]  # row 2, column 5, anchor 0
    s = 1 / (1 + np.exp(-t.astype(float)))
    middle = (np.array([5, 2]) + s[:2] * 1.2 - 0.1) / [8, 4]
    size = np.exp(t[2:4]) * [2, 3] / [8, 4]
    place = (2 * 8 + 5) * 2 + 1
    np.testing.assert_allclose(
        boxes[0, place], [*(middle - size / 2), *(middle + size / 2)], rtol=1e-5
    )
    np.testing.assert_allclose(scores[0, place, 0], s[4] * s[5], rtol=1e-5)
    found = {k: v.numpy() for k, v in model.functions["detect"](x).items()}
    count = int(found["count"])
    assert 0 < count < 64
    assert (np.diff(found["scores"][:count]) <= 0).all()
    assert found["scores"][0] == scores.max()
    assert not found["boxes"][count:].any()


@pytest.mark.parametrize(
    ("cfg", "change", "match"),
    [
        (CFG, lambda w: w[:10], r"header of 16 or 20"),
        (CFG, lambda w: w[:-3], r"multiple of 4; the file is truncated"),
        (
            CFG,
            lambda w: w[:-4],
            r"layer6/weights of shape \[5, 96\] needs 480.*get the matching file",
        ),
        (CFG, lambda w: w + b"\0" * 8, r"numbers and the layers take.*get the matching file"),
        (CFG, lambda w: b"\xff" * len(w), r"version -1.-1; expected one below 1000"),
        (
            CFG.replace("[maxpool]", "[magic]"),
            None,
            r"\[magic\] in line 16 is not supported; expected",
        ),
        (CFG.replace("filters=3", "filters=many"), None, r"filters=many; expected a whole number"),
        (
            CFG.replace("layers=-1,0", "layers=-9"),
            None,
            r"layers=-9; expected layers before this one",
        ),
        (CFG.replace("leaky", "wild"), None, r"activation=wild.*use one of linear, leaky"),
        (
            CFG.replace("stride=2\n\n[route]", "stride=3\n\n[route]"),
            None,
            r"expected equal heights",
        ),
        (CFG.replace("[net]", "[nut]"), None, r"does not begin with \[net\]"),
        (CFG.replace("width=6", "width=99999"), None, r"at most 8192 a side"),
        (
            CFG.replace("stride=2\n\n[route]", "stride=9999\n\n[route]"),
            None,
            r"stride=9999; expected at most 64",
        ),
        (
            CFG.replace("stride=2\n\n[route]", "stride=64\n\n[route]").replace(
                "=6\nheight=4", "=600\nheight=400"
            ),
            None,
            r"at most 134,217,728 numbers",
        ),
        ("hello", None, r"line 1 is 'hello'; expected a \[section\]"),
        (YOLO.replace("mask=1,0", "mask=1,7"), lambda w: HEADER, r"as anchors and mask 1, 7"),
        (YOLO.replace("channels=12", "channels=9"), lambda w: HEADER, r"expected 2 anchors"),
    ],
)
def test_bad_files_are_named(
    cfg: str, change: Any, match: str, tmp_path: Path, numbers: list[Any]
) -> None:
    weights = _bytes(numbers)
    with pytest.raises(FormatError, match=match):
        read(_write(tmp_path, cfg, change(weights) if change else weights))


def test_missing_weights_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "net.cfg").write_text(CFG)
    with pytest.raises(FormatError, match="or say weights="):
        read(tmp_path / "net.cfg")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_makes_more_than_an_error(tmp_path_factory: Any, data: Any) -> None:
    text = bytearray(data.draw(st.sampled_from([CFG, YOLO])).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from([*b"0123456789-,=[]\n", 0, 0xFF]))
    count = data.draw(st.integers(0, 1000))
    path = tmp_path_factory.mktemp("fuzz") / "net.cfg"
    path.write_bytes(text)
    path.with_suffix(".weights").write_bytes(HEADER + bytes(4 * count))
    try:
        model = read(path)
        (spec,) = model.default.inputs.values()
        model(np.zeros((1, *spec.shape[1:]), "float32"))
    except PenstockError:
        pass


@pytest.mark.parametrize("name", ["yolo-fastest-1.1", "yolo-fastest-1.1-xl"])
def test_real_detectors_find_the_expected_boxes(name: str) -> None:
    if not (folder := os.environ.get("PENSTOCK_MIRROR")):
        pytest.skip("PENSTOCK_MIRROR names no folder of real models")
    image = pytest.importorskip("PIL.Image")
    hub = Path(folder)
    model = read(hub / f"weights/yolo_fastest/{name}.cfg", score_threshold=0.4)
    answers = json.loads((hub / "expected.json").read_text())[name]
    for file, expected in answers.items():
        with image.open(hub / "images" / file) as opened:
            pixels = np.asarray(opened.convert("RGB").resize((320, 320), image.BILINEAR))
        found = model.functions["detect"](pixels[None].astype("float32") / 255)
        boxes, scores, classes, count = (found[k].numpy() for k in found)
        assert int(count) == len(expected)
        for i, answer in enumerate(expected):
            assert model.metadata["labels"][classes[i]] == answer["class"]
            assert scores[i] == pytest.approx(answer["score"], abs=2e-3)
            np.testing.assert_allclose(boxes[i], answer["box_xyxy"], atol=2e-3)


def test_the_format_is_found_by_its_suffix(tmp_path: Path, numbers: list[Any]) -> None:
    from penstock.saved.formats import find_format, format_name

    path = _write(tmp_path, CFG, _bytes(numbers))
    assert format_name(path) == "darknet"
    assert isinstance(find_format("darknet").read(path), ps.saved.GraphModel)
