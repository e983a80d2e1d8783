"""Write `csrc/ops/op_table.inc`, the runtime's table of core's ops, from the Python op blocks.

    python packages/core/src/penstock/_generate.py            writes the table into the source tree
    python packages/core/src/penstock/_generate.py --check    fails if the table there is not up to date

It needs no compiled module: run as a script it loads the blocks with a stand-in for it, so that the table can be
made before the runtime is. `python -m penstock._generate` does the same in a process of its own.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent
_TABLE = _PACKAGE.parents[1] / "csrc" / "ops" / "op_table.inc"
_HEADER = (
    "// Core's ops. Generated from the Python op blocks by penstock/_generate.py; do not edit.\n"
)


def table() -> str:
    """Render every op block as a statement of the language that `csrc/ops/op_table.h` explains.

    Returns:
        The text of the table.

    Raises:
        TypeError: A default value has no spelling in the table.
    """
    from penstock import ops

    lines = [_HEADER]
    family = ""
    for block in sorted(ops.BLOCKS.values(), key=lambda block: block.function.__module__):
        module = block.function.__module__
        if module.rpartition(".")[0] != "penstock.ops":
            continue  # a plugin's op, which registers itself
        if module != family:
            family = module
            lines.append(f"\n// {module.rpartition('.')[2]}\n")
        lines.append(_statement(block.schema))
    return "".join(lines)


def _statement(schema: Any) -> str:
    calls = [f'op("{schema.name}", {schema.version})', f'rule("{schema.rule}")']
    calls += [f'{"variadic" if i.variadic else "input"}("{i.name}")' for i in schema.inputs]
    keyword_only = False
    for attr in schema.attrs:
        if attr.keyword_only and not keyword_only:
            calls.append("keyword_only()")
            keyword_only = True
        calls.append(_attribute(schema.name, attr))
    if (schema.outputs, schema.public) != (1, 1):
        calls.append(f"outputs({schema.outputs}, {schema.public})")
    if schema.effects != "none":
        calls.append(f'effects("{schema.effects}")')
    calls += [f"{flag}()" for flag in ("alias", "broadcasts", "host_only") if getattr(schema, flag)]
    return _wrapped(calls)


def _attribute(op: str, attr: Any) -> str:
    kind = attr.kind + ("?" if attr.optional else "")
    if attr.required:
        return f'required("{attr.name}", "{kind}")'
    return f'attr("{attr.name}", "{kind}", {_default(op, attr)})'


def _default(op: str, attr: Any) -> str:
    value = attr.default
    if value is None:
        return "none()"
    match attr.kind:
        case "bool":
            return "true" if value else "false"
        case "int":
            return str(value)
        case "float":
            return repr(float(value))
        case "str":
            return f'"{value}"'
        case "dtype":
            return f'dtype("{_dtype_code(value)}")'
        case "ints" | "shape":
            return f"ints({{{', '.join(map(str, value))}}})"
    raise TypeError(
        f"[{op}] the default {value!r} of {attr.name!r} has no spelling in the op table"
    )


def _dtype_code(name: str) -> str:
    """float32 -> f32, bfloat16 -> bf16, uint8 -> u8; the runtime's short names."""
    letters = name.rstrip("0123456789")
    short = {"bool": "bool", "string": "str", "bfloat": "bf"}.get(letters, letters[0])
    return short + name[len(letters) :]


def _wrapped(calls: list[str]) -> str:
    """Join calls with dots, at most 100 columns wide, broken before a dot only."""
    marked = ".".join(call.replace(" ", "\0") for call in calls) + ";"
    pieces = marked.replace(").", ") .").split(" ")
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + len(piece) > 100:
            lines.append("    " + piece)
        else:
            lines[-1] += piece
    return "\n".join(lines).replace("\0", " ") + "\n"


def _without_native_module() -> None:
    """Make `penstock.ops` importable without the compiled module: the blocks need only its names."""

    class StandIn(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            is_class = name[0].isupper() and name != "OpFunction"
            return object if is_class else lambda *arguments: arguments[-1]

    package = types.ModuleType("penstock")
    package.__path__ = [str(_PACKAGE)]
    native = StandIn("penstock._native")
    sys.modules |= {"penstock": package, "penstock._native": native}
    package._native = native  # type: ignore[attr-defined]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the table.

    Args:
        arguments: The command line without the program.

    Returns:
        0, or 1 when the checked table is out of date.

    Raises:
        OSError: The table cannot be read or written.
    """
    parser = argparse.ArgumentParser(description=textwrap.dedent(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument(
        "out", type=Path, nargs="?", default=_TABLE, help="the file to write or compare"
    )
    options = parser.parse_args(arguments)
    text = table()
    if not options.check:
        options.out.write_text(text, encoding="utf-8")
        return 0
    if options.out.exists() and options.out.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(
        f"{options.out} is not what the op blocks say; write it anew with\n    python {__file__}\n"
    )
    return 1


if __name__ == "__main__":
    if "penstock" in sys.modules:
        import subprocess  # not above: its own imports would find this folder's signal.py

        sys.exit(subprocess.call([sys.executable, __file__, *sys.argv[1:]]))
    sys.path.pop(0)  # this folder: its modules have the names of standard ones
    _without_native_module()
    sys.exit(main())
