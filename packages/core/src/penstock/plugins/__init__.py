"""Plugins: how they are found, checked, activated and explained. A plugin's author needs only these names.

>>> from penstock.plugins import NativeLibrary, PluginInfo, hookimpl
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.plugins._api import PLUGIN_API
    from penstock.plugins.hooks import NativeLibrary, PluginInfo, hookimpl
    from penstock.plugins.registrar import (
        CommandRegistrar,
        DeviceRegistrar,
        KernelRegistrar,
        ObserverRegistrar,
        OpRegistrar,
        PassRegistrar,
    )

_HOMES = {
    "PLUGIN_API": "penstock.plugins._api",
    "NativeLibrary": "penstock.plugins.hooks",
    "PluginInfo": "penstock.plugins.hooks",
    "hookimpl": "penstock.plugins.hooks",
    "CommandRegistrar": "penstock.plugins.registrar",
    "DeviceRegistrar": "penstock.plugins.registrar",
    "KernelRegistrar": "penstock.plugins.registrar",
    "ObserverRegistrar": "penstock.plugins.registrar",
    "OpRegistrar": "penstock.plugins.registrar",
    "PassRegistrar": "penstock.plugins.registrar",
}

__all__ = [
    "PLUGIN_API",
    "CommandRegistrar",
    "DeviceRegistrar",
    "KernelRegistrar",
    "NativeLibrary",
    "ObserverRegistrar",
    "OpRegistrar",
    "PassRegistrar",
    "PluginInfo",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    # Lazy, because `import penstock` passes through here and must not import pluggy.
    if name not in _HOMES:
        raise AttributeError(f"module 'penstock.plugins' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
