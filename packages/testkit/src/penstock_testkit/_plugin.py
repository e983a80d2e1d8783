"""Gives Penstock the devices of the kit, through the door that any plugin uses."""

from __future__ import annotations

from penstock.plugins import DeviceRegistrar, KernelRegistrar, PluginInfo, hookimpl
from penstock_testkit.devices import awkward
from penstock_testkit.devices.null import NullDevice


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Name the plugin for `penstock doctor`."""
    return PluginInfo(
        name="testkit", version="0.1.0", summary="devices without hardware, for tests"
    )


@hookimpl
def penstock_register_devices(devices: DeviceRegistrar) -> None:
    """Add the devices."""
    devices.add(NullDevice())
    devices.add(awkward.DEVICE)


@hookimpl
def penstock_register_kernels(kernels: KernelRegistrar) -> None:
    """Add the awkward device's kernels."""
    for op in awkward.KERNELS:
        kernels.add(op, "awkward", "f32", awkward.DEVICE.kernel(op))
