"""1,000 random batch and sequence sizes through one function, an encoder of two layers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from harness.workload import Ready, Workload
from networks import bert, graphs

SIZES = bert.Sizes(2, 64, 4, 256, words=1000)
NAME, CALLS, LARGEST_BATCH, LONGEST = "dynamic", 1000, 8, 128
# Who compiles anew for every size would take all day.
SECONDS = 20.0

forward = partial(bert.forward, SIZES)


def shapes() -> list[tuple[int, int]]:
    """Draw sizes: no pair twice, so that every one is new."""
    rng = np.random.default_rng(3)
    every = [(b, n) for b in range(1, LARGEST_BATCH + 1) for n in range(2, LONGEST + 1)]
    return [every[i] for i in rng.permutation(len(every))[:CALLS]]


def weights() -> dict[str, np.ndarray]:
    return bert.weights(SIZES)


def measure(
    call: Callable[[Any], Any], convert: Callable[[Any], Any], count: Callable[[], int | None]
) -> dict[str, Any]:
    """Call with every size: the first time, and the median of three calls after it."""
    rng = np.random.default_rng(4)
    call(convert(rng.integers(0, SIZES.words, (3, 5))))
    ratios, began = [], time.process_time()
    first_calls = warm_calls = 0.0
    for shape in shapes():
        ids = convert(rng.integers(0, SIZES.words, shape))
        first, *warm = (_seconds(call, ids) for _ in range(4))
        ratios.append(first / statistics.median(warm))
        first_calls += first
        warm_calls += statistics.median(warm)
        if time.process_time() - began > SECONDS:
            break
    ratios.sort()
    return {
        "calls": len(ratios),
        "compilations": count(),
        "ratio": statistics.median(ratios),
        "ratio_90": ratios[int(0.9 * (len(ratios) - 1))],
        "ratio_of_sums": first_calls / warm_calls,
        "first_mean": first_calls / len(ratios),
        "warm_mean": warm_calls / len(ratios),
    }


def _seconds(call: Callable[[Any], Any], ids: Any) -> float:
    start = time.process_time_ns()
    call(ids)
    return (time.process_time_ns() - start) / 1e9


def penstock() -> Ready:
    import penstock as ps
    from networks.in_penstock import inference

    network = inference(forward, weights())
    return Ready(lambda: measure(network, ps.asarray, lambda: len(network.traces)))


def torch(compiled: bool = False) -> Ready:
    import torch

    from networks.in_torch import inference, tensors

    options = {"dynamic": True} if compiled else {}
    network = inference(forward, tensors(weights(), {}, frozenset()), **options)

    def compilations() -> int:
        from torch._dynamo.utils import counters

        return int(counters["stats"]["unique_graphs"]) if compiled else 0

    return Ready(lambda: measure(network, torch.from_numpy, compilations))


def tensorflow(jit_compile: bool = False) -> Ready:
    import tensorflow as tf

    from networks.in_tensorflow import inference

    signature = [tf.TensorSpec((None, None), tf.int64)]
    network = inference(forward, weights(), jit_compile=jit_compile, input_signature=signature)
    # XLA compiles for every size below its one trace, and does not count.
    count = (lambda: None) if jit_compile else network.experimental_get_tracing_count
    return Ready(lambda: measure(network, tf.constant, count))


def jax() -> Ready:
    import jax.numpy as jnp

    from networks.in_jax import inference

    network, arrays = inference(forward, weights())
    return Ready(
        lambda: measure(
            lambda ids: network(arrays, ids).block_until_ready(), jnp.asarray, network._cache_size
        )
    )


def onnxruntime() -> Ready:
    from harness.frameworks import onnx_session

    session = onnx_session(graphs.path_of(NAME))
    return Ready(lambda: measure(lambda ids: session.run(None, {"x": ids}), np.asarray, lambda: 1))


def openvino() -> Ready:
    from harness.frameworks import openvino_model

    request = openvino_model(graphs.path_of(NAME)).create_infer_request()
    return Ready(
        lambda: measure(
            lambda ids: request.infer([ids], share_inputs=True, share_outputs=True),
            np.asarray,
            lambda: 1,
        )
    )


def prepare() -> None:
    from networks.in_onnx import Ops, Value, values

    def build(graph: graphs.Graph) -> None:
        ops = Ops(graph)
        arrays = values(ops, weights(), {}, frozenset())
        given = Value(ops, graph.input("x", ("batch", "length"), "int64"))
        graph.output(forward(ops, arrays, given).name, ("batch", "length", SIZES.width))

    graphs.write(NAME, build)


WORKLOADS = [
    Workload(
        NAME,
        "1,000 random batch and sequence sizes",
        {
            "penstock": penstock,
            "torch": torch,
            "torch_compile": partial(torch, True),
            "tensorflow": tensorflow,
            "tensorflow_xla": partial(tensorflow, True),
            "jax": jax,
            "onnxruntime": onnxruntime,
            "openvino": openvino,
        },
        goal=1.2,
        tags=frozenset({"dynamic"}),
        prepare=prepare,
    )
]
