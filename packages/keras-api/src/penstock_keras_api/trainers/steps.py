"""Compiled steps: a step of training, evaluation or prediction as one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api import context, tree
from penstock_keras_api.trainers.data import pack_x_y_sample_weight


def make_step(
    step: Callable[[Any], Any],
    by_rows: bool,
    is_eager: bool,
    begin: Callable[[], None] | None = None,
) -> Callable[..., Any]:
    """Make the function that takes a batch's parts and runs a step.

    Args:
        step: `train_step`, `test_step` or `predict_step` of a model.
        by_rows: Whether the function takes row numbers and whole arrays; taking the rows is then part of it.
        is_eager: Whether it runs op by op; it is one plan otherwise.
        begin: What the step begins with; a part of the plan.

    Returns:
        A function of x, y and sample_weight, or of row numbers and these.
    """

    def run(*parts: Any) -> Any:
        context.clear_masks()
        if begin is not None:
            begin()
        made = step(pack_x_y_sample_weight(*parts))
        return dict(made) if isinstance(made, dict) else made

    def run_rows(rows: Any, *whole: Any) -> Any:
        return run(*(rows_of(part, rows) for part in whole))

    function = run_rows if by_rows else run
    return function if is_eager else ps.function(function, autograph=False)


def make_two_steps(first: Callable[[], None], step: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that runs what no plan can hold, then a step."""

    def run(*parts: Any) -> Any:
        first()
        return step(*parts)

    return run


def rows_of(part: Any, rows: Any) -> Any:
    """Take rows of arrays, in any structure."""
    return tree.map_structure(lambda a: ps.take(a, rows, 0), part, none_is_leaf=False)


def first_samples(batch: tuple[Any, ...], by_rows: bool, count: int) -> tuple[Any, Any, Any]:
    """Return x, y and sample_weight of the first samples of a batch.

    Args:
        batch: What a source gave.
        by_rows: Whether it begins with row numbers.
        count: How many samples.

    Returns:
        Tensors in the structures of x, y and sample_weight; None for what is not there.
    """
    if by_rows:
        parts = tuple(rows_of(part, batch[0][:count]) for part in batch[1:])
    else:
        parts = tuple(
            tree.map_structure(lambda a: ps.asarray(a[:count]), part, none_is_leaf=False)
            for part in batch
        )
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight
