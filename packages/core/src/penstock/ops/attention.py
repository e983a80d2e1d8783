"""Scaled dot-product attention, which never writes the matrix of scores down, and its gradient."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._attention_gradients import flow, second
from penstock.ops._attention_reference import backward, forward
from penstock.ops._attention_samples import drawn, results
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


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
    return forward(query, key, value, query.dtype.type(0), causal, scale, by_token)


@attention.vjp
def _(node: Node, dy: Any, _: Any = None) -> Gradients:
    given: Any = (*node.inputs, *node.outputs, flow(node, dy))
    return ops.attention_grad(*given, **node.attrs)


@attention.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in drawn(rng):
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
    return backward((query, key, value), query.dtype.type(0), (y, lse, dy), **attrs)


@attention_grad.vjp
def _(node: Node, *grads: Any) -> Gradients:
    dq, dk, dv, _, ddy = second(node, None, node.inputs[5], grads)
    return dq, dk, dv, None, None, ddy


@attention_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    # y and logsumexp hang on the other inputs: the second gradient of attention is the test of this one's.
    for label, args, attrs in drawn(rng):
        made = results(rng, (*args, args[0].dtype.type(0)), attrs)
        yield Sample((*args, *made), attrs, label=label, differentiable=False)


@attention_grad.rejects
def _() -> Iterator[Reject]:
    x = np.ones((3, 3))
    yield Reject((x, x, x, x, np.ones(2), x), match="what attention returned")
    yield Reject((x, x, x, x, np.ones(3), x[:2]), match="the shape of attention's result")
