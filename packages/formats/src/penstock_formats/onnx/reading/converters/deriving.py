"""Gradient: the derivative of one value of the file by others."""

from __future__ import annotations

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


@converts("Gradient", domain="ai.onnx.preview.training")
def _gradient(call: Call, *inputs: Value) -> list[Tensor]:
    """Compute y again from what is given, watch that, and go back."""
    names, others = call.need("xs"), call.attr("zs") or []
    if len(inputs) != len(names) + len(others):
        raise call.wrong(
            f"names {len(names)} and {len(others)} values and has {len(inputs)} inputs",
            "export the model again",
        )
    given = dict(zip([*names, *others], inputs, strict=True))
    sources = [v.tensor for v in inputs[: len(names)]]
    with ps.GradientTape() as tape:
        for t in sources:
            tape.watch(t)
        y = call.walk.again(
            call.scope, call.need("y"), {n: Value(v.tensor) for n, v in given.items()}
        )
    found = tape.gradient(y.tensor, sources)
    return [ps.zeros_like(t) if g is None else g for t, g in zip(sources, found, strict=True)]
