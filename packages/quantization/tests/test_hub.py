"""A real net on real images: PENSTOCK_MIRROR is the folder that holds them."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock_quantization import quantize

MIRROR = os.environ.get("PENSTOCK_MIRROR")
pytestmark = pytest.mark.skipif(MIRROR is None, reason="needs PENSTOCK_MIRROR")
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def photos() -> tuple[Any, Any, Any]:
    """Read 200 pictures to calibrate with, and 500 with their classes to test with."""
    image = pytest.importorskip("PIL.Image")
    archive = Path(MIRROR or "") / "datasets/cifar10/cifar10_jpeg_train6000_test1500.tar.gz"
    found: dict[str, list[Any]] = {"train": [], "test": []}
    labels = []
    with tarfile.open(archive) as files:
        for member in files:
            part, kind, name = [*member.name.split("/"), "", ""][:3]
            if not member.isfile() or int(name[:4]) >= (20 if part == "train" else 50):
                continue
            data = files.extractfile(member)
            assert data is not None
            pixels = image.open(io.BytesIO(data.read())).convert("RGB")
            found[part].append(np.asarray(pixels, "float32"))
            if part == "test":
                labels.append(CLASSES.index(kind))
    return np.stack(found["train"]), np.stack(found["test"]), np.array(labels)


def test_a_residual_net_loses_at_most_a_point() -> None:
    """TensorFlow Lite's own int8 version of the same net is the measure."""
    pytest.importorskip("penstock_formats")
    folder = Path(MIRROR or "") / "weights/mlcommons_resnet8"
    model = ps.load(folder / "pretrainedResnet.tflite")
    calibration, x, labels = photos()

    def accuracy(function: Any) -> float:
        return float((np.asarray(function(x)).argmax(axis=1) == labels).mean())

    result = quantize(model, calibration, metric=accuracy, slower="ignore")
    assert all(layer.kept_in == "int8" for layer in result.report.layers)
    assert result.report.before is not None
    assert result.report.after is not None
    assert result.report.after > result.report.before - 0.011
    theirs = ps.load(folder / "pretrainedResnet_quant.tflite")
    raw = (x - 128).astype("int8")
    other = float((np.asarray(theirs(raw)).argmax(axis=1) == labels).mean())
    assert result.report.after > other - 0.011
