"""Tell Penstock what this package gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.plugins import PluginInfo, hookimpl

if TYPE_CHECKING:
    from penstock.plugins.registrar import CommandRegistrar


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Name this plugin for `penstock doctor`."""
    return PluginInfo(name="quantization")


@hookimpl
def penstock_register_commands(commands: CommandRegistrar) -> None:
    """Add `penstock quantize`."""
    try:
        from penstock_quantization.command import quantize_model
    except ImportError:  # without typer and rich there is no command line
        return
    commands.add("quantize", quantize_model)
