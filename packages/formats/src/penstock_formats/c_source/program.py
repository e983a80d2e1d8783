"""The graph as steps in their order, with a value in C for every tensor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import penstock as ps
from penstock.graph import Graph, Node
from penstock.tensor import Tensor
from penstock_formats.c_source.fusion import chains
from penstock_formats.c_source.step import ALIASES, Fused, Step
from penstock_formats.c_source.values import Value

_TAKEN: Final = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "bool",
        "true",
        "false",
        "asm",
        "typeof",
        "arena",
        "errno",
        "main",
        "class",
        "new",
        "delete",
        "this",
        "template",
        "namespace",
        "operator",
        "private",
        "public",
    ]
)


@dataclass
class Program:
    """What is written as C.

    Args:
        inputs: What the caller gives.
        outputs: What the caller gets.
        steps: In their order.
    """

    inputs: list[Value]
    outputs: list[Value]
    steps: list[Step]


def c_name(text: str) -> str:
    """Turn a name into an identifier of C; it is no keyword if something stands before it."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "value"


def parameter_names(names: Sequence[str]) -> list[str]:
    """Name parameters after inputs and outputs, each once, and like nothing else in the file."""
    made: list[str] = []
    for text in names:
        name = c_name(text)
        if name in _TAKEN or re.match(r"\d|[twi]\d", name):
            name = f"x_{name}"
        fresh, count = name, 1
        while fresh in made:
            fresh, count = f"{name}_{count}", count + 1
        made.append(fresh)
    return made


class Builder:
    """Makes the program of a graph.

    Args:
        graph: Of known sizes, with constants for variables.
        inputs: A name for each of its inputs.
        outputs: A name for each of its outputs.
    """

    def __init__(self, graph: Graph, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self._graph = graph
        names = parameter_names([*inputs, *outputs])
        self._values: dict[int, Value] = {}
        self._inputs = self._parameters(graph.inputs, names[: len(inputs)])
        self._outputs = self._parameters(graph.outputs, names[len(inputs) :])

    def build(self) -> Program:
        """Make it."""
        for value, t in zip(self._inputs, self._graph.inputs, strict=True):
            self._values[t.value_index] = value
        self._let_results_lie_in_outputs()
        steps = [self._step(chain) for chain in chains(self._graph)]
        written = {value.name for step in steps for value in step.outputs}
        for output, t in zip(self._outputs, self._graph.outputs, strict=True):
            if (
                output.name not in written
            ):  # an input, a constant, or what another output is already
                steps.append(Step("copy", output.name, {}, [self._value(t)], [output]))
        return Program(self._inputs, self._outputs, steps)

    def _parameters(self, tensors: Sequence[Tensor], names: Sequence[str]) -> list[Value]:
        pairs = zip(names, tensors, strict=True)
        return [Value(name, t.dtype.name, _sizes(t)) for name, t in pairs]

    def _let_results_lie_in_outputs(self) -> None:
        for output, t in zip(self._outputs, self._graph.outputs, strict=True):
            source = t
            while source.node.op in ALIASES:
                source = source.node.inputs[0]
            known = source.value_index in self._values
            if not known and source.node.op not in ("placeholder", "constant"):
                self._values[source.value_index] = Value(output.name, output.dtype, _sizes(source))

    def _value(self, t: Tensor) -> Value:
        """Find the value of a tensor, seen through ops that change only the shape."""
        known = self._values.get(t.value_index)
        if known is not None:
            return known
        node = t.node
        hint = c_name(node.name.rsplit("/", 1)[-1])
        if node.op == "constant":
            array = ps.asarray(node.attrs["value"]).numpy()
            made = Value(hint, t.dtype.name, _sizes(t), array)
        elif node.op in ALIASES:
            base = self._value(node.inputs[0])
            made = Value(base.name, base.dtype, _sizes(t), base.array)
        else:
            made = Value(f"t{len(self._values)}_{hint}", t.dtype.name, _sizes(t))
        self._values[t.value_index] = made
        return made

    def _step(self, chain: list[Node]) -> Step:
        head = chain[0]
        before = head.outputs[0]
        fused = []
        for node in chain[1:]:
            operands = [
                None if t.value_index == before.value_index else self._value(t) for t in node.inputs
            ]
            before = node.outputs[0]
            fused.append(Fused(node.op, node.attrs, operands, before.dtype.name))
        return Step(
            head.op,
            head.name,
            head.attrs,
            [self._value(t) for t in head.inputs],
            [self._value(t) for t in chain[-1].outputs],
            fused,
            head.outputs[0].dtype.name,
        )


def _sizes(t: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in t.shape)


def build(graph: Graph, inputs: Sequence[str], outputs: Sequence[str]) -> Program:
    """Make the program of a graph, with parameters named after its inputs and outputs."""
    return Builder(graph, inputs, outputs).build()
