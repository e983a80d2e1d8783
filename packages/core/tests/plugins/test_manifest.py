"""The index of installed plugins: read from files only, and one bad file never hides the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from penstock.plugins import manifest
from penstock.plugins._api import check_range, in_range

if TYPE_CHECKING:
    from conftest import PluginFolder

EVERYTHING = """
    [provides]
    names = {widgets = "penstock_acme.widgets"}
    [[provides.device]]
    type = "npu"
    [[provides.kernels]]
    device = "cpu"
    ops = ["acme.*", "add"]
    dtypes = ["f32", "f32,i64->f32"]
    library = "lib/libacme.so"
    [[provides.op]]
    name = "acme.relu6"
    version = 2
    [[provides.format]]
    name = "onnx"
    [[provides.command]]
    name = "finetune"
    help = "Train a model on a folder."
"""


def read_one(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> manifest.Installed:
    monkeypatch.syspath_prepend(plugins.root)
    return next(p for p in manifest.installed_plugins() if p.folders[0].parent == plugins.root)


def test_a_whole_manifest(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    package = plugins.add("acme", "raise RuntimeError('imported')", EVERYTHING)
    found = read_one(plugins, monkeypatch)
    assert (found.name, found.distribution, found.version) == ("acme", "penstock-acme", "1.5")
    assert found.folders == (package,)
    assert not found.problem
    assert found.manifest is not None
    assert found.manifest.gives() == [
        "device npu",
        "kernels on cpu",
        "op acme.relu6",
        "format onnx",
        "command finetune",
        "name penstock.widgets",
    ]
    row = found.manifest.provides.kernels[0]
    asked = [("acme.anything", "cpu"), ("add", "cpu"), ("sub", "cpu"), ("add", "npu")]
    assert [row.covers(*pair) for pair in asked] == [True, True, False, False]
    assert found.locate("lib/libacme.so") == package / "lib/libacme.so"


def test_reading_imports_no_plugin(plugins: PluginFolder) -> None:
    plugins.add("acme", files={"__init__.py": "raise RuntimeError('imported')"})
    out, _ = plugins.run(
        """
        import sys
        print([r.state for r in loader.records() if r.name == "acme"])
        print([name for name in sys.modules if "acme" in name])
        """
    )
    assert out.split("\n") == ["['ready']", "[]"]


def test_import_penstock_is_light(plugins: PluginFolder) -> None:
    result = plugins.python(
        "-X", "importtime", "-c", "import penstock.plugins.aliases as a; a.install()"
    )
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert result.returncode == 0
    assert not imported & {"pydantic", "pluggy", "importlib.metadata", "tomllib", "typer", "rich"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[plugin\nname = 3", "cannot be read"),
        ('[plugin]\nname = "acme"', "plugin.api: this key is missing"),
        ('[plugin]\nname = "acme"\napi = "1.x"', "is not a version range, expected for example"),
        ('[plugin]\nname = "Acme!"\napi = ">=0.1"', "plugin.name"),
        ('[plugin]\nname = "acme"\napi = ">=0.1"\nmodul = "x"', "did you mean 'module'?"),
        ('[plugin]\nname = "acme"\napi = ">=0.1"\n[[provides.kernel]]', "did you mean 'kernels'?"),
        (
            '[plugin]\nname = "acme"\napi = ">=0.1"\n[[provides.kernels]]\ndevice = "cpu"',
            "provides.kernels[0].ops: this key is missing",
        ),
        ('plugin = "acme"', "plugin: expected a table"),
        (
            '[plugin]\nname = "acme"\napi = ">=0.1"\n[[provides.format]]\nreads = 1\nsuffixes = "x"',
            "provides.format[0].reads: expected true or false (given: 1); provides.format[0].suffixes: expected a list",
        ),
        (
            '[plugin]\nname = "acme"\napi = ">=0.1"\n[[provides.format]]\nname = "a b"',
            "provides.format[0].name: expected a word of lower-case letters, digits, _ and - (given: 'a b')",
        ),
        (
            '[plugin]\nname = "acme"\napi = ">=0.1"\n[provides.names]\nacme = "a-b"',
            "provides.names.acme: expected a module's path",
        ),
    ],
)
def test_bad_manifest_keeps_its_reason(
    plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    plugins.add("acme", manifest=text)
    found = read_one(plugins, monkeypatch)
    assert found.manifest is None
    assert reason in found.problem


def test_no_manifest(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (plugins.add("acme") / "penstock_plugin.toml").unlink()
    assert "there is no penstock_plugin.toml in" in read_one(plugins, monkeypatch).problem


def test_a_bad_manifest_does_not_hide_others(plugins: PluginFolder) -> None:
    plugins.add("acme", manifest="[")
    plugins.add("fine")
    plugins.register("penstock-gone", "gone", "penstock_gone")
    (plugins.root / "penstock_single.py").write_text("")
    plugins.register("penstock-single", "single", "penstock_single")
    out, err = plugins.run("print({r.name: r.state for r in loader.records()})")
    for expected in ("'acme': 'refused'", "'fine': 'ready'", "'gone': 'refused'", "'single': 'ref"):
        assert expected in out
    assert "names the package 'penstock_gone', which is not installed" in err
    assert "make it a package (folder)" in err


def test_old_api_says_what_to_type(plugins: PluginFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    # A key that this core does not know is no reason to blame a manifest of another version.
    plugins.add("acme", api=">=7", provides='[provides]\nhologram = "x"\n')
    problem = read_one(plugins, monkeypatch).problem
    assert "it was written for plugin API '>=7', this penstock has 0.1" in problem
    assert "`pip install --upgrade penstock-acme penstock`" in problem


def test_editable_install(plugins: PluginFolder, tmp_path: Path) -> None:
    """A `.pth` file, and a finder on sys.meta_path that maps names to source folders, as build backends write them."""
    source = tmp_path / "elsewhere"
    plugins.add("acme")
    source.mkdir()
    (plugins.root / "penstock_acme").rename(source / "penstock_acme")
    finder = f"""
        import importlib.util, sys
        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "penstock_acme":
                    folder = {str(source / "penstock_acme")!r}
                    return importlib.util.spec_from_file_location(
                        name, folder + "/__init__.py", submodule_search_locations=[folder])
        sys.meta_path.insert(0, Finder)
        print(loader.activate("acme").state)
        """
    assert plugins.run(finder)[0] == "active"


@pytest.mark.parametrize(
    ("spec", "version", "expected"),
    [
        (">=0.1,<0.2", "0.1", True),
        (">=0.1,<0.2", "0.1.7", True),
        (">=0.1,<0.2", "0.2", False),
        (">=0.9", "0.10", True),
        ("==0.1.0", "0.1", True),
        ("!=0.1", "0.1", False),
        (">0.1,<=0.3", "0.3", True),
    ],
)
def test_api_range(spec: str, version: str, expected: bool) -> None:
    assert in_range(spec, version) is expected


@pytest.mark.parametrize("spec", ["", "0.1", ">=", ">=0.1,", "~=0.1", ">=a"])
def test_api_range_nonsense(spec: str) -> None:
    with pytest.raises(ValueError, match="is not a version range, expected for example"):
        check_range(spec)


def test_reading_is_fast(plugins: PluginFolder) -> None:
    for index in range(20):
        plugins.add(f"acme{index}", provides=EVERYTHING.replace("acme.", f"acme{index}."))
    out, _ = plugins.run(
        """
        import time, warnings
        from penstock.plugins import _schema, manifest
        import importlib.metadata
        start = time.process_time()
        found = manifest.installed_plugins()
        print((time.process_time() - start) / len(found))
        """
    )
    assert float(out) < 0.004, "seconds a plugin; measured 0.0005"
