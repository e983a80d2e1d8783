"""The gradients of attention in terms of other ops: by a bias, and of the gradients themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.ops._gradients import count, sum_to

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.ops._declare import Node


def by_heads(t: Tensor, node: Node) -> Tensor:
    """Put heads before tokens, if the node has them the other way round; the same puts them back."""
    return ops.swapaxes(t, -3, -2) if node.attrs["by_token"] else t


def attend(node: Node, bias: Any) -> tuple[Tensor, Any]:
    """Write the weights down: the matrix that the op itself does without. Returns them and the scale."""
    query, key = (by_heads(t, node) for t in node.inputs[:2])
    scale = node.attrs["scale"]
    scale = default_scale(query) if scale is None else scale
    return attention_weights(query, key, bias, node.attrs["causal"], scale), scale


def default_scale(query: Tensor) -> Any:
    """1 / √depth: a number, or a tensor while the depth is a symbol."""
    depth = count(query.shape[-1:], query.dtype)
    return 1 / math.sqrt(max(depth, 1)) if isinstance(depth, float) else ops.rsqrt(depth)


def attention_weights(query: Tensor, key: Tensor, bias: Any, causal: bool, scale: Any) -> Tensor:
    """Take softmax(scale · query · keyᵀ + bias), with zeros where a query sees no key."""
    scale = default_scale(query) if scale is None else scale
    scores = ops.matmul(query, key, transpose_y=True) * scale
    scores = scores if bias is None else scores + bias
    if causal:
        rows, columns = (numbers(n) for n in scores.shape[-2:])
        scores = ops.where(ops.expand_dims(rows, 1) >= columns, scores, -math.inf)
    if bias is None:
        return ops.softmax(scores)
    seen = ops.any(scores > -math.inf, -1, keepdims=True)  # a query that sees no key has no weights
    return ops.where(seen, ops.softmax(ops.where(seen, scores, 0.0)), 0.0)


def numbers(n: Any) -> Tensor:
    """0, 1, ..., n - 1, also while n is only a symbol: no size is assumed."""
    return ops.cumsum(ops.full((n,), 1, "int64"), 0) - 1


def _row_sum(t: Tensor) -> Tensor:
    return ops.sum(t, -1, keepdims=True)


def bias_gradient(node: Node, bias: Tensor, y: Tensor, dy: Tensor) -> Tensor:
    weights, _ = attend(node, bias)
    value, y, dy = (by_heads(t, node) for t in (node.inputs[2], y, dy))
    slopes = ops.matmul(dy, value, transpose_y=True)
    return sum_to(weights * (slopes - _row_sum(y * dy)), bias)


def second(node: Node, bias: Any, dy: Tensor, grads: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Differentiate dquery = s·dS·key, dkey = s·dSᵀ·query and dvalue = Pᵀ·dy, where dS = P∘(dP - Σ P∘dP).

    y and logsumexp are taken for what forward made them, so this is the whole derivative by query, key, value,
    bias and dy.
    """
    given = zip(grads, node.inputs[:3], strict=True)
    gq, gk, gv = (by_heads(ops.zeros_like(t) if g is None else g, node) for g, t in given)
    query, key, value, dy = (by_heads(t, node) for t in (*node.inputs[:3], dy))
    weights, scale = attend(node, bias)
    dp = ops.matmul(dy, value, transpose_y=True)
    average = _row_sum(weights * dp)
    ds = weights * (dp - average)
    g = (ops.matmul(gq, key, transpose_y=True) + ops.matmul(query, gk, transpose_y=True)) * scale
    g_average = _row_sum(g * weights)
    through_dp = weights * (g - g_average)
    through_p = g * (dp - average) - dp * g_average + ops.matmul(dy, gv, transpose_y=True)
    gs = weights * (through_p - _row_sum(weights * through_p))
    dquery = (ops.matmul(gs, key) + ops.matmul(ds, gk)) * scale
    dkey = (ops.matmul(gs, query, transpose_x=True) + ops.matmul(ds, gq, transpose_x=True)) * scale
    dvalue = ops.matmul(through_dp, dy, transpose_x=True)
    ddy = ops.matmul(through_dp, value) + ops.matmul(weights, gv)
    dquery, dkey, dvalue, ddy = (by_heads(t, node) for t in (dquery, dkey, dvalue, ddy))
    return dquery, dkey, dvalue, gs, ddy


def flow(node: Node, dy: Any) -> Tensor:
    """Refuse a gradient of logsumexp, which only ops of attention see."""
    assert dy is not None
    return dy  # type: ignore[no-any-return]
