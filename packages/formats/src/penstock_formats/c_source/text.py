"""The two files, put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock_formats.c_source.code import Unit
from penstock_formats.c_source.program import Program
from penstock_formats.c_source.values import Value


@dataclass
class Source:
    """All that the files are made of.

    Args:
        name: What public names begin with.
        program: The inputs, the outputs and the steps.
        unit: Tables and helpers.
        functions: The text of each step.
        calls: The calls of the steps.
        offsets: The values in the arena, and where.
        arena_bytes: Its size.
        align: What offsets are multiples of.
    """

    name: str
    program: Program
    unit: Unit
    functions: list[str]
    calls: list[str]
    offsets: list[tuple[Value, int]]
    arena_bytes: int
    align: int

    @property
    def prototype(self) -> str:
        """The public function."""
        given = [f"const {v.c_type} *{v.name}" for v in self.program.inputs]
        given += [f"{v.c_type} *{v.name}" for v in self.program.outputs]
        return f"int {self.name}_run({', '.join(given)})"


def header_text(source: Source, notes: dict[str, str]) -> str:
    """Write the header."""
    upper = source.name.upper()
    parameters = [*source.program.inputs, *source.program.outputs]
    lines = [
        "/* Written by Penstock. Change the model, not this file. */",
        f"#ifndef {upper}_H",
        f"#define {upper}_H",
        "",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* Static memory that a run works in, and constant weights, in bytes. */",
        f"#define {upper}_ARENA_BYTES {source.arena_bytes}",
        f"#define {upper}_WEIGHT_BYTES {source.unit.table_bytes}",
        "",
        "/* Elements of the inputs and outputs. */",
        *(f"#define {upper}_{v.name.upper()}_SIZE {v.size}" for v in parameters),
        "",
        "/*",
        " * Run the model. Elements lie row-major; inputs and outputs must not overlap.",
        " *",
        *(f" * {v.name}: {_plain(notes[v.name])}" for v in parameters),
        " *",
        " * Returns 0, or 1 if a pointer is null. Not for several threads at once: they would share the arena.",
        " */",
        f"{source.prototype};",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def source_text(source: Source, header: str) -> str:
    """Write the C file."""
    parts = [
        "/* Written by Penstock. Change the model, not this file. */",
        "\n".join([f'#include "{header}"', *_includes(source)]),
        *source.unit.tables,
        *source.unit.helpers.values(),
        *source.functions,
        *_arena(source),
        "\n".join([source.prototype, "{", *_body(source), "}"]),
    ]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    return text.encode("ascii", "replace").decode().replace("*/", "* /")


def _includes(source: Source) -> Iterator[str]:
    headers = sorted({"stddef.h", *source.unit.headers})
    if headers:
        yield ""
        yield from (f"#include <{name}>" for name in headers)


def _arena(source: Source) -> Iterator[str]:
    if not source.arena_bytes:
        return
    types = sorted({v.c_type for v, _ in source.offsets})
    members = [f"    {t} as_{t}[{-(-source.arena_bytes // _width(source, t))}];" for t in types]
    yield "\n".join(
        [
            "/* Values that are not needed at the same time share bytes. */",
            "#ifdef __GNUC__",
            f"__attribute__((aligned({source.align})))",
            "#endif",
            "static union {",
            *members,
            "} arena;",
        ]
    )


def _width(source: Source, c_type: str) -> int:
    return next(v.item_bytes for v, _ in source.offsets if v.c_type == c_type)


def _body(source: Source) -> Iterator[str]:
    parameters = [*source.program.inputs, *source.program.outputs]
    for value, offset in source.offsets:
        where = f"arena.as_{value.c_type} + {offset // value.item_bytes}"
        yield f"    {value.c_type} *const {value.name} = {where};"
    yield f"    if ({' || '.join(f'{v.name} == NULL' for v in parameters)}) {{"
    yield "        return 1;"
    yield "    }"
    yield from (f"    {call}" for call in source.calls)
    yield "    return 0;"
