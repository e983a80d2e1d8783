"""Ops whose attributes are graphs. `penstock.control` builds them from Python functions, and has their gradients.

The bodies share the symbols of the graph around them. Every operand goes into every body.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.ops._declare import op

if TYPE_CHECKING:
    from penstock._native import Graph, Tensor
    from penstock.annotations import ShapeLike, TensorLike


@op(infer="call", outputs=-1)
def call_(
    operands: Sequence[TensorLike], graph: Graph, num_public: int | None = None
) -> tuple[Tensor, ...]:
    """Run a graph as one step of another.

    Args:
        operands: What the graph takes.
        graph: The graph.
        num_public: How many of the outputs callers see, None for all; gradients use the rest.

    Returns:
        What the graph returns.

    Raises:
        ValueError: The operands do not fit the graph.
    """


@op(infer="cond", outputs=-1)
def cond_(
    pred: TensorLike,
    operands: Sequence[TensorLike],
    then_graph: Graph,
    else_graph: Graph,
    num_public: int,
) -> tuple[Tensor, ...]:
    """Run one of two graphs.

    Args:
        pred: One bool.
        operands: What both graphs take.
        then_graph: Runs if `pred` holds.
        else_graph: Runs if it does not.
        num_public: How many of the outputs callers see; gradients use the rest.

    Returns:
        What the chosen graph returns; both return the same dtypes and shapes.

    Raises:
        TypeError: `pred` is not one bool, or dtypes differ.
        ValueError: Shapes or numbers of tensors differ.
    """


@op(infer="while", outputs=-1)
def while_(
    operands: Sequence[TensorLike],
    cond: Graph,
    body: Graph,
    num_carried: int,
    num_public: int,
    steps: ShapeLike,
    max_iterations: int | None = None,
) -> tuple[Tensor, ...]:
    """Run a graph as long as another returns true.

    Args:
        operands: The carried values, then what else the graphs take. Both take all.
        cond: Returns one bool.
        body: Returns the next carried values, then values that are stacked.
        num_carried: How many values are carried.
        num_public: How many of the outputs callers see; gradients use the rest.
        steps: One size: a symbol of its own, which stands for the number of iterations.
        max_iterations: Stop after so many.

    Returns:
        The last carried values, then the stacks, with a row for each iteration.

    Raises:
        TypeError: The condition is not one bool, or a carried value changes its dtype.
        ValueError: A carried value changes its shape.
    """


@op(infer="scan", outputs=-1)
def scan_(
    operands: Sequence[TensorLike],
    body: Graph,
    num_carried: int,
    num_scanned: int,
    num_public: int,
    length: ShapeLike,
    reverse: bool = False,
) -> tuple[Tensor, ...]:
    """Run a graph once for each row.

    Args:
        operands: The carried values, the scanned ones, then what else the body takes.
        body: Takes the carried values, a row of each scanned one, and the others; returns the next carried
            values, then values that are stacked.
        num_carried: How many values are carried.
        num_scanned: How many are scanned along their first axis.
        num_public: How many of the outputs callers see; gradients use the rest.
        length: One size: the number of rows.
        reverse: Start with the last row.

    Returns:
        The last carried values, then the stacks, in the order of the rows.

    Raises:
        TypeError: A carried value changes its dtype.
        ValueError: A carried value changes its shape, or the scanned ones have another length.
    """
