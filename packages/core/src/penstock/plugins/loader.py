"""Activate plugins when something that they give is asked for, once each, and keep why one could not be used.

No lock is held while a plugin's own code runs: it may import modules, and another thread may hold such a module's
import lock while it waits for us. The thread that activates a plugin owns its record; others wait for the outcome.
"""

from __future__ import annotations

import difflib
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock.config import settings
from penstock.errors import PluginError, PluginWarning
from penstock.plugins import _host
from penstock.plugins._records import Record, index_records, missing_hint_for, unknown_names

if TYPE_CHECKING:
    from penstock.plugins._schema import Manifest
    from penstock.plugins.registrar import Format


class Loader:
    """The plugins of one process. Use the functions of this module; a class only so that tests can have their own."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: tuple[Record, ...] | None = None
        self._settled: set[tuple[str, ...]] = set()
        self._commands: dict[str, Any] = {}
        self._formats: dict[str, Format] = {}
        self._observers: dict[str, Any] = {}

    def records(self) -> Sequence[Record]:
        """List every installed plugin, reading the manifests the first time. Nothing is imported.

        Returns:
            One record for each, sorted by name.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        if self._records is None:
            self._read_index()
        return self._records or ()

    def _read_index(self) -> None:
        records, unknown = index_records(settings().plugins), ""
        with self._lock:
            if self._records is not None:  # another thread was faster
                return
            self._records = tuple(records)
            unknown = unknown_names(settings().plugins, records)
        if unknown:
            warnings.warn(PluginWarning(unknown), stacklevel=4)
        for record in records:
            if record.state == "refused":
                _announce(record)

    def activate_for_kernels(self, device: str, op: str = "") -> None:
        """Activate the plugins that promise kernels on a device.

        Args:
            device: The device type.
            op: Only plugins whose rows cover this op; by default all.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        key = ("kernels", device, op)
        if key not in self._settled:
            self._activate_each(key, lambda m: _has_kernels(m, device, op))

    def activate_for_device(self, kind: str) -> None:
        """Activate the plugin that gives a device type.

        Args:
            kind: The device type, such as "cuda".

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        key = ("device", kind)
        if key not in self._settled:
            self._activate_each(key, lambda m: any(r.type == kind for r in m.provides.device))

    def activate_for_op(self, name: str) -> None:
        """Activate the plugin that declares an op.

        Args:
            name: The op's name, such as "acme.relu6".

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        key = ("op", name)
        if key not in self._settled:
            self._activate_each(key, lambda m: any(r.name == name for r in m.provides.op))

    def activate_for_command(self, name: str) -> Any:
        """Activate the plugin that gives a command.

        Args:
            name: The command below `penstock`.

        Returns:
            What the plugin registered: a function or a typer app; None when no usable plugin gives the command.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        self._activate_each(
            ("command", name), lambda m: any(r.name == name for r in m.provides.command)
        )
        return self._commands.get(name)

    def activate_for_format(self, name: str) -> Format | None:
        """Activate the plugin that reads or writes a file format.

        Args:
            name: The format's name.

        Returns:
            How it is read and written; None when no usable plugin knows it.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        self._activate_each(
            ("format", name), lambda m: any(r.name == name for r in m.provides.format)
        )
        return self._formats.get(name)

    def activate_for_observer(self, name: str) -> Any:
        """Activate the plugin that makes an observer.

        Args:
            name: The observer's name.

        Returns:
            What makes it; None when no usable plugin does.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        self._activate_each(
            ("observer", name), lambda m: any(r.name == name for r in m.provides.observer)
        )
        return self._observers.get(name)

    def activate(self, name: str) -> Record:
        """Activate one plugin by name, whatever the need.

        Args:
            name: The plugin's name.

        Returns:
            Its record; look at `state` and `reason`.

        Raises:
            PluginError: No plugin of that name is installed.
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        for record in self.records():
            if record.name == name:
                self._settle(record)
                return record
        names = [record.name for record in self.records()]
        near = difflib.get_close_matches(name, names, n=1)
        raise PluginError(
            f"no plugin {name!r} is installed"
            + (f"; did you mean {near[0]!r}?" if near else "; `penstock doctor` lists them")
        )

    def activate_for_name(self, name: str) -> Record | None:
        """Activate the plugin that offers `penstock.<name>`, without waiting for another thread that does it now.

        Args:
            name: The name below `penstock`.

        Returns:
            Its record, usable or not; None when no installed plugin offers the name.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        for record in self.records():
            if record.manifest is not None and name in record.manifest.provides.names:
                # Import locks are held here, and the other thread may be about to import this very name.
                self._settle(record, wait=False)
                return record
        return None

    def missing_hint(self, op: str, device: str, dtypes: Sequence[str] = ()) -> str:
        """Say which installed plugins would help where a kernel is missing.

        Args:
            op: The op's name.
            device: The device type.
            dtypes: Codes of the dtypes at hand, such as "f32"; by default any.

        Returns:
            Sentences for the end of an error; "" when no plugin would help.

        Raises:
            ConfigError: PENSTOCK_PLUGINS is not understood.
        """
        return missing_hint_for(self.records(), op, device, dtypes)

    def _activate_each(self, key: tuple[str, ...], gives: Callable[[Manifest], bool]) -> None:
        wanted = [r for r in self.records() if r.manifest is not None and gives(r.manifest)]
        # A list, not a generator: every plugin gets its turn. Not settled: we are inside this very activation.
        if all([self._settle(record) for record in wanted]):
            self._settled.add(key)

    def _settle(self, record: Record, wait: bool = True) -> bool:
        """Bring a ready plugin to its final state; False when that is still under way."""
        me = threading.get_ident()
        with self._lock:
            if record.state != "ready":
                return True
            if record.owner == me:
                return False
            mine = record.owner == 0
            if mine:
                record.owner, record.done = me, threading.Event()
        if mine:
            self._run(record)
        elif wait:
            record.done.wait()
        return record.state != "ready"

    def _run(self, record: Record) -> None:
        known = _host.declared_ops()
        try:
            self._activate(record)
        except Exception as error:  # a plugin never stops the host; the reason is kept and shown
            record.reason = str(error) if isinstance(error, PluginError) else repr(error)
            record.traceback = traceback.format_exc()
            record.state = "refused"
        finally:
            record.owner = 0
            record.done.set()
        if record.state == "refused":
            _host.withdraw_ops(known, _package(record))
            _announce(record)

    def _activate(self, record: Record) -> None:
        from penstock.plugins import _activation

        module = _activation.import_hooks(record.installed)
        manager = _activation.manager_for(record.installed, module) if module else None
        staging, info = _activation.stage(record.installed, manager, self.activate_for_op)
        with self._lock:
            staging.commit()
            self._commands |= staging.commands.staged
            self._formats |= staging.formats.staged
            self._observers |= staging.observers.staged
            record.staging, record.info, record.manager = staging, info, manager
            record.state = "active"


def _package(record: Record) -> str:
    module = record.manifest.plugin.module if record.manifest is not None else None
    return (module or "").split(".")[0]


def _has_kernels(manifest: Manifest, device: str, op: str) -> bool:
    rows = manifest.provides.kernels
    return any(row.covers(op, device) if op else row.device == device for row in rows)


def _announce(record: Record) -> None:
    # Not the whole reason: it may be long. The frame that asked cannot be known, so none is named.
    first = record.reason.splitlines()[0] if record.reason else "no reason given"
    warnings.warn(
        PluginWarning(
            f"plugin {record.name!r} was refused: {first}. Run `penstock doctor` for details."
        ),
        stacklevel=2,
    )


_loader = Loader()
records = _loader.records
activate = _loader.activate
activate_for_command = _loader.activate_for_command
activate_for_device = _loader.activate_for_device
activate_for_format = _loader.activate_for_format
activate_for_kernels = _loader.activate_for_kernels
activate_for_name = _loader.activate_for_name
activate_for_observer = _loader.activate_for_observer
activate_for_op = _loader.activate_for_op
missing_hint = _loader.missing_hint
