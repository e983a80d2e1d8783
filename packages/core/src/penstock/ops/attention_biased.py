"""Attention with something added to its scores, and its gradients. It is an op of its own as an op has all its inputs."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._attention_gradients import bias_gradient, flow, second
from penstock.ops._attention_reference import backward, forward
from penstock.ops._attention_samples import drawn_with_bias, results
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


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
    return forward(query, key, value, wider(bias), **attrs)


@attention_biased.vjp
def _(node: Node, dy: Any, _: Any = None) -> Gradients:
    dy, bias = flow(node, dy), node.inputs[3]
    given: Any = (*node.inputs, *node.outputs, dy)
    dq, dk, dv = ops.attention_biased_grad(*given, **node.attrs)
    dbias = bias_gradient(node, bias, node.outputs[0], dy) if node.needs(3) else None
    return dq, dk, dv, dbias


@attention_biased.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in drawn_with_bias(rng):
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
    return backward((query, key, value), wider(bias), (y, lse, dy), **attrs)


@attention_biased_grad.vjp
def _(node: Node, *grads: Any) -> Gradients:
    bias, dy = node.inputs[3], node.inputs[6]
    dq, dk, dv, ds, ddy = second(node, bias, dy, grads)
    return dq, dk, dv, sum_to(ds, bias), None, None, ddy


@attention_biased_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for label, args, attrs in drawn_with_bias(rng):
        yield Sample((*args, *results(rng, args, attrs)), attrs, label=label, differentiable=False)


@attention_biased_grad.rejects
def _() -> Iterator[Reject]:
    x = np.ones((3, 3))
    yield Reject((x, x, x, x, x, np.ones(2), x), match="what attention returned")
