"""Tile programs: a chain of elementwise ops, with reductions at its end, as plain data that any kernel can run.

`include/penstock/kernel_abi.h` says how a program is written and lists the opcodes; here it is read, written, shown,
and run in NumPy by the references of the ops that it is made of.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from penstock import _native
from penstock._dataclass import dataclass
from penstock.ops._declare import BLOCKS

if TYPE_CHECKING:
    from penstock._native import Node

VERSION = 1
MAX_INPUTS = 12
MAX_CONSTANTS = 16
MAX_INSTRUCTIONS = 32
MAX_OUTPUTS = 4
_HEADER_WORDS = 5
_INSTRUCTION_WORDS = 4

# Opcodes that are an op with these attributes. All others are the op of their own name, in lower case.
_WITH_ATTRIBUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "GELU": ("gelu", {"approximate": True}),
    "GELU_ERF": ("gelu", {"approximate": False}),
}


class Opcode(NamedTuple):
    """A row of the table in `kernel_abi.h`."""

    name: str
    code: int
    operands: str  # of each operand: N a number, M a mask; R: the number that is reduced
    result: str

    @property
    def reduces(self) -> bool:
        """Whether it is a reduction over trailing axes."""
        return self.operands == "R"


@functools.cache
def opcodes() -> Mapping[str, Opcode]:
    """Return every opcode by name."""
    return {row[0]: Opcode(*row) for row in _native.tile_opcodes()}


@functools.cache
def _by_code() -> Mapping[int, Opcode]:
    return {opcode.code: opcode for opcode in opcodes().values()}


class Instruction(NamedTuple):
    """One step of a program: an opcode and the values that it takes."""

    opcode: str
    operands: tuple[int, ...]
    axes: int = 0  # of a reduction: how many trailing axes
    keepdims: bool = False

    def words(self) -> list[int]:
        """Return the instruction as the header's four words."""
        row = opcodes()[self.opcode]
        if row.reduces:
            return [row.code, self.operands[0], self.axes, int(self.keepdims)]
        return [row.code, *self.operands, *[0] * (_INSTRUCTION_WORDS - 1 - len(self.operands))]


@dataclass(frozen=True)
class TileProgram:
    """A program: values are numbered from the inputs over the constants to the instructions' results."""

    inputs: int
    constants: tuple[float, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def words(self) -> tuple[int, ...]:
        """Return the program as attribute `program` of `core.tile`."""
        sizes = (self.inputs, len(self.constants), len(self.instructions), len(self.outputs))
        code = (word for instruction in self.instructions for word in instruction.words())
        return (VERSION, *sizes, *code, *self.outputs)

    @classmethod
    def parse(cls, words: Sequence[int], constants: Sequence[float]) -> TileProgram:
        """Read a program that the shape rule has accepted."""
        end = _HEADER_WORDS + words[3] * _INSTRUCTION_WORDS
        steps = [
            words[i : i + _INSTRUCTION_WORDS] for i in range(_HEADER_WORDS, end, _INSTRUCTION_WORDS)
        ]
        return cls(words[1], tuple(constants), tuple(map(_instruction, steps)), tuple(words[end:]))

    def text(self) -> str:
        """Show the program: `%2 = multiply(%0, 0.5); %3 = sum(%2, last 1)`."""
        return "; ".join(
            f"%{self._first + i} = {self._step_text(step)}"
            for i, step in enumerate(self.instructions)
        )

    @property
    def _first(self) -> int:
        return self.inputs + len(self.constants)

    def _step_text(self, step: Instruction) -> str:
        names = [
            repr(self.constants[v - self.inputs]) if self.inputs <= v < self._first else f"%{v}"
            for v in step.operands
        ]
        if opcodes()[step.opcode].reduces:
            names.append(f"last {step.axes}")
        return f"{step.opcode.lower()}({', '.join(names)})"

    def run(self, inputs: Sequence[Any], dtype: np.dtype[Any]) -> tuple[Any, ...]:
        """Run the program in NumPy, step by step as the ops would run one after the other."""
        domain = np.broadcast_shapes(*(np.shape(x) for x in inputs))
        values = [*inputs, *(dtype.type(c) for c in self.constants)]
        for step in self.instructions:
            operands = [values[v] for v in step.operands]
            values.append(_run_step(step, operands, domain, dtype))
        first_reduction = {
            self._first + i
            for i, step in enumerate(self.instructions)
            if opcodes()[step.opcode].reduces
        }
        return tuple(
            values[v] if v in first_reduction else np.broadcast_to(values[v], domain)
            for v in self.outputs
        )


def _instruction(words: Sequence[int]) -> Instruction:
    row = _by_code()[words[0]]
    if row.reduces:
        return Instruction(row.name, (words[1],), words[2], bool(words[3]))
    return Instruction(row.name, tuple(words[1 : 1 + len(row.operands)]))


def _run_step(
    step: Instruction, operands: Sequence[Any], domain: tuple[int, ...], dtype: np.dtype[Any]
) -> Any:
    row = opcodes()[step.opcode]
    if step.opcode in ("NUMBER", "MASK"):
        return np.asarray(operands[0]).astype(dtype if step.opcode == "NUMBER" else np.bool_)
    name, attributes = op_of(step.opcode)
    if row.reduces:
        axes = tuple(range(len(domain) - step.axes, len(domain)))
        attributes = {"axis": axes, "keepdims": step.keepdims}
        operands = [np.broadcast_to(operands[0], domain)]
    reference = BLOCKS[name].reference_fn
    assert reference is not None  # every op that an opcode names has one
    result = reference(*map(np.asarray, operands), **attributes)
    with np.errstate(all="ignore"):
        return np.asarray(result).astype(np.bool_ if row.result == "M" else dtype)


def op_of(opcode: str) -> tuple[str, dict[str, Any]]:
    """Name the op that an opcode stands for, and its attributes; `cast` and reductions have more to them."""
    if opcode in ("NUMBER", "MASK"):
        return "cast", {}
    return _WITH_ATTRIBUTES.get(opcode, (opcode.lower(), {}))


@functools.cache
def _opcodes_of_op() -> Mapping[str, list[Opcode]]:
    found: dict[str, list[Opcode]] = {}
    for opcode in opcodes().values():
        found.setdefault(op_of(opcode.name)[0], []).append(opcode)
    return found


def opcode_of(node: Node) -> Opcode | None:
    """Find the opcode of a node, or None: its op or its attributes have none. Says nothing about reductions' axes."""
    found = _opcodes_of_op().get(node.op)
    if found is None:
        return None
    if node.op == "cast":
        kinds = (node.inputs[0].dtype.kind, node.outputs[0].dtype.kind)
        name = {("bool", "float"): "NUMBER", ("float", "bool"): "MASK"}.get(kinds)
        return opcodes()[name] if name else None
    letters = "".join("M" if t.dtype.kind == "bool" else "N" for t in node.inputs)
    for opcode in found:
        if opcode.operands.replace("R", "N") != letters:
            continue  # masks compare and choose too, but not in a program
        if opcode.reduces or op_of(opcode.name)[1] == dict(node.attrs):
            return opcode
    return None
