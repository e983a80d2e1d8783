"""Every op goes through JSON and back, with the samples of its block, traced with sizes that vary."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import _native
from penstock.registry import op_blocks, op_function
from penstock.saved._layout import layout
from penstock.saved._tensors import TensorReader, TensorWriter, asset_bytes
from penstock.saved.reader import GraphReader
from penstock.saved.writer import GraphWriter

BLOCKS = {
    name: block
    for name, block in op_blocks().items()
    if block.samples_fn is not None and name != "host_call"  # a Python function is not saved
}


def samples_of(name: str) -> list[Any]:
    """Small ones."""
    maker: Any = BLOCKS[name].samples_fn
    found = list(maker(np.random.default_rng(zlib.crc32(name.encode()))))
    return [s for s in found if s.label != "large"][:6]


def traced(name: str, sample: Any) -> Any:
    """Trace a call of the op on the sample's arrays."""
    leaves, structure = _native.tree_flatten((sample.args, dict(sample.kwargs)))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, np.ndarray)]
    op = op_function(name)

    def call(*tensors: Any) -> Any:
        filled = list(leaves)
        for place, t in zip(places, tensors, strict=True):
            filled[place] = t
        args, kwargs = _native.tree_unflatten(structure, filled)
        return op(*args, **kwargs)

    arrays = [ps.asarray(leaves[i]) for i in places]
    return ps.function(call, autograph=False).trace(*arrays), arrays


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_an_op_survives(name: str) -> None:
    for sample in samples_of(name):
        trace, arrays = traced(name, sample)
        for graph in (trace.graph, trace.optimized):
            tensors = TensorWriter()
            data = json.loads(layout(GraphWriter(tensors, {}).write(graph)))
            reader = TensorReader(
                lambda _, held=tensors: held.stored,
                lambda path, held=tensors: asset_bytes(held.assets[path]),
            )
            again = GraphReader(reader, {}).read(data)
            assert json.loads(layout(GraphWriter(TensorWriter(), {}).write(again))) == data
            if trace.graph.nodes and all(node.effects == "none" for node in trace.graph.nodes):
                for a, b in zip(
                    _native.Plan(again).run(arrays), _native.Plan(graph).run(arrays), strict=True
                ):
                    assert a.dtype == b.dtype
                    assert repr(a) == repr(b)
