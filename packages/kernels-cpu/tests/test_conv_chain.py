"""What follows a convolution runs in its registers: the same bits as op by op, and the truth up to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import Tensor

Array = np.ndarray[Any, Any]

# name: what follows, from the result, a number for each channel, and something of the result's shape
STEPS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "bias": lambda y, row, full: y + row,
    "batch norm": lambda y, row, full: (y - row) * (row + 1.5) + row,
    "difference": lambda y, row, full: (y - row) * full + row,
    "relu": lambda y, row, full: ps.nn.relu(y + row),
    "relu6": lambda y, row, full: ps.nn.relu6(y * row),
    "clip": lambda y, row, full: ps.clip(y - row, -0.5, 0.25),
    "residual": lambda y, row, full: ps.nn.relu(full + (y + row)),
    "two residuals": lambda y, row, full: (y + full) * 0.5 - full,
    "hard swish": lambda y, row, full: ps.nn.hard_swish(y + row),
    "silu": lambda y, row, full: ps.nn.silu(y + row) + full,
    "turned": lambda y, row, full: 1.0 - (row / (3.0 + ps.abs(y))),
    "twice": lambda y, row, full: y * ps.sigmoid(y),  # no chain: it runs behind the kernel
    "bounds of every channel": lambda y, row, full: ps.maximum(ps.minimum(y, row), full),
}
FOLDED = {"batch norm"}  # becomes one product and one sum, which round in another way
# x, filter, settings: tails of rows and columns, narrow and wide images, long pixels
CASES: list[tuple[Any, Any, dict[str, Any]]] = [
    ((2, 9, 15, 5), (3, 3, 5, 37), {"padding": "same"}),
    ((1, 7, 7, 512), (1, 1, 512, 140), {}),
    ((2, 11, 7, 64), (3, 3, 64, 130), {"strides": (2, 1), "padding": "same"}),
    ((1, 7, 6, 3), (3, 3, 3, 14), {"padding": "explicit", "explicit_padding": (1, 0, 2, 1)}),
    ((3, 5, 5, 6), (2, 2, 3, 34), {"dilations": (2, 1), "groups": 2}),
]


def outcome(build: Callable[..., Any], inputs: list[Array]) -> Array:
    with ps.Graph().as_default() as graph:
        graph.inputs = [ps.placeholder("float32", x.shape) for x in inputs]
        graph.outputs = [build(*graph.inputs)]
    return np.asarray(ps.saved.GraphFunction(graph)(*inputs))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("case", CASES, ids=lambda c: "x".join(map(str, c[0])))
def test_steps_in_registers_give_the_bits_of_single_ops(step: str, case: Any) -> None:
    shape, filters, rest = case
    rng = np.random.default_rng(len(step))
    x = rng.normal(size=shape).astype("f")
    w = (rng.normal(size=filters) / np.sqrt(np.prod(filters[:3]))).astype("f")
    x.flat[3] = np.nan
    truth = ps.conv2d(x.astype("d"), w.astype("d"), **rest)  # NumPy's, in float64
    row = rng.normal(size=filters[3]).astype("f")
    full = rng.normal(size=truth.shape).astype("f")

    def build(x: Tensor, w: Tensor, row: Tensor, full: Tensor) -> Any:
        return STEPS[step](ps.conv2d(x, w, **rest), row, full)

    got = outcome(build, [x, w, row, full])
    single = np.asarray(build(*map(ps.asarray, (x, w, row, full))))
    if step in FOLDED:
        np.testing.assert_allclose(got, single, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(got, single)
    want = STEPS[step](truth, row.astype("d"), full.astype("d"))
    np.testing.assert_allclose(got, np.asarray(want), rtol=2e-5, atol=2e-5)


DEPTHWISE: list[tuple[Any, Any, dict[str, Any]]] = [
    ((2, 9, 15, 37), (3, 3, 37, 1), {"padding": "same"}),
    ((1, 7, 8, 70), (5, 3, 70, 1), {"strides": (2, 1), "padding": "same"}),
    ((2, 6, 5, 20), (2, 3, 20, 2), {"dilations": (1, 2)}),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("case", DEPTHWISE, ids=lambda c: "x".join(map(str, c[0])))
def test_steps_behind_a_depthwise_convolution(step: str, case: Any) -> None:
    shape, filters, rest = case
    rng = np.random.default_rng(len(step))
    x, w = rng.normal(size=shape).astype("f"), rng.normal(size=filters).astype("f")
    x.flat[3] = np.nan
    convolve = ps.ops.depthwise_conv2d
    truth = convolve(x.astype("d"), w.astype("d"), **rest)  # NumPy's, in float64
    row = rng.normal(size=truth.shape[-1]).astype("f")
    full = rng.normal(size=truth.shape).astype("f")

    def build(x: Tensor, w: Tensor, row: Tensor, full: Tensor) -> Any:
        return STEPS[step](convolve(x, w, **rest), row, full)

    got = outcome(build, [x, w, row, full])
    single = np.asarray(build(*map(ps.asarray, (x, w, row, full))))
    if step in FOLDED:
        np.testing.assert_allclose(got, single, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(got, single)
    want = STEPS[step](truth, row.astype("d"), full.astype("d"))
    np.testing.assert_allclose(got, np.asarray(want), rtol=2e-5, atol=2e-5)
