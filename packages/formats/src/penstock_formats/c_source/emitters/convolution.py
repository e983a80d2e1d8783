"""Convolutions of floats. Each pixel's results are added up where they are stored, all channels at a time."""

from __future__ import annotations

from penstock_formats.c_source.code import Code, index
from penstock_formats.c_source.emitters.elementwise import store
from penstock_formats.c_source.emitters.windows import cells, pixels, sides
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value


def conv2d(step: Step, code: Code) -> None:
    """Write conv2d."""
    x, filter, y = step.x, step.inputs[1], step.y
    rows, columns = sides(x, y, filter.shape[:2], step.attrs)
    channels, filters = filter.shape[2], filter.shape[3]
    groups = x.shape[3] // channels
    share = filters // groups
    with pixels(code, x.shape[0], rows, columns) as pixel:
        code.line(f"{y.c_type} *restrict out = {y.name} + {pixel.of_result(filters)};")
        zeros(code, filters)
        with cells(code, pixel, x.shape[3]) as (i, j, seen):
            code.line(f"const {x.c_type} *restrict in = {code.pointer(x)} + {seen};")
            cell = index(((i, columns.window * channels * filters), (j, channels * filters)))
            code.line(f"const {x.c_type} *restrict w = {code.pointer(filter)} + {cell};")
            with code.loop("g", groups) as g, code.loop("c", channels) as c:
                code.line(f"const {x.c_type} a = in[{index(((g, channels), (c, 1)))}];")
                with code.loop("f", share) as f:
                    result = index(((g, share), (f, 1)))
                    code.line(
                        f"out[{result}] += a * w[{index(((c, filters), (g, share), (f, 1)))}];"
                    )
        finish(step, code, pixel.of_result(filters))


def depthwise_conv2d(step: Step, code: Code) -> None:
    """Write depthwise_conv2d."""
    x, filter, y = step.x, step.inputs[1], step.y
    rows, columns = sides(x, y, filter.shape[:2], step.attrs)
    channels, times = filter.shape[2], filter.shape[3]
    with pixels(code, x.shape[0], rows, columns) as pixel:
        code.line(f"{y.c_type} *restrict out = {y.name} + {pixel.of_result(channels * times)};")
        zeros(code, channels * times)
        with cells(code, pixel, channels) as (i, j, seen):
            code.line(f"const {x.c_type} *restrict in = {code.pointer(x)} + {seen};")
            cell = index(((i, columns.window * channels * times), (j, channels * times)))
            code.line(f"const {x.c_type} *restrict w = {code.pointer(filter)} + {cell};")
            with code.loop("c", channels) as c, code.loop("m", times) as m:
                result = index(((c, times), (m, 1)))
                code.line(f"out[{result}] += in[{c}] * w[{result}];")
        finish(step, code, pixel.of_result(channels * times))


def zeros(code: Code, count: int) -> None:
    """Begin the sums of one row of results."""
    with code.loop("f", count) as f:
        code.line(f"out[{f}] = 0;")


def finish(step: Step, code: Code, base: str) -> None:
    """Apply what is fused to the sums of one row of results, which begins at `base`."""
    if not step.fused:
        return
    channels = step.y.shape[-1]
    with code.loop("f", channels) as f:

        def place(value: Value) -> str:
            if value.size == 1:
                return "0"
            return f if value.size == channels and value.size != step.y.size else _sum(base, f)

        store(step, code, f"out[{f}]", place, f"out[{f}]")


def _sum(base: str, f: str) -> str:
    return " + ".join(part for part in (base, f) if part != "0") or "0"
