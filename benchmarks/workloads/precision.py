"""Networks in bfloat16, and in int8: ours quantised by our own command, ONNX Runtime's by its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from harness.workload import Ready, Workload
from networks import bert, graphs, mobilenet_v2, resnet50
from networks.layouts import image
from workloads import pictures, text
from workloads._inference import Inference

EXAMPLES = 8


# ---- bfloat16 -------------------------------------------------------------------------------------


def penstock_bfloat16(inference: Inference) -> Ready:
    import penstock as ps

    model = ps.load(inference.path)
    network = ps.function(ps.mixed_precision.autocast(model, "bfloat16"))
    x = ps.asarray(image(inference.batch()))
    return Ready(lambda: network(x), memory=lambda: network.memory(x)["peak_bytes"])


def torch_bfloat16(inference: Inference, compiled: bool = False) -> Ready:
    import torch

    ready = inference.torch(compiled)

    def body() -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return ready.body()

    return Ready(body, lambda y: y.float().numpy())


def bfloat16(inference: Inference, title: str, *tags: str) -> Workload:
    """Make one line; answers may be as far apart as a number of 8 bits after many layers."""
    return Workload(
        f"{inference.name}_bf16",
        title,
        {
            "penstock": partial(penstock_bfloat16, inference),
            "torch": partial(torch_bfloat16, inference),
            "torch_compile": partial(torch_bfloat16, inference, True),
            "openvino": partial(inference.openvino, "bf16"),
        },
        goal=1.0,
        tolerance=0.1,
        tags=frozenset({"precision", *tags}),
        prepare=inference.prepare,
    )


# ---- int8 -----------------------------------------------------------------------------------------


def examples(side: int) -> np.ndarray:
    return image(pictures.images(EXAMPLES, side))


def our_path(inference: Inference) -> Path:
    return Path(graphs.path_of(inference.name)).with_name(f"{inference.name}_int8")


def quantise_with_penstock(inference: Inference, side: int) -> None:
    """Write our integers, always anew: this is part of what is measured. In a process of its own, for its memory."""
    code = f"""
import penstock as ps
from workloads.precision import examples
model = ps.load({inference.path!r})
small = ps.quantization.quantize(model, examples({side}), slower="ignore", batch_size=1).model
ps.save(small, {str(our_path(inference))!r})
"""
    folder = str(Path(__file__).resolve().parents[1])
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({folder!r})\n{code}"], check=True
    )


def penstock_int8(inference: Inference) -> Ready:
    import penstock as ps

    small = ps.load(our_path(inference))
    x = ps.asarray(image(inference.batch()))
    plan = small.default.plan
    return Ready(lambda: small(x), memory=lambda: plan.memory([x.shape])["peak_bytes"])


def int8_path(inference: Inference) -> str:
    return graphs.path_of(f"{inference.name}_int8")


def quantise_with_onnxruntime(inference: Inference, side: int) -> None:
    """Write ONNX Runtime's integers, in the way that its documentation recommends for convolutional networks."""
    inference.prepare()
    target, source = Path(int8_path(inference)), Path(inference.path)
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(examples(side))

        def get_next(self) -> dict[str, np.ndarray] | None:
            found = next(self.left, None)
            return None if found is None else {"x": found[None]}

    prepared = target.with_suffix(f".{os.getpid()}.prepared")
    part = target.with_suffix(f".{os.getpid()}.part")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(part),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()
    part.rename(target)


def onnxruntime_int8(inference: Inference) -> Ready:
    from harness.frameworks import onnx_session

    session = onnx_session(int8_path(inference))
    given = {"x": image(inference.batch())}
    return Ready(lambda: session.run(None, given)[0])


def openvino_int8(inference: Inference) -> Ready:
    from harness.frameworks import openvino_model

    request = openvino_model(int8_path(inference)).create_infer_request()
    given = [image(inference.batch())]
    return Ready(lambda: request.infer(given, share_inputs=True, share_outputs=True)[0])


def int8(network: ModuleType, inference: Inference, title: str) -> Workload:
    """Make one line; two ways to choose scales for a network of random weights agree only roughly."""

    def prepare() -> None:
        quantise_with_onnxruntime(inference, network.SIDE)
        quantise_with_penstock(inference, network.SIDE)

    return Workload(
        f"{inference.name}_int8",
        title,
        {
            "penstock": partial(penstock_int8, inference),
            "onnxruntime": partial(onnxruntime_int8, inference),
            "openvino": partial(openvino_int8, inference),
        },
        goal=1.0,
        tolerance=0.3,
        tags=frozenset({"precision"}),
        prepare=prepare,
    )


RESNET = pictures.inference(resnet50, "resnet50_b1", 1)
MOBILENET = pictures.inference(mobilenet_v2, "mobilenet_v2_b1", 1)
BERT = text.inference("bert_b1", bert.BASE, 1)
MINILM = text.inference("minilm_b1", bert.MINILM, 1)
WORKLOADS = [
    bfloat16(BERT, "BERT-base in bfloat16, batch 1", "long"),
    bfloat16(MINILM, "MiniLM-L6 in bfloat16, batch 1"),
    bfloat16(RESNET, "ResNet-50 in bfloat16, batch 1"),
    int8(mobilenet_v2, MOBILENET, "MobileNetV2 in int8, batch 1"),
    int8(resnet50, RESNET, "ResNet-50 in int8, batch 1"),
]
