"""The light face detector as a network that can be trained, against ONNX Runtime and the file's own graph."""

from __future__ import annotations

import os

import numpy as np
import pytest

import penstock as ps
import penstock_models as models
from penstock.errors import FormatError
from penstock_models.architectures import rfb as architecture
from penstock_models.loaders import rfb
from penstock_models.sources import find_files

MIRROR = os.environ.get("PENSTOCK_MIRROR", "")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="PENSTOCK_MIRROR names no folder with weights")


def test_there_is_a_box_for_each_prior() -> None:
    model = architecture.backbone(architecture.RfbConfig(base_width=4))
    made = model(np.zeros((2, 96, 128, 3), "float32"))
    boxes = len(rfb.prior_boxes(96, 128))
    assert made["logits"].shape == (2, boxes, 2)
    assert made["offsets"].shape == (2, boxes, 4)


@needs_mirror
def test_the_network_says_what_onnx_runtime_says() -> None:
    runtime = pytest.importorskip("onnxruntime")
    preset = models.find_preset("rfb.face_320")
    files = find_files(preset)
    network = rfb.network(preset, files)
    x = np.random.default_rng(0).normal(size=(1, 240, 320, 3)).astype("float32")
    made = network(x)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(str(files["weights"]), options)
    channels_first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    boxes, scores = session.run(["boxes", "scores"], {"input": channels_first})
    np.testing.assert_allclose(made["offsets"].numpy(), boxes, atol=1e-4)
    np.testing.assert_allclose(ps.nn.softmax(made["logits"]).numpy(), scores, atol=1e-4)
    with pytest.raises(FormatError, match="the file does not fit rfb"):
        rfb.network(preset.model_copy(update={"config": {"base_width": 8}}), files)
