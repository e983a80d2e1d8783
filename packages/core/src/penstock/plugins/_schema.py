"""The schema of `penstock_plugin.toml`. Imported only when a manifest is read: pydantic costs 80 ms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from penstock.plugins._api import check_range

PluginName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
ModulePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
PublicName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]


class _Table(BaseModel):
    """A table that refuses unknown keys: a misspelt key must not be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PluginTable(_Table):
    """`[plugin]`: the name that users type, the plugin API it was written for, the module with the hooks."""

    name: PluginName
    api: str
    module: ModulePath | None = None

    @field_validator("api")
    @classmethod
    def _api_is_a_range(cls, value: str) -> str:
        check_range(value)
        return value


class DeviceRow(_Table):
    """`[[provides.device]]`: a device type that the plugin registers."""

    type: Word


class KernelsRow(_Table):
    """`[[provides.kernels]]`: ops (globs) that have kernels on a device, and the library they are in, if any.

    `library` is a path relative to the manifest; it is loaded when the plugin is activated.
    """

    device: Word
    ops: Annotated[tuple[Text, ...], "globs"]
    dtypes: tuple[Text, ...] = ("*",)
    library: Text | None = None

    def covers(self, op: str, device: str) -> bool:
        """Say whether the row promises a kernel for `op` on `device`."""
        return self.device == device and any(fnmatchcase(op, glob) for glob in self.ops)

    def takes_some(self, dtypes: Sequence[str]) -> bool:
        """Say whether a kernel of the row may take one of these dtypes, given as codes; with none given, it may."""
        own = {word for text in self.dtypes for word in re.split(r"[,\s]+|->", text)}
        return not dtypes or "*" in own or not own.isdisjoint(dtypes)


class OpRow(_Table):
    """`[[provides.op]]`: an op that the plugin declares."""

    name: Text
    version: int = 1


class FormatRow(_Table):
    """`[[provides.format]]`: a file format that the plugin reads or writes.

    `suffixes` are how its files' names end, `folder_has` the names of files by which a folder of it is known; of
    these one is enough. `tensors` says that `read` takes `weights_only=True` and then returns tensors by name. `help`
    is the line that a list of formats shows.
    """

    name: Word
    suffixes: tuple[Text, ...] = ()
    folder_has: tuple[Text, ...] = ()
    reads: bool = True
    writes: bool = False
    tensors: bool = False
    help: str = ""


class CommandRow(_Table):
    """`[[provides.command]]`: a command below `penstock`, with the line that `penstock --help` shows."""

    name: Word
    help: str = ""


class ObserverRow(_Table):
    """`[[provides.observer]]`: what takes a program's records, under the name that programs use."""

    name: Word


class Provides(_Table):
    """`[provides]`: everything that the plugin gives."""

    device: tuple[DeviceRow, ...] = ()
    kernels: tuple[KernelsRow, ...] = ()
    op: tuple[OpRow, ...] = ()
    format: tuple[FormatRow, ...] = ()
    command: tuple[CommandRow, ...] = ()
    observer: tuple[ObserverRow, ...] = ()
    names: dict[PublicName, ModulePath] = {}


class Manifest(_Table):
    """A whole `penstock_plugin.toml`."""

    plugin: PluginTable
    provides: Provides = Provides()

    def gives(self) -> list[str]:
        """List what the plugin gives, in words, one entry per kind."""
        p = self.provides
        kinds = {
            "device": [row.type for row in p.device],
            "kernels on": sorted({row.device for row in p.kernels}),
            "op": [row.name for row in p.op],
            "format": [row.name for row in p.format],
            "command": [row.name for row in p.command],
            "observer": [row.name for row in p.observer],
            "name": [f"penstock.{name}" for name in p.names],
        }
        return [f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names]


def parse(data: dict[str, Any]) -> Manifest:
    """Check a manifest's content.

    Args:
        data: The parsed TOML.

    Returns:
        The manifest.

    Raises:
        ValueError: The content breaks the schema; the message is one line with every fault.
    """
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        raise ValueError("; ".join(_fault(dict(item)) for item in error.errors())) from None


def _fault(item: dict[str, Any]) -> str:
    key = str(item["loc"][-1])
    where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in item["loc"]).lstrip(".")
    if item["type"] != "extra_forbidden":
        return f"{where}: {item['msg']} (given: {item['input']!r})"
    near = difflib.get_close_matches(key, _known_keys(), n=1)
    return f"{where}: unknown key" + (f", did you mean {near[0]!r}?" if near else "")


def _known_keys() -> list[str]:
    tables: tuple[type[_Table], ...] = (
        Manifest,
        PluginTable,
        Provides,
        DeviceRow,
        KernelsRow,
        OpRow,
        FormatRow,
        CommandRow,
        ObserverRow,
    )
    return sorted({name for table in tables for name in table.model_fields})
