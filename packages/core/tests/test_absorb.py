"""Padding becomes part of the convolutions and poolings behind it, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.passes import check_passes

SIDES = [(0, 0), (1, 2), (0, 1), (0, 0)]
W = np.random.default_rng(1).normal(size=(3, 3, 5, 4)).astype("f")
D = np.random.default_rng(2).normal(size=(3, 2, 5, 1)).astype("f")
PAIRS: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "conv": (lambda x: ps.conv2d(ps.pad(x, SIDES), W), ["conv2d"]),
    "conv that pads too": (
        lambda x: ps.conv2d(
            ps.pad(x, SIDES), W, padding="explicit", explicit_padding=(1, 0, 1, 0), strides=2
        ),
        ["conv2d"],
    ),
    "depthwise": (
        lambda x: ps.ops.depthwise_conv2d(ps.pad(x, SIDES), D, strides=2),
        ["depthwise_conv2d"],
    ),
    "pool": (
        lambda x: ps.max_pool2d(ps.pad(x, SIDES, constant_values=-np.inf), 3, 2),
        ["core.padded_max_pool2d"],
    ),
    "pool of bytes": (
        lambda x: ps.max_pool2d(ps.pad(ps.cast(x, "int8"), SIDES, constant_values=-128), 3, 2),
        ["cast", "core.padded_max_pool2d"],
    ),
    # what stays
    "same": (lambda x: ps.conv2d(ps.pad(x, SIDES), W, padding="same"), ["pad", "conv2d"]),
    "ones": (lambda x: ps.conv2d(ps.pad(x, SIDES, constant_values=1.0), W), ["pad", "conv2d"]),
    "pool of zeros": (lambda x: ps.max_pool2d(ps.pad(x, SIDES), 3), ["pad", "max_pool2d"]),
    "more than a window": (
        lambda x: ps.max_pool2d(ps.pad(x, SIDES, constant_values=-np.inf), 2),
        ["pad", "max_pool2d"],
    ),
    "pool that pads too": (
        lambda x: ps.max_pool2d(ps.pad(x, SIDES, constant_values=-np.inf), 3, 2, "same"),
        ["pad", "max_pool2d"],
    ),
    "channels": (
        lambda x: ps.conv2d(ps.pad(x[..., :4], [(0, 0), (1, 1), (1, 1), (0, 1)]), W),
        ["slice", "pad", "conv2d"],
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_padding_is_absorbed(name: str) -> None:
    build, ops = PAIRS[name]
    x = np.random.default_rng(0).normal(size=(2, 7, 8, 5)).astype("f")
    with ps.Graph().as_default() as graph:
        image = ps.placeholder("float32", ("n", 7, 8, 5))
        graph.inputs, graph.outputs = [image], [build(image)]
    function = ps.saved.GraphFunction(graph)
    with check_passes():
        got = np.asarray(function(x))
    np.testing.assert_allclose(got, np.asarray(build(ps.asarray(x))), rtol=1e-5, atol=1e-5)
    made = [node.op for node in function.plan.graph.nodes]
    assert [op for op in made if op not in ("placeholder", "constant")] == ops


def test_a_slice_of_everything_is_dropped() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("n", 4))
        graph.inputs, graph.outputs = [x], [ps.exp(x[:, :])]
    ops = [node.op for node in ps.saved.GraphFunction(graph).plan.graph.nodes]
    assert "slice" not in ops


def test_a_transpose_that_moves_nothing_is_dropped() -> None:
    with ps.Graph().as_default() as graph:
        x = ps.placeholder("float32", ("n", 4, 3))
        graph.inputs, graph.outputs = [x], [ps.exp(ps.transpose(x, (0, 1, 2)))]
    ops = [node.op for node in ps.saved.GraphFunction(graph).plan.graph.nodes]
    assert ops == ["placeholder", "exp"]
