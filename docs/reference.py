"""Write the reference: a page for each family of ops, one for everything else that is public, hooks, settings, commands.

    python docs/reference.py build/reference

All of it is taken from what is installed: the op blocks, the docstrings, the table of settings. So it cannot be out of date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import penstock
from penstock import registry
from penstock.config import VARIABLES
from penstock.ops import BLOCKS
from penstock.plugins import hooks

SECTIONS = ("Args:", "Returns:", "Yields:", "Raises:", "Example:", "Example::", "Source:")


def main(folder: Path) -> None:
    """Write every page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / f"{name}.md").write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Make every page, by its file's name without ending."""
    families = {family: family_page(family) for family in family_names()}
    others = {
        "programs": programs_page(),
        "hooks": hooks_page(),
        "settings": settings_page(),
        "commands": commands_page(),
    }
    return {"index": index_page(families, others)} | families | others


def index_page(families: dict[str, str], others: dict[str, str]) -> str:
    """List the pages, and what is on each."""

    def line(page: str, text: str) -> str:
        names = [row.removeprefix("## ") for row in text.splitlines() if row.startswith("## ")]
        return f"- [{page}]({page}.md): {', '.join(names)}"

    lines = [
        "# Reference",
        "",
        "Made by `docs/reference.py` from what is installed. Ops by family:",
        "",
    ]
    lines += [line(*item) for item in families.items()]
    lines += ["", "And:", "", *(line(*item) for item in others.items())]
    return "\n".join([*lines, ""])


# ---- ops ------------------------------------------------------------------------------------------


def family_names() -> list[str]:
    """List the modules of penstock.ops that hold ops or public functions."""
    blocks = {block.function.__module__ for block in BLOCKS.values()}
    functions = {function.__module__ for function in public_functions()}
    found = {name for name in blocks | functions if name.startswith("penstock.ops.")}
    return sorted(name.removeprefix("penstock.ops.") for name in found if "._" not in name)


def family_page(family: str) -> str:
    """Describe the ops and functions of one module."""
    module = import_module(f"penstock.ops.{family}")
    lines = [f"# {family}", "", *(inspect.getdoc(module) or "").splitlines(), ""]
    entries = {name: describe_op(name) for name in ops_of(module.__name__)}
    for function in public_functions():
        name = function.__name__
        if function.__module__ == module.__name__ and name not in entries:
            entries[name] = describe(public_path(function, name), function)
    return "\n".join([*lines, *(line for name in sorted(entries) for line in entries[name])])


def public_functions() -> list[Any]:
    """List what users call, ops and functions made of ops, wherever it is offered."""
    places = (
        *(penstock.ops, penstock.fft, penstock.linalg, penstock.nn),
        *(penstock.image, penstock.strings, penstock.random),
    )
    return [getattr(place, name) for place in places for name in place.__all__]


def ops_of(module: str) -> list[str]:
    """List the names under which a module keeps its ops."""
    return [b.function.__name__ for b in BLOCKS.values() if b.function.__module__ == module]


def describe_op(name: str) -> list[str]:
    """Describe an op: manual, then the facts that its block and the kernel table know."""
    block = next(b for b in BLOCKS.values() if b.function.__name__ == name)
    callable_op = registry.op_function(block.schema.name)
    path = public_path(callable_op, name)
    facts = [f"- {key}: {value}" for key, value in facts_of(block)]
    aliases = [n for n in penstock.__all__ if getattr(penstock, n) is callable_op and n != name]
    if path == f"penstock.{name}" and aliases:
        facts.append(f"- also: {', '.join(aliases)}")
    return [*describe(path, block.function), *facts, ""]


def facts_of(block: Any) -> Iterator[tuple[str, str]]:
    """What the block and the table of kernels say of an op."""
    schema = block.schema
    rule = "a Python function of its own" if schema.rule == "python" else f"`{schema.rule}`"
    yield "shape rule", rule + (", inputs broadcast" if schema.broadcasts else "")
    if schema.alias:
        yield "memory", "the result is the input's memory, under another shape"
    if schema.effects != "none":
        yield "effects", schema.effects
    yield "gradient", f"none, because {block.no_gradient}" if block.no_gradient else "yes"
    if dtypes := sample_dtypes(block):
        yield "dtypes in the tests", ", ".join(dtypes)
    rows = registry.kernels(schema.name)
    native = [
        f"{row.provider} ({row.isa}) for {row.dtypes}" for row in rows if not row.is_reference
    ]
    if native:
        yield "native kernels on this machine", "; ".join(native)
    if block.compose_fn:
        yield "on a device without a kernel", "made of other ops"


def sample_dtypes(block: Any) -> list[str]:
    """The dtypes of the first arrays of an op's samples, in the order of their appearance."""
    import numpy as np

    if block.samples_fn is None:
        return []
    firsts = (
        sample.args[0] for sample in block.samples_fn(np.random.default_rng(0)) if sample.args
    )
    arrays = (x[0] if isinstance(x, list | tuple) and x else x for x in firsts)
    return list(dict.fromkeys(str(x.dtype) for x in arrays if hasattr(x, "dtype")))


def public_path(function: Any, name: str) -> str:
    """Where users find a function: the shortest way that is public."""
    for place in (
        "penstock",
        "penstock.fft",
        "penstock.linalg",
        "penstock.nn",
        "penstock.image",
        "penstock.strings",
        "penstock.random",
    ):
        module = import_module(place)
        aliases = [public for public in module.__all__ if getattr(module, public) is function]
        if aliases:
            return f"{place}.{name if name in aliases else aliases[0]}"
    return f"penstock.ops.{name}"


# ---- everything else ------------------------------------------------------------------------------


# Modules of functions that are not ops.
SERVICES = (
    "autograph",
    "lookup",
    "mixed_precision",
    "quantized",
    "ragged",
    "replay",
    "safetensors",
    "saved",
    "signal",
    "sparse",
    "summary",
    "transforms",
)


CONSTANTS = {
    "e": "Euler's number.",
    "inf": "Infinity.",
    "nan": "Not a number.",
    "newaxis": "In an index, an axis of size 1: x[:, penstock.newaxis].",
    "pi": "Half the circumference of the unit circle.",
}


def programs_page() -> str:
    """Describe the public names that are neither ops nor dtypes."""
    lines = ["# programs", "", "Graphs, functions, sessions, variables, gradients, devices.", ""]
    named = {name: getattr(penstock, name) for name in penstock.__all__}
    skipped = {*penstock.ops.__all__} - {"op"}
    for name, meaning in CONSTANTS.items():
        lines += [f"## {name}", "", f"    penstock.{name} = {named[name]}", "", meaning, ""]
    for name, value in sorted(named.items()):
        if name not in skipped and callable(value):
            lines += describe(f"penstock.{name}", value)
    lines += describe("penstock.random.set_seed", penstock.random.set_seed)
    for module in SERVICES:
        place = import_module(f"penstock.{module}")
        for name in place.__all__:
            lines += describe(f"penstock.{module}.{name}", getattr(place, name))
    return "\n".join(lines)


def hooks_page() -> str:
    """Describe what a plugin may implement."""
    lines = ["# hooks", "", *(inspect.getdoc(hooks) or "").splitlines(), ""]
    for name, value in vars(hooks).items():
        if name.startswith("penstock_"):
            lines += describe(name, value)
    for value in (hooks.PluginInfo, hooks.NativeLibrary):
        lines += describe(f"penstock.plugins.{value.__name__}", value)
    return "\n".join(lines)


def settings_page() -> str:
    """Describe the environment variables."""
    lines = [
        "# settings",
        "",
        "Environment variables, read once. `penstock doctor` shows them.",
        "",
    ]
    for variable in VARIABLES:
        lines += [
            f"## {variable.name}",
            "",
            f"{variable.meaning[0].upper()}{variable.meaning[1:]}.",
        ]
        lines += ["", f"Allowed: {variable.allowed}.", ""]
    return "\n".join(lines)


def commands_page() -> str:
    """Describe the commands below `penstock`."""
    import typer

    from penstock._cli_app import app

    group: Any = typer.main.get_command(app)
    lines = [
        "# commands",
        "",
        'They need the extra: `pip install "penstock[cli]"`; the doctor works without.',
        "",
    ]
    for name, command in sorted(group.commands.items()):
        words = [p.opts[0] if p.opts[0].startswith("-") else p.name.upper() for p in command.params]
        usage = " ".join(["penstock", name, *(w if w.isupper() else f"[{w}]" for w in words)])
        lines += [f"## {name}", "", f"    {usage}", "", inspect.cleandoc(command.help or ""), ""]
        lines += [
            f"- `{w}`: {p.help}" for w, p in zip(words, command.params, strict=True) if p.help
        ]
        lines += [""]
    return "\n".join(lines)


# ---- docstrings -----------------------------------------------------------------------------------


def describe(path: str, value: Callable[..., Any]) -> list[str]:
    """Write a heading, the signature and the manual."""
    lines = [f"## {path.removeprefix('penstock.')}", "", f"    {signature_of(path, value)}", ""]
    lines += manual(inspect.getdoc(value) or "")
    if inspect.isclass(value):
        members = {
            n: m for n, m in vars(value).items() if not n.startswith("_") and inspect.getdoc(m)
        }
        summaries = {n: (inspect.getdoc(m) or "").splitlines()[0] for n, m in members.items()}
        lines += [f"- `.{name}`: {summary}" for name, summary in sorted(summaries.items())]
        lines += [""] if summaries else []
    return lines


def signature_of(path: str, value: Callable[..., Any]) -> str:
    """Write a call with its parameters; annotations are left to the manual."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # a native class
        return path
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return f"{path}{signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)}"


def manual(text: str) -> list[str]:
    """Turn a docstring into Markdown: sections get bold heads, entries become list items, examples code."""
    lines: list[str] = []
    section = ""
    for line in text.splitlines():
        if line in SECTIONS:
            section = line
            lines += [f"**{line.rstrip(':')}**", ""]
        elif section in ("Args:", "Raises:"):
            item = line.removeprefix("    ")
            head, colon, rest = item.partition(": ")
            is_entry = bool(colon) and not item.startswith(" ")
            lines.append(f"- `{head}`: {rest}" if is_entry else item)
        elif section.startswith("Example"):
            lines.append(line if line.startswith("    ") else f"    {line}" if line else "")
        else:
            lines.append(f"    {line}" if line.startswith((">>>", "...")) else line.strip())
    return [*lines, ""]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
