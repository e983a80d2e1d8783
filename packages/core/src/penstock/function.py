"""`@function`: trace Python code once into a graph, then run the graph."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from penstock import _native, passes
from penstock._native import FunctionBase, Graph, Plan, Tensor, TreeSpec
from penstock._trace import Key, Slot, Static, Trace, as_input, is_traced, need_function, trace
from penstock.autograph._convert import converted
from penstock.autograph._state import explain_unset
from penstock.errors import GraphError, InvalidValueError, RetraceWarning

if TYPE_CHECKING:
    from penstock.futures import RunFuture

_MANY_TRACES = 8


class Function(FunctionBase):
    """A traced function; make one with `function`.

    Calling it with arguments that it knows runs a plan without Python; `_resolve` is asked about the others.
    """

    traces: list[Trace]
    """The graphs made so far, oldest first."""

    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., Any]
    _signature: inspect.Signature
    _static: set[str]
    _autograph: bool
    _tracing: threading.RLock

    def __new__(  # noqa: D102 - `function` is the door
        cls,
        fn: Callable[..., Any],
        static_argnums: Sequence[int] = (),
        static_argnames: Sequence[str] = (),
        autograph: bool = True,
    ) -> Function:
        need_function("function", fn)
        signature = inspect.signature(fn)
        static = _static_names(fn, list(signature.parameters), static_argnums, static_argnames)
        positions = [i for i, name in enumerate(signature.parameters) if name in static]

        def resolve(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            return self._resolve(args, kwargs)

        self = super().__new__(cls, resolve, positions, sorted(static))
        self._signature = signature
        self._static = static
        self._autograph = autograph
        self._tracing = threading.RLock()
        self.traces = []
        self.__wrapped__ = fn
        self.__name__ = getattr(fn, "__name__", "function")
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__qualname__ = getattr(fn, "__qualname__", self.__name__)
        return self

    def __repr__(self) -> str:
        return f"<penstock.function {self.__qualname__}, {_count(self.traces)}>"

    @property
    def _body(self) -> Callable[..., Any]:
        """The Python function that runs while a graph is built, also when that is another function's."""
        body: Callable[..., Any] = (
            converted(self.__wrapped__) if self._autograph else self.__wrapped__
        )
        return body

    @property
    def graph(self) -> Graph:
        """The graph, when there is exactly one trace.

        Raises:
            GraphError: The function has no trace yet, or several.
        """
        if len(self.traces) != 1:
            raise GraphError(
                f"{self.__name__} has {_count(self.traces)}; call it once first, or pick one of "
                f"{self.__name__}.traces"
            )
        return self.traces[0].graph

    def trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Return the trace that a call with these arguments runs, making it if there is none.

        Raises:
            Exception: Whatever the function raises while it is traced.
        """
        return self._find(args, kwargs)[0]

    def submit(self, *args: Any, **kwargs: Any) -> RunFuture[Any]:
        """Call the function in another thread, and return a future at once; see `penstock.submit`."""
        from penstock.futures import submit  # slow to import

        return submit(self, *args, **kwargs)

    def memory(self, *args: Any, **kwargs: Any) -> dict[str, int]:
        """Return what one run with these arguments takes, in bytes, before there is one.

        Variables stay as they are. To learn what kernels need besides, each native one runs once on zeros.

        Returns:
            `arena_bytes` (intermediate values, planned), `output_bytes`, `constant_bytes`,
            `unplanned_bytes` (intermediate values without reuse, for comparison), `scratch_bytes` (the most that one
            kernel asks for), and `peak_bytes`: what the allocator counts at most in one run, beyond inputs, variables
            and constants, to the byte. Variables count as updated in place, which they are unless somebody holds
            their old value. `unknown_steps` is how many steps have scratch memory that is in none of these: loops,
            other devices, strings; all that have kernels, if a run does not fit below the memory limit. What NumPy
            takes inside of Python kernels is not the allocator's, and neither is what kernels prepare once and keep,
            such as packed weights.
        """
        found, inputs = self._find(args, kwargs)[:2]
        return dict(found.plan.memory([t.shape for t in inputs]))

    def explain(self) -> str:
        """Say which graphs there are, why each was made, what it assumes, and what would make fewer."""
        lines = [f"{self.__name__}: {_count(self.traces)}"]
        for number, made in enumerate(self.traces, 1):
            first, *assumptions = made.explain()
            lines += [f"{number}. {first}", *assumptions]
        if any(made.graph.guards for made in self.traces):
            lines.append(
                "An assumption that Python made goes when the line named does not compare or convert that size; "
                "what an op needs, such as equal sizes, stays."
            )
        if len(self.traces) > 1:
            lines.append(
                "Fewer traces: pass tensors of one dtype and rank, and tensors in place of static values."
            )
        return "\n".join(lines)

    def _resolve(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Plan, TreeSpec, list[Any], list[int]]:
        """Answer the native side: the plan for a call, its result's structure, and which argument is which input."""
        found, _, leaves, order = self._find(args, kwargs)
        return found.plan, found.outputs, leaves, order

    def _find(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Trace, list[Tensor], list[Any], list[int]]:
        """Find the trace for a call, or make it.

        Returns:
            The trace, its inputs, the leaves they come from, and the number of each among the call's leaves.
        """
        bound, leaves = self._sort(args, kwargs)
        structure, order = self._structure(bound)
        leaves = [leaves[number] for number in order]
        inputs = [as_input(leaf) for leaf in leaves]
        kinds = tuple((t.dtype.code, t.ndim, t.weak) for t in inputs)
        key = Key(structure, kinds, _native.get_scope_device(), _native.get_debug_nans())
        with self._tracing:
            for known in self.traces:
                if known.key == key and known.plan.accepts(inputs):
                    return known, inputs, leaves, order
            made = self._make(bound, key, inputs)
            self.traces.append(made)
            if len(self.traces) == _MANY_TRACES:
                warnings.warn(
                    f"{self.__name__} was traced {_MANY_TRACES} times; see {self.__name__}.explain() for why, and what "
                    "would make fewer traces",
                    RetraceWarning,
                    stacklevel=4,
                )
        return made, inputs, leaves, order

    def _sort(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[inspect.BoundArguments, list[Any]]:
        """Bind a call's arguments to the signature, with a numbered slot for every leaf that is traced."""
        traced: list[Any] = []

        def slotted(value: Any) -> Any:
            leaves, structure = _native.tree_flatten(value)
            for i, leaf in enumerate(leaves):
                if is_traced(leaf):
                    leaves[i] = Slot(len(traced))
                    traced.append(leaf)
            return _native.tree_unflatten(structure, leaves)

        names = list(self._signature.parameters)[: len(args)]
        names += [""] * (len(args) - len(names))  # what *args takes
        positional = [
            value if name in self._static else slotted(value)
            for name, value in zip(names, args, strict=True)
        ]
        keywords = {
            name: value if name in self._static else slotted(value)
            for name, value in kwargs.items()
        }
        return self._signature.bind(*positional, **keywords), traced

    def _structure(self, bound: inspect.BoundArguments) -> tuple[TreeSpec, list[int]]:
        """Return what is fixed about bound arguments, and renumber the slots in the order of the signature.

        Returns:
            The structure with every static value in it, and the old numbers in the new order.
        """
        order: list[int] = []
        leaves, structure = _native.tree_flatten(bound.arguments)
        for leaf in leaves:
            if isinstance(leaf, Slot):
                order.append(leaf.number)
                leaf.number = len(order) - 1
        fixed = [not isinstance(leaf, Slot) for leaf in leaves]
        return _native.tree_fix(structure, [Static(leaf) for leaf in leaves], fixed), order

    def _make(self, bound: inspect.BoundArguments, key: Key, inputs: Sequence[Tensor]) -> Trace:
        graph, outputs = explain_unset(lambda: trace(self.__name__, self._body, bound, inputs))
        types = (f"{t.dtype.code}[{', '.join(map(str, t.shape))}]" for t in graph.inputs)
        reason = self._reason(key)
        optimized = passes.optimize(graph)
        # Python functions that gradients needed may refer to this one.
        graph.forget_objects()
        optimized.forget_objects()
        return Trace(f"({', '.join(types)})", key, graph, Plan(optimized), outputs, reason)

    def _reason(self, key: Key) -> str:
        """Say what keeps a call from sharing one of the traces there are."""
        if not self.traces:
            return "the first call"
        near = [t for t in self.traces if t.key.structure == key.structure]
        if not near:
            return "another structure of arguments, or another static value; pass it as a tensor to share a graph"
        near = [t for t in near if t.key.kinds == key.kinds]
        if not near:
            return "another dtype or rank; convert the arguments before the call to share a graph"
        near = [t for t in near if t.key.device == key.device]
        if not near:
            return "another device around the call"
        near = [t for t in near if t.key.hunting == key.hunting]
        if not near:
            return "debug_nans was switched"
        broken = "; ".join(what for t in near for what, _ in t.graph.guards)
        if broken:
            return f"a size broke what an earlier trace assumes: {broken}"
        return "a size of 0 or 1, which broadcasts, where an earlier trace has another"


@overload
def function(fn: Callable[..., Any], /) -> Function: ...
@overload
def function(
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    autograph: bool = True,
) -> Callable[[Callable[..., Any]], Function]: ...
@overload
def function(
    fn: Callable[..., Any],
    /,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    autograph: bool = True,
) -> Function: ...
def function(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    autograph: bool = True,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Turn a Python function into a graph on its first call, and run the graph from then on.

    Tensors, arrays and numbers in the arguments, also inside lists, tuples and dictionaries, are inputs of the
    graph. Everything else is static: another value makes another graph. A new size does not: sizes are symbols,
    unless the function compares them or takes them as numbers.

    Args:
        fn: Any function of tensors. It may read and assign variables.
        static_argnums: Positions of arguments that are static although they are numbers.
        static_argnames: Names of such arguments.
        autograph: Whether Python's `if`, `while`, `for`, `and`, `or`, `not` and `assert` may be about tensors, in `fn`
            and in functions of yours that it calls; see docs/transformations.md. False runs them as they are written.

    Returns:
        A function of the same arguments, with `explain()`, `trace(...)`, `graph` and `memory(...)`; without `fn`,
        a decorator.

    Raises:
        InvalidValueError: A static argument does not exist.

    >>> import penstock as ps
    >>> @ps.function
    ... def affine(x, w, b):
    ...     return ps.matmul(x, w) + b
    >>> affine(ps.ones((2, 3)), ps.ones((3, 1)), 1.0)
    Tensor([[4.],
            [4.]], shape=(2, 1), dtype=float32)
    """
    positions = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    if fn is None:
        return lambda inner: Function(inner, positions, names, autograph)
    return Function(fn, positions, names, autograph)


def _static_names(
    fn: Callable[..., Any], names: list[str], argnums: Sequence[int], argnames: Sequence[str]
) -> set[str]:
    """Name the static arguments, given by position and by name."""
    what = getattr(fn, "__name__", "the function")
    for name in argnames:
        if name not in names:
            raise InvalidValueError(
                f"[function] static_argnames has {name!r}; {what} takes {', '.join(names) or 'no arguments'}"
            )
    for i in argnums:
        if not 0 <= i < len(names):
            raise InvalidValueError(
                f"[function] static_argnums has {i}; {what} takes {len(names)} arguments"
            )
    return {*argnames, *(names[i] for i in argnums)}


def _count(traces: Sequence[Trace]) -> str:
    return f"{len(traces)} trace{'' if len(traces) == 1 else 's'}"


__all__ = ["Function", "Trace", "function"]
