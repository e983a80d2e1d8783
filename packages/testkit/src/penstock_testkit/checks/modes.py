"""The ways of running an op: at once, traced, as traced, in a session, inside a graph that uses its inputs again."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.graph import run_graph
from penstock_testkit.cases import HOST, Case
from penstock_testkit.compare import is_near, near, same_bits, to_array
from penstock_testkit.groups import Group
from penstock_testkit.tolerance import VALUES, Tolerance


def modes_agree(group: Group, tolerance: Tolerance | None) -> None:
    """Compare an eager call with the traced function, its graph without passes, and a session."""
    for case in group.cases:
        eager = case.eager()
        inputs = case.tensors()
        traced = ps.function(lambda *values, case=case: case(*values))
        case.reseed()
        _agree(case, traced(*inputs), eager, "traced and optimised", tolerance)
        case.reseed()
        _agree(case, traced(*inputs), eager, "traced, the second call", tolerance)
        # What no pass has seen was not placed; and an op that is only made of others needs the one that expands it.
        if case.device == HOST and case.block.reference_fn is not None:
            case.reseed()
            plain = run_graph(traced.graph, inputs)
            _agree(case, plain, eager, "traced, without passes", tolerance)
        _agree(case, _in_session(case), eager, "in a session", tolerance)


def _in_session(case: Case) -> Any:
    graph, _, results = case.graph(case.device)
    feeds = dict(zip(graph.inputs, map(case.tensor, case.arrays), strict=True))
    case.reseed()
    values = ps.Session(graph).run(list(results), feeds)
    return [to_array(v) for v in values]


def _agree(case: Case, actual: Any, eager: Any, how: str, tolerance: Tolerance | None) -> None:
    """Require equal bits; of a composition, which passes may join with its surroundings, near values."""
    results = actual if isinstance(actual, (tuple, list)) else (actual,)
    what = f"{case!r}: {how}, against eager"
    if case.block.compose_fn is None and tolerance is None:
        same_bits(results, eager, what)
        return
    assert len(results) == len(eager), f"{what}: {len(results)} results, expected {len(eager)}"
    for a, e in zip(results, eager, strict=True):
        near(a, e.numpy(), tolerance or VALUES.get(e.dtype.name), what)


# ---- intermediate values


def can_be_intermediate(group: Group) -> bool:
    """Tell whether adding nothing to the inputs keeps the call valid: numbers, outside strings."""
    kinds = [np.asarray(a).dtype.kind for c in group.cases for a in c.arrays]
    return bool(kinds) and all(kind in "biufc" for kind in kinds)


def inputs_in_use_survive(group: Group, tolerance: Tolerance | None) -> None:
    """Run the op on intermediate values that are needed afterwards: a kernel may not write over those.

    The other half: on intermediate values that nobody needs, where it may.
    """
    for case in group.cases:
        inputs = case.tensors()
        nothing = [_nothing(t) for t in inputs]

        def kept(values: Any, zeros: Any, case: Case = case) -> Any:
            made = [_plus(v, z) for v, z in zip(values, zeros, strict=True)]
            return case(*made), made

        def lost(values: Any, zeros: Any, case: Case = case) -> Any:
            # Results are intermediate too: only then may they take the memory of an input.
            results = case(*(_plus(v, z) for v, z in zip(values, zeros, strict=True)))
            return [r if r.dtype == "string" else _plus(r, _nothing(r)) for r in results]

        with case.placed():
            made = [_plus(v, z) for v, z in zip(inputs, nothing, strict=True)]
        before = [t.numpy().copy() for t in made]
        case.reseed()
        eager = case(*made)
        case.reseed()
        results, after = ps.function(kept)(inputs, nothing)
        same_bits(after, before, f"{case!r}: its input, an intermediate value, was changed")
        case.reseed()
        alone = ps.function(lost)(inputs, nothing)
        for how, got in (("whose inputs are used again", results), ("inside a graph", alone)):
            for a, e in zip(got, eager, strict=True):
                allowed = tolerance or VALUES.get(e.dtype.name)
                what = f"{case!r}: {how}, against eager"
                if not is_near(a, e.numpy(), allowed):
                    near(a, e.numpy(), allowed, what)


def _nothing(t: Any) -> Any:
    return ps.zeros((), t.dtype)


def _plus(value: Any, zero: Any) -> Any:
    if value.dtype == "string":
        return value
    return ps.logical_or(value, zero) if value.dtype == "bool" else value + zero
