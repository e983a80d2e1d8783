"""`@function`: trace Python code once into a graph, then run the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from penstock import _native, passes
from penstock._native import Dim, FunctionBase, Graph, Plan, Tensor, TreeSpec
from penstock.errors import GraphError, InvalidValueError
from penstock.ops import asarray


@dataclass
class Trace:
    """One graph made from a function, with the calls that it serves."""

    signature: str
    inputs: TreeSpec  # static arguments are part of it
    kinds: tuple[tuple[str, int, bool], ...]  # dtype, rank and weakness of every input
    graph: Graph  # as traced
    plan: Plan  # optimised and ready
    outputs: TreeSpec
    reason: str

    @property
    def optimized(self) -> Graph:
        """The graph after all passes."""
        return self.plan.graph


class Function(FunctionBase):  # type: ignore[misc]
    """A traced function; make one with `function`."""

    def __new__(
        cls, fn: Callable[..., Any], static_argnums: Sequence[int] = (), static_argnames: Sequence[str] = ()
    ) -> Function:
        signature = inspect.signature(fn)
        names = list(signature.parameters)
        positions, keywords = _static_arguments(fn, names, static_argnums, static_argnames)
        cell: list[Function] = []
        self: Function = super().__new__(
            cls, lambda args, kwargs: cell[0]._resolve(args, kwargs), positions, keywords
        )
        cell.append(self)
        self._signature = signature
        self._static = {names[i] for i in positions if i < len(names)} | set(keywords)
        self.traces = []
        self.__wrapped__ = fn
        self.__name__ = getattr(fn, "__name__", "function")
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__qualname__ = getattr(fn, "__qualname__", self.__name__)
        return self

    def __repr__(self) -> str:
        return f"<penstock.function {self.__qualname__}, {len(self.traces)} traces>"

    def trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Return the trace that a call with these arguments runs, making it if there is none.

        Raises:
            Exception: Whatever the function raises while it is traced.
        """
        plan = self._resolve(args, kwargs)[0]
        return next(t for t in self.traces if t.plan is plan)

    @property
    def graph(self) -> Graph:
        """The graph, when there is exactly one trace.

        Raises:
            GraphError: The function has no trace yet, or several.
        """
        if len(self.traces) != 1:
            raise GraphError(
                f"{self.__name__} has {len(self.traces)} traces; call it once first, or pick one of "
                f"{self.__name__}.traces"
            )
        return self.traces[0].graph

    def explain(self) -> str:
        """Say which graphs there are, why each was made, what it assumes, and what would make fewer."""
        lines = [f"{self.__name__}: {len(self.traces)} trace{'s' if len(self.traces) != 1 else ''}"]
        for number, t in enumerate(self.traces, 1):
            lines.append(f"{number}. {t.signature}: {t.reason}")
            lines += [f"   assumes {what}" + (f", at {where}" if where else "") for what, where in t.graph.guards]
            if t.graph.guards:
                lines.append("   to drop an assumption, do not compare or convert that size in Python there")
        if len(self.traces) > 1:
            lines.append("Fewer traces: pass tensors of one dtype and rank, and tensors in place of static values.")
        return "\n".join(lines)

    def memory(self, *args: Any, **kwargs: Any) -> dict[str, int]:
        """Return what one run with these arguments takes, in bytes, without running it.

        Returns:
            `arena_bytes` (intermediate values, planned), `output_bytes`, `constant_bytes`, and
            `unplanned_bytes` (intermediate values without reuse, for comparison).
        """
        t = self.trace(*args, **kwargs)
        leaves = self._bind(args, kwargs)[2]
        return dict(t.plan.memory([asarray(leaf).shape for leaf in leaves]))

    def _bind(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[inspect.BoundArguments, TreeSpec, list[Any]]:
        """Sort arguments by the signature; split tensors from what is static."""
        bound = self._signature.bind(*args, **kwargs)
        free = {k: v for k, v in bound.arguments.items() if k not in self._static}
        fixed = {k: v for k, v in bound.arguments.items() if k in self._static}
        leaves, structure = _native.tree_flatten((free, fixed))
        num_free = len(_native.tree_flatten(free)[0])
        static = [i >= num_free or not _is_traced(leaf) for i, leaf in enumerate(leaves)]
        traced = [leaf for leaf, is_static in zip(leaves, static, strict=True) if not is_static]
        return bound, _native.tree_fix(structure, leaves, static), traced

    def _resolve(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Plan, TreeSpec, list[Any]]:
        """Find a trace that accepts the arguments, or make one. Called by the native side for new shapes."""
        bound, key, leaves = self._bind(args, kwargs)
        tensors = [_as_input(leaf) for leaf in leaves]
        kinds = tuple((t.dtype.code, t.ndim, t.weak) for t in tensors)
        for t in self.traces:
            if t.kinds == kinds and t.inputs == key and t.plan.accepts(tensors):
                return t.plan, t.outputs, leaves
        made = self._trace(bound, key, kinds, tensors)
        self.traces.append(made)
        return made.plan, made.outputs, leaves

    def _trace(
        self, bound: inspect.BoundArguments, key: TreeSpec, kinds: tuple[Any, ...], tensors: Sequence[Tensor]
    ) -> Trace:
        graph = Graph(self.__name__)
        inputs = iter([_input(graph, i, t) for i, t in enumerate(tensors)])
        for name, value in bound.arguments.items():
            if name not in self._static:
                leaves, structure = _native.tree_flatten(value)
                bound.arguments[name] = _native.tree_unflatten(
                    structure, [next(inputs) if _is_traced(leaf) else leaf for leaf in leaves]
                )
        outer = _native.get_scope()
        _native.set_scope("")
        graph.push()
        try:
            result = self.__wrapped__(*bound.args, **bound.kwargs)
            outputs = _outputs(graph, result)
        finally:
            graph.pop()
            _native.set_scope(outer)
        reason = self._why(key, kinds, tensors)
        plan = Plan(passes.optimize(graph))
        signature = ", ".join(f"{code}[{', '.join(map(str, t.shape))}]" for (code, _, _), t in zip(kinds, graph.inputs, strict=True))
        return Trace(f"({signature})", key, kinds, graph, plan, outputs, reason)

    def _why(self, key: TreeSpec, kinds: tuple[Any, ...], tensors: Sequence[Tensor]) -> str:
        if not self.traces:
            return "the first call"
        same_structure = [t for t in self.traces if t.inputs == key]
        if not same_structure:
            return "another structure of arguments, or another static value; pass it as a tensor to share a graph"
        same_kinds = [t for t in same_structure if t.kinds == kinds]
        if not same_kinds:
            return "another dtype or rank; convert the arguments before the call to share a graph"
        return "a size broke what an earlier trace assumes: " + "; ".join(
            what for t in same_kinds for what, _ in t.graph.guards
        )


def function(
    fn: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """Turn a Python function into a graph on its first call, and run the graph from then on.

    Tensors, arrays and numbers in the arguments, also inside lists, tuples and dictionaries, are inputs of the
    graph. Everything else is static: another value makes another graph. A new size does not: sizes are symbols,
    unless the function compares them or takes them as numbers.

    Args:
        fn: Any function of tensors. It may read and assign variables.
        static_argnums: Positions of arguments that are static although they are numbers.
        static_argnames: Names of such arguments.

    Returns:
        A function of the same arguments, with `explain()`, `trace(...)`, `graph` and `memory(...)`.

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
        return lambda inner: Function(inner, positions, names)
    return Function(fn, positions, names)


def _static_arguments(
    fn: Callable[..., Any], names: list[str], argnums: Sequence[int], argnames: Sequence[str]
) -> tuple[list[int], list[str]]:
    what = getattr(fn, "__name__", "the function")
    for name in argnames:
        if name not in names:
            raise InvalidValueError(f"static_argnames has {name!r}; {what} takes {', '.join(names)}")
    for i in argnums:
        if not 0 <= i < len(names):
            raise InvalidValueError(f"static_argnums has {i}; {what} takes {len(names)} arguments")
    positions = sorted({*argnums, *(names.index(n) for n in argnames)})
    return positions, [names[i] for i in positions]


def _is_traced(leaf: Any) -> bool:
    if isinstance(leaf, Tensor):
        return True
    if type(leaf) in (int, float, complex):
        return True
    return hasattr(leaf, "__array__") and not isinstance(leaf, type) and not hasattr(leaf, "_handle")


def _as_input(leaf: Any) -> Tensor:
    if type(leaf) in (int, float, complex):
        return _native.scalar_tensor(leaf, weak=True)
    return leaf if isinstance(leaf, Tensor) else asarray(leaf)


def _input(graph: Graph, number: int, t: Tensor) -> Tensor:
    """Add an input whose sizes are symbols, except 0 and 1, which mean something to broadcasting."""
    shape = [
        d if d in (0, 1) else graph.new_symbol("", int(d)) for d in t.shape
    ]
    return graph.placeholder(t.dtype, shape, f"arg{number}", t.weak)


def _outputs(graph: Graph, result: Any) -> TreeSpec:
    """Make the tensors of a result the graph's outputs; everything else becomes part of the structure."""
    leaves, structure = _native.tree_flatten(result)
    outputs: list[Tensor] = []
    static = []
    for leaf in leaves:
        if hasattr(leaf, "__penstock_tensor__"):
            leaf = leaf.__penstock_tensor__()
        elif type(leaf) in (int, float, complex) or (hasattr(leaf, "__array__") and not isinstance(leaf, Tensor)):
            leaf = asarray(leaf)
        static.append(not isinstance(leaf, Tensor))
        if isinstance(leaf, Tensor):
            outputs.append(_output(graph, leaf))
    graph.outputs = outputs
    return _native.tree_fix(structure, leaves, static)


def _output(graph: Graph, t: Tensor) -> Tensor:
    from penstock import ops

    if not t.is_symbolic:
        return graph.constant(t)
    if t.graph != graph:
        raise GraphError(
            f"the function returned tensor {t.name!r} of another graph; return what the function computed itself"
        )
    if t.weak:  # made of Python numbers only: take the default dtype, as eager calls do
        return ops.cast(t, "float32") if t.dtype.kind == "float" else ops.cast(t, t.dtype)
    return t


def explain_placement(fn: Function | Trace | Graph) -> str:
    """List every node of a traced function with its device, its kernel, and why.

    Args:
        fn: A function that was called, a trace, or a graph.

    Returns:
        A table as text: node, op, device, kernel.

    Raises:
        GraphError: The function has not been called.
    """
    if isinstance(fn, Function):
        if not fn.traces:
            raise GraphError(f"{fn.__name__} has no trace yet; call it once first")
        return "\n\n".join(explain_placement(t) for t in fn.traces)
    graph = fn.optimized if isinstance(fn, Trace) else fn
    rows = [_placement_row(node) for node in graph.nodes if node.op not in ("placeholder", "constant")]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows)


def _placement_row(node: Any) -> tuple[str, str, str, str]:
    device = node.device.rsplit("/device:", 1)[-1] or "cpu:0"
    if node.is_alias:
        return node.name, node.op, device, "no work: another view of its input"
    kernel = _native.kernel_for_node(node)
    if kernel is None:
        return node.name, node.op, device, "the runtime itself"
    provider, isa, priority = kernel
    if priority <= -1000:
        return node.name, node.op, device, (
            "reference (numpy, slow): no installed plugin has a native kernel for these dtypes; "
            "pip install penstock-kernels-cpu, or use float32"
        )
    return node.name, node.op, device, f"{provider} ({isa})"


__all__ = ["Dim", "Function", "Trace", "explain_placement", "function"]
