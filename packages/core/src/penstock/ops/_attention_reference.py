"""What attention and its gradient mean, in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from penstock.ops.reduce import wider


def _scores(query: Any, key: Any, bias: Any, causal: bool, scale: float | None) -> Any:
    scale = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    scores = (query @ np.swapaxes(key, -1, -2)) * query.dtype.type(scale) + bias
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    return scores


def _by_heads(arrays: tuple[Any, ...], by_token: bool) -> list[Any]:
    """Put heads before tokens; the same puts them back."""
    wide = map(wider, arrays)
    return [np.swapaxes(a, -3, -2) for a in wide] if by_token else list(wide)


@np.errstate(divide="ignore", invalid="ignore")  # of queries that see no key
def forward(
    query: Any, key: Any, value: Any, bias: Any, causal: bool, scale: Any, by_token: bool = False
) -> Any:
    query, key, value = _by_heads((query, key, value), by_token)
    scores = _scores(query, key, bias, causal, scale)
    top = scores.max(-1, keepdims=True, initial=-np.inf)
    top = np.where(np.isinf(top) & (top < 0), query.dtype.type(0), top)
    weights = np.exp(scores - top)
    total = weights.sum(-1, keepdims=True)
    y = np.where(total == 0, query.dtype.type(0), (weights / total) @ value)
    return _by_heads((y,), by_token)[0], (top + np.log(total))[..., 0]


def backward(
    inputs: tuple[Any, ...],
    bias: Any,
    results: tuple[Any, ...],
    causal: bool,
    scale: Any,
    by_token: bool,
) -> Any:
    y, lse, dy = results
    query, key, value, y, dy = _by_heads((*inputs, y, dy), by_token)
    lse = np.where(np.isinf(lse), query.dtype.type(np.inf), lse)  # sees nothing: no weights
    weights = np.exp(_scores(query, key, bias, causal, scale) - lse[..., np.newaxis])
    slopes = dy @ np.swapaxes(value, -1, -2)
    slopes = weights * (slopes - (y * dy).sum(-1, keepdims=True))
    slopes *= 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    transposed = np.swapaxes(slopes, -1, -2), np.swapaxes(weights, -1, -2)
    made = slopes @ key, transposed[0] @ query, transposed[1] @ dy
    return tuple(_by_heads(made, by_token))
