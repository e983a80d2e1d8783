"""Tell Penstock what this package gives."""

from __future__ import annotations

from penstock.plugins import PluginInfo, hookimpl


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Name this plugin for `penstock doctor`."""
    return PluginInfo(name="keras-api")
