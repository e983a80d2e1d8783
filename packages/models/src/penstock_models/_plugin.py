"""Tell Penstock what this package gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.plugins import PluginInfo, hookimpl

if TYPE_CHECKING:
    from penstock.plugins.registrar import CommandRegistrar


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Name this plugin for `penstock doctor`."""
    return PluginInfo(name="models")


@hookimpl
def penstock_register_commands(commands: CommandRegistrar) -> None:
    """Add `penstock finetune` and `penstock predict`."""
    try:
        from penstock_models.commands.predict import predict_inputs
        from penstock_models.finetune.command import finetune_model
    except ImportError:  # without typer there is no command line
        return
    commands.add("finetune", finetune_model)
    commands.add("predict", predict_inputs)
