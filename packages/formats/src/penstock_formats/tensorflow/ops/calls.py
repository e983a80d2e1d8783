"""Functions of the file, and control flow made of them."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock import Tensor, ops
from penstock_formats.tensorflow._node import Node, tensor
from penstock_formats.tensorflow._registry import tf_op
from penstock_formats.tensorflow._rows import Rows


@tf_op("PartitionedCall", "StatefulPartitionedCall")
def _(node: Node, *xs: Any) -> list[Any]:
    return node.scope.call(node.function("f"), xs)


@tf_op("While", "StatelessWhile")
def _(node: Node, *xs: Any) -> list[Any]:
    # What a list's rows are like is seen when the body is computed once; nothing of that is kept.
    if any(isinstance(x, Rows) for x in xs):
        made = node.scope.call(node.function("body"), xs)
        xs = tuple(_begun(x, y) for x, y in zip(xs, made, strict=True))
    moving = [i for i, x in enumerate(xs) if _is_value(x)]

    def whole(carried: tuple[Tensor, ...]) -> list[Any]:
        """Put what goes round between what stays, such as variables."""
        values = list(xs)
        for i, value in zip(moving, carried, strict=True):
            values[i] = value
        return values

    def test(*carried: Tensor) -> Any:
        return tensor(node.scope.call(node.function("cond"), whole(carried))[0])

    def body(*carried: Tensor) -> tuple[Tensor, ...]:
        made = node.scope.call(node.function("body"), whole(carried))
        return tuple(tensor(made[i]) for i in moving)

    start = tuple(ps.identity(tensor(xs[i])) for i in moving)
    return whole(ps.while_loop(test, body, start))


@tf_op("If", "StatelessIf")
def _(node: Node, condition: Any, *xs: Any) -> list[Any]:
    if not isinstance(condition, Tensor):
        name = "then_branch" if bool(condition) else "else_branch"
        return node.scope.call(node.function(name), xs)

    def branch(name: str) -> Any:
        return lambda: tuple(tensor(x) for x in node.scope.call(node.function(name), xs))

    test = condition if condition.dtype == "bool" else ps.not_equal(condition, 0)
    return list(ps.cond(test, branch("then_branch"), branch("else_branch")))


def _begun(x: Any, made: Any) -> Any:
    return (
        ops.zeros(made.shape, made.dtype) if isinstance(x, Rows) and isinstance(made, Tensor) else x
    )


def _is_value(x: Any) -> bool:
    return isinstance(x, Tensor) or hasattr(x, "dtype")
