"""Which shapes and dtypes a function returns, found by running it on tensors without values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock import _trace
from penstock.errors import ShapeError
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor

# Stand for sizes that are not known: unlikely to be equal to a size of a model, or to be divided by one.
_HINTS = (83, 89, 97, 101, 103, 107, 109, 113)
# Which unknown sizes are taken to be equal: none but the first axes, which are the batch; if they do not fit together so,
# those of the same axis; then all. They may differ, for all that is known, so only a run can tell that they do not fit.
_SHARING = ("none", "axis", "all")
_SYMBOLS_OF_NOTHING = "spec"  # the graph's name, by which one knows that no sizes are at hand
_UNKNOWN = re.compile(r"\b(?:batch|size_\d+)=\d+")


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a function on symbols.

    Args:
        fn: A function of tensors.
        args: Its arguments, with `KerasTensor`s for tensors, in any structure.
        kwargs: Others by name.

    Returns:
        What it returned, with a `KerasTensor` for every tensor.

    Raises:
        Exception: What the function raises.

    >>> from penstock import keras
    >>> x = keras.KerasTensor((None, 3))
    >>> compute_output_spec(lambda t: ps.concat([t, t], 1), x).shape
    (None, 6)
    """
    first: ShapeError | None = None
    for sharing in _SHARING:
        try:
            return _run(fn, args, kwargs, sharing)
        except ShapeError as error:
            first = first or error
    assert first is not None
    raise ShapeError(_UNKNOWN.sub("None", str(first))) from first


def is_describing() -> bool:
    """Whether only shapes are asked for, so that unknown sizes have no value."""
    graph = ps.current_graph()
    return graph is not None and graph.name == _SYMBOLS_OF_NOTHING


def _run(fn: Callable[..., Any], args: Any, kwargs: Any, sharing: str) -> Any:
    graph = ps.Graph(_SYMBOLS_OF_NOTHING)
    symbols: dict[str, Any] = {}

    def size_of(axis: int) -> Any:
        name = "batch" if axis == 0 else f"size_{_mark(sharing, axis, len(symbols))}"
        if name not in symbols:
            symbols[name] = graph.new_symbol(name, _HINTS[len(symbols) % len(_HINTS)])
        return symbols[name]

    def symbol(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        shape = [size_of(axis) if size is None else size for axis, size in enumerate(leaf.shape)]
        return graph.placeholder(leaf.dtype, shape, leaf.name)

    with _trace._building(graph):
        given = tree.map_structure(symbol, (list(args), kwargs))
        made = fn(*given[0], **given[1])
    return tree.map_structure(_spec, made)


def _mark(sharing: str, axis: int, count: int) -> int:
    return {"none": count, "axis": axis, "all": 1}[sharing]


def _spec(leaf: Any) -> Any:
    if hasattr(leaf, "__penstock_tensor__") and not isinstance(leaf, KerasTensor):
        leaf = leaf.__penstock_tensor__()
    if not isinstance(leaf, ps.Tensor):
        return leaf
    return KerasTensor(
        [size if isinstance(size, int) else None for size in leaf.shape], leaf.dtype.name
    )
