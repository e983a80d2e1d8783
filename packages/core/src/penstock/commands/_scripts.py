"""What a script or a module holds under a name: `file.py:name`, `package.module:name`."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from penstock.errors import PenstockError


def object_of(target: str) -> Any:
    """Run a script, or import a module, and return what it holds.

    Args:
        target: "file.py:name" or "package.module:name".

    Returns:
        The object of that name.

    Raises:
        PenstockError: The target does not exist, or the script raised.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise PenstockError(
            f"graph got {target!r}: expected 'file.py:name' or 'package.module:name', or the path of a model"
        )
    module = _import_script(Path(place)) if place.endswith(".py") else _import(place)
    if not hasattr(module, name):
        public = ", ".join(n for n in vars(module) if not n.startswith("_"))
        raise PenstockError(f"graph found no {name!r} in {place}; it has: {public}")
    return getattr(module, name)


def _import(name: str) -> ModuleType:
    sys.path.insert(0, "")  # as `python -m` does
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise PenstockError(
            f"graph cannot import {name!r}: {error}; is it a file? Add .py"
        ) from error


def _import_script(path: Path) -> ModuleType:
    if not path.is_file():
        raise PenstockError(f"graph found no file {path}; the folder is {Path.cwd()}")
    sys.path.insert(
        0, str(path.resolve().parent)
    )  # the script's own imports work as when it is run
    name = f"_penstock_script_{path.stem}"  # a script may be called as a module that is loaded
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PenstockError(f"graph cannot import {path}: expected a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path
        ]
        line = f", line {lines[-1]}" if lines else ""
        raise PenstockError(
            f"graph ran {path}{line}, which raised {type(error).__name__}: {error}; run it with python to see more"
        ) from error
    return module
