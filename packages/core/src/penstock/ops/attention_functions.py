"""What users call of attention: masks, dropout and shared heads around the ops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import ShapeError
from penstock.ops._attention_gradients import attention_weights
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    mask: TensorLike | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    dropout_rate: float = 0.0,
    enable_gqa: bool = False,
    seed: int | None = None,
) -> Tensor:
    """Average values, weighted by how well their keys fit a query: softmax(scale · query · keyᵀ + mask) · value.

    The scores are never written down, neither here nor for the gradient, so memory grows with the number of keys
    and not with its product with that of queries; only a mask's own gradient, and dropout, need them. A query that may
    see no key gets zeros.

    Args:
        query: [..., queries, depth], any real dtype; batch and heads are leading axes, as many as you like.
        key: [..., keys, depth], the same leading axes.
        value: [..., keys, width], the same leading axes.
        mask: What broadcasts to [..., queries, keys]: booleans, true where a query may see a key, or numbers that
            are added to the scores.
        causal: Query i sees the keys 0 ... i only.
        scale: What the scores are multiplied by; None stands for 1 / √depth.
        dropout_rate: The probability with which a weight is set to zero; the others grow by as much.
        enable_gqa: Axis -3 counts heads, and several heads of the query share one of key and value: as many as its
            heads are a multiple of theirs.
        seed: Drop the same weights in every call; None continues the stream that `set_seed` began.

    Returns:
        [..., queries, width], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or `dropout_rate` is out of range.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> query, key, value = [[1.0]], [[0.0], [0.0], [9.0]], [[2.0], [4.0], [7.0]]
        >>> penstock.nn.scaled_dot_product_attention(query, key, value, mask=[True, True, False])
        Tensor([[3.]], shape=(1, 1), dtype=float32)

    Source:
        Vaswani et al., 2017, "Attention is all you need", https://arxiv.org/abs/1706.03762; the order of the
        computation is that of Dao et al., 2022, "FlashAttention", https://arxiv.org/abs/2205.14135.
    """
    if enable_gqa:
        query, key, value = _shared_heads(asarray(query), asarray(key), asarray(value))
    if mask is not None:
        mask = asarray(mask)
        if mask.dtype == "bool":
            query = asarray(query)
            dtype = query.dtype if query.dtype.kind == "float" else "float32"
            mask = ops.where(mask, ops.full((), 0, dtype), -math.inf)
    if dropout_rate:
        tensors = [asarray(t) for t in (query, key, value)]
        weights = attention_weights(tensors[0], tensors[1], mask, causal, scale)
        return ops.matmul(ops.dropout(weights, dropout_rate, seed=seed), tensors[2])
    if mask is None:
        return ops.attention(query, key, value, causal, scale)
    return ops.attention_biased(query, key, value, mask, causal, scale)


def _shared_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Repeat the heads of key and value until there are as many as the query has."""
    heads = [int(t.shape[-3]) if t.ndim > 2 else 0 for t in (query, key, value)]
    if not heads[1] or heads[1] != heads[2] or heads[0] % heads[1]:
        raise ShapeError(
            f"[scaled_dot_product_attention] got query {query.shape}, key {key.shape} and value {value.shape}; with "
            "enable_gqa axis -3 counts heads, and those of the query are a multiple of those of key and value"
        )
    times = heads[0] // heads[1]
    return query, ops.repeat(key, times, axis=-3), ops.repeat(value, times, axis=-3)
