"""Reverse-mode differentiation: one walk for tapes and for graphs, one rule per op for both.

The rules call ops. While a graph is built they append to it, so gradients are graphs that can be printed,
optimised and differentiated again; otherwise they run at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar

from penstock import _native, ops
from penstock._native import Tensor
from penstock.errors import GraphError, InvalidTypeError
from penstock.state import Variable
from penstock.ops import asarray

F = TypeVar("F", bound=Callable[..., Any])


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


def _backward(entries: Iterable[Entry], seeds: dict[int, Tensor], wanted: set[int]) -> dict[int, Tensor]:
    """Walk calls from last to first and add up what flows to each tensor, by identity.

    `wanted` are the sources: calls from which no source can be reached are skipped by their zero gradients.
    """
    grads = dict(seeds)
    ordered = list(entries)
    reached = _reachable(ordered, wanted)
    for entry in reversed(ordered):
        outputs = entry.outputs
        flows = [grads.get(t._id) for t in outputs]
        if all(g is None for g in flows) or not any(t._id in reached for t in entry.inputs):
            continue
        for t, g in zip(entry.inputs, _input_gradients(entry, flows), strict=True):
            if g is None or t._id not in reached:
                continue
            known = grads.get(t._id)
            grads[t._id] = g if known is None else ops.add(known, g)
    return grads


def _reachable(entries: Sequence[Entry], wanted: set[int]) -> set[int]:
    """Find every tensor whose value depends on a source."""
    reached = set(wanted)
    for entry in entries:
        if any(t._id in reached for t in entry.inputs):
            reached.update(t._id for t in entry.outputs)
    reached.discard(0)
    return reached


def _input_gradients(entry: Entry, flows: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    if entry.op == "custom_gradient":
        return _custom_input_gradients(entry, flows)
    if entry.op == "stop_gradient":
        return [None] * len(entry.inputs)
    rule = entry.op_function.vjp_fn
    if rule is None:
        reason = getattr(entry.op_function, "no_gradient", "")
        if reason:
            return [None] * len(entry.inputs)
        raise GraphError(
            f"[{entry.op}] has no gradient rule; attach one with @{entry.op}.vjp, or cut the path with "
            "penstock.stop_gradient(x)"
        )
    result = rule(entry, *flows)
    if len(result) != len(entry.inputs):
        raise GraphError(
            f"[{entry.op}] its gradient rule returned {len(result)} values for {len(entry.inputs)} inputs"
        )
    return result  # type: ignore[no-any-return]


class GradientTape:
    """Record calls, so that gradients can be taken through them.

    Trainable variables are watched when they are read; tensors when you say so.

    Args:
        persistent: Allow `gradient` to be called more than once.
        watch_accessed_variables: Watch trainable variables by themselves.

    >>> import penstock as ps
    >>> x = ps.asarray(3.0)
    >>> with ps.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x)
    Tensor(6., shape=(), dtype=float32)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._tape = _native.Tape(watch_accessed_variables)
        self._persistent = persistent
        self._recording = False
        self._used = False

    def __enter__(self) -> GradientTape:
        self._tape.push()
        self._recording = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recording:
            self._tape.pop()
            self._recording = False

    def watch(self, *tensors: Tensor | Variable) -> None:
        """Watch tensors or variables from now on.

        Raises:
            InvalidTypeError: An argument is neither.
        """
        for t in tensors:
            if isinstance(t, Variable):
                self._tape.watch_id(t._handle._id)
            elif isinstance(t, Tensor):
                self._tape.watch(t)
            else:
                raise InvalidTypeError(f"[GradientTape.watch] got {type(t).__name__}; it must be a Tensor or Variable")

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Return the gradient of the sum of `target` with respect to `sources`.

        Args:
            target: A tensor, or nested lists, tuples and dictionaries of tensors.
            sources: A tensor or variable, or a structure of them.
            output_gradients: What flows into each target; by default ones.
            unconnected_gradients: "none" or "zero": what to return where target does not depend on a source.

        Returns:
            A structure like `sources`.

        Raises:
            GraphError: The tape was used before and is not persistent.
        """
        if self._used and not self._persistent:
            raise GraphError(
                "[GradientTape.gradient] this tape was used already; create it with GradientTape(persistent=True)"
            )
        self._used = True
        inside = self._recording  # then the walk itself must not be written on this tape
        if inside:
            self._tape.pop()
        try:
            return _gradient_of(
                self._tape.entries(), target, sources, output_gradients, unconnected_gradients
            )
        finally:
            if inside:
                self._tape.push()
            if not self._persistent:
                self._tape.clear()


def _identity_of(source: Any) -> int:
    if isinstance(source, Variable):
        return int(source._handle._id)
    if isinstance(source, Tensor):
        return int(source._id)
    raise InvalidTypeError(f"[gradient] a source is {type(source).__name__}; it must be a Tensor or Variable")


def _gradient_of(entries: Iterable[Entry], target: Any, sources: Any, seeds: Any, unconnected: str) -> Any:
    targets, _ = _native.tree_flatten(target)
    leaves, structure = _native.tree_flatten(sources)
    flows = [None] * len(targets) if seeds is None else _native.tree_flatten(seeds)[0]
    start: dict[int, Tensor] = {}
    for t, seed in zip(targets, flows, strict=True):
        t = t if isinstance(t, Tensor) else asarray(t)
        if t._id == 0:
            continue
        seed = ops.ones_like(t) if seed is None else asarray(seed, dtype=t.dtype)
        start[t._id] = seed if t._id not in start else ops.add(start[t._id], seed)
    ids = [_identity_of(s) for s in leaves]
    grads = _backward(entries, start, set(ids))
    found = [grads.get(i) for i in ids]
    if unconnected == "zero":
        found = [
            ops.zeros_like(s.value if isinstance(s, Variable) else s) if g is None else g
            for s, g in zip(leaves, found, strict=True)
        ]
    return _native.tree_unflatten(structure, found)


def value_and_grad(
    fn: Callable[..., Any], argnums: int | Sequence[int] | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns `fn`'s value and its gradient.

    Args:
        fn: Returns a scalar tensor, or a pair of it and anything else if `has_aux`.
        argnums: Which arguments to differentiate by; each may be a structure of tensors and variables. By default
            the first.
        has_aux: Whether `fn` returns a pair.

    Returns:
        A function of the same arguments, which returns `(value, gradient)`; the gradient has the structure of
        the argument, or is a tuple when `argnums` is a sequence.

    Raises:
        ShapeError: The value is not a scalar.

    >>> import penstock as ps
    >>> ps.value_and_grad(lambda x: ps.sum(x * x))(ps.asarray([1.0, 2.0]))
    (Tensor(5., shape=(), dtype=float32), Tensor([2., 4.], shape=(2,), dtype=float32))
    """
    single = not isinstance(argnums, Sequence)
    positions = [argnums or 0] if not isinstance(argnums, Sequence) else list(argnums)

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        new_args = list(args)
        sources = []
        tape = GradientTape(watch_accessed_variables=False)
        with tape:
            for i in positions:
                new_args[i] = _watched(tape, args[i])
                sources.append(new_args[i])
            result = fn(*new_args, **kwargs)
            value = result[0] if has_aux else result
            _check_scalar(value)
        grads = tape.gradient(value, sources, unconnected_gradients="zero")
        return result, grads[0] if single else tuple(grads)

    return wrapped


def _watched(tape: GradientTape, argument: Any) -> Any:
    """Copy an argument's handles, so that watching them leaves the caller's alone."""
    leaves, structure = _native.tree_flatten(argument)
    watched = [leaf if isinstance(leaf, Variable) else ops.identity(asarray(leaf)) for leaf in leaves]
    tape.watch(*watched)
    return _native.tree_unflatten(structure, watched)


def _check_scalar(value: Any) -> None:
    from penstock.errors import ShapeError

    if not isinstance(value, Tensor) or value.ndim != 0:
        shape = getattr(value, "shape", None)
        raise ShapeError(
            f"[value_and_grad] the function returned {type(value).__name__} of shape {shape}; it must return a "
            "scalar tensor: reduce it with penstock.sum(x) or penstock.mean(x), or pass has_aux=True for a pair"
        )


def grad(
    fn: Callable[..., Any], argnums: int | Sequence[int] | None = None, has_aux: bool = False
) -> Callable[..., Any]:
    """Make a function that returns the gradient of `fn`; see `value_and_grad`.

    >>> import penstock as ps
    >>> ps.grad(ps.grad(lambda x: x * x * x))(ps.asarray(2.0))
    Tensor(12., shape=(), dtype=float32)
    """
    both = value_and_grad(fn, argnums, has_aux)

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, grads = both(*args, **kwargs)
        return (grads, result[1]) if has_aux else grads

    return wrapped


def gradients(ys: Any, xs: Any, grad_ys: Any = None) -> Any:
    """Extend a graph by the gradients of `ys` with respect to `xs`, as TensorFlow 1 did.

    Args:
        ys: Symbolic tensors of one graph.
        xs: Symbolic tensors of that graph, or variables read in it.
        grad_ys: What flows into each y; by default ones.

    Returns:
        A structure like `xs`; None where ys do not depend on an x.

    Raises:
        GraphError: ys are not symbolic.

    >>> import penstock as ps
    >>> g = ps.Graph()
    >>> with g.as_default():
    ...     x = ps.placeholder("float32", ())
    ...     dx = ps.gradients(x * x, x)
    >>> ps.Session(g).run(dx, {x: 3.0})
    6.0
    """
    first = _native.tree_flatten(ys)[0][0]
    if not isinstance(first, Tensor) or first.graph is None:
        raise GraphError("[gradients] ys must be graph tensors; for values use GradientTape or value_and_grad")
    graph = first.graph
    nodes = list(graph.nodes)
    graph.push()
    try:
        return _gradient_of(nodes, ys, xs, grad_ys, "none")
    finally:
        graph.pop()


def custom_gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a gradient of your own.

    Args:
        fn: Takes tensors; returns `(outputs, grad_fn)`, where `grad_fn(*output_gradients)` returns one gradient
            per tensor that came in.

    Returns:
        A function that returns `outputs`.

    Raises:
        GraphError: When differentiated: `grad_fn` returned another number of gradients.

    >>> import penstock as ps
    >>> @ps.custom_gradient
    ... def clipped(x):
    ...     return x, lambda dy: ps.clip(dy, -1.0, 1.0)
    >>> ps.grad(lambda x: 5 * clipped(x))(ps.asarray(2.0))
    Tensor(1., shape=(), dtype=float32)
    """

    @functools.wraps(fn)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        inputs = [asarray(a) for a in args]
        paused = _native.pause_tapes()  # what happens inside has no gradient of its own
        try:
            outputs, grad_fn = fn(*inputs, **kwargs)
        finally:
            _native.resume_tapes(paused)
        leaves, structure = _native.tree_flatten(outputs)
        made = _native.call_op(
            "custom_gradient",
            [*inputs, *(asarray(leaf) for leaf in leaves)],
            {"num_inputs": len(inputs), "function": grad_fn},
        )
        return _native.tree_unflatten(structure, made)

    return wrapped


def _custom_input_gradients(entry: Entry, flows: Sequence[Tensor | None]) -> list[Tensor | None]:
    num_inputs = entry.attrs["num_inputs"]
    full = [ops.zeros_like(t) if g is None else g for t, g in zip(entry.outputs, flows, strict=True)]
    result = entry.attrs["function"](*full)
    grads = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(grads) != num_inputs:
        raise GraphError(
            f"[custom_gradient] the gradient function returned {len(grads)} gradients for {num_inputs} inputs; "
            "return one per tensor argument, None where there is none"
        )
    return [*grads, *[None] * (len(entry.inputs) - num_inputs)]
