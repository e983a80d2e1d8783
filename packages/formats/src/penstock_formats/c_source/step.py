"""One C function of the program: an op, and the elementwise ops behind it that are computed in the same loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from penstock_formats.c_source.values import Value

# Ops that change at most the shape: the bytes stay where they are.
ALIASES: Final = frozenset({"reshape", "identity", "barrier", "stop_gradient"})


@dataclass
class Fused:
    """An elementwise op that is computed before the step's element is stored.

    Args:
        op: The op.
        attrs: Its attributes.
        operands: Its inputs; None stands for what was computed before.
        dtype: Of its result.
    """

    op: str
    attrs: Mapping[str, Any]
    operands: list[Value | None]
    dtype: str


@dataclass
class Step:
    """One C function.

    Args:
        op: The op.
        name: The node's name.
        attrs: Its attributes.
        inputs: Its inputs.
        outputs: Its outputs, those of the last fused op if there are any.
        fused: What follows in the same loop.
        dtype: Of the op's own result, before what is fused.
    """

    op: str
    name: str
    attrs: Mapping[str, Any]
    inputs: list[Value]
    outputs: list[Value]
    fused: list[Fused] = field(default_factory=list)
    dtype: str = ""

    def reads(self) -> Iterator[Value]:
        """Go through all that it reads, constants too."""
        yield from self.inputs
        for fused in self.fused:
            yield from (value for value in fused.operands if value is not None)

    @property
    def x(self) -> Value:
        """The first input."""
        return self.inputs[0]

    @property
    def y(self) -> Value:
        """The only output."""
        return self.outputs[0]
