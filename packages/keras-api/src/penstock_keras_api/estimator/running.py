"""Small steps of an estimator's calls: seeds, arguments, and results row by row."""

from __future__ import annotations

import random as python_random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api import tree


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draw the seeds of Keras's layers and initializers from a seed, if there is one."""
    state = python_random.getstate()
    if seed is not None:
        python_random.seed(seed)
    try:
        yield
    finally:
        if seed is not None:
            python_random.setstate(state)


def check_steps(where: str, **given: int | None) -> None:
    """Refuse numbers of steps below 1, and two ends.

    Raises:
        ValueError: There is one.
    """
    for name, value in given.items():
        whole: Any = value
        if value is not None and (not isinstance(whole, int | np.integer) or value < 1):
            raise InvalidValueError(
                f"[Estimator.{where}] got {name}={value!r}; use a whole number from 1 on"
            )
    if sum(v is not None for v in given.values()) > 1:
        raise InvalidValueError(
            f"[Estimator.{where}] got {' and '.join(f'{n}={v}' for n, v in given.items())}; give one of them"
        )


def plain(value: Any) -> Any:
    """Make a Python number of a single one."""
    return value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value


def chosen(predictions: Any, keys: Any) -> Any:
    """Take some of the predictions.

    Raises:
        ValueError: One does not exist.
    """
    if keys is None:
        return predictions
    names = [keys] if isinstance(keys, str) else list(keys)
    known = predictions if isinstance(predictions, dict) else {}
    missing = [name for name in names if name not in known]
    if missing:
        raise InvalidValueError(
            f"[Estimator.predict] there is no prediction {', '.join(map(repr, missing))}; there are "
            f"{', '.join(map(repr, known)) or 'none with names'}"
        )
    return {name: known[name] for name in names}


def rows(found: Any) -> Iterator[Any]:
    """Take predictions apart, row by row.

    Raises:
        ValueError: They have other numbers of rows.
    """
    leaves = tree.flatten(found)
    sizes = {len(leaf) if np.ndim(leaf) else -1 for leaf in leaves}
    if len(sizes) != 1 or -1 in sizes:
        raise InvalidValueError(
            f"[Estimator.predict] predictions have shapes {[np.shape(leaf) for leaf in leaves]}; they need one row for each "
            "example: or call predict(..., yield_single_examples=False)"
        )
    for number in range(sizes.pop()):
        yield tree.map_structure(lambda leaf, number=number: leaf[number], found)
