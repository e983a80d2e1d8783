"""Writes a model's function as a C99 file and its header."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import FormatError
from penstock.saved import GraphModel
from penstock_formats.c_source.code import Code, Unit
from penstock_formats.c_source.emitters import EMITTERS
from penstock_formats.c_source.lower import lowered
from penstock_formats.c_source.memory import plan_memory
from penstock_formats.c_source.program import Program, build, c_name
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.text import Source, header_text, source_text
from penstock_formats.c_source.values import Value

_LARGEST_ITEM: Final = 8


def write(
    model: GraphModel,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    function: str | None = None,
    batch: int = 1,
    sizes: Mapping[str, int] | None = None,
    align: int = 16,
) -> None:
    """Write a model as C99 that needs no library but libm, and no memory but a static arena.

    Beside `name.c` there is `name.h`, which says what the inputs and outputs are. All weights are constants in the C
    file. Integers come out bit for bit as Penstock computes them; floats are added up in another order.

    Args:
        model: The model.
        path: The C file to write; the header lies beside it.
        name: What the function in C begins with; by default the file's name.
        function: Which of the model's functions; by default the first.
        batch: The first size of inputs where it is open.
        sizes: Other open sizes by name.
        align: What offsets in the arena are multiples of, in bytes.

    Raises:
        FormatError: A size is open, or the function has ops or dtypes that no C is written for; all are listed.

    >>> import penstock as ps, pathlib, tempfile
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("batch", 4), name="x")
    ...     graph.inputs, graph.outputs = [x], [ps.nn.relu(x * 2.0)]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph, "main", ["x"], ["y"])})
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write(model, folder / "double.c")
    >>> print((folder / "double.h").read_text().splitlines()[-6])
    int double_run(const float *x, float *y);
    """
    target = Path(path)
    if align < 1 or align & (align - 1):
        raise FormatError(f"[c_source] got align={align}; expected a power of two, such as 16")
    graph, chosen = lowered(model, function, batch, sizes or {})
    program = build(graph, list(chosen.inputs), list(chosen.outputs))
    source = _source(program, c_name(name or target.stem), align)
    notes = _notes(program, list(chosen.inputs), list(chosen.outputs), model.metadata)
    header = target.with_suffix(".h")
    header.write_text(header_text(source, notes), encoding="ascii")
    target.write_text(source_text(source, header.name), encoding="ascii")


def _source(program: Program, name: str, align: int) -> Source:
    arena_bytes, offsets = plan_memory(
        program.steps, [*program.inputs, *program.outputs], max(align, _LARGEST_ITEM)
    )
    unit = Unit()
    functions, calls = [], []
    for number, step in enumerate(program.steps):
        function = f"step{number}_{c_name(step.name.rsplit('/', 1)[-1])}"
        text, call = _function(step, function, unit)
        functions.append(text)
        calls.append(call)
    return Source(name, program, unit, functions, calls, offsets, arena_bytes, align)


def _function(step: Step, name: str, unit: Unit) -> tuple[str, str]:
    """Write the function of a step, and its call."""
    code = Code(unit)
    EMITTERS[step.op](step, code)
    given: dict[str, Value] = {value.name: value for value in step.reads() if value.array is None}
    body = "\n".join(code.lines)
    given = {name: value for name, value in given.items() if name in body}
    parameters = [f"const {v.c_type} *{v.name}" for v in given.values()]
    parameters += [f"{v.c_type} *{v.name}" for v in step.outputs]
    takes = ", ".join(str(v) for v in step.reads() if v.array is None)
    also = "".join(f", {fused.op}" for fused in step.fused)
    comment = f"/* {step.op}{also}: {takes or 'constants'} to {step.y} */"
    text = f"{comment}\nstatic void {name}({', '.join(parameters)})\n{{\n{body}\n}}"
    call = f"{name}({', '.join([*given, *(v.name for v in step.outputs)])});"
    return text, call


def _notes(
    program: Program, inputs: list[str], outputs: list[str], metadata: Mapping[str, Any]
) -> dict[str, str]:
    """Describe each parameter: its shape, and what its integers are worth if the metadata tell."""
    notes = {}
    for kind, names, values in (
        ("inputs", inputs, program.inputs),
        ("outputs", outputs, program.outputs),
    ):
        told = metadata.get(kind)
        for name, value in zip(names, values, strict=True):
            worth = told.get(name) if isinstance(told, dict) else None
            notes[value.name] = str(value) + _worth(worth)
    return notes


def _worth(told: Any) -> str:
    if not isinstance(told, dict) or "scale" not in told:
        return ""
    scale, zero = told["scale"], told.get("zero_point", 0)
    return f"; real = {scale} * (integer - {zero})" if isinstance(scale, int | float) else ""
