"""`keras.ops.vectorize`: a function of numbers, or of small tensors, becomes one of large ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.ops.table import tensor as _t


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Collection[Any] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """Make a function of single values go over all axes that broadcasting gives.

    Args:
        pyfunc: A function of tensors.
        excluded: Positions and names of arguments that are passed as they are.
        signature: The axes that one call gets: "(m,n),(n)->(m)"; by default none.

    Returns:
        A function of tensors.

    Raises:
        ValueError: The signature cannot be read.

    >>> from penstock import keras
    >>> keras.ops.vectorize(lambda a, b: a * b)([1, 2], 3).tolist()
    [3, 6]
    """
    left_out = set(excluded or ())
    cores = None if signature is None else _cores(signature)

    def call(*args: Any, **kwargs: Any) -> Any:
        places = [n for n in range(len(args)) if n not in left_out]
        names = [name for name in kwargs if name not in left_out]
        given = [_t(args[n]) for n in places] + [_t(kwargs[name]) for name in names]
        depths = [0] * len(given) if cores is None else cores
        if len(depths) != len(given):
            raise InvalidValueError(
                f"[vectorize] got {len(given)} tensors for the signature {signature!r}; give {len(depths)}"
            )

        def one(*values: Any) -> Any:
            filled = list(args)
            for n, value in zip(places, values, strict=False):
                filled[n] = value
            by_name = dict(zip(names, values[len(places) :], strict=True))
            return pyfunc(*filled, **{**kwargs, **by_name})

        return _over_all(one, given, depths)

    return call


def _over_all(fn: Callable[..., Any], given: list[Any], depths: list[int]) -> Any:
    """Call a function for all places of the axes in front."""
    fronts = [t.shape[: t.ndim - d] for t, d in zip(given, depths, strict=True)]
    shape = ps.broadcast_shapes(*fronts) if fronts else ()
    if not shape:
        return fn(*given)
    rows = []
    for t, d in zip(given, depths, strict=True):
        core = t.shape[t.ndim - d :]
        rows.append(ps.reshape(ps.broadcast_to(t, (*shape, *core)), (-1, *core)))
    made = ps.vmap(fn)(*rows)
    return tree.map_structure(lambda t: ps.reshape(t, (*shape, *t.shape[1:])), made)


def _cores(signature: str) -> list[int]:
    """Return how many axes of each argument a call gets.

    >>> _cores("(m,n),(n)->(m)")
    [2, 1]
    """
    text = signature.replace(" ", "")
    argument = r"\((\w+(,\w+)*)?\)"
    if not re.fullmatch(rf"({argument}(,{argument})*)?->{argument}(,{argument})*", text):
        raise InvalidValueError(
            f"[vectorize] got signature={signature!r}; write it as '(m,n),(n)->(m)'"
        )
    left = text.partition("->")[0]
    return [len([n for n in part.split(",") if n]) for part in re.findall(r"\(([^)]*)\)", left)]
