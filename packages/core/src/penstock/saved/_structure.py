"""Structures of arguments and results: tuples, lists and dictionaries with tensors inside, as JSON can hold them."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from penstock import _native
from penstock._native import TreeSpec
from penstock.errors import GraphError


class _Leaf:
    def __repr__(self) -> str:
        return "tensor"


LEAF: Final = _Leaf()
"""Stands where a tensor goes."""

# Penstock's own objects that are made of tensors, and where they are. No other class is ever imported for a file.
_OBJECTS: Final = {
    "RaggedTensor": "penstock.ragged",
    "CooTensor": "penstock.sparse",
    "CsrTensor": "penstock.sparse",
    "QuantizedTensor": "penstock.quantized",
    "IndexedSlices": "penstock",
}
_PLAIN: Final = (type(None), bool, int, float, str)


def structure_of(spec: TreeSpec, count: int) -> Any:
    """Return the structure of a traced function's results, with `LEAF` for each of its tensors."""
    return _native.tree_unflatten(spec, [LEAF] * count)


def spec_of(structure: Any) -> TreeSpec:
    """Return what puts tensors into a structure."""
    leaves, spec = _native.tree_flatten(structure)
    return _native.tree_fix(spec, leaves, [leaf is not LEAF for leaf in leaves])


def to_json(structure: Any) -> Any:
    """Write a structure.

    Raises:
        GraphError: JSON cannot hold it: it has an object in it that is no tensor, number or text.
    """
    match structure:
        case _Leaf():
            return "tensor"
        case dict():
            if not all(type(key) in (str, int) for key in structure):
                raise GraphError(
                    f"[save] a dictionary of results has the keys {list(structure)}; use text or whole numbers"
                )
            return {"dict": [[key, to_json(value)] for key, value in structure.items()]}
        case list():
            return {"list": [to_json(value) for value in structure]}
        case tuple() if hasattr(structure, "_fields"):
            pairs = zip(structure._fields, structure, strict=True)
            return {
                "named": type(structure).__name__,
                "fields": [[field, to_json(value)] for field, value in pairs],
            }
        case tuple():
            return {"tuple": [to_json(value) for value in structure]}
        case _ if type(structure) in _PLAIN and structure == structure:
            return {"constant": structure}
    if (told := _object(structure)) is not None:
        return told
    raise GraphError(
        f"[save] a {type(structure).__name__} among arguments or results cannot be saved; take and return tensors in "
        "tuples, lists and dictionaries"
    )


def _object(value: Any) -> dict[str, Any] | None:
    """Write one of our own objects; its rest is sizes and numbers."""
    kind = type(value).__name__
    if kind not in _OBJECTS or type(value) is not _class_of(kind):
        return None
    tensors, rest = value.__penstock_parts__()
    if not all(_is_plain(item) for item in rest):
        raise GraphError(
            f"[save] a {kind} among arguments or results has a shape that varies; return its tensors in place of it"
        )
    parts = [to_json(part) for part in tensors]
    return {
        "object": kind,
        "parts": parts,
        "rest": [list(r) if isinstance(r, tuple) else r for r in rest],
    }


def _is_plain(item: Any) -> bool:
    return (
        item is None
        or type(item) is int
        or (isinstance(item, tuple) and all(type(size) is int for size in item))
    )


def _class_of(kind: str) -> Any:
    return getattr(import_module(_OBJECTS[kind]), kind)


def from_json(told: Any) -> Any:
    """Read what `to_json` wrote.

    Raises:
        KeyError: It is something else; or TypeError, ValueError.
    """
    if told == "tensor":
        return LEAF
    match told:
        case {"constant": value} if type(value) in _PLAIN:
            return value
        case {"dict": items}:
            return {key: from_json(value) for key, value in items}
        case {"list": items}:
            return [from_json(value) for value in items]
        case {"tuple": items}:
            return tuple(from_json(value) for value in items)
        case {"named": str(name), "fields": fields}:
            kind: Any = _named(name, tuple(field for field, _ in fields))
            return kind(*(from_json(value) for _, value in fields))
        case {"object": str(kind), "parts": parts, "rest": rest} if kind in _OBJECTS:
            fixed = [tuple(item) if isinstance(item, list) else item for item in rest]
            if not all(map(_is_plain, fixed)):
                raise KeyError(f"a {kind} of {str(rest)[:60]}")
            return _class_of(kind).__penstock_whole__(*map(from_json, parts), *fixed)
    raise KeyError(f"a structure {str(told)[:60]}")


@functools.cache
def _named(name: str, fields: tuple[str, ...]) -> Callable[..., Any]:
    """Make a class for a named tuple: the one that was saved is code."""
    return namedtuple(name, fields)


def output_names(structure: Any) -> list[str] | None:
    """Name outputs by the way to them, if the results are a dictionary or have names; else None."""
    if not isinstance(structure, dict) and not hasattr(structure, "_fields"):
        return None
    return [path for path, _ in leaves_of(structure, structure)]


def leaves_of(expected: Any, given: Any, path: str = "") -> list[tuple[str, Any]]:
    """Take an argument apart as the structure says.

    Args:
        expected: The structure.
        given: The argument.
        path: What the argument is called.

    Returns:
        The way to each leaf, and what stands there.

    Raises:
        ValueError: The argument has another structure; the message says where.
    """
    below = f"{path}/" if path else ""
    match expected:
        case _Leaf():
            return [(path, given)]
        case dict():
            if not isinstance(given, dict) or set(given) != set(expected):
                raise ValueError(f"{path} is {_kind(given)}; expected {expected}")
            pairs = [(key, value, given[key]) for key, value in expected.items()]
        case list() | tuple():
            if not isinstance(given, list | tuple) or len(given) != len(expected):
                raise ValueError(f"{path} is {_kind(given)}; expected {expected}")
            keys = getattr(expected, "_fields", range(len(expected)))
            pairs = list(zip(keys, expected, given, strict=True))
        case _ if type(expected).__name__ in _OBJECTS:
            if type(given) is not type(expected):
                raise ValueError(f"{path} is {_kind(given)}; expected a {type(expected).__name__}")
            both = zip(expected.__penstock_parts__()[0], given.__penstock_parts__()[0], strict=True)
            pairs = [(i, a, b) for i, (a, b) in enumerate(both)]
        case _:
            if type(given) is not type(expected) or given != expected:
                raise ValueError(f"{path} is {_kind(given)}; it was saved for {expected!r}")
            return []
    return [found for key, a, b in pairs for found in leaves_of(a, b, f"{below}{key}")]


def _kind(given: Any) -> str:
    if isinstance(given, dict):
        return f"a dictionary of {list(given)}"
    if isinstance(given, list | tuple):
        return f"a {type(given).__name__} of {len(given)}"
    return repr(given)[:60] if type(given) in _PLAIN else type(given).__name__
