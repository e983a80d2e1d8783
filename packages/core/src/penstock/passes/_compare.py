"""The check that a pass keeps the numbers: run the graph before and after it on random inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock import _native
from penstock._native import Graph, Tensor
from penstock.errors import GraphError
from penstock.graph import eagerly

_UNKNOWN_SIZE = 3  # stands for a size that nothing is known about


def compare(name: str, before: Graph, after: Graph) -> None:
    """Check that two graphs compute the same.

    Graphs that write, draw random numbers, or take strings are only compared in their form.

    Args:
        name: The pass, for messages.
        before: The graph that it got.
        after: The graph that it made.

    Raises:
        GraphError: They differ.
    """
    for what in ("inputs", "outputs"):
        old, new = getattr(before, what), getattr(after, what)
        if [t.dtype for t in old] != [t.dtype for t in new]:
            raise GraphError(
                f"pass {name!r} changed the {what} of graph {before.name!r} from "
                f"{[t.dtype.name for t in old]} to {[t.dtype.name for t in new]}; it must keep them"
            )
    inputs = [_sample(t, i) for i, t in enumerate(before.inputs)]
    if any(
        node.effects not in ("none", "read") or node.op in ("call", "while")
        for node in before.nodes
    ):
        return  # running it twice would change the world; on random numbers a loop may not end
    if any(array is None for array in inputs):
        return
    expected, got = _run(before, inputs), _run(after, inputs)
    for i, (x, y) in enumerate(zip(expected, got, strict=True)):
        if not _alike(x, y):
            raise GraphError(
                f"pass {name!r} changed output {i} of graph {before.name!r}: {x!r} became {y!r} for random inputs\n"
                f"before: {before.text()}\nafter: {after.text()}"
            )


def _run(graph: Graph, inputs: list[Any]) -> list[np.ndarray[Any, Any]]:
    from penstock.ops import asarray

    with eagerly():
        tensors = [
            asarray(array, dtype=t.dtype) for array, t in zip(inputs, graph.inputs, strict=True)
        ]
        return [t.numpy() for t in _native.Plan(graph).run(tensors)]


def _alike(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    if x.shape != y.shape:
        return False
    if x.dtype.kind not in "fc":
        return np.array_equal(x, y)
    # Sums of large numbers are rounded as such, also where little is left of them.
    largest = np.max(np.abs(x), where=np.isfinite(x), initial=1.0)
    return np.allclose(x, y, rtol=1e-5, atol=1e-6 * float(largest), equal_nan=True)


def _sample(t: Tensor, seed: int) -> np.ndarray[Any, Any] | None:
    """Draw an input: small whole numbers, which may be indices, or normal ones."""
    rng = np.random.default_rng(seed)
    shape = [
        d if isinstance(d, int) else _UNKNOWN_SIZE if d.hint is None else d.hint for d in t.shape
    ]
    if t.dtype.kind == "string":
        return None
    if t.dtype.kind in ("float", "complex"):
        return rng.standard_normal(shape)
    return rng.integers(0, 2, shape)
