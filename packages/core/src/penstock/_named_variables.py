"""Names for the variables of a program: the way to each one through dictionaries, lists and attributes."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from penstock import _native
from penstock.errors import InvalidValueError
from penstock.state import Variable

# What holds no variables of the program, or is not to be looked into.
_CLOSED: Final = (
    str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType, types.MethodType,
    types.BuiltinFunctionType, _native.Tensor, _native.Graph, _native.Node, _native.Plan, _native.FunctionBase,
)  # fmt: skip


def named_variables(objects: Mapping[str, Any]) -> dict[str, Variable]:
    """Name every variable that can be reached: `model/layers/0/kernel`.

    A variable that can be reached in several ways has the name of the first one, in the order of definition. An
    object may have a method `__penstock_variables__()` that returns a mapping, in place of its attributes.

    Args:
        objects: Where to start, by name.

    Returns:
        Variables by name.

    Raises:
        InvalidValueError: Two variables get one name.

    >>> import penstock as ps
    >>> list(named_variables({"net": [{"w": ps.Variable(1.0)}]}))
    ['net/0/w']
    """
    found: dict[str, Variable] = {}
    seen: dict[int, Any] = {}  # the objects too, so that no id is used again
    waiting: list[tuple[str, Any]] = [(name, objects[name]) for name in reversed(list(objects))]
    while waiting:
        name, value = waiting.pop()
        if id(value) in seen or isinstance(value, _CLOSED):
            continue
        seen[id(value)] = value
        if isinstance(value, Variable):
            if name in found:
                raise InvalidValueError(
                    f"[Checkpoint] two variables are called {name!r}; give one of the keys that lead to them another name"
                )
            found[name] = value
        else:
            waiting += [(f"{name}/{key}", part) for key, part in reversed(list(parts_of(value)))]
    return found


def parts_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Go through what an object holds, with the key of each part."""
    if hasattr(type(value), "__penstock_variables__"):
        value = value.__penstock_variables__()
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    else:
        for kind in type(value).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                    yield slot, getattr(value, slot)
        yield from getattr(value, "__dict__", {}).items()


def listed(names: Sequence[str], most: int) -> str:
    """Word a list of names, the first `most` if there are more."""
    more = "" if len(names) <= most else f" and {len(names) - most} more"
    return ", ".join(names[:most]) + more
