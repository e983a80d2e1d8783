"""What a model has to save, in the order and under the paths that Keras's files have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock_keras_api.naming import snake_case

_INTERNAL: Final = frozenset({
    "_layers", "_variables", "_metrics", "_losses", "_inbound_nodes", "_init_arguments", "_chain", "_functional",
    "_functional_layers", "_operations", "_nodes", "_begins", "_ends", "_inputs_struct", "_outputs_struct",
})  # fmt: skip
"""How base classes keep what is an attribute too."""


def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Go through a model, its layers and its optimizer, each once.

    Args:
        root: A model, a layer or an optimizer.

    Yields:
        Paths, which are empty for the root, and objects.

    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> [path for path, _ in walk(model)]
    ['', 'layers/dense']
    """
    yield from _walk(root, "", set())


def _walk(item: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(item) in seen:
        return
    seen.add(id(item))
    yield path, item
    for name, value in _attributes(item):
        here = f"{path}/{name}" if path else name
        if _is_saveable(value):
            yield from _walk(value, here, seen)
        elif _is_container(value):
            yield from _walk_container(value, here, seen)


def _walk_container(container: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Name what lies in a list by its class, and number equal names."""
    if id(container) in seen:
        return
    seen.add(id(container))
    counts: dict[str, int] = {}
    for item in list(container.values() if isinstance(container, Mapping) else container):
        is_saveable = _is_saveable(item)
        if not is_saveable and not _is_container(item):
            continue
        name = snake_case(type(item).__name__) if is_saveable else "container"
        number = counts.get(name, 0)
        counts[name] = number + 1
        here = f"{path}/{name}_{number}" if number else f"{path}/{name}"
        yield from (_walk if is_saveable else _walk_container)(item, here, seen)


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    """Go through attributes by their names, public ones first."""
    found = {name: value for name, value in vars(item).items() if name not in _INTERNAL}
    for cls in type(item).__mro__:
        own = cls.__module__.partition(".")[0] == "penstock_keras_api"
        for name, value in vars(cls).items():
            # Of our own classes, only what is the public name of an attribute.
            wanted = f"_{name}" in found if own else not name.startswith("__")
            if isinstance(value, property) and wanted and name not in found:
                found[name] = _value_of(item, name)
    if hasattr(item, "_flatten_layers") and isinstance(
        getattr(type(item), "layers", None), property
    ):
        found["layers"] = item.layers
    yield from sorted(found.items(), key=lambda row: (row[0].startswith("_"), row[0]))


def _value_of(item: Any, name: str) -> Any:
    """Read a property; one that fails is none that is saved."""
    try:
        return getattr(item, name)
    except Exception:  # it is a user's code
        return None


def _is_saveable(value: Any) -> bool:
    from penstock_keras_api.layers.layer import Layer
    from penstock_keras_api.optimizers.optimizer import Optimizer

    return isinstance(value, Layer | Optimizer)


def _is_container(value: Any) -> bool:
    return isinstance(value, list | tuple | set | Mapping)
