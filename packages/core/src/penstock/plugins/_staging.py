"""Everything that one plugin wants to add: carried over whole, or taken back whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import PluginError
from penstock.plugins import _host
from penstock.plugins.registrar import (
    CommandRegistrar,
    DeviceRegistrar,
    FormatRegistrar,
    KernelRegistrar,
    ObserverRegistrar,
    OpRegistrar,
    PassRegistrar,
    provides_of,
)

if TYPE_CHECKING:
    from penstock.plugins.manifest import Installed


class Staging:
    """Everything that one plugin wants to add.

    Args:
        plugin: The plugin.
        need_op: Activates the other plugin that gives an op, if there is one.
    """

    def __init__(self, plugin: Installed, need_op: Callable[[str], object]) -> None:
        self.plugin = plugin
        self.ops = OpRegistrar(plugin)
        self.devices = DeviceRegistrar(plugin)
        self.kernels = KernelRegistrar(plugin, self.ops, need_op)
        self.passes = PassRegistrar(plugin)
        self.commands = CommandRegistrar(plugin)
        self.formats = FormatRegistrar(plugin)
        self.observers = ObserverRegistrar(plugin)
        self.libraries: list[Path] = []

    def add_library(self, path: Path) -> None:
        """Add a native library.

        Raises:
            PluginError: There is no such file.
        """
        if not path.is_file():
            raise PluginError(
                f"there is no library {path}: the package was built or installed incompletely, "
                f"`pip install --force-reinstall {self.plugin.distribution}`"
            )
        if path.resolve() not in self.libraries:
            self.libraries.append(path.resolve())

    def check(self) -> None:
        """Check that the manifest's promises were kept. A device may be missing: its hardware may be absent.

        Raises:
            PluginError: An op, a command, a format or an observer of the manifest was not registered.
        """
        provides = provides_of(self.plugin)
        ops, commands = [row.name for row in provides.op], [row.name for row in provides.command]
        observers = [row.name for row in provides.observer]
        formats = [row.name for row in provides.format]
        for kind, promised, given in (
            ("op", ops, self.ops.staged),
            ("command", commands, self.commands.staged),
            ("format", formats, self.formats.staged),
            ("observer", observers, self.observers.staged),
        ):
            absent = [name for name in promised if name not in given]
            if absent:
                raise PluginError(
                    f"its manifest promises {kind} {', '.join(absent)}, but the hook "
                    f"penstock_register_{kind}s added no such {kind}: add it, or remove the row"
                )

    def promised_devices(self) -> list[str]:
        """List the device types that the manifest names, whether or not the hardware is there."""
        return [row.type for row in provides_of(self.plugin).device]

    def commit(self) -> None:
        """Carry everything over to the core; when a step fails, take back what was done and raise.

        Raises:
            PluginError: A step failed. The message says what could not be taken back, if anything.
        """
        undo: list[tuple[str, _host.Undo]] = []
        try:
            for what, step in self._steps():
                undo.append((what, step()))
        except BaseException as error:  # Ctrl-C too must leave nothing half done
            kept = [what for what, back in reversed(undo) if not _take_back(back)]
            if not isinstance(error, Exception):
                raise
            left = f"; {', '.join(kept)} stay until Python is restarted" if kept else ""
            raise PluginError(f"{_last_words(error)}{left}") from error

    def _steps(self) -> Iterator[tuple[str, Callable[[], _host.Undo]]]:
        # Ops first, because kernels name them; libraries last, because they cannot be unloaded.
        for name, op in self.ops.staged.items():
            yield f"op {name}", partial(_host.register_op, op)
        for kind, device in self.devices.staged.items():
            yield f"device {kind}", partial(_host.register_device, device)
        for name, (fn, stage) in self.passes.staged.items():
            yield f"pass {name}", partial(_host.register_pass, name, fn, stage)
        for row in self.kernels.staged:
            yield f"kernel {row.op}", partial(_host.register_kernel, row, self.plugin.name)
        for path in self.libraries:
            yield f"library {path.name}", partial(_host.load_library, path, self.plugin.name)


def _take_back(undo: _host.Undo) -> bool:
    try:
        undo()
    except Exception:  # the first failure is the one to report; this part is named as left behind
        return False
    return True


def _last_words(error: Exception) -> str:
    return str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
