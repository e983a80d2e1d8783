"""Nested lists, tuples and dictionaries, as trees of leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.errors import InvalidValueError


def is_nested(structure: Any) -> bool:
    """Whether something is a list, tuple or dictionary.

    >>> is_nested([1]), is_nested("ab")
    (True, False)
    """
    return isinstance(structure, list | tuple | Mapping)


def flatten(structure: Any) -> list[Any]:
    """List the leaves of a structure; dictionaries in the order of their keys.

    >>> flatten({"b": [1, (2,)], "a": 3})
    [3, 1, 2]
    """
    return list(_leaves(structure))


def _leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, Mapping):
        for key in _keys(structure):
            yield from _leaves(structure[key])
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from _leaves(item)
    else:
        yield structure


def _keys(structure: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:  # keys of several kinds
        return list(structure)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Call a function on the leaves of structures, and return a structure of its results.

    Args:
        func: Gets a leaf of each structure.
        structures: Of one form.
        none_is_leaf: Whether None is a leaf; otherwise it stays.

    Raises:
        ValueError: The structures differ.

    >>> map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
    {'x': 11, 'y': [22]}
    """
    first = structures[0]
    if isinstance(first, Mapping):
        _check(all(isinstance(s, Mapping) and set(s) == set(first) for s in structures), structures)
        made = {
            key: map_structure(func, *(s[key] for s in structures), none_is_leaf=none_is_leaf)
            for key in first
        }
        return made if type(first) is dict else type(first)(made)  # type: ignore[call-arg]
    if isinstance(first, list | tuple):
        _check(
            all(isinstance(s, list | tuple) and len(s) == len(first) for s in structures),
            structures,
        )
        items = [
            map_structure(func, *parts, none_is_leaf=none_is_leaf)
            for parts in zip(*structures, strict=True)
        ]
        return type(first)(*items) if hasattr(first, "_fields") else type(first)(items)
    if first is None and not none_is_leaf:
        return None
    return func(*structures)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """Put leaves into the form of a structure.

    Raises:
        ValueError: There is another number of leaves.

    >>> pack_sequence_as({"b": 0, "a": [0]}, [1, 2])
    {'b': 2, 'a': [1]}
    """
    leaves = list(flat_sequence)
    if len(leaves) != len(flatten(structure)):
        raise InvalidValueError(
            f"[pack_sequence_as] got {len(leaves)} leaves for a structure of {len(flatten(structure))}"
        )
    return _packed(structure, iter(leaves))


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, Mapping):
        found = {key: _packed(structure[key], leaves) for key in _keys(structure)}
        made = {key: found[key] for key in structure}
        return made if type(structure) is dict else type(structure)(made)  # type: ignore[call-arg]
    if isinstance(structure, list | tuple):
        items = [_packed(item, leaves) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    return next(leaves)


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise an error unless two structures have one form.

    Args:
        a: A structure.
        b: Another.
        check_types: Kept for compatibility: lists, tuples and dictionaries are told apart in any case.

    Raises:
        ValueError: They differ.
    """
    kinds = [kind for kind in (dict, list, tuple) if isinstance(a, kind) or isinstance(b, kind)]
    _check(all(isinstance(a, kind) and isinstance(b, kind) for kind in kinds), (a, b))
    if isinstance(a, Mapping):
        _check(set(a) == set(b), (a, b))
        pairs = [(a[key], b[key]) for key in a]
    elif isinstance(a, list | tuple):
        _check(len(a) == len(b), (a, b))
        pairs = list(zip(a, b, strict=True))
    else:
        pairs = []
    for first, second in pairs:
        assert_same_structure(first, second)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise an error unless the same keys and numbers lead to the leaves of two structures.

    Lists and tuples count as equal.

    Args:
        a: A structure.
        b: Another.

    Raises:
        ValueError: They differ.

    >>> assert_same_paths([1, (2,)], (3, [4]))
    """
    first, second = ({path for path, _ in flatten_with_path(s)} for s in (a, b))
    if first != second:
        raise InvalidValueError(
            f"[assert_same_paths] only the first has {sorted(first - second, key=str)}, only the second "
            f"{sorted(second - first, key=str)}; give structures with the same keys"
        )


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Call a function on the parts of structures that stand where a shallow structure has leaves.

    Args:
        shallow_structure: Its form is the result's.
        func: Gets a part of each structure.
        structures: Of that form, and any form below.

    Raises:
        ValueError: A structure has another form.

    >>> map_structure_up_to((0, 0), lambda part: part, (1, [2, 3]))
    (1, [2, 3])
    """
    if isinstance(shallow_structure, Mapping):
        same = all(isinstance(s, Mapping) and set(s) == set(shallow_structure) for s in structures)
        _check(same, (shallow_structure, *structures))
        made = {
            key: map_structure_up_to(shallow_structure[key], func, *(s[key] for s in structures))
            for key in shallow_structure
        }
        return made if type(shallow_structure) is dict else type(shallow_structure)(made)  # type: ignore[call-arg]
    if isinstance(shallow_structure, list | tuple):
        same = all(
            isinstance(s, list | tuple) and len(s) == len(shallow_structure) for s in structures
        )
        _check(same, (shallow_structure, *structures))
        rows = zip(shallow_structure, *structures, strict=True)
        return _like(
            shallow_structure, [map_structure_up_to(row[0], func, *row[1:]) for row in rows]
        )
    return func(*structures)


def _like(structure: Any, items: list[Any]) -> Any:
    return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)


def _check(good: bool, structures: Any) -> None:
    if not good:
        raise InvalidValueError(
            f"[tree] got structures of different forms: {' and '.join(map(repr, structures))}"
        )


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Call a function on every part of a structure; what it returns, unless None, takes the part's place.

    Args:
        func: Returns None to leave a part as it is, and `MAP_TO_NONE` to put None in its place.
        structure: A structure.
        top_down: Whether it is called on a part before what is inside of it.

    >>> traverse(lambda part: sum(part) if isinstance(part, tuple) else None, [(1, 2), 3])
    [3, 3]
    """
    if top_down:
        found = func(structure)
        if found is not None:
            return _unless_none(found)
    if isinstance(structure, Mapping):
        structure = {key: traverse(func, value, top_down) for key, value in structure.items()}
    elif isinstance(structure, list | tuple):
        structure = _like(structure, [traverse(func, item, top_down) for item in structure])
    if not top_down:
        found = func(structure)
        if found is not None:
            return _unless_none(found)
    return structure


def _unless_none(found: Any) -> Any:
    return None if found is MAP_TO_NONE else found


def lists_to_tuples(structure: Any) -> Any:
    """Make tuples of all lists.

    >>> lists_to_tuples([1, [2]])
    (1, (2,))
    """
    if isinstance(structure, Mapping):
        return {key: lists_to_tuples(value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return tuple(lists_to_tuples(item) for item in structure)
    return structure


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """List the leaves with the keys and numbers that lead to them.

    >>> flatten_with_path({"a": [5]})
    [(('a', 0), 5)]
    """
    return list(_with_path(structure, ()))


def _with_path(structure: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(structure, Mapping):
        for key in _keys(structure):
            yield from _with_path(structure[key], (*path, key))
    elif isinstance(structure, list | tuple):
        for number, item in enumerate(structure):
            yield from _with_path(item, (*path, number))
    else:
        yield path, structure


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Call a function on the shapes of a structure; a tuple or list of sizes is a leaf.

    >>> map_shape_structure(len, [(2, None), (3,)])
    [2, 1]
    """
    if isinstance(structure, list | tuple) and all(
        size is None or isinstance(size, int) for size in structure
    ):
        return func(structure)
    if isinstance(structure, Mapping):
        return {key: map_shape_structure(func, value) for key, value in structure.items()}
    return type(structure)(map_shape_structure(func, item) for item in structure)


class MAP_TO_NONE:  # noqa: N801 - Keras's name
    """What a function given to `traverse` returns to put None in a part's place.

    >>> traverse(lambda part: MAP_TO_NONE if part == 1 else None, [1, 2])
    [None, 2]
    """
