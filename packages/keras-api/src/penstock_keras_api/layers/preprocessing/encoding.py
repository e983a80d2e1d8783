"""Indices as they are, or as vectors with a place for each index."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError

ENCODINGS: Final = ("one_hot", "multi_hot", "count", "tf_idf")


def check_mode(layer: str, mode: Any, allowed: tuple[str, ...]) -> Any:
    """Check an output mode.

    Raises:
        ValueError: It is not among those that the layer has.
    """
    if mode not in allowed:
        names = ", ".join(map(repr, allowed))
        raise InvalidValueError(f"[{layer}] got output_mode={mode!r}; use one of {names}")
    return mode


def encode(
    indices: Any,
    mode: str,
    depth: int,
    dtype: Any,
    *,
    weights: Any = None,
    idf: Any = None,
    sparse: bool = False,
) -> Any:
    """Write indices as vectors; an index outside 0, ..., depth - 1 counts nowhere.

    Args:
        indices: [...], integers. "one_hot" writes each as a vector, where a last axis of size 1 is replaced; the other
            modes write the last axis as one vector.
        mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        depth: How many indices there are.
        dtype: Of the result.
        weights: Shape of `indices`: what each counts, for "count".
        idf: [depth]: factors of counts, for "tf_idf".
        sparse: Return a `penstock.sparse.CooTensor`.

    Returns:
        The indices, or [..., depth].
    """
    if mode == "int":
        return ps.cast(indices, dtype)
    ids = ps.reshape(indices, (1,)) if indices.ndim == 0 else indices
    if mode == "one_hot":
        if ids.shape[-1] == 1 and indices.ndim:
            ids = ps.squeeze(ids, -1)
        made = ps.one_hot(ids, depth, dtype)
    else:
        made = _counts(ids, depth, dtype, weights, mode == "multi_hot")
    if mode == "tf_idf":
        made = made * ps.cast(idf, dtype)
    return _sparse(made, indices) if sparse else made


def _counts(ids: Any, depth: int, dtype: Any, weights: Any, only_whether: bool) -> Any:
    """Count indices of the last axis, all rows at once."""
    rows = math.prod(ids.shape[:-1]) if ids.ndim > 1 else 1
    flat = ps.cast(ps.reshape(ids, (rows, ids.shape[-1])), "int64")
    begins = ps.reshape(_range(rows) * depth, (rows, 1))
    places = ps.where((flat >= 0) & (flat < depth), flat + begins, -1)
    amount = ps.ones(places.shape, dtype) if weights is None else ps.reshape(weights, places.shape)
    made = ps.ops.segment_sum(
        ps.reshape(ps.cast(amount, dtype), (-1,)), ps.reshape(places, (-1,)), rows * depth
    )
    made = ps.reshape(made, (*ids.shape[:-1], depth))
    return ps.cast(made > 0, dtype) if only_whether else made


def _range(size: Any) -> Any:
    if isinstance(size, int):
        return ps.asarray(np.arange(size))
    return ps.cumsum(ps.ones((size,), "int64"), 0) - 1


def _sparse(made: Any, indices: Any) -> Any:
    if made.is_symbolic:
        return ps.sparse.from_dense(made, size=math.prod(indices.shape))
    return ps.sparse.from_dense(made)


def encoded_shape(shape: Any, mode: str, depth: int | None) -> tuple[Any, ...]:
    """Return the shape that `encode` makes of indices of a shape."""
    sizes: tuple[Any, ...] = tuple(shape)
    if mode == "int":
        return sizes
    if mode == "one_hot":
        if not sizes:
            return (1, depth)
        return (*sizes[:-1], depth) if sizes[-1] == 1 else (*sizes, depth)
    return (*sizes[:-1], depth)
