"""What attention and its gradients are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from penstock.ops._attention_reference import forward
from penstock.ops._samples import FLOATS, array

# The shapes of query, key and value, attributes, and what they show.
_CASES: tuple[tuple[str, tuple[tuple[int, ...], ...], dict[str, Any]], ...] = (
    ("one head", ((3, 2), (4, 2), (4, 3)), {}),
    ("heads", ((2, 1, 3, 2), (2, 1, 3, 2), (2, 1, 3, 1)), {"scale": 0.3}),
    ("causal", ((1, 4, 2), (1, 4, 2), (1, 4, 2)), {"causal": True}),
    ("by token", ((2, 3, 2, 5), (2, 4, 2, 5), (2, 4, 2, 1)), {"by_token": True}),
    ("causal, by token", ((4, 3, 2), (4, 3, 2), (4, 3, 2)), {"causal": True, "by_token": True}),
    ("causal, fewer keys", ((4, 2), (2, 2), (2, 2)), {"causal": True}),
    ("causal, more keys", ((2, 2), (4, 2), (4, 2)), {"causal": True}),
    ("no queries", ((0, 2), (3, 2), (3, 2)), {}),
    ("no keys", ((2, 2), (0, 2), (0, 3)), {}),
    ("no heads", ((0, 3, 2), (0, 4, 2), (0, 4, 2)), {}),
)
_LARGE = ((2, 150, 33), (2, 300, 33), (2, 300, 20))
_BIASES: tuple[tuple[int, ...], ...] = (
    *((3, 4), (4,), (2, 1, 3, 1), (4, 4), (2, 2, 1, 4), (3, 1, 4)),
    *((4, 1), (2, 4), (1, 3), (2, 1), (3, 4)),
)


def drawn(rng: np.random.Generator) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    for dtype in FLOATS:
        yield dtype, tuple(array(rng, s, dtype) for s in ((3, 2), (4, 2), (4, 3))), {}
    for label, shapes, attrs in _CASES:
        yield label, tuple(array(rng, s) for s in shapes), attrs
    large = tuple(array(rng, s, "float32", -1, 1) for s in _LARGE)
    yield "large", large, {}
    yield "large, causal", large, {"causal": True}


def drawn_with_bias(rng: np.random.Generator) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    shapes = iter(_BIASES)
    for label, args, attrs in drawn(rng):
        dtype = args[0].dtype.name
        if dtype != "float64":
            tokens = -3 if attrs.get("by_token") else -2
            shape: tuple[int, ...] = (args[0].shape[tokens], args[1].shape[tokens])
        else:
            shape = next(shapes)
        yield label, (*args, array(rng, shape, dtype)), attrs


def results(rng: Any, args: Any, attrs: Any) -> tuple[Any, ...]:
    """What the gradient gets besides forward's inputs: y, logsumexp and dy."""
    query, key, value, bias = args
    causal, scale = attrs.get("causal", False), attrs.get("scale")
    y, lse = forward(query, key, value, bias, causal, scale, attrs.get("by_token", False))
    dtype = query.dtype
    return y.astype(dtype), lse.astype(dtype), array(rng, y.shape, dtype.name)
