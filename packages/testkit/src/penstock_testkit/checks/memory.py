"""Memory: inputs are left alone and not handed out as results, and it does not matter how they lie."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock_testkit.cases import HOST, Case
from penstock_testkit.compare import Array, same_bits
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import Tolerance

GUARD = 64  # bytes before and behind an input
CANARY = 0xA5


def has_arrays(group: Group) -> bool:
    """Tell whether the samples have arrays at all."""
    return any(c.arrays for c in group.cases)


# ---- guarded inputs


def inputs_are_left_alone(group: Group, tolerance: Tolerance | None) -> None:
    """Run the op on memory with guards around it: nothing in it may change, and no result may be part of it."""
    for case in group.cases:
        if case.device == HOST and all(_can_share(case, a) for a in case.arrays):
            _check_guards(case)
        else:
            _check_values_stay(case)


def _check_guards(case: Case) -> None:
    guarded = [_guarded(a) for a in case.arrays]
    before = [memory.copy() for memory, _ in guarded]
    inputs = [ps.from_dlpack(view, copy=False) for _, view in guarded]
    for how, run in (("eager", case), ("traced", ps.function(case.__call__))):
        case.reseed()
        results = run(*inputs)
        results = results if isinstance(results, (tuple, list)) else (results,)
        for i, ((memory, _), old) in enumerate(zip(guarded, before, strict=True)):
            _check_unchanged(case, how, i, memory, old)
            # A pass may take an op out that does nothing, and then nothing is wrong with the input as result.
            if how == "eager" and not case.block.schema.alias:
                _check_apart(case, how, i, memory, results)


def _check_unchanged(case: Case, how: str, i: int, memory: Array, old: Array) -> None:
    changed = np.flatnonzero(memory != old)
    if changed.size:
        at = int(changed[0]) - GUARD
        size = memory.size - 2 * GUARD
        where = (
            "before its start" if at < 0 else "behind its end" if at >= size else f"at byte {at}"
        )
        raise AssertionError(f"{case!r}: {how}, the kernel wrote to input {i}, {where}")


def _check_apart(case: Case, how: str, i: int, memory: Array, results: Any) -> None:
    for k, result in enumerate(results):
        if result.dtype in ("string", "bfloat16") or not result.nbytes:
            continue
        assert not np.may_share_memory(result.numpy(), memory), (
            f"{case!r}: {how}, result {k} is the memory of input {i}, and the block does not say `alias=True`"
        )


def _guarded(array: Array) -> tuple[Array, Array]:
    """Copy an array between two guards.

    Returns:
        All the bytes, and the array in their middle.
    """
    memory = np.full(array.nbytes + 2 * GUARD, CANARY, np.uint8)
    view = memory[GUARD : GUARD + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return memory, view


def _check_values_stay(case: Case) -> None:
    inputs = case.tensors()
    before = [t.numpy().copy() for t in inputs]
    case.reseed()
    case(*inputs)
    same_bits(inputs, before, f"{case!r}: the kernel wrote to an input")


def _can_share(case: Case, array: Array) -> bool:
    return array.dtype.kind in "biufc" and not (case.narrow and array.dtype == np.float32)


# ---- layouts


def layouts_do_not_matter(group: Group, tolerance: Tolerance | None) -> None:
    """Give the same values column-major, reversed, spread out, at an odd element and at an odd byte."""
    for case in group.cases:
        expected = case.eager()
        for how, arrange in _LAYOUTS.items():
            inputs = [_arranged(case, a, arrange) for a in case.arrays]
            case.reseed()
            same_bits(case(*inputs), expected, f"{case!r}: with inputs {how}")


def _arranged(case: Case, array: Array, arrange: Any) -> Any:
    if array.dtype.kind not in "biufc":
        return case.tensor(array)
    arranged = arrange(array)
    if case.device == HOST and _can_share(case, array):
        return ps.from_dlpack(arranged, copy=False)  # the very memory, where its layout allows that
    return case.tensor(arranged)


def _column_major(array: Array) -> Array:
    return array.copy("F")


def _reversed(array: Array) -> Array:
    return np.flip(np.flip(array).copy()) if array.ndim else array


def _spread_out(array: Array) -> Array:
    wide = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype) if array.ndim else array
    if not array.ndim:
        return array
    wide[..., ::2] = array
    return wide[..., ::2]


def _at_odd_element(array: Array) -> Array:
    memory = np.zeros(array.size + 1, array.dtype)
    view = memory[1:].reshape(array.shape)
    view[...] = array
    return view


def _at_odd_byte(array: Array) -> Array:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = np.ndarray(array.shape, array.dtype, memory.data, offset=1)
    view[...] = array
    return view


_LAYOUTS = {
    "column-major": _column_major,
    "reversed": _reversed,
    "spread out": _spread_out,
    "at an odd element": _at_odd_element,
    "at an odd byte": _at_odd_byte,
}
