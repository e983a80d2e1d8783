"""Images brought to another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.c_source.code import Code, index
from penstock_formats.c_source.step import Step


def image_resize(step: Step, code: Code) -> None:
    """Write image_resize by the nearest pixel or by the nearest two along each side."""
    method = step.attrs["method"]
    if method == "nearest":
        _nearest(step, code)
    elif method == "bilinear" and not step.attrs["antialias"]:
        _bilinear(step, code)
    else:
        raise FormatError(
            f"[c_source] image_resize {step.name!r} by {method!r} is not written in C; use 'nearest', or 'bilinear' "
            "without antialias"
        )


def _nearest(step: Step, code: Code) -> None:
    x, y = step.x, step.y
    _, height, width, channels = x.shape
    rows, columns = (_nearest_places(x.shape[a], y.shape[a]) for a in (1, 2))
    row_at, column_at = (code.unit.table(t, "int32", "places") for t in (rows, columns))
    with (
        code.loop("n", y.shape[0]) as n,
        code.loop("i", y.shape[1]) as i,
        code.loop("j", y.shape[2]) as j,
        code.loop("c", channels) as c,
    ):
        source = index(
            (
                (n, height * width * channels),
                (f"{row_at}[{i}]", width * channels),
                (f"{column_at}[{j}]", channels),
                (c, 1),
            )
        )
        target = index(
            ((n, y.size // y.shape[0]), (i, y.shape[2] * channels), (j, channels), (c, 1))
        )
        code.line(f"{y.name}[{target}] = {code.pointer(x)}[{source}];")


def _nearest_places(size: int, out: int) -> Any:
    return [min((2 * i + 1) * size // (2 * out), size - 1) for i in range(out)]


def _bilinear(step: Step, code: Code) -> None:
    x, y = step.x, step.y
    _, height, width, channels = x.shape
    tables = []
    for axis in (1, 2):
        first, second, weight = _two_places(x.shape[axis], y.shape[axis])
        tables.append(
            (
                code.unit.table(first, "int32", "first"),
                code.unit.table(second, "int32", "second"),
                code.unit.table(weight, y.dtype, "weight"),
            )
        )
    (r0, r1, rw), (c0, c1, cw) = tables
    with (
        code.loop("n", y.shape[0]) as n,
        code.loop("i", y.shape[1]) as i,
        code.loop("j", y.shape[2]) as j,
        code.loop("c", channels) as c,
    ):
        corners = [
            f"{code.pointer(x)}[{index(((n, height * width * channels), (f'{r}[{i}]', width * channels), (f'{k}[{j}]', channels), (c, 1)))}]"
            for r in (r0, r1)
            for k in (c0, c1)
        ]
        for name, (left, right) in (("above", corners[:2]), ("below", corners[2:])):
            code.line(f"const {y.c_type} {name} = {left} + ({right} - {left}) * {cw}[{j}];")
        target = index(
            ((n, y.size // y.shape[0]), (i, y.shape[2] * channels), (j, channels), (c, 1))
        )
        code.line(f"{y.name}[{target}] = above + (below - above) * {rw}[{i}];")


def _two_places(size: int, out: int) -> tuple[Any, Any, Any]:
    """Find the two pixels beside each new one's centre, and how much the second counts."""
    centres = (np.arange(out) + 0.5) * size / out - 0.5
    first = np.floor(centres)
    second = np.clip(first + 1, 0, size - 1)
    return np.clip(first, 0, size - 1), second, centres - first
