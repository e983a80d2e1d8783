"""Attention, and what comes with it."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.gathering import positions
from penstock_formats.onnx.reading.file import dtype_of_code
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


@converts("Attention", since=23)
def _attention(
    call: Call,
    q: Value,
    k: Value,
    v: Value,
    mask: Value | None = None,
    past_key: Value | None = None,
    past_value: Value | None = None,
    lengths: Value | None = None,
) -> list[Tensor | None]:
    heads, kv_heads = call.attr("q_num_heads"), call.attr("kv_num_heads")
    flat = q.ndim == 3
    if flat and (not heads or not kv_heads):
        raise call.wrong(
            "has inputs of 3 axes and no numbers of heads", "it needs both: export the model again"
        )
    query, key, value = (
        _by_heads(t.tensor, n) if flat else t.tensor
        for t, n in ((q, heads), (k, kv_heads), (v, kv_heads))
    )
    offset: Any = 0
    if past_key is not None and past_value is not None:
        offset = ps.ops.size_of((past_key.shape[2],))
        key, value = ps.concat([past_key.tensor, key], 2), ps.concat([past_value.tensor, value], 2)
    elif lengths is not None:
        offset = ps.reshape(lengths.tensor, (-1, 1, 1, 1)) - ps.ops.size_of((query.shape[2],))
    allowed, added = _masks(
        call, query, key, None if mask is None else mask.tensor, offset, lengths
    )
    made, scores = _attend(call, query, key, value, allowed, added)
    if flat:
        made = ps.reshape(
            ps.transpose(made, (0, 2, 1, 3)), (*q.shape[:2], made.shape[1] * made.shape[3])
        )
    return [made, key, value, scores]


def _by_heads(t: Tensor, heads: int) -> Tensor:
    batch, length, width = t.shape
    return ps.transpose(ps.reshape(t, (batch, length, heads, width // heads)), (0, 2, 1, 3))


def _masks(
    call: Call, query: Tensor, key: Tensor, mask: Tensor | None, offset: Any, lengths: Value | None
) -> tuple[Tensor | None, Tensor | None]:
    """Return which keys a query may see (None for all), and what is added to the scores."""
    count = key.shape[2]
    i = ps.reshape(positions(query.shape[2]), (query.shape[2], 1)) + offset
    j = ps.reshape(positions(count), (1, count))
    tests: list[Tensor] = []
    added = None
    if mask is not None and mask.dtype.name == "bool":
        tests.append(_widened(mask, count, False))
    elif mask is not None:
        added = _widened(mask, count, -math.inf)
    if call.attr("is_causal", 0):
        tests.append(j <= i)
    if call.attr("left_window_size", -1) >= 0:
        tests.append(i - j <= call.attr("left_window_size"))
    if call.attr("right_window_size", -1) >= 0:
        tests.append(j - i <= call.attr("right_window_size"))
    if lengths is not None:
        tests.append(j < ps.reshape(lengths.tensor, (-1, 1, 1, 1)))
    allowed = None
    for test in tests:
        allowed = test if allowed is None else ps.logical_and(allowed, test)
    return allowed, added


def _widened(mask: Tensor, count: Any, number: float | bool) -> Tensor:
    """Hide the keys for which a mask is too short."""
    have = mask.shape[-1]
    if not isinstance(have, int) or not isinstance(count, int) or have >= count:
        return mask
    rest = ps.full((*mask.shape[:-1], count - have), number, mask.dtype)
    return ps.concat([mask, rest], -1)


def _attend(
    call: Call,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    allowed: Tensor | None,
    added: Tensor | None,
) -> tuple[Tensor, Tensor | None]:
    size = query.shape[3]
    factor = call.attr("scale")
    factor = 1 / math.sqrt(int(size)) if factor is None else factor
    groups = query.shape[1] // key.shape[1] if isinstance(query.shape[1], int) else 1
    plain = (
        not call.attr("softcap", 0.0)
        and not call.wants(3)
        and query.dtype.name == "float32"
        and added is None
    )
    if plain:
        grouped: Tensor = ps.nn.scaled_dot_product_attention(
            query, key, value, allowed, scale=factor, enable_gqa=groups > 1
        )
        return grouped, None
    if groups > 1:
        key, value = (ps.repeat(t, groups, 1) for t in (key, value))
    root = math.sqrt(factor)
    scores = ps.matmul(query * root, key * root, transpose_y=True)
    return _weighted(call, scores, value, allowed, added)


def _weighted(
    call: Call, scores: Tensor, value: Tensor, allowed: Tensor | None, added: Tensor | None
) -> tuple[Tensor, Tensor]:
    mode, cap, dtype = (
        call.attr("qk_matmul_output_mode", 0),
        call.attr("softcap", 0.0),
        scores.dtype,
    )
    shown = scores
    if cap:
        scores = ps.tanh(scores / cap) * cap
    if mode == 1:
        shown = scores
    if added is not None:
        scores = scores + ps.cast(added, dtype)
    if allowed is not None:
        scores = ps.where(allowed, scores, ps.full((), -math.inf, dtype))
    if mode == 2:
        shown = scores
    precision = call.attr("softmax_precision")
    wide = scores if precision is None else ps.cast(scores, dtype_of_code(precision, call.where))
    hidden = ps.equal(ps.max(wide, -1, keepdims=True), -math.inf)
    weights = ps.softmax(ps.where(hidden, ps.zeros_like(wide), wide), -1)
    weights = ps.cast(ps.where(hidden, ps.zeros_like(weights), weights), dtype)
    return ps.matmul(weights, value), weights if mode == 3 else shown


@converts("RotaryEmbedding", since=23)
def _rotary_embedding(
    call: Call, x: Value, cos: Value, sin: Value, places: Value | None = None
) -> Tensor:
    heads, t = call.attr("num_heads", 0), x.tensor
    flat = t.ndim == 3
    t = ps.transpose(_by_heads(t, heads), (0, 2, 1, 3)) if flat else ps.transpose(t, (0, 2, 1, 3))
    size = t.shape[3]
    turned = call.attr("rotary_embedding_dim", 0) or size
    c, s = (
        ps.expand_dims(v.tensor if places is None else ps.take(v.tensor, places.tensor, 0), axis=2)
        for v in (cos, sin)
    )
    half, head, rest = turned // 2, t[..., :turned], t[..., turned:]
    between = bool(call.attr("interleaved", 0))
    a, b = (head[..., 0::2], head[..., 1::2]) if between else (head[..., :half], head[..., half:])
    c, s = c[..., :half], s[..., :half]
    parts = [c * a - s * b, s * a + c * b]
    made = ps.reshape(ps.stack(parts, -1), head.shape) if between else ps.concat(parts, -1)
    made = ps.concat([made, rest], -1)
    return ps.reshape(made, x.shape) if flat else ps.transpose(made, (0, 2, 1, 3))
