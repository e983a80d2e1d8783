"""Run one plugin's hooks into a staging area. Everything here may raise; the loader turns that into a refusal."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from penstock.errors import PluginError
from penstock.plugins._staging import Staging
from penstock.plugins.registrar import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    import pluggy

    from penstock.plugins.hooks import PluginInfo
    from penstock.plugins.manifest import Installed

_PREFIX: Final = "penstock_"


def import_hooks(plugin: Installed) -> ModuleType | None:
    """Import the module that the manifest names.

    Returns:
        The module, or None for a plugin that only offers names or a library.

    Raises:
        PluginError: Importing it raised.
    """
    assert plugin.manifest is not None
    path = plugin.manifest.plugin.module
    if path is None:
        return None
    try:
        return import_module(path)
    except (Exception, SystemExit) as error:  # SystemExit: a module that is really a script
        raise PluginError(f"importing {path} raised {_describe(error)}") from error


def manager_for(plugin: Installed, module: ModuleType) -> pluggy.PluginManager:
    """Check a module's hooks against the specifications.

    A manager for each plugin: a plugin cannot wrap another's hooks, and dropping the manager undoes everything.

    Raises:
        PluginError: A hook is misspelt, not decorated, or has a parameter that does not exist.
    """
    import pluggy

    from penstock.plugins import hooks

    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    specs = [name for name in vars(hooks) if name.startswith(_PREFIX)]
    _check_spelling(module, specs)
    try:
        manager.register(module, plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        text = " ".join(str(error).split())
        raise PluginError(f"a hook does not fit its specification: {text}") from error
    return manager


def _check_spelling(module: ModuleType, specs: list[str]) -> None:
    for name, value in list(vars(module).items()):
        if not name.startswith(_PREFIX) or not inspect.isroutine(value):
            continue
        marks: dict[str, Any] | None = getattr(value, "penstock_impl", None)
        if name not in specs and not (marks and marks["optionalhook"]):
            raise PluginError(
                f"{module.__name__} has a hook {name!r}, which does not exist{nearest(name, specs)}"
            )
        if marks is None and getattr(value, "__module__", None) == module.__name__:
            raise PluginError(
                f"{module.__name__}.{name} is not marked as a hook: write `@hookimpl` above it "
                f"(`from penstock.plugins import hookimpl`)"
            )


def stage(
    plugin: Installed, manager: pluggy.PluginManager | None, need_op: Callable[[str], object]
) -> tuple[Staging, PluginInfo | None]:
    """Call every registering hook of one plugin and check what it gave.

    Args:
        plugin: The plugin.
        manager: Its hooks, or None when it has no module.
        need_op: Activates the other plugin that gives an op, if there is one.

    Returns:
        What the plugin wants to add, and who it says it is.

    Raises:
        PluginError: A hook raised, gave something unusable, or broke the manifest's promise.
    """
    staging = Staging(plugin, need_op)
    info = _info(plugin, manager)
    _call(manager, "penstock_register_ops", ops=staging.ops)
    _call(manager, "penstock_register_devices", devices=staging.devices)
    _call(manager, "penstock_register_passes", passes=staging.passes)
    _call(manager, "penstock_register_commands", commands=staging.commands)
    _call(manager, "penstock_register_formats", formats=staging.formats)
    _call(manager, "penstock_register_observers", observers=staging.observers)
    _call(manager, "penstock_register_kernels", kernels=staging.kernels)
    for path in _libraries(plugin, manager):
        staging.add_library(path)
    staging.check()
    return staging, info


def _info(plugin: Installed, manager: pluggy.PluginManager | None) -> PluginInfo | None:
    from penstock.plugins.hooks import PluginInfo

    for info in _call(manager, "penstock_plugin_info"):
        if not isinstance(info, PluginInfo):
            raise PluginError(f"penstock_plugin_info returned {info!r}: expected a PluginInfo")
        if info.name != plugin.name:
            raise PluginError(
                f"penstock_plugin_info says {info.name!r}, its manifest {plugin.name!r}: give both one name"
            )
        return info
    return None


def _libraries(plugin: Installed, manager: pluggy.PluginManager | None) -> list[Path]:
    from penstock.plugins.hooks import NativeLibrary

    assert plugin.manifest is not None
    rows = plugin.manifest.provides.kernels
    paths = [plugin.locate(row.library) for row in rows if row.library]
    for libraries in _call(manager, "penstock_native_libraries"):
        if not isinstance(libraries, (list, tuple)):
            raise PluginError(
                f"penstock_native_libraries returned {libraries!r}: expected a list of NativeLibrary objects"
            )
        for library in libraries:
            if not isinstance(library, NativeLibrary):
                raise PluginError(
                    f"penstock_native_libraries returned {library!r}: expected NativeLibrary objects"
                )
            paths.append(Path(library.path))
    return paths


def _call(manager: pluggy.PluginManager | None, hook: str, **arguments: Any) -> list[Any]:
    if manager is None:
        return []
    try:
        results = getattr(manager.hook, hook)(**arguments)
    except PluginError:  # the registrar's own words are better than ours
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{hook} raised {_describe(error)}") from error
    return list(results)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
