"""Which function builds which layer. Each family of layers fills the table in its own file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Config = Mapping[str, Any]
Masking = Literal["keep", "drop", "own"]


@dataclass(frozen=True)
class Builder:
    """How a layer becomes ops.

    Args:
        build: Called with the layer's call and its tensors, while the graph is built; returns tensors.
        weights: Names the layer's tensors in the order in which Keras makes them; "cell/kernel" is the kernel of what
            the layer holds as its `cell`.
        masking: What becomes of the mask of its input: it stays, it ends here, or `build` sets it.
    """

    build: Callable[..., Any]
    weights: Callable[[Config], Sequence[str]]
    masking: Masking


BUILDERS: Final[dict[str, Builder]] = {}
"""By the class name in the file."""

OPERATIONS: Final[dict[str, Builder]] = {}
"""Functions of `keras.ops` that a functional model may contain, by the class name in the file."""

NOT_TRAINED: Final = ("moving_mean", "moving_variance", "mean", "variance", "count")
"""Tensors that training never changes by gradients."""

Build = Callable[..., Any]


def nothing(_: Config) -> Sequence[str]:
    """Be the weights of a layer that has none."""
    return ()


def layer(
    *names: str,
    weights: Callable[[Config], Sequence[str]] = nothing,
    masking: Masking = "drop",
) -> Callable[[Build], Build]:
    """Put a function into the table under the class names of layers."""

    def add(build: Build) -> Build:
        for name in names:
            BUILDERS[name] = Builder(build, weights, masking)
        return build

    return add


def operation(*names: str) -> Callable[[Build], Build]:
    """Put a function into the table of `keras.ops`."""

    def add(build: Build) -> Build:
        for name in names:
            OPERATIONS[name] = Builder(build, nothing, "drop")
        return build

    return add
