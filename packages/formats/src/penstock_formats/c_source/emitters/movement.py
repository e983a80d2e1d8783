"""Ops that move elements: each is one copy, or several, from strided places to strided places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from penstock.errors import FormatError
from penstock_formats.c_source.code import Code, index, nested
from penstock_formats.c_source.step import Step
from penstock_formats.c_source.values import Value, row_strides


def move(
    code: Code,
    source: Value,
    target: Value,
    counts: Sequence[int],
    strides: tuple[Sequence[int], Sequence[int]],
    starts: tuple[int, int] = (0, 0),
) -> None:
    """Copy elements.

    Args:
        code: Where it is written.
        source: Where they come from.
        target: Where they go.
        counts: How many along each axis.
        strides: The steps along each axis, in the source and in the target.
        starts: The first element, in the source and in the target.
    """
    axes = merged(counts, *strides)
    if axes and axes[-1].source == axes[-1].target == 1:
        with nested(code, [axis.rounds for axis in axes[:-1]]) as counters:
            here, there = places(counters, axes[:-1], starts)
            first, nbytes = (
                _behind(code.pointer(source), here),
                f"{axes[-1].rounds} * sizeof({target.c_type})",
            )
            code.unit.headers.add("string.h")
            code.line(f"memcpy({_behind(target.name, there)}, {first}, {nbytes});")
        return
    with nested(code, [axis.rounds for axis in axes]) as counters:
        here, there = places(counters, axes, starts)
        code.line(f"{target.name}[{there}] = {code.element(source, here)};")


def _behind(pointer: str, place: str) -> str:
    return pointer if place == "0" else f"{pointer} + {place}"


class Axis(NamedTuple):
    """A loop: how often, and the steps that each round makes on both sides."""

    rounds: int
    source: int
    target: int


def merged(counts: Sequence[int], source: Sequence[int], target: Sequence[int]) -> list[Axis]:
    """Join neighbouring axes that lie one behind the other on both sides."""
    made: list[Axis] = []
    for n, a, b in zip(counts, source, target, strict=True):
        if n == 1:
            continue
        if made and made[-1].source == a * n and made[-1].target == b * n:
            made[-1] = Axis(made[-1].rounds * n, a, b)
        else:
            made.append(Axis(n, a, b))
    return made


def places(
    counters: Sequence[str], axes: Sequence[Axis], starts: tuple[int, int]
) -> tuple[str, str]:
    """Write the index of an element in the source and in the target."""
    here = index(zip(counters, [axis.source for axis in axes], strict=True))
    there = index(zip(counters, [axis.target for axis in axes], strict=True))
    return _from(starts[0], here), _from(starts[1], there)


def _from(start: int, place: str) -> str:
    if not start:
        return place
    return str(start) if place == "0" else f"{start} + {place}"


def copy(step: Step, code: Code) -> None:
    """Write a copy."""
    move(code, step.x, step.y, [step.y.size], ([1], [1]))


def transpose(step: Step, code: Code) -> None:
    """Write transpose."""
    x, y = step.x, step.y
    axes = step.attrs["axes"] or range(len(x.shape))[::-1]
    strides = row_strides(x.shape)
    move(code, x, y, y.shape, ([strides[a] for a in axes], row_strides(y.shape)))


def broadcast_to(step: Step, code: Code) -> None:
    """Write broadcast_to."""
    x, y = step.x, step.y
    shape = (1,) * (len(y.shape) - len(x.shape)) + x.shape
    strides = [0 if n == 1 else s for n, s in zip(shape, row_strides(shape), strict=True)]
    move(code, x, y, y.shape, (strides, row_strides(y.shape)))


def slice_(step: Step, code: Code) -> None:
    """Write slice."""
    x, y = step.x, step.y
    strides = row_strides(x.shape)
    start = sum(int(n) * s for n, s in zip(step.attrs["starts"], strides, strict=True))
    steps = [int(n) * s for n, s in zip(step.attrs["steps"], strides, strict=True)]
    move(code, x, y, y.shape, (steps, row_strides(y.shape)), (start, 0))


def concat(step: Step, code: Code) -> None:
    """Write concat."""
    axis, offset = step.attrs["axis"] % len(step.y.shape), 0
    strides = row_strides(step.y.shape)
    for x in step.inputs:
        if x.size:
            move(
                code,
                x,
                step.y,
                x.shape,
                (row_strides(x.shape), strides),
                (0, offset * strides[axis]),
            )
        offset += x.shape[axis]


def pad(step: Step, code: Code) -> None:
    """Write pad: all gets the value, and then x its place."""
    x, y = step.x, step.y
    before = [int(n) for n in step.attrs["pad_width"][::2]]
    strides = row_strides(y.shape)
    start = sum(n * s for n, s in zip(before, strides, strict=True))
    with code.loop("i", y.size) as i:
        code.line(f"{y.name}[{i}] = {code.number(step.attrs['value'], y.dtype)};")
    move(code, x, y, x.shape, (row_strides(x.shape), strides), (0, start))


def tile(step: Step, code: Code) -> None:
    """Write tile: x once for each repetition."""
    x, y = step.x, step.y
    ndim = len(y.shape)
    shape = (1,) * (ndim - len(x.shape)) + x.shape
    times = [n // m for n, m in zip(y.shape, shape, strict=True)]
    inner, outer = row_strides(shape), row_strides(y.shape)
    counts = [n for pair in zip(times, shape, strict=True) for n in pair]
    source = [s for i in range(ndim) for s in (0, inner[i])]
    target = [s for i in range(ndim) for s in (outer[i] * shape[i], outer[i])]
    move(code, x, y, counts, (source, target))


def take(step: Step, code: Code) -> None:
    """Write take and embedding: an index out of range takes the nearest there is."""
    x, indices, y = step.inputs[0], step.inputs[1], step.y
    if indices.is_float:
        raise FormatError(
            f"[c_source] {step.op} {step.name!r} got {indices.dtype} indices; cast them to int32"
        )
    axis = int(step.attrs.get("axis", 0)) % len(x.shape)
    count = x.shape[axis]
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    outer, inner = Value("", "bool", before).size, Value("", "bool", after).size
    with code.loop("i", outer) as i, code.loop("k", indices.size) as k:
        code.line(f"int64_t at = {code.element(indices, k)};")
        if not indices.dtype.startswith("u"):
            code.line(f"at = at < 0 ? at + {count} : at;")
        code.line(f"at = at < 0 ? 0 : at > {count - 1} ? {count - 1} : at;")
        with code.loop("c", inner) as c:
            source = index(((i, count * inner), ("at", inner), (c, 1)))
            target = index(((i, indices.size * inner), (k, inner), (c, 1)))
            code.line(f"{y.name}[{target}] = {code.pointer(x)}[{source}];")
