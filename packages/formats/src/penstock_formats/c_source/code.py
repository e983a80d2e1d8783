"""Lines of C, and what they need beside themselves: tables, helper functions, headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from penstock_formats.c_source.helpers import HELPERS
from penstock_formats.c_source.literals import array_lines, literal
from penstock_formats.c_source.values import C_TYPES, Value


class Unit:
    """What all functions of one C file share."""

    def __init__(self) -> None:
        self.headers: set[str] = set()
        self.helpers: dict[str, str] = {}
        self.tables: list[str] = []
        self.table_bytes = 0
        self._names: dict[Any, str] = {}

    def need(self, helper: str) -> str:
        """Add a helper function, after those that it calls, and return its name."""
        if helper not in self.helpers:
            found = HELPERS[helper]
            for other in found.calls:
                self.need(other)
            self.headers.update(found.headers)
            self.helpers[helper] = found.text
        return helper

    def table(self, array: Any, dtype: str, hint: str) -> str:
        """Add a constant array, unless there is an equal one, and return its name."""
        array = np.ascontiguousarray(array, np.dtype(dtype))
        key = (dtype, array.tobytes())
        if key not in self._names:
            name = f"w{len(self._names)}_{hint}"
            self._names[key] = name
            lines = list(array_lines(array, dtype))
            if any("NAN" in line or "INFINITY" in line for line in lines):
                self.headers.add("math.h")
            head = f"static const {C_TYPES[dtype]} {name}[{array.size}] = {{"
            self.tables.append("\n".join([head, *lines, "};"]))
            self.table_bytes += array.nbytes
        return self._names[key]


class Code:
    """The body of one function.

    Args:
        unit: The file that it is in.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.lines: list[str] = []
        self._depth = 1

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Open a block behind `head`, and close it."""
        self.line(f"{head} {{".lstrip())
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    @contextmanager
    def loop(self, variable: str, count: int, *, always: bool = False) -> Iterator[str]:
        """Count from 0, and yield the counter; one round needs no loop, and its counter is 0."""
        if count == 1 and not always:
            yield "0"
            return
        with self.block(f"for (int32_t {variable} = 0; {variable} < {count}; {variable}++)"):
            yield variable

    def call(self, helper: str, *args: object) -> str:
        """Write the call of a helper function."""
        return f"{self.unit.need(helper)}({', '.join(map(str, args))})"

    def math(self, function: str, *args: object) -> str:
        """Write the call of a function of libm."""
        self.unit.headers.add("math.h")
        return f"{function}({', '.join(map(str, args))})"

    def pointer(self, value: Value) -> str:
        """Name the first element of a value."""
        if value.array is None:
            return value.name
        return self.unit.table(value.array, value.dtype, value.name)

    def element(self, value: Value, index: str) -> str:
        """Name one element of a value; a constant of one element is written out."""
        if value.array is not None and value.size == 1:
            return self.number(value.array.ravel()[0], value.dtype)
        return f"{self.pointer(value)}[{index}]"

    def number(self, x: Any, dtype: str) -> str:
        """Write a number."""
        text = literal(x, dtype)
        if text.startswith(("NAN", "INF", "-INF")):
            self.unit.headers.add("math.h")
        return f"({text})" if text.startswith("-") else text


def index(terms: Iterable[tuple[str, int]]) -> str:
    """Write a sum of counters times strides, without what is 0."""
    parts = [v if s == 1 else f"{v} * {s}" for v, s in terms if v != "0" and s != 0]
    return " + ".join(parts) or "0"


@contextmanager
def nested(code: Code, counts: Sequence[int], prefix: str = "i") -> Iterator[list[str]]:
    """Open loops inside each other, and yield their counters."""
    if not counts:
        yield []
        return
    depth = 0
    names = []
    for axis, count in enumerate(counts):
        name = f"{prefix}{axis}"
        if count == 1:
            names.append("0")
            continue
        code.line(f"for (int32_t {name} = 0; {name} < {count}; {name}++) {{")
        code._depth += 1
        depth += 1
        names.append(name)
    yield names
    for _ in range(depth):
        code._depth -= 1
        code.line("}")
