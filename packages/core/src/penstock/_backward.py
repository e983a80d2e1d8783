"""The backward walk: one for tapes and for graphs, one rule per op for both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from penstock import _native, ops
from penstock._attention_calls import with_attention
from penstock._inner_graphs import is_history
from penstock._native import Tensor
from penstock.errors import GraphError, InvalidTypeError, InvalidValueError, ShapeError
from penstock.ops.indexed_slices import add_slices, dense
from penstock.state import Variable


class Entry(Protocol):
    """A call that is differentiated: of a tape or of a graph."""

    @property
    def op(self) -> str: ...
    @property
    def op_function(self) -> Any: ...
    @property
    def inputs(self) -> Sequence[Tensor]: ...
    @property
    def outputs(self) -> Sequence[Tensor]: ...
    @property
    def attrs(self) -> dict[str, Any]: ...


class Call:
    """A call as its gradient rule sees it: the entry, and which of its inputs lead to a source."""

    def __init__(self, entry: Entry, reached: set[int]) -> None:
        self._entry = entry
        self.inputs = entry.inputs
        self.outputs = entry.outputs
        self._needs = [
            t._id in reached and t.dtype.kind in ("float", "complex") for t in self.inputs
        ]

    def needs(self, i: int) -> bool:
        return self._needs[i]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)


def gradient_of(
    entries: Iterable[Entry],
    target: Any,
    sources: Any,
    seeds: Any = None,
    unconnected: str = "none",
    is_watched: Callable[[Tensor | Variable], bool] = lambda source: True,
) -> Any:
    """Differentiate the sum of `target` by `sources`.

    Args:
        entries: The calls between them, oldest first.
        target: A structure of tensors.
        sources: A structure of tensors and variables.
        seeds: What flows into each target, by default ones.
        unconnected: "none" or "zero": what stands for a gradient that does not exist.
        is_watched: Sources for which it is false have no gradient.

    Returns:
        A structure like `sources`.

    Raises:
        InvalidTypeError: A source is neither tensor nor variable.
        InvalidValueError: There is another number of seeds than of targets.
        ShapeError: A seed does not have its target's shape.
    """
    leaves, structure = _native.tree_flatten(sources)
    ids = [_identity(source) for source in leaves]
    wanted = {i for i, source in zip(ids, leaves, strict=True) if is_watched(source)}
    grads = _backward(entries, _seeds(target, seeds), wanted)
    found = [grads.get(i) if i in wanted else None for i in ids]
    if unconnected == "zero":
        found = [_zeros(s) if g is None else g for s, g in zip(leaves, found, strict=True)]
    return _native.tree_unflatten(structure, found)


def _seeds(target: Any, given: Any) -> dict[int, Tensor]:
    """What flows into the targets, by their identity."""
    leaves = _native.tree_flatten(target)[0]
    targets = [t if isinstance(t, Tensor) else ops.asarray(t) for t in leaves]
    flows = [None] * len(targets) if given is None else _flatten_like(target, given)
    seeds: dict[int, Tensor] = {}
    for t, flow in zip(targets, flows, strict=True):
        if t._id == 0:  # nobody watched it
            continue
        seed = ops.ones_like(t) if flow is None else ops.asarray(flow, dtype=t.dtype)
        if not _same_shape(seed, t):
            raise ShapeError(
                f"[gradient] output_gradients has shape {seed.shape} for a target of shape {t.shape}; give "
                "one number for every element of the target"
            )
        seeds[t._id] = seed if t._id not in seeds else ops.add(seeds[t._id], seed)
    return seeds


def _same_shape(a: Tensor, b: Tensor) -> bool:
    """Compare shapes; only sizes that do not look alike are asked about, as an answer is an assumption."""
    if a.ndim != b.ndim:
        return False
    return all(str(x) == str(y) or x == y for x, y in zip(a.shape, b.shape, strict=True))


def _flatten_like(target: Any, given: Any) -> list[Any]:
    """Take `given` apart where `target` has structure; lists below that are values."""
    if not isinstance(target, (dict, list, tuple)):
        return [given]
    if len(given) != len(target):
        raise InvalidValueError(
            f"[gradient] got {len(target)} targets and {len(given)} output_gradients; give one for each target"
        )
    keys = list(target) if isinstance(target, dict) else range(len(target))
    return [flow for key in keys for flow in _flatten_like(target[key], given[key])]


def _zeros(source: Tensor | Variable) -> Tensor:
    return ops.zeros_like(source.value if isinstance(source, Variable) else source)


def _identity(source: Any) -> int:
    if isinstance(source, Variable):
        return source._handle._id
    if isinstance(source, Tensor):
        return source._id
    raise InvalidTypeError(
        f"[gradient] a source is {type(source).__name__}; it must be a Tensor or Variable"
    )


def _backward(
    entries: Iterable[Entry], seeds: dict[int, Tensor], wanted: set[int]
) -> dict[int, Tensor]:
    """Walk calls from last to first and add up what flows to each tensor, by identity.

    `wanted` are the sources: calls from which no source can be reached are skipped by their zero gradients.
    """
    grads = dict(seeds)
    recorded = list(entries)
    ordered = with_attention(recorded, {*seeds, *wanted}, reached := _reachable(recorded, wanted))
    if ordered is not recorded:
        reached = _reachable(ordered, wanted)
    for entry in reversed(ordered):
        call = Call(entry, reached)
        flows = [grads.get(t._id) for t in call.outputs]
        if all(g is None for g in flows) or not any(map(call.needs, range(len(call.inputs)))):
            continue
        for i, g in enumerate(input_gradients(call, flows)):
            if g is None or not call.needs(i):
                continue
            t = call.inputs[i]
            known = grads.get(t._id)
            grads[t._id] = g if known is None else _sum(known, g)
    return grads


def _sum(a: Any, b: Any) -> Any:
    """Add two gradients of one tensor.

    The rows of a `while` are counted only when it has run, and then only loops ask: a loop adds them.
    """
    if isinstance(a, Tensor) and isinstance(b, Tensor) and is_history(b):
        from penstock.control import add_rows

        return add_rows(a, b)
    return add_slices(a, b)


def _reachable(entries: Sequence[Entry], wanted: set[int]) -> set[int]:
    """Find every tensor whose value depends on a source."""
    reached = set(wanted)
    for entry in entries:
        if any(t._id in reached for t in entry.inputs):
            reached.update(t._id for t in entry.outputs)
    reached.discard(0)
    return reached


def input_gradients(call: Call, flows: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    rule = call.op_function.vjp_fn
    if rule is None:
        reason = getattr(call.op_function, "no_gradient", "")
        if getattr(call.op_function, "refuses_gradient", False):
            raise GraphError(f"[{call.op}] cannot be differentiated: {reason}")
        if reason:
            return [None] * len(call.inputs)
        if getattr(call.op_function, "compose_fn", None) is not None:
            return _through_composition(call, flows)
        raise GraphError(
            f"[{call.op}] has no gradient rule; attach one with @{call.op}.vjp, or cut the path with "
            "penstock.stop_gradient(x)"
        )
    # Rows of a table stay rows only on their way to a source.
    result = flows if call.op == "identity" else rule(call, *map(dense, flows))
    if len(result) != len(call.inputs):
        raise GraphError(
            f"[{call.op}] its gradient rule returned {len(result)} values for {len(call.inputs)} inputs"
        )
    return result


def _through_composition(call: Call, flows: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    """Differentiate an op without a rule of its own by the ops that it is composed of, which run again for it."""
    tape = _native.Tape(False)
    # Handles of their own: the same tensor may be given twice, and each place has its own gradient.
    inputs = [ops.identity(t) for t in call.inputs]
    for t in inputs:
        if t.dtype.kind in ("float", "complex"):
            tape.watch(t)
    tape.push()
    try:
        result = call.op_function.compose_fn(*inputs, **call.attrs)
    finally:
        tape.pop()
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    reached = [(t, g) for t, g in zip(outputs, flows, strict=True) if g is not None]
    return gradient_of(  # type: ignore[no-any-return]
        tape.entries(), [t for t, _ in reached], inputs, [g for _, g in reached]
    )
