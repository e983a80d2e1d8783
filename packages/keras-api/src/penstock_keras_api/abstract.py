"""Which shapes and dtypes a function returns, found by running it on tensors without values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock import _trace
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor

# Stand for sizes that are not known: unlikely to be equal to a size of a model, or to be divided by one.
_HINTS = (83, 89, 97, 101, 103, 107, 109, 113)


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
    graph = ps.Graph("spec")
    unknown = 0

    def symbol(leaf: Any) -> Any:
        nonlocal unknown
        if not isinstance(leaf, KerasTensor):
            return leaf
        shape: list[Any] = []
        for axis, size in enumerate(leaf.shape):
            if size is None:  # first axes are the batch, and the same in all inputs
                name = "batch" if axis == 0 else f"size_{unknown}"
                known = symbols.get(name)
                if known is None:
                    known = graph.new_symbol(name, _HINTS[unknown % len(_HINTS)])
                    symbols[name] = known
                    unknown += 1
                shape.append(known)
            else:
                shape.append(size)
        return graph.placeholder(leaf.dtype, shape, leaf.name)

    symbols: dict[str, Any] = {}
    with _trace._building(graph):
        given = tree.map_structure(symbol, (list(args), kwargs))
        made = fn(*given[0], **given[1])
    return tree.map_structure(_spec, made)


def _spec(leaf: Any) -> Any:
    if hasattr(leaf, "__penstock_tensor__") and not isinstance(leaf, KerasTensor):
        leaf = leaf.__penstock_tensor__()
    if not isinstance(leaf, ps.Tensor):
        return leaf
    return KerasTensor(
        [size if isinstance(size, int) else None for size in leaf.shape], leaf.dtype.name
    )
