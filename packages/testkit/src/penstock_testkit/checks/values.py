"""Values against the reference: on samples, on special numbers, on random shapes that broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import penstock as ps
from penstock import errors
from penstock_testkit.cases import HOST, Case
from penstock_testkit.compare import Array, is_near, near
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import VALUES, Tolerance


def has_truth(group: Group) -> bool:
    """Tell whether anything says what the results should be."""
    return group.block.reference_fn is not None or group.block.compose_fn is not None


def values_agree(group: Group, tolerance: Tolerance | None) -> None:
    """Compare results with the reference."""
    for case in group.cases:
        check_values(case, None, tolerance)


def check_values(
    case: Case, arrays: list[Array] | None, tolerance: Tolerance | None, signs: bool = False
) -> None:
    """Run a case, by default on its own arrays, and compare each result with the reference.

    The reference rounds too. So where a result is not near it, float64 decides.
    """
    results = case.eager(arrays)
    expected = case.expected(arrays)
    assert len(results) == len(expected), (
        f"{case!r}: {len(results)} results, the reference has {len(expected)}"
    )
    wide: list[Array] | None = None
    for i, (result, truth) in enumerate(zip(results, expected, strict=True)):
        allowed = tolerance if tolerance is not None else VALUES.get(result.dtype.name)
        if is_near(result, truth, allowed) and not signs:
            continue
        if allowed is not None and not signs and case.block.reference_fn is not None:
            wide = case.expected(arrays, wide=True) if wide is None else wide
            if is_near(result, wide[i], allowed):
                continue
        near(result, truth, allowed, f"{case!r}, result {i} against the reference", signs)


# ---- special numbers


def has_special(group: Group) -> bool:
    """Tell whether the op is elementwise, and has a sample made of arrays that numbers can be put into."""
    return has_truth(group) and broadcasts(group)


def special_values_agree(group: Group, tolerance: Tolerance | None) -> None:
    """Compare with the reference on every pair of NaN, infinities, signed zeros, halves, extremes."""
    case = next(c for c in group.cases if _all_arrays(c))
    special = [_special(a.dtype, case.narrow) for a in case.arrays]
    try:
        check_values(case, _grid(special), tolerance)
    except errors.InvalidValueError:  # an op may refuse negative integers, as `power` does
        check_values(case, _grid([s[s >= 0] for s in special]), tolerance)


def _grid(numbers: list[Array]) -> list[Array]:
    """Spread numbers out so that every combination of them meets."""
    grids = np.meshgrid(*numbers, indexing="ij") if len(numbers) > 1 else numbers
    return [np.ascontiguousarray(g) for g in grids]


def _special(dtype: np.dtype[Any], narrow: bool) -> Array:
    """List numbers at which arithmetic goes wrong."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "c":
        parts = np.array([0.0, -0.0, 1.0, -2.5])
        return (parts[:, None] + 1j * parts[None, :]).ravel().astype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        whole = [-7, -3, -2, -1, 0, 1, 2, 3, 7, info.min, info.min + 1, info.max - 1, info.max]
        return np.array([n for n in dict.fromkeys(whole) if info.min <= n <= info.max], dtype)
    numbers = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.5, -2.5, 3.5, 0.1, -0.3, 7.0, 100.0]
    numbers += [np.nan, np.inf, -np.inf, 1e4, -1e4]
    made = np.array(numbers, dtype)
    if narrow:
        return ps.cast(ps.cast(ps.asarray(made), "bfloat16"), "float32").numpy()
    return made


# ---- shapes


def broadcasts(group: Group) -> bool:
    """Tell whether the op broadcasts its inputs, and has a sample of arrays only."""
    return group.block.schema.broadcasts and any(
        _all_arrays(c) and all(a.size for a in c.arrays) for c in group.cases
    )


def shapes_broadcast(group: Group, tolerance: Tolerance | None) -> None:
    """Compare with the reference on random shapes that broadcast, of up to four dimensions, also empty ones."""
    case = next(c for c in group.cases if _all_arrays(c) and all(a.size for a in c.arrays))

    mixed = _takes_mixed_shapes(case)

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=group.level.examples,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        mutually_broadcastable_shapes(
            num_shapes=len(case.arrays), max_dims=4, min_side=0, max_side=5
        )
    )
    def try_shapes(drawn: Any) -> None:
        shapes = drawn.input_shapes if mixed else [drawn.result_shape] * len(case.arrays)
        check_values(case, _resized(case, shapes), tolerance)

    try_shapes()


def _takes_mixed_shapes(case: Case) -> bool:
    """Tell whether inputs of different shapes may meet; kernels of some ops get them broadcast, users may not."""
    trial = Case(case.block, case.sample, HOST, case.narrow)
    trial.arrays = _resized(case, [(2, 1), (3,), ()][: len(case.arrays)])
    try:
        trial.graph()
    except errors.ShapeError:
        return False
    return True


def _resized(case: Case, shapes: Any) -> list[Array]:
    return [np.resize(a, s) for a, s in zip(case.arrays, shapes, strict=True)]


def _all_arrays(case: Case) -> bool:
    inputs = case.block.schema.inputs
    return len(case.arrays) == len(inputs) > 0 and not any(i.variadic for i in inputs)
