"""That the documentation is whole and true: what can be named is described, and what a page prints is printed."""

from __future__ import annotations

import builtins
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import reference

import penstock
from penstock import errors
from penstock.ops import BLOCKS
from penstock.plugins import hooks

ROOT = Path(__file__).resolve().parents[2]
PAGES = reference.pages()
ERRORS = (ROOT / "docs" / "errors.md").read_text("utf-8")
HOOKS = [name for name in vars(hooks) if name.startswith("penstock_")]
CLASSES = [name for name, value in vars(errors).items() if isinstance(value, type)]


def headings(text: str) -> set[str]:
    return {line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")}


EVERYTHING = set().union(*(headings(text) for text in PAGES.values()))


def section(text: str, heading: str) -> str:
    """The part of a page below one heading."""
    return text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


# ---- the reference --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BLOCKS)
def test_every_op_is_described(name: str) -> None:
    block = BLOCKS[name]
    family = PAGES[block.function.__module__.rpartition(".")[2]]
    path = reference.public_path(
        getattr(penstock.ops, block.function.__name__, None), block.function.__name__
    )
    text = section(family, path.removeprefix("penstock."))
    for parameter in inspect.signature(block.function).parameters:
        assert f"- `{parameter}`: " in text
    assert "**Returns**" in text
    assert block.schema.rule in text or block.schema.rule == "python"
    assert block.no_gradient in text
    assert ("- gradient: yes" in text) == (not block.no_gradient)


def test_every_public_name_is_described() -> None:
    dtypes = {
        name for name in penstock.dtypes.__all__ if not inspect.isroutine(getattr(penstock, name))
    }
    modules = {"dtypes", "fft", "image", "linalg", "nn", "ops", "random", "strings"}
    modules |= set(reference.SERVICES)
    for name in set(penstock.__all__) - dtypes - modules:
        value = getattr(penstock, name)
        aliases = {n for n in penstock.__all__ if getattr(penstock, n) is value}
        assert aliases & EVERYTHING, name
    for module in map(import_module, (f"penstock.{name}" for name in reference.SERVICES)):
        assert {
            f"{module.__name__.removeprefix('penstock.')}.{n}" for n in module.__all__
        } <= EVERYTHING
    families = (penstock.fft, penstock.image, penstock.linalg, penstock.nn, penstock.random)
    for module in (*families, penstock.strings):
        described = {reference.public_path(getattr(module, n), n) for n in module.__all__}
        assert {path.removeprefix("penstock.") for path in described} <= EVERYTHING


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_described(name: str) -> None:
    text = section(PAGES["hooks"], name)
    assert f"    {name}(" in text
    for parameter in inspect.signature(getattr(hooks, name)).parameters:
        assert f"- `{parameter}`: " in text
    assert "**Raises**" in text
    assert "@hookimpl" in text


def test_every_command_is_described() -> None:
    assert {"doctor", "graph"} <= headings(PAGES["commands"])
    for option in ("--json", "--verbose", "--no-load", "TARGET"):
        assert f"- `{option}`: " in PAGES["commands"]


# ---- settings and errors --------------------------------------------------------------------------


def environment_variables() -> set[str]:
    """What the sources and the gate look up in the environment: quoted names, and a shell's $NAME."""
    sources = [*ROOT.glob("packages/*/src/**/*.py"), *ROOT.glob("packages/*/csrc/**/*.*")]
    sources += [*ROOT.glob("*.py"), *ROOT.glob(".ci/*"), *ROOT.glob("benchmarks/*.py")]
    found: set[str] = set()
    for path in sources:
        if path.suffix not in (".so", ".pyc"):
            found |= set(
                re.findall(r"""["'{$](PENSTOCK_[A-Z0-9_]+)["'}:]""", path.read_text("utf-8"))
            )
    return found


def test_every_environment_variable_is_described() -> None:
    described = headings(PAGES["settings"])
    # Those of plugins and of sessions are on the pages that need them.
    pages = [
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("packages/*/README.md"),
    ]
    for page in pages:
        described |= set(re.findall(r"`(PENSTOCK_\w+)", page.read_text("utf-8")))
    found = environment_variables()
    assert {"PENSTOCK_PLUGINS", "PENSTOCK_NUM_THREADS", "PENSTOCK_WERROR"} <= found
    assert found <= described


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_is_described(name: str) -> None:
    assert f"`{name}`" in ERRORS


def test_the_table_of_errors_is_true() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", ERRORS, re.MULTILINE)
    assert len(rows) > 10
    for name, parents in rows:
        error = getattr(errors, name)
        if not issubclass(error, errors.PenstockError):
            continue  # the table of warnings
        for parent in re.findall(r"`(\w+)`", parents):
            assert issubclass(error, getattr(builtins, parent))
        builtin = {base.__name__ for base in error.__bases__ if base.__module__ == "builtins"}
        assert builtin <= {*re.findall(r"`(\w+)`", parents), "Exception"}


# ---- the pages ------------------------------------------------------------------------------------


def blocks_of(page: Path) -> str:
    return "\n".join(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )


def test_penstock_from_scratch_is_short_and_prints_what_it_says(tmp_path: Path) -> None:
    page = ROOT / "docs" / "from_scratch.md"
    code = blocks_of(page)
    assert len([line for line in code.splitlines() if line.strip()]) < 400
    assert set(re.findall(r"^\s*(?:import|from) (\w+)", code, re.MULTILINE)) == {
        "contextlib",
        "numpy",
    }
    script = tmp_path / "from_scratch.py"
    script.write_text(code, "utf-8")
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    outside = re.sub(
        r"^```python\n.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    promised = [line.strip() for line in outside.splitlines() if line.startswith("    ")]
    assert len(promised) > 10
    assert "\n".join(promised) in result.stdout


MARKDOWN = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("packages/*/README.md")]


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
