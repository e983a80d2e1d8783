"""Makes ONNX graphs node by node, with random weights, and keeps them as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = "BENCHMARK_GRAPHS"


def path_of(name: str) -> str:
    """Return where a graph lies, in the folder that the variable names."""
    return str(Path(os.environ[FOLDER]) / f"{name}.onnx")


def write(name: str, build: Callable[[Any], None]) -> None:
    """Write a graph, unless a file newer than the sources is there.

    Args:
        name: Of the file.
        build: Adds inputs, nodes and outputs to the `Graph` that it is given.
    """
    path = Path(path_of(name))
    sources = Path(__file__).resolve().parents[1]
    newest = max(
        source.stat().st_mtime
        for folder in ("networks", "workloads")
        for source in (sources / folder).glob("*.py")
    )
    if path.exists() and path.stat().st_mtime > newest:
        return
    graph = Graph(name)
    build(graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    graph.save(path)


class Graph:
    """A graph that grows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def input(self, name: str, shape: tuple[int | str, ...], dtype: str = "float32") -> str:
        """Add an input."""
        self.inputs.append(_value(name, shape, dtype))
        return name

    def output(self, name: str, shape: tuple[int | str, ...], dtype: str = "float32") -> None:
        """Make a value an output."""
        self.outputs.append(_value(name, shape, dtype))

    def weight(self, array: Any) -> str:
        """Add an array."""
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output, and return that."""
        from onnx import helper

        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def save(self, path: Path) -> None:
        """Write the file."""
        import onnx
        from onnx import helper

        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model)
        part = path.with_suffix(f".{os.getpid()}.part")
        onnx.save(model, part)
        part.rename(path)


def _value(name: str, shape: tuple[int | str, ...], dtype: str) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape
    )
