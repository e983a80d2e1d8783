"""How families of linear ops move tangents forward: the rules that `.jvp` attaches.

A rule is `fn(node, *tangents)`: one tangent for every input, None where nothing moves; it returns one for every output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import _native, ops

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.ops._declare import Gradients, Node


def linear(node: Node, *tangents: Tensor | None) -> Gradients:
    """Call the op on the tangents: it is linear in all of its floating-point inputs together."""
    return tuple(_native.call_op(_name(node), _moved(node, tangents), dict(node.attrs)))


def _moved(node: Node, tangents: tuple[Tensor | None, ...]) -> list[Tensor]:
    return [
        t if t is not None else ops.zeros_like(x) if x.dtype.kind in ("float", "complex") else x
        for x, t in zip(node.inputs, tangents, strict=True)
    ]


def linear_in_each(node: Node, *tangents: Tensor | None) -> Gradients:
    """Call the op with one input after another replaced by its tangent, and add up: it is linear in each."""
    total: list[Tensor] | None = None
    for i, tangent in enumerate(tangents):
        if tangent is None:
            continue
        given = [tangent if j == i else x for j, x in enumerate(node.inputs)]
        made = _native.call_op(_name(node), given, dict(node.attrs))
        total = made if total is None else [ops.add(*p) for p in zip(total, made, strict=True)]
    return tuple(total or ())


def padded(node: Node, tangent: Tensor | None) -> Gradients:
    """Pad the tangent with zeros."""
    assert tangent is not None  # the only input
    return tuple(_native.call_op(_name(node), [tangent], {**node.attrs, "value": 0.0}))


def converted(node: Node, tangent: Tensor | None) -> Gradients:
    """Convert the tangent as the input was, if it stays a number with derivatives."""
    assert tangent is not None  # the only input
    dtype = node.attrs["dtype"]
    return (ops.cast(tangent, dtype) if dtype.kind in ("float", "complex") else None,)


def _name(node: Any) -> str:
    name: str = node.op
    return name
