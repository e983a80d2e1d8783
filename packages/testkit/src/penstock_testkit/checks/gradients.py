"""Gradients: in float64 against central differences, in other dtypes against float64.

Samples of float32 are differentiated in float64 as well: an op may have no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock_testkit.cases import HOST, Case, rng_of
from penstock_testkit.compare import Array, near, to_array
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import DIFFERENCES, GRADIENTS, Tolerance

_FLOATS = ("float64", "float32", "float16", "bfloat16")
_STEP = 1e-6


def is_smooth(group: Group) -> bool:
    """Tell whether the op has a gradient, and a sample on which to take it."""
    return bool(group.dtype in _FLOATS and _has_rule(group) and _smooth_cases(group))


def gradients_agree(group: Group, tolerance: Tolerance | None) -> None:
    """Take the gradient of a weighted sum of all results by every floating point input."""
    for case in _smooth_cases(group):
        loss, argnums = _loss_of(case)
        inputs = case.tensors()
        gradient = ps.grad(loss, argnums=argnums)
        actual = gradient(*inputs)
        if group.dtype == "float64":
            expected = _differences(case, loss, argnums)
            allowed = tolerance or DIFFERENCES
            truth = "central differences"
        else:
            expected = _in_float64(case, argnums)
            if group.dtype == "float32":
                _prove(case, expected, argnums, tolerance)
            allowed = tolerance or GRADIENTS[group.dtype]
            truth = "the gradient in float64"
        traced = ps.function(gradient)(*inputs)
        for i, a, t, e in zip(argnums, actual, traced, expected, strict=True):
            what = f"{case!r}: its gradient by input {i}"
            assert a.dtype == inputs[i].dtype, f"{what} is {a.dtype}, the input {inputs[i].dtype}"
            near(a, e, allowed, f"{what} against {truth}")
            near(t, to_array(a), allowed, f"{what}, traced against eager")


def _has_rule(group: Group) -> bool:
    block = group.block
    return bool(block.vjp_fn or (block.compose_fn and not block.no_gradient))


def _smooth_cases(group: Group) -> list[Case]:
    return [c for c in group.cases if _is_smooth(c, group)]


def _is_smooth(case: Case, group: Group) -> bool:
    floats = [a for a in case.arrays if a.dtype.kind == "f"]
    if not case.sample.differentiable or not floats:
        return False
    if any(case.dtype_of(a) != group.dtype for a in floats):
        return False
    if sum(a.size for a in floats) > group.level.elements:
        return False
    _, _, results = case.graph()
    return all(t.dtype.name == group.dtype for t in results)


def _loss_of(case: Case) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """Make a scalar of all results, each element with another weight, and name the inputs to differentiate by."""
    _, _, results = case.graph()
    rng = rng_of(case.name)
    weights = [rng.uniform(0.5, 1.5, t.shape) for t in results]

    def loss(*values: Any) -> Any:
        total: Any = 0.0
        for result, weight in zip(case(*values), weights, strict=True):
            total = total + ps.sum(result * ps.asarray(weight, dtype=result.dtype))
        return total

    return loss, tuple(i for i, a in enumerate(case.arrays) if a.dtype.kind == "f")


def _differences(case: Case, loss: Callable[..., Any], argnums: Sequence[int]) -> list[Array]:
    """Differentiate by every element: the difference quotient around it."""
    arrays = [np.array(a) for a in case.arrays]
    inputs = case.tensors(arrays)
    gradients = []
    for i in argnums:
        gradient = np.zeros(arrays[i].shape)
        for at in np.ndindex(arrays[i].shape):
            sides = []
            for step in (_STEP, -_STEP):
                moved = arrays[i].copy()
                moved[at] += step
                values = [case.tensor(moved) if k == i else t for k, t in enumerate(inputs)]
                sides.append(float(loss(*values)))
            gradient[at] = (sides[0] - sides[1]) / (2 * _STEP)
        gradients.append(gradient)
    return gradients


def _in_float64(case: Case, argnums: Sequence[int]) -> list[Array]:
    """Take the same gradient on the host in float64, which central differences prove."""
    wide = _widened(case)
    loss, _ = _loss_of(wide)
    gradients = ps.grad(loss, argnums=tuple(argnums))(*map(ps.asarray, wide.arrays))
    return [to_array(g) for g in gradients]


def _widened(case: Case) -> Case:
    wide = Case(case.block, case.sample, HOST)
    wide.arrays = [a.astype("float64") if a.dtype.kind == "f" else a for a in case.arrays]
    return wide


def _prove(
    case: Case, gradient: list[Array], argnums: Sequence[int], tolerance: Tolerance | None
) -> None:
    """Compare a gradient in float64 with central differences, where the result is float64 too."""
    wide = _widened(case)
    _, _, results = wide.graph()
    if any(t.dtype != "float64" for t in results):
        return
    loss, _ = _loss_of(wide)
    for i, g, d in zip(argnums, gradient, _differences(wide, loss, argnums), strict=True):
        what = f"{case!r}: its gradient by input {i}, in float64, against central differences"
        near(ps.asarray(g), d, tolerance or DIFFERENCES, what)
