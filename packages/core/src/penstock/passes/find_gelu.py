"""Finds GELU in graphs of small ops: x / 2 * (1 + erf(x / sqrt 2)), and the form with tanh."""

from __future__ import annotations

import math
from functools import partial

from penstock import ops
from penstock._dataclass import dataclass, field
from penstock._native import Node, Tensor
from penstock.passes._groups import Uses
from penstock.passes._patterns import (
    Found,
    has_kernel,
    is_near,
    number,
    other_operand,
    same,
)


@dataclass
class _Product:
    """What a value is the product of: one number, and tensors. `nodes` are those that multiply."""

    number: float = 1.0
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


def _factors(t: Tensor, product: _Product) -> _Product:
    node, value = t.node, number(t)
    if value is not None:
        product.number *= value
    elif node.op == "multiply":
        product.nodes.append(node)
        for operand in node.inputs:
            _factors(operand, product)
    elif node.op == "divide" and (divisor := number(node.inputs[1])):
        product.nodes.append(node)
        product.number /= divisor
        _factors(node.inputs[0], product)
    elif node.op == "square":
        product.nodes.append(node)
        product.tensors += [node.inputs[0]] * 2
    elif node.op == "power" and number(node.inputs[1]) in (2.0, 3.0):
        product.nodes.append(node)
        product.tensors += [node.inputs[0]] * int(number(node.inputs[1]) or 0)
    else:
        product.tensors.append(t)
    return product


def find_gelu(node: Node, _: Uses) -> Found | None:
    """See the steps of a GELU, in whatever order its factors are multiplied."""
    whole = _factors(node.outputs[0], _Product())
    if len(whole.tensors) != 2 or not is_near(whole.number, 0.5):
        return None
    for x, gate in (whole.tensors, whole.tensors[::-1]):
        inner = _one_plus(gate)
        if inner is None or str(x.shape) != str(node.outputs[0].shape):
            continue
        curve = inner.node
        steps = {"erf": _is_scaled, "tanh": _is_cubic}.get(curve.op, _nothing)(curve.inputs[0], x)
        if steps is None or not has_kernel(node, "gelu", [x], 1):
            continue
        inside = [n for n in whole.nodes if n.index != node.index] + [gate.node, curve, *steps]
        return Found(node, inside, [x], partial(ops.gelu, approximate=curve.op == "tanh"))
    return None


def _one_plus(t: Tensor) -> Tensor | None:
    """Return u of 1 + u."""
    if t.node.op != "add":
        return None
    pair = other_operand(t.node, lambda side: is_near(number(side), 1.0))
    return pair[1] if pair else None


def _nothing(_: Tensor, __: Tensor) -> list[Node] | None:
    return None


def _is_scaled(u: Tensor, x: Tensor) -> list[Node] | None:
    """Return the nodes that make u = x / sqrt 2."""
    product = _factors(u, _Product())
    right = len(product.tensors) == 1 and same(product.tensors[0], x)
    return product.nodes if right and is_near(product.number, math.sqrt(0.5)) else None


def _is_cubic(u: Tensor, x: Tensor) -> list[Node] | None:
    """Return the nodes that make u = sqrt(2 / pi) * (x + 0.044715 x^3), or x times what is left."""
    product = _factors(u, _Product())
    if not is_near(product.number, math.sqrt(2 / math.pi)):
        return None
    rest = [t for t in product.tensors if not same(t, x)]
    outside = len(product.tensors) - len(rest)  # how often x is a factor of the whole
    if len(rest) != 1 or outside > 1 or rest[0].node.op != "add":
        return None
    total = rest[0].node
    pair = other_operand(total, lambda t: is_near(number(t), 1.0) if outside else same(t, x))
    if pair is None:
        return None
    power = _factors(pair[1], _Product())
    if len(power.tensors) != 3 - outside or not all(same(t, x) for t in power.tensors):
        return None
    right = is_near(power.number, 0.044715)
    return [*product.nodes, total, *power.nodes] if right else None
