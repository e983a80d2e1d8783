"""Inference with a network that is written once: one ONNX graph for those who read it, ops for the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.workload import Ready, Workload
from networks import graphs
from networks.layouts import Arrays, image


@dataclass(frozen=True)
class Inference:
    """What is computed.

    Attributes:
        name: Of the workload and of the graph's file.
        weights: Makes the arrays.
        forward: Writes the network with ops, weights by name and the input.
        batch: Makes the input; images have their channels last.
        output: The shape of the result.
        depthwise: Tells which filters are [height, width, channels, 1].
    """

    name: str
    weights: Callable[[], Arrays]
    forward: Callable[..., Any]
    batch: Callable[[], np.ndarray]
    output: tuple[int, ...]
    depthwise: Callable[[str], bool] = lambda name: False

    @property
    def path(self) -> str:
        """Where the graph lies."""
        return graphs.path_of(self.name)

    def prepare(self) -> None:
        """Write the graph, for this batch size."""
        from networks.in_onnx import Ops, Value, values

        def build(graph: graphs.Graph) -> None:
            ops, start, x = Ops(graph), self.weights(), image(self.batch())
            weights = values(ops, start, {}, frozenset(filter(self.depthwise, start)))
            given = Value(ops, graph.input("x", x.shape, str(x.dtype)))
            graph.output(self.forward(ops, weights, given).name, self.output)

        graphs.write(self.name, build)

    def penstock(self) -> Ready:
        import penstock as ps

        model = ps.load(self.path)
        given = ps.asarray(image(self.batch()))
        plan = model.default.plan
        return Ready(lambda: model(given), memory=lambda: plan.memory([given.shape])["peak_bytes"])

    def penstock_source(self) -> Ready:
        """Make it of Python, not of a file."""
        import penstock as ps
        from networks.in_penstock import inference

        network = inference(self.forward, self.weights())
        x = ps.asarray(self.batch())
        return Ready(lambda: network(x))

    def torch(self, compiled: bool = False) -> Ready:
        from networks.in_torch import given, inference, tensors

        start = self.weights()
        depthwise = frozenset(filter(self.depthwise, start))
        weights = tensors(start, {}, depthwise)
        network = inference(self.forward, weights, **({"dynamic": False} if compiled else {}))
        x = given(self.batch())
        return Ready(lambda: network(x))

    def tensorflow(self, jit_compile: bool = False) -> Ready:
        import tensorflow as tf

        from networks.in_tensorflow import inference

        network = inference(self.forward, self.weights(), jit_compile=jit_compile)
        x = tf.constant(self.batch())
        return Ready(lambda: network(x))

    def jax(self) -> Ready:
        import jax.numpy as jnp

        from networks.in_jax import inference

        network, weights = inference(self.forward, self.weights())
        x = jnp.asarray(self.batch())
        return Ready(lambda: network(weights, x).block_until_ready())

    def onnxruntime(self) -> Ready:
        from harness.frameworks import onnx_session

        session = onnx_session(self.path)
        given = {"x": image(self.batch())}
        return Ready(lambda: session.run(None, given)[0])

    def openvino(self, precision: str = "f32") -> Ready:
        from harness.frameworks import openvino_model

        request = openvino_model(self.path, precision).create_infer_request()
        given = [image(self.batch())]
        return Ready(lambda: request.infer(given, share_inputs=True, share_outputs=True)[0])

    def builders(self) -> dict[str, Callable[[], Ready]]:
        """Return what makes it ready, by candidate."""
        return {
            "penstock": self.penstock,
            "torch": self.torch,
            "torch_compile": partial(self.torch, True),
            "tensorflow": self.tensorflow,
            "tensorflow_xla": partial(self.tensorflow, True),
            "jax": self.jax,
            "onnxruntime": self.onnxruntime,
            "openvino": self.openvino,
        }

    def workload(self, title: str, *tags: str) -> Workload:
        """Make it one line of the table; a long one has a shorter sister that shows PyTorch's compiler."""
        builders = self.builders()
        if "long" in tags:
            del builders["torch_compile"]
        kinds = frozenset({"inference", *tags})
        return Workload(self.name, title, builders, 1.0, 1e-4, 1, kinds, self.prepare)
