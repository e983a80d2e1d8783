"""Tell Penstock where the kernel library lies; the kernels name their ops themselves."""

from pathlib import Path

from penstock.plugins import NativeLibrary, PluginInfo, hookimpl

LIBRARY = Path(__file__).with_name("libpenstock_kernels_cpu.so")


@hookimpl
def penstock_plugin_info() -> PluginInfo:
    """Name this plugin for `penstock doctor`."""
    return PluginInfo(name="kernels-cpu")


@hookimpl
def penstock_native_libraries() -> list[NativeLibrary]:
    """Return the library that registers the kernels; loaded by the runtime, never by Python."""
    return [NativeLibrary(LIBRARY)]
