"""The package that reads files of other frameworks, which not everybody has."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from penstock.errors import PluginError


def formats(module: str) -> Any:
    """Return a module of `penstock_formats`.

    Args:
        module: Its name there, such as "tflite.model".

    Returns:
        The module.

    Raises:
        PluginError: penstock-formats is not installed.

    >>> formats("darknet.cfg").parse.__name__
    'parse'
    """
    try:
        return import_module(f"penstock_formats.{module}")
    except ModuleNotFoundError as error:
        if error.name != "penstock_formats":
            raise
        raise PluginError(
            '[preset] this file needs penstock-formats; type: pip install "penstock-models[formats]"'
        ) from None
