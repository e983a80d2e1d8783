"""`if` of rewritten code: Python's for Python values, a node of the graph for its tensors.

Both branches run once, each in a graph of its own. Names that are the same after both stay what they are; for others
the node chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from penstock import _native, control, ops
from penstock._bodies import Body, build, common_dtype
from penstock._control_checks import check_branches
from penstock._native import Tensor
from penstock.autograph._jumps import RESULT
from penstock.autograph._operators import is_symbolic, truth
from penstock.autograph._state import UNSET, State, can_be_tensor, leaves_of, same, shown
from penstock.errors import DTypeError, GraphError, ShapeError


def if_(test: Any, body: Callable[[], None], orelse: Callable[[], None], state: State) -> None:
    """`if test: body() else: orelse()`."""
    if not is_symbolic(test):
        (body if test else orelse)()
        return
    if state.raises:
        raise GraphError(
            f"[autograph] the `raise` at line {state.raises} is in {state.where()}: a graph cannot decide to raise. Write "
            "assert condition, message; or check what is known while the graph is built, such as shapes"
        )
    before = state.read()
    ends: list[list[Any]] = []

    def branch(block: Callable[[], None]) -> Callable[[list[Tensor]], list[Any]]:
        def run(_: list[Tensor]) -> list[Any]:
            state.enter(before)
            state.once(block)
            ends.append(state.read())
            return _candidates(ends[-1])

        return run

    try:
        yes = build("body", [], branch(body), keep_weak=True)
        no = build("orelse", [], branch(orelse), keep_weak=True)
    finally:
        state.set(before)
    state.set(_joined(truth(test), yes, no, ends[0], ends[1], state))


def _candidates(values: Sequence[Any]) -> list[Any]:
    """The leaves that a branch may hand out: everything that can be a tensor."""
    return [leaf for v in values for leaf in leaves_of(v) if can_be_tensor(leaf)]


@dataclass
class _Place:
    """A value of a name after a branch: its structure, its leaves, and what the branch's graph has for those."""

    structure: Any
    leaves: list[Any]
    made: list[Tensor | None]


def _places(values: Sequence[Any], body: Body) -> list[_Place | None]:
    made = iter(body.graph.outputs)
    found: list[_Place | None] = []
    for v in values:
        if v is UNSET:
            found.append(None)
            continue
        leaves, structure = _native.tree_flatten(v)
        outputs = [next(made) if can_be_tensor(leaf) else None for leaf in leaves]
        found.append(_Place(structure, leaves, outputs))
    return found


def _joined(
    test: Tensor, yes: Body, no: Body, after_yes: list[Any], after_no: list[Any], state: State
) -> list[Any]:
    """Append the node for two branches; returns what the names are after it."""
    one, other = _places(after_yes, yes), _places(after_no, no)
    chosen: list[tuple[Tensor, Tensor]] = []
    plans: list[Any] = []  # for each name how to build it
    for name, a, b in zip(state.names, one, other, strict=True):
        if a is None or b is None:
            if name == RESULT and (a or b):
                a, b = _with_zeros(a, b, yes, no)
            else:
                if a or b:
                    state.lost(name)
                plans.append(None)
                continue
        assert a is not None
        assert b is not None
        plans.append(_plan(name, a, b, chosen, state))
    yes.graph.outputs = [a for a, _ in chosen]
    no.graph.outputs = [b for _, b in chosen]
    leaf_type = _native.tree_flatten([0] * len(chosen))[1]
    yes.structure = no.structure = leaf_type
    _named_check(yes, no, plans, state)
    results = control.cond_node(test, yes, no)
    return [
        UNSET
        if plan is None
        else _native.tree_unflatten(
            plan[0], [results[k] if isinstance(k, int) else k[0] for k in plan[1]]
        )
        for plan in plans
    ]


def _plan(
    name: str, a: _Place, b: _Place, chosen: list[tuple[Tensor, Tensor]], state: State
) -> tuple[Any, list[Any]]:
    """Say for each leaf which result of the node it is, or what both branches have."""
    if a.structure != b.structure:
        raise GraphError(
            f"[autograph] {name!r} has another structure in each branch of {state.where()}; give it the same tuples, "
            "lists and dictionaries in both"
        )
    kinds: list[Any] = []
    for x, y, left, right in zip(a.leaves, b.leaves, a.made, b.made, strict=True):
        if same(x, y):
            kinds.append((x,))
        elif left is None or right is None:
            raise GraphError(
                f"[autograph] {name!r} is {shown(x)} in one branch of {state.where()}, and {shown(y)} in the other; "
                "set tensors or numbers in both, or decide by a Python value"
            )
        else:
            kinds.append(len(chosen))
            chosen.append((left, right))
    return a.structure, kinds


def _named_check(yes: Body, no: Body, plans: list[Any], state: State) -> None:
    try:
        check_branches(yes, no)
    except (DTypeError, ShapeError) as error:
        number = int(str(error).split("result ")[1].split()[0])
        name = next(
            n
            for n, plan in zip(state.names, plans, strict=True)
            if plan is not None and number in plan[1]
        )
        words = str(error).split(f"result {number} ", 1)[1]
        words = words.replace("in true_fn", "in one branch").replace("in false_fn", "in the other")
        what = "what is returned" if name == RESULT else repr(name)
        raise type(error)(f"[autograph] {what} {words}; of {state.where()}") from None


def _with_zeros(a: _Place | None, b: _Place | None, yes: Body, no: Body) -> tuple[_Place, _Place]:
    """Let a branch that does not return stand in with zeros, which nobody reads."""
    known, body = (a, no) if a is not None else (b, yes)
    assert known is not None
    with body.graph.as_default():
        made = [None if t is None else ops.zeros(t.shape, common_dtype(t, t)) for t in known.made]
    zeros = _Place(
        known.structure,
        [_Filler() if t is not None else leaf for t, leaf in zip(made, known.leaves, strict=True)],
        made,
    )
    return (known, zeros) if a is not None else (zeros, known)


class _Filler:
    """A leaf like no other."""
