"""Lambdas in Keras's files, which hold them as code; it is run only when that is asked for."""

from __future__ import annotations

import base64
import builtins
import marshal
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from penstock.errors import FormatError, InvalidValueError

_safe: ContextVar[bool] = ContextVar("penstock_keras_safe_mode", default=True)
_allowed: list[bool] = []


@contextmanager
def safe_mode(value: bool) -> Iterator[None]:
    """Say for a block whether code in files stays unused."""
    token = _safe.set(value)
    try:
        yield
    finally:
        _safe.reset(token)


def enable_unsafe_deserialization() -> None:
    """Run code that lies in files, everywhere. Do this only for files that you trust."""
    _allowed[:] = [True]


def is_safe() -> bool:
    """Whether code in files stays unused."""
    return _safe.get() and not _allowed


def data_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a lambda as Keras's files have it."""
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    closure = getattr(function, "__closure__", None)
    cells = None if closure is None else [cell.cell_contents for cell in closure]
    defaults = getattr(function, "__defaults__", None)
    return {
        "class_name": "__lambda__",
        "config": {"code": code, "defaults": defaults, "closure": cells},
    }


def function_of(config: Mapping[str, Any]) -> Callable[..., Any]:
    """Make a lambda of the code in a file.

    Args:
        config: What `data_of` put under "config", or Keras wrote.

    Raises:
        InvalidValueError: Code in files is not to be run.
        FormatError: It is no code of this version of Python.
    """
    if is_safe():
        raise InvalidValueError(
            "[deserialize_keras_object] the configuration has a lambda, as code; code of files is not run: give the function "
            "by custom_objects, or, if you trust where the file comes from, load it with safe_mode=False"
        )
    try:
        parts = (
            config["value"]
            if "value" in config
            else [config[k] for k in ("code", "defaults", "closure")]
        )
        text, defaults, closure = parts
        code = marshal.loads(base64.b64decode(text))
        if not isinstance(code, types.CodeType):
            raise TypeError("it is no code")
        cells = tuple(types.CellType(value) for value in closure or ())
        values = tuple(defaults) if defaults else None
        return types.FunctionType(
            code, {"__builtins__": builtins}, code.co_name, values, cells or None
        )
    except (ValueError, TypeError, EOFError, LookupError) as error:
        raise FormatError(
            f"[deserialize_keras_object] the lambda in the file cannot be read ({error}); it needs the version of Python "
            "that wrote it: give the function by custom_objects"
        ) from error
