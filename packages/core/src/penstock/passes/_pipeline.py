"""Which passes run, in which order, and the check that each keeps the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from penstock import _native
from penstock._native import Graph
from penstock.errors import GraphError
from penstock.passes._compare import compare
from penstock.passes.absorb import absorb_padding
from penstock.passes.algebra import simplify_algebra
from penstock.passes.bend_norms import bend_norms
from penstock.passes.bodies import drop_unused_results, optimize_bodies
from penstock.passes.cse import share_common
from penstock.passes.decompose import decompose
from penstock.passes.fold import fold_constants
from penstock.passes.fold_norms import fold_norms
from penstock.passes.fuse import fuse
from penstock.passes.inline import inline_calls
from penstock.passes.place import place
from penstock.passes.prune import prune
from penstock.passes.recognise import recognise

Pass = Callable[[Graph], Graph]

PIPELINE: tuple[tuple[str, Pass], ...] = (
    ("inline", inline_calls),
    ("narrow", drop_unused_results),
    ("prune", prune),
    ("decompose", decompose),
    ("fold", fold_constants),
    ("algebra", simplify_algebra),
    ("cse", share_common),
    ("tidy", prune),
    ("recognise", recognise),
    ("bend", bend_norms),
    ("norms", fold_norms),
)
_LAST: tuple[tuple[str, Pass], ...] = (
    ("absorb", absorb_padding),
    ("fuse", fuse),
    ("place", place),
)
_UNCHECKED = ("inline", "decompose")  # before them a graph cannot run, or runs with other roundings
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

    Args:
        graph: What to optimise; it stays as it is.

    Returns:
        A graph that computes the same, placed on devices, ready for a plan.

    Raises:
        GraphError: A pass broke its promise, or returned something else than a Graph.
    """
    with _undisturbed():
        inside = ("bodies", lambda graph: optimize_bodies(graph, optimize))
        for name, fn in (*PIPELINE, *_user_passes.items(), inside, *_LAST):
            result = fn(graph)
            if not isinstance(result, Graph):
                raise GraphError(
                    f"pass {name!r} returned {type(result).__name__}; it must return a Graph"
                )
            if _checking.get() and name not in _UNCHECKED:
                compare(name, graph, result)
            graph = result
    return graph


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the blocks around a call, such as `with device(...)` or a tape, away from the ops that passes call."""
    scope, device = _native.get_scope(), _native.get_scope_device()
    controls, tapes = _native.get_control_inputs(), _native.pause_tapes()
    _native.set_scope("")
    _native.set_scope_device("")
    _native.set_control_inputs([])
    try:
        yield
    finally:
        _native.set_scope(scope)
        _native.set_scope_device(device)
        _native.set_control_inputs(controls)
        _native.resume_tapes(tapes)


@contextmanager
def check_passes(on: bool = True) -> Iterator[None]:
    """Compare every graph before and after each pass, on random inputs, while the block runs.

    Args:
        on: Whether to compare.

    >>> import penstock as ps
    >>> with ps.check_passes():
    ...     ps.function(lambda x: x * 1 + 2)(ps.ones((2,)))
    Tensor([3., 3.], shape=(2,), dtype=float32)
    """
    token = _checking.set(on)
    try:
        yield
    finally:
        _checking.reset(token)
