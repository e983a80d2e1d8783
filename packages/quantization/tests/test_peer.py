"""ONNX Runtime's own static quantisation of the same net, with the same examples, loses about as much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock_quantization import quantize

pytest.importorskip("penstock_formats")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("per_channel", [True, False])
def test_static_quantisation_is_as_good(learned: Any, tmp_path: Path, per_channel: bool) -> None:
    theirs = pytest.importorskip("onnxruntime.quantization")
    ps.save(learned.model, tmp_path / "float.onnx")

    class Examples(theirs.CalibrationDataReader):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.batches = iter([{"x": learned.x[i : i + 100]} for i in range(0, 1000, 100)])

        def get_next(self) -> Any:
            return next(self.batches, None)

    files = str(tmp_path / "float.onnx"), str(tmp_path / "int8.onnx")
    kind = theirs.QuantType.QInt8
    theirs.quantize_static(
        *files, Examples(), per_channel=per_channel, weight_type=kind, activation_type=kind
    )
    session = onnxruntime.InferenceSession(files[1])

    def other(x: Any) -> Any:
        return session.run(None, {"x": x})[0]

    ours = quantize(learned.model, learned.x, per_channel=per_channel, slower="ignore").model
    exact = np.asarray(learned.model(learned.test_x))
    error = np.abs(np.asarray(ours(learned.test_x)) - exact).mean()
    assert learned.accuracy(ours) > learned.accuracy(other) - 0.011
    assert error < 1.5 * np.abs(other(learned.test_x) - exact).mean()
