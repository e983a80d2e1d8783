"""Public names that plugins offer below `penstock`: `from penstock.keras.layers import Dense`.

The alias is the plugin's own module object, so a class has one identity however it was imported. The finder stands at
the end of `sys.meta_path` and is asked only for what the package itself does not have; manifests are read then.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Final

from penstock._migration import function_hint

if TYPE_CHECKING:
    from importlib.abc import Loader

    from penstock.plugins._records import Record

if not TYPE_CHECKING:
    Loader = object  # importlib.abc would add 13 ms to `import penstock`

SIBLINGS: Final = {
    "board": "penstock-board",
    "distributed": "penstock-distributed",
    "keras": "penstock-keras-api",
    "models": "penstock-models",
    "quantization": "penstock-quantization",
    "serving": "penstock-serving",
    "testing": "penstock-testkit",
}
"""Names that our own packages offer, so that the error can say what to install."""

_ROOT: Final = "penstock."
_aliased: dict[str, str] = {}  # name below penstock -> the plugin's module


def install() -> None:
    """Make plugins' public names importable. Costs nothing until such a name is imported; repeating it is harmless.

    Raises:
        Nothing.
    """
    if not any(isinstance(finder, _NameFinder) for finder in sys.meta_path):
        sys.meta_path.append(_NameFinder())


def lookup(name: str) -> ModuleType:
    """Find `penstock.<name>` as an attribute, for `penstock.__getattr__`.

    Args:
        name: A name that `penstock` itself does not have.

    Returns:
        The plugin's module.

    Raises:
        AttributeError: No installed plugin offers the name; the message says what to install, if that is known.

    >>> lookup("no_such_name")
    Traceback (most recent call last):
    AttributeError: module 'penstock' has no attribute 'no_such_name'
    """
    if name.startswith("_"):  # probes such as __wrapped__ must not read manifests
        raise AttributeError(f"module 'penstock' has no attribute {name!r}")
    try:
        return import_module(_ROOT + name)
    except ModuleNotFoundError as error:
        known = f": {error}" if name in SIBLINGS else function_hint(name)
        raise AttributeError(f"module 'penstock' has no attribute {name!r}{known}") from error


class _NameFinder:
    """Answers for every `penstock.<name>` that nobody else found; whether there is a plugin, its loader says.

    Python holds the global import lock while it asks finders, so whatever imports something here (reading manifests
    does) waits for ever for a thread that is importing the same thing.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        name = fullname.removeprefix(_ROOT)
        if name == fullname or "." in name or name.startswith("_"):
            return None
        # A package from the start: the plugin may import its own alias while it is being imported.
        return ModuleSpec(fullname, _NameLoader(), is_package=True)


class _SubmoduleFinder:
    """Answers for submodules of aliases, before the path finder would make a second copy of each."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_ROOT):
            return None
        name, _, rest = fullname.removeprefix(_ROOT).partition(".")
        if not rest or name not in _aliased:
            return None
        real = f"{_aliased[name]}.{rest}"
        if real not in sys.modules and not _exists(real, path):
            return None
        return ModuleSpec(fullname, _SubmoduleLoader(real))


class _SubmoduleLoader(Loader):
    """Puts the plugin's module into `sys.modules` under a second name; the module itself is not touched."""

    def __init__(self, real: str) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None  # an empty one, which exec_module replaces

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(self._real)


class _NameLoader(Loader):
    """Activates the plugin that offers a name, and makes the name its module; or says why there is none."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None  # an empty one, which exec_module replaces

    def exec_module(self, module: ModuleType) -> None:
        from penstock.plugins import loader

        fullname = module.__name__
        name = fullname.removeprefix(_ROOT)
        record = loader.activate_for_name(name)
        if record is None or record.manifest is None:
            raise _not_installed(name, fullname)
        _check_usable(fullname, record)
        real = record.manifest.provides.names[name]
        _alias_submodules(name, real)
        sys.modules[fullname] = import_module(real)


def _exists(real: str, path: Sequence[str] | None) -> bool:
    # Not importlib.util.find_spec: that would import the parents, see _NameFinder. The real parent's path, because the
    # alias is an empty stand-in while the parent is still being imported.
    path = getattr(sys.modules.get(real.rpartition(".")[0]), "__path__", path)
    finders = [finder for finder in sys.meta_path if not isinstance(finder, _SubmoduleFinder)]
    return any(finder.find_spec(real, path) is not None for finder in finders)


def _alias_submodules(name: str, real: str) -> None:
    if not any(isinstance(finder, _SubmoduleFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SubmoduleFinder())
    _aliased[name] = real


def _check_usable(alias: str, record: Record) -> None:
    # The error names the plugin, not the alias: for the alias's own name, `from penstock import x` swallows it.
    whose = f"{alias} comes from the plugin {record.name!r}, which"
    if record.state == "disabled":
        text = f"{whose} is {record.reason}: unset the variable, or name the plugin in it"
        raise ModuleNotFoundError(text, name=record.name)
    if record.state == "refused":
        text = f"{whose} was refused: {record.reason}. Run `penstock doctor` for details"
        raise ImportError(text, name=record.name)


def _not_installed(name: str, fullname: str) -> ModuleNotFoundError:
    distribution = SIBLINGS.get(name)
    if distribution is None:
        return ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
    return ModuleNotFoundError(
        f"{fullname} comes with a package that is not installed: `pip install {distribution}`",
        name=distribution.replace("-", "_"),
    )
