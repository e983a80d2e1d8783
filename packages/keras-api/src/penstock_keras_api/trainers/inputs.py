"""Inputs that do not fit a model: found before the first step, with what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import tree


def check_model_inputs(model: Any, x: Any) -> None:
    """Compare inputs with what a model was made for; a model that says nothing takes anything.

    Args:
        model: The model.
        x: Arrays, in any structure.

    Raises:
        ValueError: There are more or fewer arrays than inputs.
        ShapeError: An array has another shape than its input.
    """
    expected = getattr(model, "inputs", None)
    if not isinstance(expected, list | tuple) or any(not hasattr(e, "shape") for e in expected):
        return
    names = [e.name for e in expected]
    if isinstance(x, Mapping):
        if not set(names) <= set(x):
            return  # the model says what it misses
        given = [x[name] for name in names]
    else:
        given = tree.flatten(x)
    if len(given) != len(expected):
        raise InvalidValueError(
            f"[{model.name}] takes {len(expected)} input(s), {', '.join(names)}, and got {len(given)} array(s); give x as a "
            "list, or as a dictionary with these names"
        )
    for name, want, have in zip(names, expected, given, strict=True):
        if have is not None and hasattr(have, "shape"):
            _check(model.name, name, want.shape, tuple(have.shape))


def _check(model: str, name: str, want: tuple[Any, ...], have: tuple[Any, ...]) -> None:
    fits = len(want) == len(have) and all(
        w is None or not isinstance(h, int) or w == h
        for w, h in zip(want[1:], have[1:], strict=True)
    )
    # An axis of size 1 at the end may be missing, or be there in vain.
    is_flat = len(have) == len(want) - 1 and want[-1] == 1
    is_deep = len(have) == len(want) + 1 and have[-1] == 1
    if fits or is_flat or is_deep:
        return
    remedy = "give x that shape"
    if len(have) == len(want) - 1:
        remedy = "a single sample needs an axis for the batch: x[None]"
    elif len(have) > len(want):
        remedy = "reshape x, or begin the model with another keras.Input and Flatten"
    raise ShapeError(
        f"[{model}] input {name!r} takes arrays of shape {_shown(want)}, and got {_shown(have)}; {remedy}"
    )


def _shown(shape: tuple[Any, ...]) -> str:
    return str((None, *(size if isinstance(size, int) else None for size in shape[1:])))
