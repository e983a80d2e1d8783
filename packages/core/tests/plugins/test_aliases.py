"""Public names of plugins below `penstock`: one module under two names, and what an absent one says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from penstock.plugins import aliases

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import PluginFolder

PREPARE = "from penstock.plugins import aliases\naliases.install()\n"
NAMES = '[provides]\nnames = {widgets = "penstock_acme.api"}\n'
LAYERS = "class Dense: pass\n"


def add_acme(plugins: PluginFolder, module: str = "", api: str = "VERSION = 3\n") -> Path:
    package = plugins.add("acme", module, NAMES)
    (package / "api").mkdir()
    (package / "api/__init__.py").write_text(api)
    (package / "api/layers.py").write_text(LAYERS)
    return package


def run(plugins: PluginFolder, code: str, **environment: str) -> str:
    return plugins.run(PREPARE + code, **environment)[0]


def test_the_very_same_modules(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
import sys
from penstock.widgets.layers import Dense
import penstock.widgets, penstock.widgets.layers as layers
import penstock_acme.api.layers
print(Dense is penstock_acme.api.layers.Dense, layers is penstock_acme.api.layers)
print(penstock.widgets is penstock_acme.api, penstock.widgets.VERSION)
print(layers.__name__, layers.__spec__.name, Dense.__module__)
"""
    assert run(plugins, code).splitlines() == [
        "True True",
        "True 3",
        "penstock_acme.api.layers penstock_acme.api.layers penstock_acme.api.layers",
    ]


def test_the_same_when_the_real_module_came_first(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
import penstock_acme.api.layers as real
from penstock.widgets import layers
print(layers is real)
"""
    assert run(plugins, code) == "True"


def test_importing_a_name_activates_its_plugin(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
acme = next(r for r in loader.records() if r.name == "acme")
before = acme.state
import penstock.widgets
print(before, acme.state)
"""
    assert run(plugins, code) == "ready active"


def test_a_package_that_imports_its_own_alias(plugins: PluginFolder) -> None:
    add_acme(plugins, api="from penstock.widgets.layers import Dense\n")
    assert run(plugins, "import penstock.widgets as w; print(w.Dense.__name__)") == "Dense"


def test_find_spec_of_submodules(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
from importlib.util import find_spec
import penstock.widgets
print(find_spec("penstock.widgets.layers") is not None, find_spec("penstock.widgets.nothing"))
"""
    assert run(plugins, code) == "True None"


def test_a_submodule_that_does_not_exist(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
try:
    import penstock.widgets.nothing
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(plugins, code) == "No module named 'penstock.widgets.nothing'"


@pytest.mark.parametrize("statement", ["import penstock.{}", "from penstock import {}"])
def test_absent_sibling_says_what_to_install(plugins: PluginFolder, statement: str) -> None:
    # Another group: as if nothing were installed, also where a sibling is.
    code = f"""
from penstock.plugins import manifest
manifest.GROUP = "no.such.group"
for name in aliases.SIBLINGS:
    try:
        exec({statement!r}.format(name))
    except ModuleNotFoundError as error:
        print(error)
"""
    assert run(plugins, code).splitlines() == [
        f"penstock.{name} comes with a package that is not installed: `pip install {distribution}`"
        for name, distribution in aliases.SIBLINGS.items()
    ]


def test_unknown_name_gets_pythons_own_error(plugins: PluginFolder) -> None:
    code = """
try:
    import penstock.no_such_name
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(plugins, code) == "No module named 'penstock.no_such_name'"


def test_switched_off(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
try:
    from penstock import widgets
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(plugins, code, PENSTOCK_PLUGINS="none") == (
        "penstock.widgets comes from the plugin 'acme', which is switched off by PENSTOCK_PLUGINS: "
        "unset the variable, or name the plugin in it"
    )


def test_refused(plugins: PluginFolder) -> None:
    add_acme(plugins, "1/0")
    code = """
try:
    from penstock.widgets.layers import Dense
except ImportError as error:
    print(error)
"""
    out = run(plugins, code)
    assert "the plugin 'acme', which was refused: importing penstock_acme.hooks raised Zero" in out
    assert "Run `penstock doctor`" in out


def test_core_modules_are_never_shadowed(plugins: PluginFolder) -> None:
    plugins.add("acme", "", '[provides]\nnames = {errors = "penstock_acme"}')
    assert run(plugins, "import penstock.errors as e; print(e.__name__)") == "penstock.errors"


def test_lookup_of_an_attribute(plugins: PluginFolder) -> None:
    add_acme(plugins)
    code = """
import sys
print(aliases.lookup("widgets").__name__)
for name in ("_repr_html_", "no_such_name"):
    try:
        aliases.lookup(name)
    except AttributeError as error:
        print(error)
"""
    assert run(plugins, code).splitlines() == [
        "penstock_acme.api",
        "module 'penstock' has no attribute '_repr_html_'",
        "module 'penstock' has no attribute 'no_such_name'",
    ]


def test_install_twice_adds_one_finder(plugins: PluginFolder) -> None:
    code = "import sys; n = len(sys.meta_path); aliases.install(); print(len(sys.meta_path) - n)"
    assert run(plugins, code) == "0"
