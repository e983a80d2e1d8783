"""Gradient checkpointing: less memory for a gradient, for one more forward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from penstock import _native, ops
from penstock._bodies import as_tensor, build, is_building, within
from penstock.autograph._convert import converted
from penstock.control import call_node

__all__ = ["recompute_grad"]


def recompute_grad(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function whose values are not kept for its gradient, but computed again.

    Between the forward and the backward pass only its arguments, variables and results stay, and the random numbers
    that it drew. Also known as gradient checkpointing, or `remat`; `penstock.Checkpoint` is something else, it saves
    variables.

    This is for `@function`, where `function.memory(...)` shows what it saves. Eager calls run `fn` as it is.

    Args:
        fn: A function of tensors, such as one layer or block of a network; it may use variables and tensors around it.

    Returns:
        A function of the same arguments.

    Raises:
        Exception: When called, whatever `fn` raises.

    Example:
        >>> block = penstock.recompute_grad(lambda x: penstock.tanh(penstock.sin(x)))
        >>> penstock.function(penstock.grad(block))(penstock.asarray(0.0))
        Tensor(1., shape=(), dtype=float32)
    """

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not is_building(args, kwargs):
            return fn(*args, **kwargs)
        with within(args, kwargs):
            name = getattr(fn, "__name__", "call")
            inner = converted(fn)
            body = build(
                name if name.isidentifier() else "call",
                [],
                lambda _: _behind_barriers(inner(*args, **kwargs)),
            )
            return _native.tree_unflatten(body.structure, call_node(body))

    return wrapped


def _behind_barriers(result: Any) -> Any:
    """Mark what a body returns: its gradient computes all of the body again, and passes keep the two apart."""
    leaves, structure = _native.tree_flatten(result)
    what = "[recompute_grad] what the function returns"
    made = [None if leaf is None else ops.barrier(as_tensor(what, leaf)) for leaf in leaves]
    return _native.tree_unflatten(structure, made)
