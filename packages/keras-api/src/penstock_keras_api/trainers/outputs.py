"""What is said about outputs - losses, labels, weights - in the order of the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api import tree


def leaves_of(structure: Any, names: list[str]) -> list[Any]:
    """List values in the order of the outputs.

    Args:
        structure: One value, a list of them, or a dictionary by the outputs' names.
        names: What the outputs are called.

    Returns:
        The values; nothing for None.

    Raises:
        ValueError: There is no output of such a name.
    """
    if structure is None:
        return []
    if isinstance(structure, Mapping):
        if set(structure) <= set(names):
            return [structure.get(name) for name in names]
        is_named = not all(name.startswith("output_") for name in names)
        if is_named or len(structure) != len(names):
            raise InvalidValueError(
                f"[fit] got values for {', '.join(map(repr, structure))}; the outputs are called {', '.join(names)}"
            )
        return list(tree.flatten(structure))
    return list(structure) if isinstance(structure, list | tuple) else [structure]


def by_output(given: Any, names: list[str], what: str, convert: Callable[[Any], Any]) -> list[Any]:
    """Sort what `compile` was given by outputs.

    Args:
        given: One item for all outputs, a list of items, or a dictionary by the outputs' names.
        names: What the outputs are called.
        what: The argument's name, for messages.
        convert: What is done with each item.

    Returns:
        An item for each output, or None.

    Raises:
        ValueError: There is no output of such a name, or another number of items than of outputs.
    """
    if given is None:
        return [None for _ in names]
    if isinstance(given, Mapping) and "class_name" not in given:
        unknown = [name for name in given if name not in names]
        if unknown:
            raise InvalidValueError(
                f"[compile] {what} has {', '.join(map(repr, unknown))}; the outputs are called {', '.join(names)}"
            )
        return [convert(given[name]) if given.get(name) is not None else None for name in names]
    if isinstance(given, list | tuple):
        if len(given) != len(names):
            raise InvalidValueError(
                f"[compile] {what} has {len(given)} items for {len(names)} outputs; give one for each"
            )
        return [None if item is None else convert(item) for item in given]
    return [convert(given) for _ in names]
