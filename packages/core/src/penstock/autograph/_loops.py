"""Loops of rewritten code: Python's for Python values, a node of the graph for its tensors.

What a loop carries has to be known before it is built: a number becomes a tensor of the dtype that the body gives it, a
flag becomes a tensor if the body changes it. So where there are such, the body is tried first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from penstock import _native, control, ops
from penstock._bodies import adopt, as_tensor, build, common_dtype
from penstock._native import Tensor
from penstock._trace import is_traced
from penstock.autograph._branches import if_
from penstock.autograph._jumps import RESULT
from penstock.autograph._operators import LAZY, Enumerated, Range, Zipped, is_symbolic, truth
from penstock.autograph._state import UNSET, State, can_be_tensor, same, shown
from penstock.errors import DTypeError, GraphError, ShapeError

_TRIES = 8
Test = Callable[[], Tensor]


def while_(test: Callable[[], Any], body: Callable[[], None], state: State) -> None:
    """`while test(): body()`; from where the test depends on the graph, a node of it."""
    while True:
        goes_on = test()
        if is_symbolic(goes_on):
            break
        if not goes_on:
            return
        body()
    _Loop(state, lambda number: body()).run_while(lambda number: truth(test()))


def for_(
    rows: Any, body: Callable[[Any], None], goes_on: Callable[[], Any] | None, state: State
) -> None:
    """`for value in rows: body(value)`, as long as `goes_on()`."""
    if not (is_symbolic(rows) or isinstance(rows, (Range, *LAZY))):
        _for_python(rows, body, goes_on, state)
        return
    if not isinstance(rows, Range) and any(isinstance(v, (list, dict, set)) for v in state.grown()):
        _for_python(_unrolled(rows), body, goes_on, state)  # in Python a list can grow
        return
    if isinstance(rows, Range) or goes_on is not None:
        count, row = _counted(rows)

        def test(number: Tensor) -> Tensor:
            inside = ops.less(number, count)
            return inside if goes_on is None else ops.logical_and(inside, truth(goes_on()))

        _Loop(state, lambda number: body(row(number))).run_while(test)
    else:
        _Loop(state, body).run_rows(rows)


def _for_python(
    rows: Any, body: Callable[[Any], None], goes_on: Callable[[], Any] | None, state: State
) -> None:
    """Go through Python values; once a tensor may have ended the loop, each further round asks."""
    guard: Any = True
    for row in rows:
        if is_symbolic(guard):
            if_(guard, lambda row=row: body(row), lambda: None, state)  # type: ignore[misc]
        else:
            body(row)
        if goes_on is None:
            continue
        guard = goes_on()
        if not is_symbolic(guard) and not guard:
            return


def _unrolled(rows: Any) -> Any:
    if isinstance(rows, Enumerated):
        return enumerate(_unrolled(rows.rows), rows.start)
    return zip(*map(_unrolled, rows.rows), strict=False) if isinstance(rows, Zipped) else rows


def _counted(rows: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """Say how many rows there are, and how to get one by its number."""
    if isinstance(rows, Range):
        start, stop, step = (ops.asarray(end) for end in (rows.start, rows.stop, rows.step))
        count = ops.floor_divide(stop - start + step - ops.sign(step), step)
        return ops.cast(count, "int64"), lambda i: start + ops.cast(i, start.dtype) * step
    if isinstance(rows, Enumerated):
        count, row = _counted(rows.rows)
        return count, lambda i: (rows.start + i, row(i))
    if isinstance(rows, Zipped):
        counts, each = zip(*map(_counted, rows.rows), strict=True)
        shortest = counts[0]
        for count in counts[1:]:
            shortest = ops.minimum(shortest, count)
        return shortest, lambda i: tuple(row(i) for row in each)
    return ops.size_of((_with_rows(rows).shape[0],)), lambda i: ops.take(rows, i, axis=0)


def _with_rows(t: Any) -> Any:
    if t.ndim == 0:
        raise ShapeError(
            "[autograph] a `for` goes through a tensor without axes; go through range(n), or give it an axis"
        )
    return t


class _Slot:
    """One leaf of a name: what it starts with, and whether the loop carries it."""

    def __init__(self, leaf: Any) -> None:
        self.leaf = leaf
        self.carried = can_be_tensor(leaf) and not isinstance(leaf, bool)
        if self.carried:
            self.leaf = as_tensor("[autograph] a loop variable", leaf, keep_weak=True)

    @property
    def is_settled(self) -> bool:
        return (self.carried and not self.leaf.weak) or not can_be_tensor(self.leaf)


class _Loop:
    """A loop that becomes a node."""

    def __init__(self, state: State, body: Callable[[Any], None]) -> None:
        self.state, self.body = state, body
        self.before = state.read()
        self.structures: list[Any] = []  # of each name's value; None: it has none
        self.slots: list[list[_Slot]] = []
        for v in self.before:
            leaves, structure = ([], None) if v is UNSET else _native.tree_flatten(v)
            self.structures.append(structure)
            self.slots.append([_Slot(leaf) for leaf in leaves])

    # ---- the three ways to run

    def run_while(self, test: Callable[[Tensor], Tensor]) -> None:
        """Go on as long as a test of the round's number holds."""
        zero = _native.scalar_tensor(0)
        self._settle([("int64", ())], lambda ts: ts[0])

        def advance(number: Tensor, *carry: Tensor) -> tuple[Any, ...]:
            return (number + 1, *self._round(carry, number))

        def goes_on(number: Tensor, *carry: Tensor) -> Tensor:
            self._enter(carry)
            return test(number)

        self._finish(lambda: control.while_loop(goes_on, advance, (zero, *self._start()))[1:])

    def run_rows(self, rows: Any) -> None:
        """Go through the rows of tensors."""
        tensors = [_with_rows(ops.asarray(t)) for t in _tensors(rows)]

        def value(number: Any, row: Sequence[Tensor]) -> Any:
            return _arranged(rows, number, iter(row))

        formals = [("int64", ()), *((t.dtype, t.shape[1:]) for t in tensors)]
        self._settle(formals, lambda ts: value(ts[0], ts[1:]))

        def step(carry: tuple[Tensor, ...], row: list[Tensor]) -> Any:
            number, *own = carry
            return (number + 1, *self._round(own, value(number, row))), None

        zero = _native.scalar_tensor(0)
        self._finish(lambda: control.scan(step, (zero, *self._start()), tensors)[0][1:])

    def _finish(self, run: Callable[[], Sequence[Tensor]]) -> None:
        try:
            results = run()
        finally:
            self.state.set(self.before)
        for name, structure in zip(self.state.names, self.structures, strict=True):
            if structure is None:
                self.state.lost(name)
        self.state.set(self._values(results))

    # ---- one round

    def _values(self, carried: Sequence[Tensor]) -> list[Any]:
        """The names' values, with tensors for what is carried."""
        rest = iter(carried)
        values = []
        for structure, slots in zip(self.structures, self.slots, strict=True):
            leaves = [next(rest) if s.carried else s.leaf for s in slots]
            values.append(UNSET if structure is None else _native.tree_unflatten(structure, leaves))
        return values

    def _enter(self, carried: Sequence[Tensor]) -> None:
        self.state.enter(self._values(carried))

    def _start(self) -> list[Tensor]:
        return [as_tensor("", s.leaf) for slots in self.slots for s in slots if s.carried]

    def _round(self, carried: Sequence[Tensor], value: Any) -> list[Any]:
        """Run the body once on symbols; returns what is carried on."""
        self._enter(carried)
        self.state.once(lambda: self.body(value))
        results = []
        for name, slot, leaf in self._pairs(self.state.read()):
            if slot.carried:
                results.append(self._checked(name, slot.leaf, leaf))
            elif not same(slot.leaf, leaf):
                raise self._changes(name, slot.leaf, leaf)
        return results

    def _pairs(self, after: Sequence[Any]) -> list[tuple[str, _Slot, Any]]:
        """Pair what names started with and what they have become."""
        found = []
        for name, structure, slots, v in zip(
            self.state.names, self.structures, self.slots, after, strict=True
        ):
            if structure is None:
                continue
            leaves, got = ([], None) if v is UNSET else _native.tree_flatten(v)
            if got != structure:
                raise GraphError(
                    f"[autograph] {name!r} changes its structure in {self.state.where()}; keep the same tuples, lists "
                    "and dictionaries, or collect results with penstock.scan"
                )
            found += [(name, slot, leaf) for slot, leaf in zip(slots, leaves, strict=True)]
        return found

    def _checked(self, name: str, start: Tensor, leaf: Any) -> Tensor:
        if not can_be_tensor(leaf):
            raise self._changes(name, start, leaf)
        start = as_tensor("", start)
        t = as_tensor(f"[autograph] {name!r}", adopt(leaf, start.dtype))
        what = "what is returned" if name == RESULT else repr(name)
        if t.dtype != start.dtype:
            raise DTypeError(
                f"[autograph] {what} is {start.dtype.name} before {self.state.where()}, and {t.dtype.name} after a "
                f"round; convert it: x.astype({start.dtype.name!r})"
            )
        if t.ndim != start.ndim or any(a != b for a, b in zip(t.shape, start.shape, strict=True)):
            raise ShapeError(
                f"[autograph] {what} has shape {start.shape} before {self.state.where()}, and {t.shape} after a round; "
                "it must keep its shape: start with the final one, or collect results with penstock.scan"
            )
        return t

    def _changes(self, name: str, old: Any, new: Any) -> GraphError:
        return GraphError(
            f"[autograph] {name!r} is {shown(old)} before {self.state.where()}, and {shown(new)} after a round; let it "
            "be a tensor or a number all the time, or leave it as it is"
        )

    # ---- what is carried

    def _settle(self, formals: Sequence[Any], value: Callable[[list[Tensor]], Any]) -> None:
        """Try the body until what it carries has the dtypes that it gives it."""
        for _ in range(_TRIES):
            returns = RESULT in self.state.names
            result_is_open = returns and self.structures[self.state.names.index(RESULT)] is None
            if all(s.is_settled for slots in self.slots for s in slots) and not result_is_open:
                return
            if not self._try(formals, value):
                return

    def _try(self, formals: Sequence[Any], value: Callable[[list[Tensor]], Any]) -> bool:
        """Run the body in a graph that is thrown away; returns whether more is known now."""
        start = self._start_kinds()
        ends: list[list[Any]] = []

        def run(ts: list[Tensor]) -> None:
            self._enter(ts[len(formals) :])
            self.state.once(lambda: self.body(value(ts[: len(formals)])))
            ends.append(self.state.read())

        try:
            build("try", [*formals, *start], run)
        finally:
            self.state.set(self.before)
        return self._learn(ends[0])

    def _start_kinds(self) -> list[Any]:
        return [(t.dtype, t.shape) for t in self._start()]

    def _learn(self, after: Sequence[Any]) -> bool:
        more = self._learn_result(after)
        for name, slot, leaf in self._pairs(after):
            if not slot.carried:
                if same(slot.leaf, leaf):
                    continue
                if not (can_be_tensor(slot.leaf) and can_be_tensor(leaf)):
                    raise self._changes(name, slot.leaf, leaf)
                slot.leaf, slot.carried, more = ops.asarray(slot.leaf), True, True
            elif slot.leaf.weak and can_be_tensor(leaf):
                dtype = common_dtype(slot.leaf, as_tensor("", leaf, keep_weak=True))
                more = more or dtype != as_tensor("", slot.leaf).dtype
                slot.leaf = adopt(slot.leaf, dtype)
        return more

    def _learn_result(self, after: Sequence[Any]) -> bool:
        """What a round returns stands as zeros until one does; nobody reads those."""
        if RESULT not in self.state.names:
            return False
        place = self.state.names.index(RESULT)
        if self.structures[place] is not None or after[place] is UNSET:
            return False
        leaves, structure = _native.tree_flatten(after[place])
        self.structures[place] = structure
        self.slots[place] = [_Slot(_zeros_like(leaf)) for leaf in leaves]
        return True


def _zeros_like(leaf: Any) -> Any:
    """Zeros of a tensor that another graph has; anything else is what it is."""
    if not is_traced(leaf):
        return leaf
    t = as_tensor("", leaf, keep_weak=True)
    return ops.zeros(t.shape, common_dtype(t, t))


def _tensors(rows: Any) -> list[Any]:
    """The tensors that a loop goes through."""
    if isinstance(rows, Enumerated):
        return _tensors(rows.rows)
    return [t for r in rows.rows for t in _tensors(r)] if isinstance(rows, Zipped) else [rows]


def _arranged(rows: Any, number: Any, row: Iterator[Tensor]) -> Any:
    """Arrange one row of each tensor as the loop's variable is."""
    if isinstance(rows, Enumerated):
        return rows.start + number, _arranged(rows.rows, number, row)
    if isinstance(rows, Zipped):
        return tuple(_arranged(r, number, row) for r in rows.rows)
    return next(row)
