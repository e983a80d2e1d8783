"""Which plugins are installed and what each gives, read from files: no plugin is imported here.

A plugin's distribution names its package in the entry-point group `penstock.plugins`; the file `penstock_plugin.toml`
lies beside that package's `__init__`. One bad manifest disables one plugin, and its reason is kept.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from penstock._dataclass import dataclass
from penstock.plugins._api import PLUGIN_API, in_range
from penstock.plugins._entries import Entry, entries

if TYPE_CHECKING:
    from penstock.plugins._schema import Manifest

GROUP: Final = "penstock.plugins"
FILE_NAME: Final = "penstock_plugin.toml"

__all__ = ["FILE_NAME", "GROUP", "PLUGIN_API", "Installed", "installed_plugins"]


@dataclass(frozen=True)
class Installed:
    """One entry of the group: a plugin that is installed, usable or not.

    Args:
        name: The plugin's name, which users type.
        distribution: The installed distribution, which pip knows.
        version: That distribution's version.
        folders: Where the package's files lie; an editable install may have more than one.
        manifest: The checked manifest, or None.
        problem: Why there is no usable manifest; "" when there is one.
    """

    name: str
    distribution: str
    version: str
    folders: tuple[Path, ...] = ()
    manifest: Manifest | None = None
    problem: str = ""

    def locate(self, relative: str) -> Path:
        """Find a file of the package.

        Args:
            relative: A path relative to the manifest's folder.

        Returns:
            The first existing file; where none exists, the place where it should be.

        Raises:
            Nothing.
        """
        places = [folder / relative for folder in self.folders]
        return next((place for place in places if place.is_file()), places[0])


def installed_plugins() -> Sequence[Installed]:
    """Read the manifest of every installed plugin, without importing any.

    Returns:
        One entry for each entry point, sorted by plugin and distribution, whatever the install order.

    Raises:
        Nothing: what is wrong with a plugin is kept in its entry.
    """
    found = [_read(entry) for entry in entries(GROUP)]
    return sorted(found, key=lambda plugin: (plugin.name, plugin.distribution))


def _read(entry: Entry) -> Installed:
    distribution, version = entry.distribution, entry.version
    name, problem = entry.name, ""
    folders: tuple[Path, ...] = ()
    manifest: Manifest | None = None
    try:
        folders = _package_folders(entry.value)
        data = _load(folders)
        name = _stated(data, "name") or name
        manifest = _check(data, f"pip install --upgrade {distribution} penstock")
    except Exception as error:  # a stranger's files: anything may be wrong with them
        problem = str(error) or type(error).__name__
    return Installed(name, distribution, version, folders, manifest, problem)


def _package_folders(value: str) -> tuple[Path, ...]:
    # find_spec of a top-level name asks the finders, editable ones too, but imports nothing; a dotted name would
    # import its parents, so the rest of the path is walked by hand.
    top, *rest = value.split(":", maxsplit=1)[0].strip().split(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise ValueError(f"its entry point names the package {value!r}, which is not installed")
    if spec.submodule_search_locations is None:
        raise ValueError(
            f"its entry point names {value!r}, a single file: make it a package (folder)"
        )
    return tuple(Path(place, *rest) for place in spec.submodule_search_locations)


def _load(folders: tuple[Path, ...]) -> dict[str, Any]:
    import tomllib

    path = next((f / FILE_NAME for f in folders if (f / FILE_NAME).is_file()), None)
    if path is None:
        places = ", ".join(map(str, folders))
        raise ValueError(f"there is no {FILE_NAME} in {places}: add it to the package's files")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def _check(data: dict[str, Any], upgrade: str) -> Manifest:
    from penstock.plugins import _schema

    # The range first: a manifest of another API version may have keys that this core does not know.
    api = _stated(data, "api")
    if api and not in_range(api):
        raise ValueError(
            f"it was written for plugin API {api!r}, this penstock has {PLUGIN_API}: install releases "
            f"that fit each other, `{upgrade}`"
        )
    try:
        return _schema.parse(data)
    except ValueError as error:
        raise ValueError(f"{FILE_NAME} is not valid: {error}") from None


def _stated(data: dict[str, Any], key: str) -> str:
    table = data.get("plugin")
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
