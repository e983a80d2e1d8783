"""Every hook that a plugin may implement, in one file: signature and docstring are the contract.

A plugin is a module with functions of these names, decorated with `hookimpl`. Each hook is called once, when the plugin
is activated (`penstock_doctor`: when a report is asked for), never while ops run. A hook may leave out parameters that
it does not use. What a hook registers is staged: it takes effect when all hooks of the plugin have returned, or not at
all. Raising refuses the plugin, and `penstock doctor` shows the traceback; it never stops the program.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pluggy

from penstock._dataclass import dataclass

if TYPE_CHECKING:
    from penstock.plugins.doctor import PluginReport
    from penstock.plugins.registrar import (
        CommandRegistrar,
        DeviceRegistrar,
        FormatRegistrar,
        KernelRegistrar,
        ObserverRegistrar,
        OpRegistrar,
        PassRegistrar,
    )

PROJECT: Final = "penstock"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class PluginInfo:
    """What `penstock doctor` says about a plugin.

    Args:
        name: The plugin's name, the same as in its manifest.
        version: Its version, if that is another one than its distribution's.
        summary: One line about it.
        issues: Where to report a problem with it.
    """

    name: str
    version: str = ""
    summary: str = ""
    issues: str = ""


@dataclass(frozen=True)
class NativeLibrary:
    """A shared library that exports `penstock_plugin_init_v1` (see `penstock/kernel_abi.h`).

    Args:
        path: Where the library lies, best derived from the plugin module's `__file__`.
    """

    path: str | os.PathLike[str]


@hookspec
def penstock_plugin_info() -> PluginInfo:
    """Say who the plugin is, for `penstock doctor`.

    Returns:
        Name, version, and where to report problems.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_plugin_info() -> PluginInfo:
            return PluginInfo(name="acme", version="1.2", issues="https://acme.example/issues")
    """
    raise NotImplementedError


@hookspec
def penstock_register_ops(ops: OpRegistrar) -> None:
    """Add ops. Called first, so that the plugin's own kernels may name them.

    Args:
        ops: `ops.add(op)` takes an object made by the `op` decorator. Its name carries a prefix ("acme.relu6") and
            stands in the manifest under `[[provides.op]]`.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_ops(ops: OpRegistrar) -> None:
            ops.add(relu6)
    """


@hookspec
def penstock_register_devices(devices: DeviceRegistrar) -> None:
    """Add device types. Register nothing, rather than raise, where the hardware is absent.

    Args:
        devices: `devices.add(device)` takes an object with the required methods of `penstock.device.Device`. Its type
            stands in the manifest under `[[provides.device]]`.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_devices(devices: DeviceRegistrar) -> None:
            devices.add(NpuDevice())
    """


@hookspec
def penstock_register_kernels(kernels: KernelRegistrar) -> None:
    """Add kernels that are written in Python.

    Args:
        kernels: `kernels.add(op, device, dtypes, fn)`; `fn(ctx, *inputs, out, **attrs)` writes its result into `out`.
            On the host these are NumPy arrays. On another device they are `penstock.reference.DeviceArray`s, which
            name the device's memory, and `fn` may return a `concurrent.futures.Future` and be done when that is.
            A row of `[[provides.kernels]]` in the manifest covers each op and device.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_kernels(kernels: KernelRegistrar) -> None:
            kernels.add("add", "npu", "f32", npu_add)
    """


@hookspec
def penstock_native_libraries() -> Sequence[NativeLibrary]:
    """Name the shared libraries that hold native kernels. The runtime loads them; Python never does.

    Libraries that the manifest names under `[[provides.kernels]] library` need no hook.

    Returns:
        The libraries that fit this machine; may be empty.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_native_libraries() -> list[NativeLibrary]:
            return [NativeLibrary(Path(__file__).with_name("libacme.so"))]
    """
    raise NotImplementedError


@hookspec
def penstock_register_passes(passes: PassRegistrar) -> None:
    """Add graph passes: functions that take a Graph and return a Graph with the same meaning.

    Args:
        passes: `passes.add(fn, stage="user", name=None)`.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_passes(passes: PassRegistrar) -> None:
            passes.add(fuse_gelu)
    """


@hookspec
def penstock_register_commands(commands: CommandRegistrar) -> None:
    """Add commands below `penstock`.

    Args:
        commands: `commands.add(name, command)` takes a function with typed parameters or a typer app. Its name stands
            in the manifest under `[[provides.command]]`.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_commands(commands: CommandRegistrar) -> None:
            commands.add("serve", serve)
    """


@hookspec
def penstock_register_formats(formats: FormatRegistrar) -> None:
    """Add file formats, which `penstock.load`, `penstock.save` and `penstock convert` then know.

    Args:
        formats: `formats.add(name, read=..., write=...)`; `read(path, **options)` returns a
            `penstock.saved.GraphModel`, `write(model, path, **options)` writes one. The name stands in the manifest
            under `[[provides.format]]`, with how its files are known.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_formats(formats: FormatRegistrar) -> None:
            formats.add("onnx", read=read_onnx, write=write_onnx)
    """


@hookspec
def penstock_register_observers(observers: ObserverRegistrar) -> None:
    """Add observers, which are told what a program says through `penstock.summary`.

    Args:
        observers: `observers.add(name, make)`; `make(target, **options)` returns an object with `record(record)` and
            `close()` when a program writes `penstock.summary.observe(name, target)`. The name stands in the manifest
            under `[[provides.observer]]`.

    Raises:
        Exception: Anything; the plugin is then refused.

    Example::

        @hookimpl
        def penstock_register_observers(observers: ObserverRegistrar) -> None:
            observers.add("board", EventWriter)
    """


@hookspec
def penstock_doctor(report: PluginReport) -> None:
    """Add lines about the plugin's own health (drivers, versions, memory) to `penstock doctor`.

    Args:
        report: `report.add("driver", "570.86")` adds a line; `report.problem("driver", "too old", "what to type")`
            adds one that makes the command end with code 1.

    Raises:
        Exception: Anything; it is shown as a problem of the plugin.

    Example::

        @hookimpl
        def penstock_doctor(report: PluginReport) -> None:
            report.add("driver", driver_version())
    """
