"""Attention: by products, by sums, with several heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import nn, ops
from penstock_formats.keras._registry import Config, layer
from penstock_formats.keras.layers.reshaping import repeated

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call

_NOT_SEEN = -1e9


@layer(
    "Attention",
    weights=lambda c: [
        *(["scale"] if c.get("use_scale") else []),
        *(["concat_score_weight"] if c.get("score_mode") == "concat" else []),
    ],
    masking="own",
)
def _(
    call: Call,
    inputs: Sequence[Tensor],
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Tensor | list[Tensor]:
    query, value, *rest = inputs
    key = rest[0] if rest else value
    if call.choice("score_mode", "dot", "concat") == "dot":
        scores = ops.matmul(query, ops.matrix_transpose(key))
        scores = scores * call.weight("scale") if call.get("use_scale", False) else scores
    else:
        both = ops.expand_dims(query, 2) + ops.expand_dims(key, 1)
        both = both * call.weight("scale") if call.get("use_scale", False) else both
        scores = call.weight("concat_score_weight") * ops.sum(nn.tanh(both), -1)
    return _weighted(call, scores, value, return_attention_scores, use_causal_mask)


@layer(
    "AdditiveAttention",
    weights=lambda c: ["scale"] if c.get("use_scale", True) else [],
    masking="own",
)
def _(
    call: Call,
    inputs: Sequence[Tensor],
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Tensor | list[Tensor]:
    query, value, *rest = inputs
    key = rest[0] if rest else value
    both = nn.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))
    if call.get("use_scale", True):
        both = both * call.weight("scale", query.shape[-1])
    return _weighted(call, ops.sum(both, -1), value, return_attention_scores, use_causal_mask)


def _weighted(
    call: Call, scores: Tensor, value: Tensor, with_scores: bool, causal: bool
) -> Tensor | list[Tensor]:
    """Sum up values by their scores, [batch, queries, keys]."""
    query_mask, value_mask = [*call.masks, None, None][:2]
    seen = None if value_mask is None else ops.expand_dims(value_mask, 1)
    seen = _and(seen, _past(scores) if causal else None)
    if seen is not None:
        scores = scores + ops.cast(ops.logical_not(seen), scores.dtype) * _NOT_SEEN
    shares = nn.softmax(scores)
    y = ops.matmul(shares, value)
    if query_mask is not None:
        y = y * ops.cast(ops.expand_dims(query_mask, -1), y.dtype)
        call.out_mask = query_mask
    return [y, shares] if with_scores else y


def _of_heads(config: Config) -> list[str]:
    ends = ("kernel", "bias") if config.get("use_bias", True) else ("kernel",)
    parts = ("query", "key", "value", "output")
    return [f"{part}_dense/{end}" for part in parts for end in ends]


@layer("MultiHeadAttention", weights=_of_heads, masking="own")
def _(
    call: Call,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    query_mask: Tensor | None = None,
    value_mask: Tensor | None = None,
    key_mask: Tensor | None = None,
    attention_mask: Tensor | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Tensor | list[Tensor]:
    call.refuse(use_gate=False, sliding_window=None)
    if query.ndim != 3 or call.get("attention_axes", [1]) not in ([1], 1):
        raise call.unsupported("attention over more than one axis")
    heads, width = call.integer("num_heads"), call.integer("key_dim")
    deep = call.integer("value_dim", width)
    key = value if key is None else key
    q = _projected(call, "query", query, heads, width)
    k = _projected(call, "key", key, heads, width)
    v = _projected(call, "value", value, heads, deep)
    query_mask = _mask(call, query_mask, "query", 0)
    value_mask = _mask(call, value_mask, "value", 1)
    key_mask = None if key is value else _mask(call, key_mask, "key", 2)
    seen = _seen(query_mask, value_mask, key_mask, attention_mask)
    y, shares = _attend(q * (width**-0.5), k, v, seen, causal=use_causal_mask)
    call.out_mask = query_mask
    y = _output(call, y, call.get("output_shape", None), query)
    return [y, shares] if return_attention_scores else y


@layer("GroupedQueryAttention", "GroupQueryAttention", weights=_of_heads, masking="own")
def _(
    call: Call,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    query_mask: Tensor | None = None,
    value_mask: Tensor | None = None,
    key_mask: Tensor | None = None,
    attention_mask: Tensor | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Tensor | list[Tensor]:
    call.refuse(use_gate=False, sliding_window=None)
    heads, few = call.integer("num_query_heads"), call.integer("num_key_value_heads")
    width = call.integer("head_dim")
    key = value if key is None else key
    q = _projected(call, "query", query, heads, width)
    k = repeated(_projected(call, "key", key, few, width), heads // max(few, 1), 2)
    v = repeated(_projected(call, "value", value, few, width), heads // max(few, 1), 2)
    query_mask = _mask(call, query_mask, "query", 0)
    value_mask = _mask(call, value_mask, "value", 1)
    key_mask = None if key is value else _mask(call, key_mask, "key", 2)
    seen = _seen(query_mask, value_mask, key_mask, attention_mask)
    y, shares = _attend(q * (width**-0.5), k, v, seen, causal=use_causal_mask)
    call.out_mask = query_mask
    y = _output(call, y, None, query)
    return [y, shares] if return_attention_scores else y


def _projected(call: Call, part: str, x: Tensor, heads: int, width: int) -> Tensor:
    """Project to [batch, steps, heads, width]."""
    kernel = call.weight(f"{part}_dense/kernel", x.shape[-1], heads, width)
    y = ops.einsum("abc,cde->abde", x, kernel)
    return y + call.weight(f"{part}_dense/bias", heads, width) if call.get("use_bias", True) else y


def _attend(
    q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None, *, causal: bool
) -> tuple[Tensor, Tensor]:
    scores = ops.einsum("aqhd,akhd->ahqk", q, k)
    seen = _and(None if seen is None else seen, _past(scores) if causal else None)
    if seen is not None:
        seen = ops.expand_dims(seen, -3) if seen.ndim == 3 else seen
        scores = scores + ops.cast(ops.logical_not(seen), scores.dtype) * _NOT_SEEN
    shares = nn.softmax(scores)
    return ops.einsum("ahqk,akhd->aqhd", shares, v), shares


def _output(call: Call, y: Tensor, shape: Any, query: Tensor) -> Tensor:
    sizes = [query.shape[-1]] if shape is None else ([shape] if isinstance(shape, int) else shape)
    if len(sizes) != 1:
        raise call.unsupported(f"output_shape={shape!r:.60}")
    kernel = call.weight("output_dense/kernel", *y.shape[2:], sizes[0])
    y = ops.einsum("aqhd,hdc->aqc", y, kernel)
    return y + call.weight("output_dense/bias", sizes[0]) if call.get("use_bias", True) else y


def _mask(call: Call, given: Tensor | None, name: str, place: int) -> Tensor | None:
    """Find the mask of an argument: given, or what came with it."""
    if given is None:
        given = call.masks_by_name.get(name)
    return call.masks[place] if given is None and place < len(call.masks) else given


def _seen(
    query: Tensor | None, value: Tensor | None, key: Tensor | None, given: Tensor | None
) -> Tensor | None:
    """Say which query sees which key: [batch, queries, keys], or with sizes of 1."""
    seen = None if query is None else ops.expand_dims(query, -1)
    for mask in (value, key):
        seen = _and(seen, None if mask is None else ops.expand_dims(mask, -2))
    return _and(seen, None if given is None else ops.cast(given, "bool"))


def _past(scores: Tensor) -> Tensor:
    """Let each query see the keys up to its own place: [1, queries, keys]."""
    ones = ops.ones(scores.shape[-2:], "bool")
    return ops.expand_dims(ops.tril(ones), 0)


def _and(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return ops.logical_and(a, b)
