"""Random chains of ops over images: however values change between the two layouts, the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.saved import GraphFunction, GraphModel

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from penstock_formats.onnx.writing import to_proto
from penstock_formats.onnx.writing._verify import (
    allowed,
    difference,
    first_difference,
    open_file,
    random_inputs,
    run_function,
)

RNG = np.random.default_rng(2)
FILTER = RNG.standard_normal((2, 2, 4, 4)).astype(np.float32) * 0.3
VECTOR = RNG.standard_normal(4).astype(np.float32)
ROWS = RNG.standard_normal((5, 1, 4)).astype(np.float32)

# Each takes and gives [batch, rows, columns, 4].
STEPS: dict[str, Callable[[Any], Any]] = {
    "convolve": lambda x: ps.nn.conv2d(x, FILTER, padding="same"),
    "pool": lambda x: ps.nn.max_pool2d(x, 2, 1, padding="same"),
    "scale": lambda x: x * VECTOR + 1.0,
    "add rows": lambda x: ps.nn.relu(x[:, :1] + ROWS),
    "add itself": lambda x: x + ps.nn.conv2d(x, FILTER, padding="same"),
    "swap": lambda x: ps.transpose(x, (0, 2, 1, 3)),
    "turn": lambda x: ps.transpose(ps.transpose(x, (0, 3, 1, 2)), (0, 2, 3, 1)),
    "flip": lambda x: x[:, ::-1, :, ::-1],
    "pad": lambda x: ps.pad(x, [(0, 0), (1, 0), (0, 2), (0, 0)])[:, 1:, :-1],
    "halves": lambda x: ps.concat([x[..., 2:], x[..., :2]], -1),
    "softmax": lambda x: ps.nn.softmax(x, -1) - ps.nn.softmax(x, 1),
    "centre": lambda x: x - ps.mean(x, (1, 2), keepdims=True),
    "weigh": lambda x: x * ps.mean(x, -1, keepdims=True),
    "rows of a mean": lambda x: x + ps.expand_dims(ps.sum(x, 1), 1),
    "flat": lambda x: ps.reshape(ps.reshape(x, (x.shape[0], -1)), x.shape),
    "line": lambda x: ps.expand_dims(ps.expand_dims(x, 1)[:, 0], 2)[:, :, 0],
    "matrix": lambda x: x @ FILTER[0, 0],
    "choose": lambda x: ps.where(x > VECTOR, x, -x),
    "norm": lambda x: ps.nn.layer_norm(x, VECTOR, VECTOR),
    "resize": lambda x: ps.image.resize(x, (5, 3), "bilinear"),
    "total": lambda x: x + ps.cumsum(x, 2) * 0.1,
}


@given(st.lists(st.sampled_from(list(STEPS)), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_chains_of_ops_keep_their_numbers(steps: list[str]) -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("batch", 5, 4, 4), name="x")
        y = x
        for step in steps:
            y = STEPS[step](y)
    graph.inputs, graph.outputs = [x], [y]
    model = GraphModel({"main": GraphFunction(graph, "main", ["x"], ["y"])})
    function = model.default
    arrays = random_inputs(function, 2, {}, 0)
    run, _ = open_file(to_proto(function, model).SerializeToString())
    (got,), (want,) = run({"x": arrays[0]}), run_function(function, arrays)
    assert difference(got, want) <= allowed(want, 1e-4), first_difference(
        function, model, 18, arrays
    )
