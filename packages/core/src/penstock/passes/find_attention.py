"""Finds scaled dot-product attention in graphs of small ops: softmax(scale · query · keyᵀ + bias) · value.

The scale may stand before the product or behind it, as a factor or a divisor, or be a tensor of one element; several things may be added to the scores;
a condition may set scores to -inf, or to a number that stands for it. Around the softmax PyTorch's exporter sets what is
not a number to 0: that is what the op does too, for queries that see no key.
"""

from __future__ import annotations

from collections.abc import Callable

from penstock import ops
from penstock._dataclass import dataclass, field
from penstock._native import Node, Tensor
from penstock.passes._groups import Uses
from penstock.passes._patterns import (
    Found,
    has_kernel,
    number,
    other_operand,
    same,
)

_HIDDEN = -1e30  # a score that is set to less hides its key: nothing is left of others beside it


# What is added to the scores: made of tensors of the graph when the op is.
_Bias = Callable[..., Tensor]


@dataclass
class _Scores:
    """A walk from the softmax's input up to the product of queries and keys."""

    scale: float = 1.0
    product: Node | None = None
    inside: list[Node] = field(default_factory=list)
    biases: list[tuple[Tensor, _Bias]] = field(default_factory=list)
    factors: list[tuple[Tensor, str]] = field(default_factory=list)  # tensors of one element


def find_attention(node: Node, uses: Uses) -> Found | None:
    """See products, a softmax and what is added between them, which never need to write the scores."""
    if node.attrs["transpose_x"]:
        return None
    inside: list[Node] = []
    softmax = _softmax_of(node.inputs[0], inside)
    if softmax is None or softmax.attrs["axis"] != softmax.inputs[0].ndim - 1:
        return None
    inside.append(softmax)
    scores = _read_scores(softmax.inputs[0], uses)
    if scores is None or scores.product is None:
        return None
    inside += scores.inside
    product, scale = scores.product, scores.scale
    query, factor = _without_factor(product.inputs[0], inside, uses)
    scale *= factor
    key, factor = _without_factor(product.inputs[1], inside, uses)
    scale *= factor
    value = node.inputs[1]
    turns = (
        product.attrs["transpose_x"],
        not product.attrs["transpose_y"],
        node.attrs["transpose_y"],
    )
    if not _fit(query, key, value, turns, uses):
        return None
    tensors = [query, key, value, *(t for t, _ in scores.biases), *(t for t, _ in scores.factors)]
    biased = bool(scores.biases)
    op = "attention_biased" if biased else "attention"
    if any(t.dtype != query.dtype for t in tensors[:3]) or not has_kernel(
        node, op, [query] * (4 if biased else 3), 2
    ):
        return None
    makers = [make for _, make in scores.biases]
    scalings = [op for _, op in scores.factors]

    def make(*given: Tensor) -> Tensor:
        q, k, v = (_swapped(t) if turn else t for t, turn in zip(given[:3], turns, strict=True))
        behind = 3 + len(makers)
        for op, t in zip(scalings, given[behind:], strict=True):
            q = _scaled(q, op, t)
        if not biased:
            return ops.attention(q, k, v, scale=scale)
        bias, *others = (m(t) for m, t in zip(makers, given[3:behind], strict=True))
        for other in others:
            bias = ops.add(bias, other)
        return ops.attention_biased(q, k, v, bias, scale=scale)

    return Found(node, inside, tensors, make)


def _softmax_of(t: Tensor, inside: list[Node]) -> Node | None:
    """Return the softmax that makes the weights, looking through where(isnan(w), 0, w)."""
    node = t.node
    if node.op == "where":
        asked, zero, weights = node.inputs
        if asked.node.op != "isnan" or number(zero) != 0.0:
            return None
        if not same(asked.node.inputs[0], weights):
            return None
        inside += [node, asked.node]
        node = weights.node
    return node if node.op == "softmax" else None


def _read_scores(t: Tensor, uses: Uses) -> _Scores | None:
    """Walk from the softmax to the product; None where something else lies between them."""
    node, shape = t.node, uses.shape(t)
    if node.op == "matmul":
        return _Scores(product=node, inside=[node])
    if node.op in ("multiply", "divide"):
        return _read_scaled(node, uses)
    if node.op == "where":
        return _read_masked(node, shape, uses)
    if node.op != "add":
        return None
    for before, bias in (node.inputs, tuple(reversed(node.inputs))):
        if uses.shape(before) != shape or bias.dtype != before.dtype:
            continue
        found = _read_scores(before, uses)
        if found is not None:
            found.inside.append(node)
            found.biases.append((bias, lambda b: b))
            return found
    return None


def _read_scaled(node: Node, uses: Uses) -> _Scores | None:
    step = _factor(node)
    if step is None:
        return _read_scaled_later(node, uses)
    if uses.shape(step[0]) != uses.shape(node.outputs[0]):
        return None
    found = _read_scores(step[0], uses)
    if found is None:
        return None
    factor = step[1]
    found.scale *= factor
    found.inside.append(node)
    found.biases = [(b, _times(make, factor)) for b, make in found.biases]
    return found


def _read_scaled_later(node: Node, uses: Uses) -> _Scores | None:
    """Read a scale that only a run knows, such as a variable of one element: queries take it, which are fewer."""
    shape = uses.shape(node.outputs[0])
    orders = [node.inputs, node.inputs[::-1]] if node.op == "multiply" else [node.inputs]
    for before, factor in orders:
        if uses.shape(before) != shape or set(uses.shape(factor)) - {"1"}:
            continue
        found = _read_scores(before, uses) if factor.dtype == before.dtype else None
        if found is not None and not found.biases:
            found.inside.append(node)
            found.factors.append((factor, node.op))
            return found
    return None


def _times(make: _Bias, factor: float) -> _Bias:
    return lambda b: ops.multiply(make(b), factor)


def _read_masked(node: Node, shape: tuple[str, ...], uses: Uses) -> _Scores | None:
    condition, chosen, other = node.inputs
    for before, hidden, keeps in ((chosen, other, True), (other, chosen, False)):
        least = number(hidden)
        if least is None or least > _HIDDEN or uses.shape(before) != shape:
            continue
        found = _read_scores(before, uses)
        if found is not None:
            found.inside.append(node)
            found.biases.append((condition, _hiding(least, keeps, before)))
            return found
    return None


def _hiding(least: float, keeps: bool, like: Tensor) -> _Bias:
    dtype = like.dtype

    def make(condition: Tensor) -> Tensor:
        zero, low = ops.asarray(0.0, dtype), ops.asarray(least, dtype)
        return ops.where(condition, zero, low) if keeps else ops.where(condition, low, zero)

    return make


def _factor(node: Node) -> tuple[Tensor, float] | None:
    """Read x times a number, or x divided by one."""
    if node.op == "multiply":
        pair = other_operand(node, lambda t: number(t) is not None)
        return None if pair is None else (pair[1], number(pair[0]) or 0.0)
    divisor = number(node.inputs[1]) if node.op == "divide" else None
    return (node.inputs[0], 1.0 / divisor) if divisor else None


def _without_factor(t: Tensor, inside: list[Node], uses: Uses) -> tuple[Tensor, float]:
    """Take a factor off queries or keys, where nobody else wants the product."""
    step = _factor(t.node)
    if step is None or len(set(uses.users(t))) != 1 or uses.shape(step[0]) != uses.shape(t):
        return t, 1.0
    inside.append(t.node)
    return step


def _fit(
    query: Tensor, key: Tensor, value: Tensor, turns: tuple[bool, bool, bool], uses: Uses
) -> bool:
    """Whether the three are stacks of matrices of the same heads."""
    shapes = [uses.shape(t) for t in (query, key, value)]
    if any(len(s) < 2 for s in shapes) or len({s[:-2] for s in shapes}) != 1:
        return False
    q, k, v = (
        (s[-1], s[-2]) if turn else (s[-2], s[-1]) for s, turn in zip(shapes, turns, strict=True)
    )
    return q[1] == k[1] and k[0] == v[0]


def _scaled(t: Tensor, op: str, factor: Tensor) -> Tensor:
    """Scale before the transpose that made the tensor, so that attention can read what is before it."""
    node = t.node
    if node.op == "transpose":
        return ops.transpose(_scaled(node.inputs[0], op, factor), node.attrs["axes"])
    return ops.multiply(t, factor) if op == "multiply" else ops.divide(t, factor)


def _swapped(t: Tensor) -> Tensor:
    """Swap the last two axes, in the transpose that made the tensor if there is one."""
    node, axes = t.node, list(range(t.ndim))
    if node.op == "transpose":
        t, axes = node.inputs[0], list(node.attrs["axes"])
    axes[-2:] = axes[:-3:-1]
    return t if axes == sorted(axes) else ops.transpose(t, axes)
