"""What this package gives to Penstock."""

from acme_demo.ops import mish
from penstock.plugins import OpRegistrar, PluginInfo, hookimpl


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Say who this is."""
    return PluginInfo(name="acme-demo", version="0.1.0")


@hookimpl
def penstock_register_ops(ops: OpRegistrar) -> None:
    """Add the ops."""
    ops.add(mish)
