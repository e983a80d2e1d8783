"""Integers are divided as TensorFlow divides them: what is behind the point is cut off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock_formats.tensorflow import _messages
from penstock_formats.tensorflow.read import read

pytest.importorskip("google.protobuf")
INT32 = 3
X = np.array([[7, -7, 8, -8], [-1, -1, -1, 0]], np.int32)


def answer(tmp_path: Path, op: str, number: int) -> Any:
    """Run a graph of one op on the input and a constant."""
    graph = _messages.parse("GraphDef", b"", "test")
    x = graph.node.add(name="x", op="Placeholder")
    x.attr["dtype"].type = INT32
    for size in X.shape:
        x.attr["shape"].shape.dim.add(size=size)
    constant = graph.node.add(name="c", op="Const")
    constant.attr["value"].tensor.dtype = INT32
    constant.attr["value"].tensor.int_val.append(number)
    graph.node.add(name="y", op=op, input=["x", "c"])
    (tmp_path / "graph.pb").write_bytes(graph.SerializeToString())
    made = read(tmp_path / "graph.pb")(X)
    assert made.dtype == "int32"
    return made.numpy()


def test_quotients(tmp_path: Path) -> None:
    np.testing.assert_array_equal(answer(tmp_path, "Div", 3), [[2, -2, 2, -2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(answer(tmp_path, "Div", -3), [[-2, 2, -2, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(
        answer(tmp_path, "FloorDiv", 3), [[2, -3, 2, -3], [-1, -1, -1, 0]]
    )


def test_means(tmp_path: Path) -> None:
    np.testing.assert_array_equal(answer(tmp_path, "Mean", 1), [0, 0])
    np.testing.assert_array_equal(answer(tmp_path, "Mean", 0), [3, -4, 3, -4])
