"""A function of a few arrays, compiled by every framework that can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from harness.workload import Ready, Workload
from networks import graphs


@dataclass(frozen=True)
class Functions:
    """What to compute.

    Attributes:
        name: Also that of the graph's file.
        inputs: Makes the arrays.
        write: Writes the function with a framework's module and its arrays.
        graph: Writes it as nodes: takes a graph and the names of its inputs, returns the output's name.
        torch: Writes it as PyTorch's users would, where that is another way.
    """

    name: str
    inputs: Callable[[], Sequence[np.ndarray]]
    write: Callable[..., Any]
    graph: Callable[..., str]
    torch: Callable[..., Any] | None = None

    def penstock(self) -> Ready:
        import penstock as ps

        compiled = ps.function(partial(self.write, ps))
        given = [ps.asarray(x) for x in self.inputs()]
        return Ready(
            lambda: compiled(*given),
            memory=lambda: compiled.memory(*given)["peak_bytes"],
        )

    def in_torch(self, wrap: Callable[[Any], Any] = lambda function: function) -> Ready:
        import torch

        written = partial(self.torch or self.write, torch)
        function = wrap(written)
        given = [torch.from_numpy(np.asarray(x)) for x in self.inputs()]
        torch.set_grad_enabled(False)
        return Ready(lambda: function(*given))

    def torch_compile(self) -> Ready:
        import torch

        return self.in_torch(partial(torch.compile, dynamic=False))

    def tensorflow(self, jit_compile: bool = False) -> Ready:
        import tensorflow as tf

        function = tf.function(partial(self.write, _TensorFlow(tf)), jit_compile=jit_compile)
        given = [tf.constant(x) for x in self.inputs()]
        return Ready(lambda: function(*given))

    def jax(self) -> Ready:
        import jax
        import jax.numpy as jnp

        compiled = jax.jit(partial(self.write, jnp))
        given = [jnp.asarray(x) for x in self.inputs()]
        return Ready(lambda: compiled(*given).block_until_ready())

    def onnxruntime(self) -> Ready:
        from harness.frameworks import onnx_session

        session = onnx_session(graphs.path_of(self.name))
        given = {f"x{i}": np.asarray(x) for i, x in enumerate(self.inputs())}
        return Ready(lambda: session.run(None, given)[0])

    def openvino(self) -> Ready:
        from harness.frameworks import openvino_model

        model = openvino_model(graphs.path_of(self.name))
        request = model.create_infer_request()
        given = [np.asarray(x) for x in self.inputs()]
        return Ready(lambda: request.infer(given, share_inputs=True, share_outputs=True)[0])

    def prepare(self) -> None:
        """Write the graph."""

        def build(graph: graphs.Graph) -> None:
            arrays = self.inputs()
            names = [graph.input(f"x{i}", np.shape(x)) for i, x in enumerate(arrays)]
            result = self.graph(graph, *names)
            graph.output(result, self.write(np, *arrays).shape)

        graphs.write(self.name, build)

    def workload(self, title: str, goal: float, *tags: str, tolerance: float = 1e-5) -> Workload:
        builders = {
            "penstock": self.penstock,
            "torch": self.in_torch,
            "torch_compile": self.torch_compile,
            "tensorflow": self.tensorflow,
            "tensorflow_xla": partial(self.tensorflow, True),
            "jax": self.jax,
            "onnxruntime": self.onnxruntime,
            "openvino": self.openvino,
        }
        if "call" in tags:  # what is not compiled has its own row
            del builders["torch"]
        return Workload(
            self.name, title, builders, goal, tolerance, 1, frozenset(tags), self.prepare
        )


class _TensorFlow:
    """TensorFlow's module under the names that the others use."""

    def __init__(self, tf: Any) -> None:
        self.tanh, self.matmul, self.add = tf.tanh, tf.matmul, tf.add
