"""What this package gives to Penstock. The library with the kernels is named in the manifest."""

from acme_demo.ops import scale_add
from penstock.plugins import OpRegistrar, PluginInfo, hookimpl


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Say who this is."""
    return PluginInfo(name="acme-demo", version="0.1.0")


@hookimpl
def penstock_register_ops(ops: OpRegistrar) -> None:
    """Add the ops."""
    ops.add(scale_add)
