"""Ops that go element by element, and chains of them: one loop that loads, computes and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from penstock_formats.c_source.code import Code, index, nested
from penstock_formats.c_source.emitters.expressions import (
    CAST,
    COMPARISONS,
    EXPRESSIONS,
    Arithmetic,
)
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import C_TYPES, Value, row_strides

ELEMENTWISE: Final = frozenset(EXPRESSIONS)
_TRUTH: Final = ("logical_not", "logical_and", "logical_or")

# Says which element of a value belongs to the one that is computed.
Place = Callable[[Value], str]


def elementwise(step: Step, code: Code) -> None:
    """Write an elementwise op, and what is fused to it."""
    with spread(code, step.y, list(step.reads())) as place:
        operands = [(code.element(x, place(x)), x.dtype) for x in step.inputs]
        loaded = [
            (_loaded(code, text, dtype, f"a{i}"), dtype) for i, (text, dtype) in enumerate(operands)
        ]
        expression = _expression(code, step.op, step.attrs, loaded, step.dtype)
        store(step, code, expression, place)


def store(step: Step, code: Code, expression: str, place: Place, target: str = "") -> None:
    """Apply what is fused to a step to an expression of its result, and store that in the output, or in `target`."""
    dtype = step.dtype
    for i, fused in enumerate(step.fused):
        code.line(f"const {C_TYPES[dtype]} v{i} = {_converted(expression, dtype)};")
        operands = []
        for k, value in enumerate(fused.operands):
            if value is None:
                operands.append((f"v{i}", dtype))
            else:
                text = _loaded(code, code.element(value, place(value)), value.dtype, f"b{i}_{k}")
                operands.append((text, value.dtype))
        expression = _expression(code, fused.op, fused.attrs, operands, fused.dtype)
        dtype = fused.dtype
    target = target or f"{step.y.name}[{place(step.y)}]"
    code.line(f"{target} = {_converted(expression, dtype)};")


def _loaded(code: Code, text: str, dtype: str, name: str) -> str:
    """Load an element once, so that its expression may stand twice."""
    if "[" not in text:
        return text
    code.line(f"const {C_TYPES[dtype]} {name} = {text};")
    return name


def _converted(expression: str, dtype: str) -> str:
    """Make small integers out of C's int, which warns of nothing that fits."""
    if dtype in ("float32", "float64", "int32", "int64") or expression.startswith("("):
        return expression
    return f"({C_TYPES[dtype]})({expression})"


def _expression(
    code: Code, op: str, attrs: Mapping[str, Any], operands: list[tuple[str, str]], dtype: str
) -> str:
    if op == CAST:
        return _cast(operands[0], dtype)
    common = _common(op, [d for _, d in operands], dtype)
    texts = [
        text if d == common or (op == "where" and i == 0) else f"({C_TYPES[common]}){text}"
        for i, (text, d) in enumerate(operands)
    ]
    return EXPRESSIONS[op](Arithmetic(code, op, common, attrs), *texts)


def _cast(operand: tuple[str, str], dtype: str) -> str:
    text, given = operand
    if dtype == "bool":
        return f"{text} != 0"
    return text if given == dtype else f"({C_TYPES[dtype]}){text}"


def _common(op: str, dtypes: Sequence[str], result: str) -> str:
    """Say in which dtype is computed."""
    if op in COMPARISONS or op == "isnan":
        return str(np.result_type(*map(np.dtype, dtypes)))
    return dtypes[0] if op in _TRUTH else result


@contextmanager
def spread(code: Code, out: Value, operands: Sequence[Value]) -> Iterator[Place]:
    """Loop over the elements of `out`, with as few loops as the broadcasting of the operands needs."""
    shapes = [_aligned(x.shape, len(out.shape)) for x in operands if x.size != out.size]
    axes: list[list[int]] = []
    before = None
    for axis, size in enumerate(out.shape):
        if size == 1:
            continue
        pattern = [shape[axis] == 1 for shape in shapes]
        if pattern == before:
            axes[-1].append(axis)
        else:
            axes.append([axis])
        before = pattern
    counts = [int(np.prod([out.shape[a] for a in group])) for group in axes]

    def place(value: Value) -> str:
        if value.size == out.size:
            strides = row_strides(out.shape)
            return index((v, strides[group[-1]]) for v, group in zip(counters, axes, strict=True))
        shape = _aligned(value.shape, len(out.shape))
        strides = tuple(0 if n == 1 else s for n, s in zip(shape, row_strides(shape), strict=True))
        return index((v, strides[group[-1]]) for v, group in zip(counters, axes, strict=True))

    with nested(code, counts) as counters:
        yield place


def _aligned(shape: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    return (1,) * (ndim - len(shape)) + shape
