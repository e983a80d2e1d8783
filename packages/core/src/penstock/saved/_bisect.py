"""Which op of a function computes something else than its meaning in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, ops
from penstock._inner_graphs import inner_graphs
from penstock._native import Node, Tensor
from penstock.ops._declare import BLOCKS
from penstock.reference import numpy_dtype
from penstock.registry import kernel_of
from penstock.saved._again import call_again, with_sizes_of

if TYPE_CHECKING:
    from penstock.saved.model import GraphFunction


def first_difference(
    function: GraphFunction, inputs: Sequence[Tensor], random: tuple[int, int]
) -> str:
    """Run a function op by op, each by its kernel and by its reference.

    Args:
        function: The function; it must not assign variables.
        inputs: A tensor for each input.
        random: Key and counter of the random numbers.

    Returns:
        A sentence: the first op that differs, or where else the difference must come from.

    Raises:
        Exception: What an op raises.
    """
    from penstock.saved.golden import difference

    before = _native.random_state()
    _native.set_random_state(*random)
    told: list[str] = []

    def compare(node: Node, given: list[Tensor], made: Sequence[Tensor]) -> None:
        if told:
            return
        expected = _by_reference(
            node, given, with_sizes_of(function.graph, inputs, node.attrs), made
        )
        for t, wanted in zip(made, expected, strict=False):
            off = difference(t, wanted)
            if off:
                kernel = kernel_of(node)
                by = f" by {kernel.provider} ({kernel.isa})" if kernel else ""
                told.append(
                    f"The first op that differs from its reference is {node.name!r} ({node.op}){by}: it {off}."
                )
                return

    try:
        alone = call_again(function.graph, inputs, compare)
        if told:
            return told[0]
        _native.set_random_state(*random)
        together = function.plan.run(list(inputs))
    finally:
        _native.set_random_state(*before)
    for name, a, b in zip(function.outputs, together, alone, strict=True):
        if difference(a, b):
            return f"Every op agrees with its reference, but the optimised graph gives another {name!r} than its ops."
    return "Every op agrees with its reference: the weights or the graph are not those that were saved."


def _by_reference(
    node: Node, given: list[Tensor], attrs: dict[str, Any], made: Sequence[Tensor]
) -> list[Tensor]:
    """Compute a node by NumPy; nothing for nodes that have no reference of their own."""
    block = BLOCKS.get(node.op)
    if block is None or block.reference_fn is None or inner_graphs(node) or node.effects != "none":
        return []
    plain = {k: numpy_dtype(v) if isinstance(v, _native.DType) else v for k, v in attrs.items()}
    arrays = [np.asarray(t.numpy()) for t in given]
    found = block.reference_fn(*arrays, **plain)
    found = found if isinstance(found, tuple) else (found,)
    pairs = zip(found, made, strict=False)
    return [ops.asarray(np.asarray(a), dtype=t.dtype) for a, t in pairs]
