"""Which passes run, in which order, and the check that each keeps the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from penstock import _native
from penstock._native import Graph
from penstock.errors import GraphError
from penstock.passes.algebra import simplify_algebra
from penstock.passes.cse import share_common
from penstock.passes.decompose import decompose
from penstock.passes.fold import fold_constants
from penstock.passes.inline import inline_calls
from penstock.passes.place import place
from penstock.passes.prune import prune

Pass = Callable[[Graph], Graph]

PIPELINE: tuple[tuple[str, Pass], ...] = (
    ("inline", inline_calls),
    ("prune", prune),
    ("decompose", decompose),
    ("fold", fold_constants),
    ("cse", share_common),
    ("algebra", simplify_algebra),
    ("tidy", prune),
)
_user_passes: dict[str, Pass] = {}
_checking: ContextVar[bool] = ContextVar("penstock_check_passes", default=False)


def register_pass(name: str, fn: Pass, stage: str = "user") -> None:
    """Add a pass that runs on every graph after core's own.

    Args:
        name: Its name, for messages.
        fn: Takes a Graph and returns one that computes the same.
        stage: "user" is the only stage today.

    Raises:
        GraphError: The name is taken, or the stage is unknown.

    >>> import penstock as ps
    >>> register_pass("nothing", lambda graph: graph)
    >>> unregister_pass("nothing")
    """
    if stage != "user":
        raise GraphError(f"pass {name!r} asks for stage {stage!r}; the stages are: 'user'")
    if name in _user_passes or name in dict(PIPELINE):
        raise GraphError(f"there is a pass {name!r} already; choose another name")
    _user_passes[name] = fn


def unregister_pass(name: str) -> None:
    """Take a user's pass out again.

    Raises:
        GraphError: There is none of that name.
    """
    if _user_passes.pop(name, None) is None:
        raise GraphError(f"there is no pass {name!r}; registered are: {sorted(_user_passes)}")


def optimize(graph: Graph) -> Graph:
    """Run every pass.

    Raises:
        GraphError: A pass broke its promise, or returned something else than a Graph.
    """
    for name, fn in (*PIPELINE, *_user_passes.items(), ("place", place)):
        result = fn(graph)
        if not isinstance(result, Graph):
            raise GraphError(f"pass {name!r} returned {type(result).__name__}; it must return a Graph")
        if _checking.get() and name not in ("inline", "decompose"):
            _compare(name, graph, result)
        graph = result
    return graph


@contextmanager
def check_passes(on: bool = True) -> Iterator[None]:
    """Compare every graph before and after each pass, on random inputs, while the block runs."""
    token = _checking.set(on)
    try:
        yield
    finally:
        _checking.reset(token)


def _compare(name: str, before: Graph, after: Graph) -> None:
    if len(before.inputs) != len(after.inputs) or len(before.outputs) != len(after.outputs):
        raise GraphError(f"pass {name!r} changed the number of inputs or outputs")
    if any(node.effects not in ("none", "read") or node.op == "call" for node in before.nodes):
        return  # running it twice would change the world
    rng = np.random.default_rng(0)
    inputs = [_sample(t, rng) for t in before.inputs]
    if any(t is None for t in inputs):
        return
    for i, (x, y) in enumerate(
        zip(_native.Plan(before).run(inputs), _native.Plan(after).run(inputs), strict=True)
    ):
        if x.dtype.kind == "string":
            continue
        if not np.allclose(x.numpy(), y.numpy(), rtol=1e-5, atol=1e-6, equal_nan=True):
            raise GraphError(
                f"pass {name!r} changed output {i} of graph {before.name!r}:\nbefore\n{before.text()}\n"
                f"after\n{after.text()}"
            )


def _sample(t: _native.Tensor, rng: np.random.Generator) -> _native.Tensor | None:
    from penstock.ops import asarray

    shape = [d if isinstance(d, int) else d.hint for d in t.shape]
    if any(d is None for d in shape) or t.dtype.kind in ("string", "complex"):
        return None
    return asarray(rng.integers(0, 3, [int(d or 0) for d in shape]), dtype=t.dtype)
