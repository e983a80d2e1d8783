"""Ops that are replaced by others before anything is written, since ONNX has none of their kind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock_formats.onnx.writing._table import composes

if TYPE_CHECKING:
    from penstock import Tensor


# ---- attention


@composes("attention")
def _(query: Tensor, key: Tensor, value: Tensor, **attrs: Any) -> Any:
    return _attention(query, key, value, None, **attrs)


@composes("attention_biased")
def _(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, **attrs: Any) -> Any:
    return _attention(query, key, value, bias, **attrs)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    causal: bool,
    scale: float | None,
    by_token: bool,
) -> Any:
    if by_token:
        query, key, value = (ps.swapaxes(t, -3, -2) for t in (query, key, value))
    if scale is None:
        scale = 1 / math.sqrt(max(int(query.shape[-1]), 1))
    scores = ps.matmul(query, key, transpose_y=True) * scale
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = ps.where(_seen(query.shape[-2], key.shape[-2]), scores, -math.inf)
    top = ps.max(scores, -1, keepdims=True)
    top = ps.where(ps.isinf(top), ps.zeros_like(top), top)  # of a query that sees no key
    weights = ps.exp(scores - top)
    total = ps.sum(weights, -1, keepdims=True)
    y = ps.matmul(weights / ps.where(total == 0, ps.ones_like(total), total), value)
    y = ps.swapaxes(y, -3, -2) if by_token else y
    return y, ps.squeeze(top + ps.log(total), -1)


def _seen(queries: Any, keys: Any) -> Tensor:
    """[queries, keys]: true where the key does not come after the query."""
    return _numbers(queries)[:, None] >= _numbers(keys)[None, :]


def _numbers(size: Any) -> Tensor:
    """0, 1, ..., also of a size that only the run tells."""
    return ps.cumsum(ps.ones((size,), "int64"), 0, exclusive=True)


# ---- norms


@composes("rms_norm")
def _(x: Tensor, scale: Tensor, epsilon: float) -> Any:
    axes = tuple(range(x.ndim - scale.ndim, x.ndim))
    inverse = ps.rsqrt(ps.mean(ps.square(x), axes, keepdims=True) + epsilon)
    return x * inverse * scale, inverse


@composes("group_norm")
def _(x: Tensor, scale: Tensor, offset: Tensor, groups: int, epsilon: float) -> Any:
    channels = int(x.shape[-1])
    g = ps.reshape(x, (x.shape[0], -1, groups, channels // groups))
    mean = ps.mean(g, (1, 3), keepdims=True)
    centred = g - mean
    inverse = ps.rsqrt(ps.mean(ps.square(centred), (1, 3), keepdims=True) + epsilon)
    y = ps.reshape(centred * inverse, x.shape) * scale + offset
    shape = (x.shape[0], groups)
    return y, ps.reshape(mean, shape), ps.reshape(inverse, shape)


@composes("batch_norm")
def _(x: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> Any:
    axes = tuple(range(x.ndim - 1))
    mean = ps.mean(x, axes)
    centred = x - mean
    variance = ps.mean(ps.square(centred), axes)
    return centred * (scale * ps.rsqrt(variance + epsilon)) + offset, mean, variance


# ---- diagonals, windows and other places


def _diagonal_places(x: Tensor, offset: int, axis1: int, axis2: int) -> Any:
    sizes = [int(n) for n in x.shape]
    places = np.arange(int(np.prod(sizes))).reshape(sizes)
    return np.diagonal(places, offset, axis1, axis2)


@composes("diagonal")
def _(x: Tensor, offset: int, axis1: int, axis2: int) -> Any:
    sides = [int(x.shape[axis]) for axis in (axis1, axis2)]
    rest = [axis for axis in range(x.ndim) if axis not in (axis1, axis2)]
    rows = ps.transpose(x, (*rest, axis1, axis2))
    flat = ps.reshape(rows, (*rows.shape[:-2], sides[0] * sides[1]))
    places = np.diagonal(np.arange(sides[0] * sides[1]).reshape(sides), offset)
    return ps.take(flat, places, -1)


@composes("diagonal_scatter")
def _(x: Tensor, values: Tensor, offset: int, axis1: int, axis2: int) -> Any:
    places = _diagonal_places(x, offset, axis1, axis2)
    flat = ps.ops.scatter(ps.flatten(x), places.reshape(-1), ps.flatten(values), 0)
    return ps.reshape(flat, x.shape)


@composes("slice_update")
def _(x: Tensor, update: Tensor, starts: Any, steps: Any) -> Any:
    return _updated(x, update, list(starts), list(steps), 0)


def _updated(x: Tensor, update: Tensor, starts: Any, steps: Any, axis: int) -> Tensor:
    """Put the update into the rows that it concerns, axis by axis."""
    while axis < x.ndim and str(update.shape[axis]) == str(x.shape[axis]) and steps[axis] == 1:
        axis += 1
    if axis == x.ndim:
        return update
    rows = _numbers(update.shape[axis]) * steps[axis] + ps.ops.size_of((starts[axis],))
    inner = _updated(ps.take(x, rows, axis), update, starts, steps, axis + 1)
    return ps.ops.scatter(x, rows, inner, axis)


@composes("frame")
def _(x: Tensor, frames: Any, frame_length: int, frame_step: int, fill: float) -> Any:
    count = int(frames[0])
    places = np.arange(count)[:, None] * frame_step + np.arange(frame_length)
    missing = max(int(places.max(initial=-1)) + 1 - int(x.shape[-1]), 0)
    padded = ps.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)], constant_values=fill)
    return ps.take(padded, places, -1)


@composes("overlap_and_add")
def _(x: Tensor, length: Any, frame_step: int) -> Any:
    frames, size = (int(n) for n in x.shape[-2:])
    places = (np.arange(frames)[:, None] * frame_step + np.arange(size)).reshape(-1)
    whole = max(int(length[0]), int(places.max(initial=-1)) + 1)
    rows = ps.reshape(x, (*x.shape[:-2], frames * size))
    y = ps.zeros((*x.shape[:-2], whole), x.dtype)
    return ps.ops.scatter_add(y, places, rows, -1)[..., : length[0]]


@composes("sparse_matmul")
def _(values: Tensor, rows: Tensor, columns: Tensor, x: Tensor, num_rows: Any) -> Any:
    products = ps.expand_dims(values, -1) * ps.take(x, columns, 0)
    y = ps.zeros((num_rows[0], x.shape[1]), products.dtype)
    return ps.ops.scatter_add(y, rows, products, 0)


# ---- gradients of single ops that models use by themselves


@composes("relu_grad")
def _(y: Tensor, dy: Tensor) -> Any:
    return ps.where(y > 0, dy, 0.0)


@composes("softmax_cross_entropy_grad")
def _(probabilities: Tensor, labels: Tensor, dloss: Tensor) -> Any:
    hot = ps.ops.one_hot(labels, int(probabilities.shape[-1]), probabilities.dtype)
    return (probabilities - hot) * ps.expand_dims(dloss, -1)
