"""Sums, means and extremes over axes, and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from penstock_formats.c_source.code import Code, index, nested
from penstock_formats.c_source.emitters.expressions import Arithmetic
from penstock_formats.c_source.emitters.pooling import larger, lowest
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import row_strides


def _axes(step: Step) -> list[int]:
    axis, ndim = step.attrs["axis"], len(step.x.shape)
    if axis is None:
        return list(range(ndim))
    return sorted(a % ndim for a in ([axis] if isinstance(axis, int) else axis))


@contextmanager
def _kept(step: Step, code: Code, axes: list[int]) -> Iterator[tuple[str, str]]:
    """Loop over the elements of the result, and yield its index, and where what it is made of begins."""
    shape = step.x.shape
    strides = row_strides(shape)
    kept = [a for a in range(len(shape)) if a not in axes]
    counts = [shape[a] for a in kept]
    with nested(code, counts) as counters:
        yield (
            index(zip(counters, row_strides(tuple(counts)), strict=True)),
            index(zip(counters, [strides[a] for a in kept], strict=True)),
        )


@contextmanager
def _reduced(step: Step, code: Code, axes: list[int], base: str) -> Iterator[str]:
    """Loop over what one element of the result is made of, and yield its index in x."""
    strides = row_strides(step.x.shape)
    with nested(code, [step.x.shape[a] for a in axes], "k") as counters:
        inner = index(zip(counters, [strides[a] for a in axes], strict=True))
        yield " + ".join(part for part in (base, inner) if part != "0") or "0"


def _write(step: Step, code: Code, start: str, update: Callable[[str], str], end: str) -> None:
    axes = _axes(step)
    with _kept(step, code, axes) as (result, base):
        code.line(f"{step.y.c_type} all = {start};")
        with _reduced(step, code, axes, base) as place:
            code.line(update(f"{code.pointer(step.x)}[{place}]"))
        code.line(f"{step.y.name}[{result}] = {end};")


def total(step: Step, code: Code) -> None:
    """Write sum."""
    _fold(step, code, "0", "+")


def product(step: Step, code: Code) -> None:
    """Write prod."""
    _fold(step, code, "1", "*")


def _fold(step: Step, code: Code, start: str, sign: str) -> None:
    m = Arithmetic(code, step.op, step.y.dtype, step.attrs)
    _write(step, code, start, lambda x: f"all = {m.wrapping(sign, 'all', x)};", "all")


def mean(step: Step, code: Code) -> None:
    """Write mean."""
    count = math.prod(step.x.shape[a] for a in _axes(step))
    _write(step, code, "0", lambda x: f"all += {x};", f"all / {code.number(count, step.y.dtype)}")


def largest(step: Step, code: Code) -> None:
    """Write max."""
    _write(step, code, lowest(code, step.x), lambda x: f"all = {larger(x, 'all', step.x)};", "all")


def smallest(step: Step, code: Code) -> None:
    """Write min; the first element begins, so no largest number is needed."""
    axes = _axes(step)
    with _kept(step, code, axes) as (result, base):
        code.line(f"{step.y.c_type} all = {code.pointer(step.x)}[{base}];")
        with _reduced(step, code, axes, base) as place:
            code.line(f"const {step.x.c_type} a = {code.pointer(step.x)}[{place}];")
            code.line(f"all = {larger('a', 'all', step.x).replace('>', '<')};")
        code.line(f"{step.y.name}[{result}] = all;")


def argmax(step: Step, code: Code) -> None:
    """Write argmax: the first of the largest, or of the NaN."""
    _arg(step, code, ">")


def argmin(step: Step, code: Code) -> None:
    """Write argmin."""
    _arg(step, code, "<")


def _arg(step: Step, code: Code, sign: str) -> None:
    x, axes = step.x, _axes(step)
    strides = row_strides(x.shape)
    count, stride = (x.size, 1) if len(axes) != 1 else (x.shape[axes[0]], strides[axes[0]])
    with _kept(step, code, axes) as (result, base):
        code.line(f"const {x.c_type} *line = {code.pointer(x)} + {base};")
        code.line(f"{step.y.c_type} best = 0;")
        with code.block(f"for (int32_t k = 1; k < {count}; k++)"):
            a, b = f"line[{index((('k', stride),))}]", f"line[{index((('best', stride),))}]"
            nan = f" || ({a} != {a} && {b} == {b})" if x.is_float else ""
            with code.block(f"if ({a} {sign} {b}{nan})"):
                code.line("best = k;")
        code.line(f"{step.y.name}[{result}] = best;")


def softmax(step: Step, code: Code) -> None:
    """Write softmax."""
    _softmax(step, code, logarithm=False)


def log_softmax(step: Step, code: Code) -> None:
    """Write log_softmax."""
    _softmax(step, code, logarithm=True)


def _softmax(step: Step, code: Code, *, logarithm: bool) -> None:
    x, y = step.x, step.y
    axis = step.attrs["axis"] % len(x.shape)
    count, stride = x.shape[axis], row_strides(x.shape)[axis]
    f = "f" if y.dtype == "float32" else ""
    at = index((("k", stride),))
    with _kept(step, code, [axis]) as (_, base):
        code.line(f"const {x.c_type} *in = {code.pointer(x)} + {base};")
        code.line(f"{y.c_type} *out = {y.name} + {base};")
        code.line(f"{y.c_type} top = in[0];")
        code.line(f"{y.c_type} sum = 0;")
        loop = f"for (int32_t k = 0; k < {count}; k++)"
        with code.block(loop):
            code.line(f"top = in[{at}] > top ? in[{at}] : top;")
        with code.block(loop):
            power = code.math(f"exp{f}", f"in[{at}] - top")
            if not logarithm:
                code.line(f"out[{at}] = {power};")
            code.line(f"sum += {power if logarithm else f'out[{at}]'};")
        if logarithm:
            code.line(f"sum = {code.math(f'log{f}', 'sum')};")
        with code.block(loop):
            code.line(f"out[{at}] = in[{at}] - top - sum;" if logarithm else f"out[{at}] /= sum;")
