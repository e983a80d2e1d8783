"""The kernels: one for each op of `PLAIN`, and two that are wrong about what core promises."""

from __future__ import annotations

import ctypes
import itertools
import time
from typing import Any

import numpy as np

from faulty_penstock import ops as faulty
from penstock import runtime
from penstock.plugins import hookimpl


def _right(ctx: Any, x: Any, out: Any) -> None:
    out[...] = x + x.dtype.type(1)


def _wrong_value(ctx: Any, x: Any, out: Any) -> None:
    out[...] = x + x.dtype.type(1.001)


def _writes_nothing(ctx: Any, x: Any, out: Any) -> None:
    """Leave in `out` whatever lies there."""


def _loses_nan(ctx: Any, x: Any, out: Any) -> None:
    out[...] = np.nan_to_num(x) + x.dtype.type(1)


def _ignores_strides(ctx: Any, x: Any, out: Any) -> None:
    np.copyto(out, np.resize(x.reshape(-1)[: max(1, x.size // 2)], out.shape) + x.dtype.type(1))


def _fails_when_empty(ctx: Any, x: Any, out: Any) -> None:
    out[...] = x + x.dtype.type(1) + 0 * x.max()


def _poke(x: Any, at: int) -> None:
    ctypes.memset(x.ctypes.data + at, 0x11, 1)


def _writes_to_input(ctx: Any, x: Any, out: Any) -> None:
    _right(ctx, x, out)
    if x.size:
        _poke(x, 0)


def _writes_behind_input(ctx: Any, x: Any, out: Any) -> None:
    _right(ctx, x, out)
    _poke(x, x.nbytes)


def _aligns_down(ctx: Any, x: Any, out: Any) -> None:
    shift = x.ctypes.data % 64
    raw = (ctypes.c_char * x.nbytes).from_address(x.ctypes.data - shift)
    out[...] = np.frombuffer(raw, x.dtype).reshape(x.shape) + x.dtype.type(1) if x.size else x


_calls = itertools.count()


def _not_repeatable(ctx: Any, x: Any, out: Any) -> None:
    out[...] = (x + x.dtype.type(1)) * x.dtype.type(1 + next(_calls) % 2 * 1.2e-7)


def _counts_threads(ctx: Any, x: Any, out: Any) -> None:
    out[...] = (x + x.dtype.type(1)) * x.dtype.type(1 + runtime.num_threads() % 2 * 1.2e-7)


_scratch: dict[str, Any] = {}


def _shares_scratch(ctx: Any, x: Any, out: Any) -> None:
    _scratch["sum"] = x + x.dtype.type(1)
    time.sleep(0.02)  # another thread puts its own there, also on a busy machine
    kept = _scratch["sum"]
    out[...] = kept if kept.shape == out.shape else 0


def _mirrored(ctx: Any, x: Any, out: Any) -> None:
    flat, reversed_ = out.reshape(-1), x.reshape(-1)
    for i in range(flat.size):  # the second half reads what the first has written
        flat[i] = reversed_[flat.size - 1 - i]


def _truncates(ctx: Any, x: Any, y: Any, out: Any) -> None:
    with np.errstate(all="ignore"):
        out[...] = np.trunc(x / y)


@hookimpl
def penstock_register_ops(ops: Any) -> None:
    for op in faulty.ALL:
        ops.add(op)


@hookimpl
def penstock_register_kernels(kernels: Any) -> None:
    for name in faulty.PLAIN:
        kernels.add(f"faulty.{name}", "cpu", "f32", globals()[f"_{name}"])
    kernels.add("faulty.mirrored", "cpu", "f32", _mirrored, inplace=[(0, 0)])
    kernels.add("floor_divide", "cpu", "i32", _truncates, priority=99)
