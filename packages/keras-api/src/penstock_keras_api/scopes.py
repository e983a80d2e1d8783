"""Blocks of Keras's that say how the code inside is run, and the version that this interface follows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final, Self

import penstock as ps
from penstock.errors import InvalidTypeError
from penstock_keras_api import context

_FOLLOWED: Final = "3.15.1"


def version() -> str:
    """Return the version of Keras whose interface this is.

    >>> version().split(".")[0]
    '3'
    """
    return _FOLLOWED


def device(device_name: str) -> AbstractContextManager[None]:
    """Run what a block computes on a device.

    Args:
        device_name: "cpu", "cpu:0", "gpu:0"; the same as `penstock.device`.

    Raises:
        DeviceError: There is no such device.

    >>> with device("cpu:0"):
    ...     x = ps.ones((2,))
    """
    return ps.device(device_name.lower().replace("device:", ""))


class name_scope(AbstractContextManager["name_scope"]):  # noqa: N801 - Keras's name
    """Put a name in front of the paths of variables that a block makes.

    Args:
        name: A name without "/".
        kwargs: Kept for compatibility.

    Raises:
        TypeError: The name is none.

    >>> from penstock import keras
    >>> with keras.name_scope("outer"):
    ...     v = keras.Variable(1.0, name="v")
    >>> v.path
    'outer/v'
    """

    def __init__(self, name: Any, **kwargs: Any) -> None:
        if not isinstance(name, str) or not name or "/" in name:
            raise InvalidTypeError(
                f"[name_scope] got name={name!r}; use a word without '/', such as 'encoder'"
            )
        self.name = name
        self._open: list[Any] = []

    def __enter__(self) -> Self:
        block = context.scope(self.name)
        block.__enter__()
        self._open.append(block)
        return self

    def __exit__(self, *args: Any) -> None:
        self._open.pop().__exit__(*args)


class SymbolicScope(AbstractContextManager["SymbolicScope"]):
    """Mark a block in which shapes are found out, not numbers; `in_symbolic_scope` asks for it.

    >>> with SymbolicScope():
    ...     in_symbolic_scope()
    True
    """

    def __enter__(self) -> Self:
        _depth[0] += 1
        return self

    def __exit__(self, *args: object) -> None:
        _depth[0] -= 1


_depth: Final = [0]


def in_symbolic_scope() -> bool:
    """Whether a `SymbolicScope` is around.

    >>> in_symbolic_scope()
    False
    """
    return _depth[0] > 0
