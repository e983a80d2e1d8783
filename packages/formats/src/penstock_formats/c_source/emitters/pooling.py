"""Pools: the largest or the mean of each window."""

from __future__ import annotations

import numpy as np

from penstock_formats.c_source.code import Code
from penstock_formats.c_source.emitters.windows import cells, pixels, pool_window, sides
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value


def max_pool2d(step: Step, code: Code) -> None:
    """Write max_pool2d, of floats and integers."""
    x, y = step.x, step.y
    rows, columns = sides(x, y, pool_window(step.attrs), step.attrs)
    channels = x.shape[3]
    with pixels(code, x.shape[0], rows, columns) as pixel, code.loop("c", channels) as c:
        code.line(f"{x.c_type} best = {lowest(code, x)};")
        with cells(code, pixel, channels) as (_, _, seen):
            code.line(f"const {x.c_type} a = {code.pointer(x)}[{added(seen, c)}];")
            code.line(f"best = {larger('a', 'best', x)};")
        code.line(f"{y.name}[{added(pixel.of_result(channels), c)}] = best;")


def avg_pool2d(step: Step, code: Code) -> None:
    """Write avg_pool2d; padding is not counted."""
    x, y = step.x, step.y
    rows, columns = sides(x, y, pool_window(step.attrs), step.attrs)
    channels, full = x.shape[3], rows.window * columns.window
    counted = rows.leaves or columns.leaves
    with pixels(code, x.shape[0], rows, columns) as pixel, code.loop("c", channels) as c:
        code.line(f"{y.c_type} sum = 0;")
        if counted:
            code.line("int32_t count = 0;")
        with cells(code, pixel, channels) as (_, _, seen):
            code.line(f"sum += {code.pointer(x)}[{added(seen, c)}];")
            if counted:
                code.line("count++;")
        divisor = f"({y.c_type})count" if counted else code.number(full, y.dtype)
        code.line(f"{y.name}[{added(pixel.of_result(channels), c)}] = sum / {divisor};")


def lowest(code: Code, x: Value) -> str:
    """Write what is below every number."""
    return code.number(-np.inf if x.is_float else np.iinfo(x.dtype).min, x.dtype)


def larger(a: str, b: str, x: Value) -> str:
    """Write the larger of two numbers; NaN wins."""
    return f"{a} > {b} || {a} != {a} ? {a} : {b}" if x.is_float else f"{a} > {b} ? {a} : {b}"


def added(base: str, counter: str) -> str:
    """Add a counter to an index."""
    return " + ".join(part for part in (base, counter) if part != "0") or "0"
