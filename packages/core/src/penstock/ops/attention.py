"""Scaled dot-product attention, which never writes the matrix of scores down."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import DTypeError, ShapeError
from penstock.ops import _batch
from penstock.ops._attention_gradients import (
    attention_weights,
    bias_gradient,
    numbers,
    second,
)
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import FLOATS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

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


# ---- the meaning


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
def _forward(
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


def _backward(
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


# ---- the ops: with a bias and without, as an op has all its inputs


@op(infer="attention", outputs=2, public=1)
def attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    causal: bool = False,
    scale: float | None = None,
    by_token: bool = False,
) -> Tensor:
    """Attend without a mask; `penstock.nn.scaled_dot_product_attention` calls this.

    Args:
        query: [..., queries, depth], any real dtype.
        key: [..., keys, depth], the same leading axes.
        value: [..., keys, width], the same leading axes.
        causal: Query i sees the keys 0 ... i only.
        scale: What the scores are multiplied by; None stands for 1 / √depth.
        by_token: Tokens come before heads, here and in the result: query is [..., queries, heads, depth].

    Returns:
        [..., queries, width], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.ops.attention([[1.0]], [[0.0], [0.0]], [[2.0], [4.0]])
        Tensor([[3.]], shape=(1, 1), dtype=float32)
    """


attention.batch(_batch.same)


@attention.reference
def _(query: Any, key: Any, value: Any, causal: bool, scale: float | None, by_token: bool) -> Any:
    return _forward(query, key, value, query.dtype.type(0), causal, scale, by_token)


def _flow(node: Node, dy: Any) -> Tensor:
    """Refuse a gradient of logsumexp, which only this file sees."""
    assert dy is not None
    return dy  # type: ignore[no-any-return]


@attention.vjp
def _(node: Node, dy: Any, _: Any = None) -> Gradients:
    given: Any = (*node.inputs, *node.outputs, _flow(node, dy))
    return ops.attention_grad(*given, **node.attrs)


def _drawn(rng: np.random.Generator) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    for dtype in FLOATS:
        yield dtype, tuple(array(rng, s, dtype) for s in ((3, 2), (4, 2), (4, 3))), {}
    for label, shapes, attrs in _CASES:
        yield label, tuple(array(rng, s) for s in shapes), attrs
    large = tuple(array(rng, s, "float32", -1, 1) for s in _LARGE)
    yield "large", large, {}
    yield "large, causal", large, {"causal": True}


@attention.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn(rng):
        yield Sample(args, attrs, label=label)
    yield Sample(tuple(array(rng, (3, 4)).T for _ in range(3)), label="strided")


@attention.rejects
def _() -> Iterator[Reject]:
    q, k, v = np.ones((2, 3, 4)), np.ones((2, 5, 4)), np.ones((2, 5, 6))
    yield Reject((q, k[..., :3], v), match=r"\[keys, depth\] with query's depth")
    yield Reject((q, k[:1], v), match="query's leading axes")
    yield Reject((q, k, v[:, :4]), match="with the keys of key")
    yield Reject((q[0, 0], k, v), match="expected at least 2 axes")
    yield Reject((q.astype("complex64"), k, v), error=TypeError, match="real")


@op(infer="attention_grad", outputs=3)
def attention_grad(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    y: TensorLike,
    logsumexp: TensorLike,
    dy: TensorLike,
    causal: bool = False,
    scale: float | None = None,
    by_token: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradients of attention.

    Args:
        query: [..., queries, depth].
        key: [..., keys, depth].
        value: [..., keys, width].
        y: [..., queries, width], what attention returned.
        logsumexp: [..., queries], the logarithm of each query's sum, as attention computed it.
        dy: [..., queries, width], the gradient of y.
        causal: As given to attention.
        scale: As given to attention.
        by_token: As given to attention; logsumexp is [..., heads, queries] all the same.

    Returns:
        dquery, dkey and dvalue, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> one = penstock.ones((1, 1))
        >>> penstock.ops.attention_grad(one, one, one, one, [1.0], 3 * one)[2]
        Tensor([[3.]], shape=(1, 1), dtype=float32)
    """


attention_grad.batch(_batch.same)


@attention_grad.reference
def _(query: Any, key: Any, value: Any, y: Any, lse: Any, dy: Any, **attrs: Any) -> Any:
    return _backward((query, key, value), query.dtype.type(0), (y, lse, dy), **attrs)


@attention_grad.vjp
def _(node: Node, *grads: Any) -> Gradients:
    dq, dk, dv, _, ddy = second(node, None, node.inputs[5], grads)
    return dq, dk, dv, None, None, ddy


def _results(rng: Any, args: Any, attrs: Any) -> tuple[Any, ...]:
    """What the gradient gets besides forward's inputs: y, logsumexp and dy."""
    query, key, value, bias = args
    causal, scale = attrs.get("causal", False), attrs.get("scale")
    y, lse = _forward(query, key, value, bias, causal, scale, attrs.get("by_token", False))
    dtype = query.dtype
    return y.astype(dtype), lse.astype(dtype), array(rng, y.shape, dtype.name)


@attention_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    # y and logsumexp hang on the other inputs: the second gradient of attention is the test of this one's.
    for label, args, attrs in _drawn(rng):
        results = _results(rng, (*args, args[0].dtype.type(0)), attrs)
        yield Sample((*args, *results), attrs, label=label, differentiable=False)


@attention_grad.rejects
def _() -> Iterator[Reject]:
    x = np.ones((3, 3))
    yield Reject((x, x, x, x, np.ones(2), x), match="what attention returned")
    yield Reject((x, x, x, x, np.ones(3), x[:2]), match="the shape of attention's result")


@op(infer="attention_biased", outputs=2, public=1)
def attention_biased(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike,
    causal: bool = False,
    scale: float | None = None,
    by_token: bool = False,
) -> Tensor:
    """Attend with something added to the scores; `penstock.nn.scaled_dot_product_attention` calls this.

    Args:
        query: [..., queries, depth], any real dtype.
        key: [..., keys, depth], the same leading axes.
        value: [..., keys, width], the same leading axes.
        bias: What broadcasts to the scores, [..., queries, keys]; -inf hides a key.
        causal: Query i sees the keys 0 ... i only.
        scale: What the scores are multiplied by; None stands for 1 / √depth.
        by_token: Tokens come before heads, here and in the result: query is [..., queries, heads, depth].

    Returns:
        [..., queries, width], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> penstock.ops.attention_biased([[1.0]], [[0.0], [0.0]], [[2.0], [4.0]], [0.0, -float("inf")])
        Tensor([[2.]], shape=(1, 1), dtype=float32)
    """


@attention_biased.reference
def _(query: Any, key: Any, value: Any, bias: Any, **attrs: Any) -> Any:
    return _forward(query, key, value, wider(bias), **attrs)


@attention_biased.vjp
def _(node: Node, dy: Any, _: Any = None) -> Gradients:
    dy, bias = _flow(node, dy), node.inputs[3]
    given: Any = (*node.inputs, *node.outputs, dy)
    dq, dk, dv = ops.attention_biased_grad(*given, **node.attrs)
    dbias = bias_gradient(node, bias, node.outputs[0], dy) if node.needs(3) else None
    return dq, dk, dv, dbias


def _drawn_with_bias(rng: np.random.Generator) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    shapes = iter(_BIASES)
    for label, args, attrs in _drawn(rng):
        dtype = args[0].dtype.name
        if dtype != "float64":
            tokens = -3 if attrs.get("by_token") else -2
            shape: tuple[int, ...] = (args[0].shape[tokens], args[1].shape[tokens])
        else:
            shape = next(shapes)
        yield label, (*args, array(rng, shape, dtype)), attrs


@attention_biased.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn_with_bias(rng):
        yield Sample(args, attrs, label=label)
    hidden = np.where(rng.random((3, 4)) < 0.3, -np.inf, 0.0)
    hidden[1] = -np.inf  # sees nothing
    q, k, v = (array(rng, s) for s in ((3, 2), (4, 2), (4, 3)))
    yield Sample((q, k, v, hidden), label="hidden keys", differentiable=False)


@attention_biased.rejects
def _() -> Iterator[Reject]:
    x = np.ones((2, 3, 3))
    yield Reject((x, x, x, np.ones((2, 4))), match="broadcast")
    yield Reject((x, x, x, np.ones((5, 2, 3, 3))), match="broadcasts to the scores")


@op(infer="attention_biased_grad", outputs=3)
def attention_biased_grad(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike,
    y: TensorLike,
    logsumexp: TensorLike,
    dy: TensorLike,
    causal: bool = False,
    scale: float | None = None,
    by_token: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the gradients of attention_biased, but for the bias.

    Args:
        query: [..., queries, depth].
        key: [..., keys, depth].
        value: [..., keys, width].
        bias: What was added to the scores.
        y: [..., queries, width], what attention_biased returned.
        logsumexp: [..., queries], the logarithm of each query's sum, as attention_biased computed it.
        dy: [..., queries, width], the gradient of y.
        causal: As given to attention_biased.
        scale: As given to attention_biased.
        by_token: As given to attention_biased; logsumexp is [..., heads, queries] all the same.

    Returns:
        dquery, dkey and dvalue, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> one = penstock.ones((1, 1))
        >>> penstock.ops.attention_biased_grad(one, one, one, one, one, [2.0], 3 * one)[2]
        Tensor([[3.]], shape=(1, 1), dtype=float32)
    """


@attention_biased_grad.reference
def _(query: Any, key: Any, value: Any, bias: Any, y: Any, lse: Any, dy: Any, **attrs: Any) -> Any:
    return _backward((query, key, value), wider(bias), (y, lse, dy), **attrs)


@attention_biased_grad.vjp
def _(node: Node, *grads: Any) -> Gradients:
    bias, dy = node.inputs[3], node.inputs[6]
    dq, dk, dv, ds, ddy = second(node, bias, dy, grads)
    return dq, dk, dv, sum_to(ds, bias), None, None, ddy


@attention_biased_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in _drawn_with_bias(rng):
        yield Sample((*args, *_results(rng, args, attrs)), attrs, label=label, differentiable=False)


@attention_biased_grad.rejects
def _() -> Iterator[Reject]:
    x = np.ones((3, 3))
    yield Reject((x, x, x, x, x, np.ones(2), x), match="what attention returned")


def rotary_embedding(
    x: TensorLike, positions: TensorLike | None = None, *, base: float = 10000.0
) -> Tensor:
    """Turn queries or keys by their positions, so that their product depends on how far apart they are.

    The halves of the last axis are the parts of depth / 2 complex numbers; number i is turned by the angle
    position · base^(-2i / depth).

    Args:
        x: [..., length, depth], a float dtype; depth is even.
        positions: What broadcasts to [..., length]; None counts from 0.
        base: How slowly the last numbers turn.

    Returns:
        x's shape and dtype.

    Raises:
        ValueError: x has fewer than 2 axes, or its depth is odd.
        TypeError: x is not of a float dtype.

    Example:
        >>> penstock.nn.rotary_embedding([[1.0, 0.0], [1.0, 0.0]])
        Tensor([[1.        , 0.        ],
                [0.5403023 , 0.84147096]], shape=(2, 2), dtype=float32)

    Source:
        Su et al., 2021, "RoFormer: enhanced transformer with rotary position embedding".
        https://arxiv.org/abs/2104.09864
    """
    x = asarray(x)
    if x.ndim < 2 or int(x.shape[-1]) % 2:
        raise ShapeError(
            f"[rotary_embedding] x has shape {x.shape}; expected [..., length, depth] with an even depth; pad it"
        )
    if x.dtype.kind != "float":
        raise DTypeError(
            f"[rotary_embedding] x is {x.dtype.name}; expected a float dtype; convert it: x.astype(penstock.float32)"
        )
    half = int(x.shape[-1]) // 2
    where = numbers(x.shape[-2]) if positions is None else asarray(positions)
    turns = asarray([base ** (-i / half) for i in range(half)], dtype="float64")
    angles = (
        ops.expand_dims(ops.cast(where, "float64"), -1) * turns
    )  # float32 would blur far positions
    sin, cos = (ops.cast(f(angles), x.dtype) for f in (ops.sin, ops.cos))
    real, imaginary = x[..., :half], x[..., half:]
    return ops.concat([real * cos - imaginary * sin, real * sin + imaginary * cos], axis=-1)


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
