"""Classes and functions of users, by the names that saved configurations have for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from penstock.errors import InvalidValueError

_T = TypeVar("_T")
_objects: dict[str, Any] = {}
_names: dict[Any, str] = {}


def get_custom_objects() -> dict[str, Any]:
    """Return the dictionary of registered classes and functions; it may be changed.

    >>> isinstance(get_custom_objects(), dict)
    True
    """
    return _objects


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Know more classes and functions in a block.

    Args:
        custom_objects: By name.
    """
    before = dict(_objects)
    _objects.update(custom_objects)
    try:
        yield
    finally:
        _objects.clear()
        _objects.update(before)


CustomObjectScope = custom_object_scope


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[_T], _T]:
    """Register a class or function, so that saved configurations can name it.

    Args:
        package: What stands before its name.
        name: Its name; by default its own.

    Returns:
        A decorator.

    Raises:
        ValueError: A class has no get_config.

    >>> @register_keras_serializable("acme")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double)
    'acme>double'
    """

    def register(item: _T) -> _T:
        own = name or str(item.__name__)  # type: ignore[attr-defined]
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise InvalidValueError(
                f"[register_keras_serializable] {own} has no get_config; write one, so that it can be saved"
            )
        key = f"{package}>{own}"
        _objects[key] = item
        _names[item] = key
        return item

    return register


def names() -> dict[Any, str]:
    """Return the names of registered classes and functions."""
    return _names


def get_registered_name(obj: Any) -> str:
    """Return the name under which a class or function is registered, or its own."""
    try:
        return _names.get(obj) or str(obj.__name__)
    except TypeError:  # cannot be a key
        return str(obj.__name__)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return the class or function of a name, or None."""
    for place in (custom_objects, _objects, module_objects):
        if place and name in place:
            return place[name]
    return None
