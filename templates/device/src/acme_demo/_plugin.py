"""What this package gives to Penstock."""

from acme_demo.device import AcmeDevice
from penstock.plugins import DeviceRegistrar, PluginInfo, hookimpl


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Say who this is."""
    return PluginInfo(name="acme-demo", version="0.1.0")


@hookimpl
def penstock_register_devices(devices: DeviceRegistrar) -> None:
    """Add the device. Where the hardware is absent, add nothing rather than raise."""
    devices.add(AcmeDevice())
