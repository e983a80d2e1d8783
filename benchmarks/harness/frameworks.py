"""Sets a framework up for a number of threads: by variables before it is imported, by its own settings after."""

from __future__ import annotations

import importlib
import os
from typing import Any

from harness.candidates import FRAMEWORKS

THREADS = "BENCHMARK_THREADS"


def variables(threads: int) -> dict[str, str]:
    """Return what the environment of a process with so many threads must say."""
    names = ("PENSTOCK_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {
        **dict.fromkeys(names, str(threads)),
        THREADS: str(threads),
        "XLA_FLAGS": single if threads == 1 else "",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "",
        "OPENVINO_TELEMETRY": "0",
    }


def threads() -> int:
    """Return how many threads this process was asked to use."""
    return int(os.environ.get(THREADS, "1"))


def load(framework: str) -> Any:
    """Import a framework and tell it how many threads to use."""
    module = importlib.import_module(FRAMEWORKS[framework].module)
    if framework == "torch":
        module.set_num_threads(threads())
        module.set_num_interop_threads(1)
    elif framework == "tensorflow":
        module.config.threading.set_intra_op_parallelism_threads(threads())
        module.config.threading.set_inter_op_parallelism_threads(1)
    return module


def onnx_session(path: str) -> Any:
    """Open a graph with ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def openvino_model(path: str, precision: str = "f32") -> Any:
    """Compile a graph with OpenVINO, for latency; `precision` is what it may compute in."""
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads(),
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    return openvino.Core().compile_model(path, "CPU", settings)
