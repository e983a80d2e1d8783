"""The schema of `penstock_plugin.toml`. The first op of a program reads manifests, so they are checked by hand."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from penstock._dataclass import dataclass, field
from penstock.plugins._api import check_range

T = TypeVar("T")
# Takes a value and the key where it stands; raises ValueError with one line for all that is wrong.
Read = Callable[[Any, str], Any]


def _plain(kind: type, what: str) -> Read:
    def read(value: Any, where: str) -> Any:
        if type(value) is not kind:
            raise _refused(where, what, value)
        return value

    return read


def _matching(pattern: str, what: str) -> Read:
    matches = re.compile(pattern, re.DOTALL).fullmatch

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, str) or not matches(value):
            raise _refused(where, what, value)
        return value

    return read


def _list_of(read_one: Read) -> Read:
    def read(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _refused(where, "a list", value)
        return tuple(read_one(item, f"{where}[{i}]") for i, item in enumerate(value))

    return read


def _refused(where: str, what: str, value: Any) -> ValueError:
    return ValueError(f"{where}: expected {what} (given: {value!r})")


def _range(value: Any, where: str) -> Any:
    try:
        check_range(_TEXT(value, where))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return value


def _names(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _refused(where, "a table", value)
    return {_NAME(n, where): _MODULE(path, f"{where}.{n}") for n, path in value.items()}


_NAME = _matching(r"[a-z][a-z0-9_]*", "names of lower-case letters, digits and _")
_MODULE = _matching(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", "a module's path, such as 'acme.hooks'")
_WORD = _matching(r"[a-z][a-z0-9_-]*", "a word of lower-case letters, digits, _ and -")
_PLUGIN = _matching(r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case words, with - between them")
_TEXT = _matching(r".+", "text that is not empty")
_WORDS = _plain(str, "text")
_YES = _plain(bool, "true or false")
_NUMBER = _plain(int, "a whole number")
_TEXTS = _list_of(_TEXT)


@dataclass(frozen=True)
class PluginTable:
    """`[plugin]`: the name that users type, the plugin API it was written for, the module with the hooks."""

    name: str
    api: str
    module: str | None = None


@dataclass(frozen=True)
class DeviceRow:
    """`[[provides.device]]`: a device type that the plugin registers."""

    type: str


@dataclass(frozen=True)
class KernelsRow:
    """`[[provides.kernels]]`: ops (globs) that have kernels on a device, and the library they are in, if any.

    `library` is a path relative to the manifest; it is loaded when the plugin is activated.
    """

    device: str
    ops: tuple[str, ...]
    dtypes: tuple[str, ...] = ("*",)
    library: str | None = None

    def covers(self, op: str, device: str) -> bool:
        """Say whether the row promises a kernel for `op` on `device`."""
        return self.device == device and any(fnmatchcase(op, glob) for glob in self.ops)

    def takes_some(self, dtypes: Sequence[str]) -> bool:
        """Say whether a kernel of the row may take one of these dtypes, given as codes; with none given, it may."""
        own = {word for text in self.dtypes for word in re.split(r"[,\s]+|->", text)}
        return not dtypes or "*" in own or not own.isdisjoint(dtypes)


@dataclass(frozen=True)
class OpRow:
    """`[[provides.op]]`: an op that the plugin declares."""

    name: str
    version: int = 1


@dataclass(frozen=True)
class FormatRow:
    """`[[provides.format]]`: a file format that the plugin reads or writes.

    `suffixes` are how its files' names end, `folder_has` the names of files by which a folder of it is known; of
    these one is enough. `tensors` says that `read` takes `weights_only=True` and then returns tensors by name. `help`
    is the line that a list of formats shows.
    """

    name: str
    suffixes: tuple[str, ...] = ()
    folder_has: tuple[str, ...] = ()
    reads: bool = True
    writes: bool = False
    tensors: bool = False
    help: str = ""


@dataclass(frozen=True)
class CommandRow:
    """`[[provides.command]]`: a command below `penstock`, with the line that `penstock --help` shows."""

    name: str
    help: str = ""


@dataclass(frozen=True)
class ObserverRow:
    """`[[provides.observer]]`: what takes a program's records, under the name that programs use."""

    name: str


@dataclass(frozen=True)
class Provides:
    """`[provides]`: everything that the plugin gives."""

    device: tuple[DeviceRow, ...] = ()
    kernels: tuple[KernelsRow, ...] = ()
    op: tuple[OpRow, ...] = ()
    format: tuple[FormatRow, ...] = ()
    command: tuple[CommandRow, ...] = ()
    observer: tuple[ObserverRow, ...] = ()
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A whole `penstock_plugin.toml`."""

    plugin: PluginTable
    provides: Provides = field(default_factory=Provides)

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
    return _read(Manifest, data, "")


def _table(kind: type) -> Read:
    return lambda value, where: _read(kind, value, where)


def _read(kind: type[T], data: Any, where: str) -> T:
    """Read a table. Unknown keys are refused: a misspelt key must not be ignored."""
    if not isinstance(data, dict):
        raise _refused(where, "a table", data)
    known = _KEYS[kind]
    found: dict[str, Any] = {}
    faults: list[str] = []
    for key, value in data.items():
        place = f"{where}.{key}".lstrip(".")
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            faults.append(
                f"{place}: unknown key" + (f", did you mean {near[0]!r}?" if near else "")
            )
            continue
        try:
            found[key] = known[key](value, place)
        except ValueError as error:
            faults.append(str(error))
    faults += [
        f"{where}.{name}: this key is missing".lstrip(".")
        for name in _NEEDED.get(kind, ())
        if name not in data
    ]
    if faults:
        raise ValueError("; ".join(faults))
    return kind(**found)


# How each key of each table is read, and which must be there.
_KEYS: dict[type, dict[str, Read]] = {
    PluginTable: {"name": _PLUGIN, "api": _range, "module": _MODULE},
    DeviceRow: {"type": _WORD},
    KernelsRow: {"device": _WORD, "ops": _TEXTS, "dtypes": _TEXTS, "library": _TEXT},
    OpRow: {"name": _TEXT, "version": _NUMBER},
    FormatRow: {
        "name": _WORD,
        "suffixes": _TEXTS,
        "folder_has": _TEXTS,
        "reads": _YES,
        "writes": _YES,
        "tensors": _YES,
        "help": _WORDS,
    },
    CommandRow: {"name": _WORD, "help": _WORDS},
    ObserverRow: {"name": _WORD},
    Provides: {
        "device": _list_of(_table(DeviceRow)),
        "kernels": _list_of(_table(KernelsRow)),
        "op": _list_of(_table(OpRow)),
        "format": _list_of(_table(FormatRow)),
        "command": _list_of(_table(CommandRow)),
        "observer": _list_of(_table(ObserverRow)),
        "names": _names,
    },
    Manifest: {"plugin": _table(PluginTable), "provides": _table(Provides)},
}
_NEEDED: dict[type, tuple[str, ...]] = {
    Manifest: ("plugin",),
    PluginTable: ("name", "api"),
    DeviceRow: ("type",),
    KernelsRow: ("device", "ops"),
    **dict.fromkeys((OpRow, FormatRow, CommandRow, ObserverRow), ("name",)),
}
