"""What `adapt` methods learn from: arrays, tensors, or anything that gives batches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError


def batches(
    layer: str, data: Any, steps: int | None = None, size: int | None = None
) -> Iterator[Any]:
    """Go through data in batches.

    Args:
        layer: Who asks, for messages.
        data: An array, a tensor or lists of numbers or text, which are one batch; else what gives batches: a dataset, a
            generator. Of pairs (inputs, labels) the inputs are taken.
        steps: How many batches to take; None takes all.
        size: Cut an array into batches of so many rows.

    Returns:
        Tensors.

    Raises:
        TypeError: The data is nothing of the kind.
    """
    if isinstance(data, ps.Tensor | np.ndarray | str | bytes) or _is_plain(data):
        whole = ps.asarray(np.asarray(data) if isinstance(data, list | tuple) else data)
        yield from islice(_cut(whole, size), steps)
        return
    if not hasattr(data, "__iter__"):
        raise InvalidTypeError(
            f"[{layer}.adapt] got {type(data).__name__}; give an array, or a dataset that gives batches"
        )
    for batch in islice(iter(data), steps):
        inputs = batch[0] if isinstance(batch, tuple) else batch
        yield ps.asarray(np.asarray(inputs) if isinstance(inputs, list) else inputs)


def _is_plain(data: Any) -> bool:
    """Whether these are lists of numbers or text, however deep."""
    while isinstance(data, list | tuple):
        if not data:
            return True
        data = data[0]
    return isinstance(data, int | float | str | bytes | np.generic)


def _cut(whole: Any, size: int | None) -> Iterator[Any]:
    if size is None or not whole.ndim:
        yield whole
        return
    for begin in range(0, whole.shape[0], size):
        yield whole[begin : begin + size]
