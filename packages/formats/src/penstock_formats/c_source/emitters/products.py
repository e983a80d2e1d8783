"""Products of matrices of floats."""

from __future__ import annotations

import math

import numpy as np

from penstock_formats.c_source.code import Code, index, nested
from penstock_formats.c_source.emitters.convolution import finish, zeros
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value, row_strides


def matmul(step: Step, code: Code) -> None:
    """Write matmul: each row of the result is a sum of rows of the second matrix."""
    x, y, z = step.inputs[0], step.inputs[1], step.y
    across, down = step.attrs["transpose_x"], step.attrs["transpose_y"]
    if down and y.array is not None:
        y = Value(
            y.name, y.dtype, (*y.shape[:-2], y.shape[-1], y.shape[-2]), np.swapaxes(y.array, -1, -2)
        )
        down = False
    leading, (m, n) = z.shape[:-2], z.shape[-2:]
    k = x.shape[-2] if across else x.shape[-1]
    x_row, x_step = (1, x.shape[-1]) if across else (x.shape[-1], 1)
    y_row, y_step = (1, y.shape[-1]) if down else (y.shape[-1], 1)
    with nested(code, leading, "b") as b, code.loop("row", m) as row:
        base = index([*zip(b, row_strides(z.shape), strict=False), (row, n)])
        code.line(f"{z.c_type} *restrict out = {z.name} + {base};")
        zeros(code, n)
        with code.loop("k", k) as s:
            at_x = index([*_leading(b, x, len(leading)), (row, x_row), (s, x_step)])
            code.line(f"const {x.c_type} a = {code.pointer(x)}[{at_x}];")
            with code.loop("f", n) as f:
                at_y = index([*_leading(b, y, len(leading)), (s, y_row), (f, y_step)])
                code.line(f"out[{f}] += a * {code.pointer(y)}[{at_y}];")
        finish(step, code, base)


def _leading(counters: list[str], value: Value, ndim: int) -> list[tuple[str, int]]:
    """Pair the counters of the leading axes with a value's strides, 0 where it is repeated."""
    sizes = value.shape[:-2]
    inner = math.prod(value.shape[-2:])
    strides = [0 if n == 1 else s * inner for n, s in zip(sizes, row_strides(sizes), strict=True)]
    return list(zip(counters[ndim - len(sizes) :], strides, strict=True))
