"""Objects by name, by configuration, or as they are: what `keras.losses.get` and its siblings do."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.errors import InvalidValueError
from penstock_keras_api.naming import snake_case
from penstock_keras_api.saving import registry, serialization


def find(
    kind: str,
    identifier: Any,
    known: Mapping[str, Any],
    *,
    instantiate: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return what an identifier stands for.

    Args:
        kind: For messages: "initializer".
        identifier: None, a name, a configuration, a class, an object or a function.
        known: Classes and functions by name.
        instantiate: Whether a class stands for an object of it.
        custom_objects: More of them.

    Returns:
        An object or a function; None for None.

    Raises:
        ValueError: It stands for nothing.
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping):
        if "class_name" not in identifier:
            raise InvalidValueError(
                f"[{kind}] got {dict(identifier)}; expected a configuration with class_name and config"
            )
        name = str(identifier["class_name"])
        own: Any = known.get(name) or known.get(snake_case(name))
        if own is not None and hasattr(own, "from_config") and name not in (custom_objects or {}):
            return own.from_config(dict(identifier["config"]))
        return serialization.deserialize_keras_object(identifier, custom_objects)
    if isinstance(identifier, str):
        found = registry.get_registered_object(identifier, custom_objects, known)
        if found is None:
            names = sorted(known)
            near = difflib.get_close_matches(identifier, names, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InvalidValueError(
                f"[{kind}] there is no {kind} {identifier!r}; {hint}there are {', '.join(names)}"
            )
        return found() if inspect.isclass(found) and instantiate else found
    if inspect.isclass(identifier):
        return identifier() if instantiate else identifier
    if callable(identifier) or hasattr(identifier, "get_config"):
        return identifier
    raise InvalidValueError(
        f"[{kind}] got {identifier!r}; give a name, a configuration, an object or a function"
    )


def names_of(classes: Iterable[type]) -> dict[str, Any]:
    """Make the table of names of classes: "GlorotUniform" and "glorot_uniform"."""
    found: dict[str, Any] = {}
    for item in classes:
        found[item.__name__] = item
        found[snake_case(item.__name__)] = item
    return found
