"""Activations by the names that published configurations use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": ps.nn.gelu,
    "gelu_new": lambda x: ps.nn.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: ps.nn.gelu(x, approximate=True),
    "relu": ps.nn.relu,
    "relu6": ps.nn.relu6,
    "silu": ps.nn.silu,
    "tanh": ps.tanh,
    "hard_swish": ps.nn.hard_swish,
}


def activation(name: str) -> Callable[[Any], Any]:
    """Return the activation of a name.

    Raises:
        ValueError: There is none of this name.

    >>> activation("relu")([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    if name not in ACTIVATIONS:
        raise InvalidValueError(
            f"[activation] got {name!r}; there are: {', '.join(sorted(ACTIVATIONS))}"
        )
    return ACTIVATIONS[name]
