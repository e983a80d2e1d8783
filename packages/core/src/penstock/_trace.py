"""Tracing: one run of a Python function on symbols instead of values, kept as a graph and its plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock import _native, ops
from penstock._dataclass import dataclass
from penstock._native import Graph, Plan, Tensor, TreeSpec
from penstock.errors import GraphError, InvalidTypeError

NUMBERS = (int, float, complex)  # these exactly: a bool is static


@dataclass(frozen=True)
class Key:
    """What a trace depends on besides sizes; calls that agree in it may share the trace."""

    structure: TreeSpec  # of the arguments; static values are part of it
    kinds: tuple[tuple[str, int, bool], ...]  # dtype, rank and weakness of every input
    device: str  # of the `with device(...)` block around the call
    hunting: bool  # whether debug_nans was on: then no step hides the ops that it is made of


@dataclass
class Trace:
    """One graph made from a function, with the calls that it serves."""

    signature: str
    key: Key
    graph: Graph  # as traced
    plan: Plan  # optimised and ready
    outputs: TreeSpec
    reason: str

    @property
    def optimized(self) -> Graph:
        """The graph after all passes."""
        return self.plan.graph

    def explain(self) -> list[str]:
        """Say why this trace was made and what it assumes, a line for each."""
        lines = [f"{self.signature}: {self.reason}"]
        told: set[frozenset[str]] = set()
        for what, where in self.graph.guards:
            sides = frozenset(what.split(" == "))  # "a == b" says what "b == a" says
            if sides not in told:
                told.add(sides)
                lines.append(f"   assumes {what}" + (f", at {where}" if where else ""))
        return lines


class Slot:
    """The place of a tensor among a call's arguments, while they are sorted by the function's signature."""

    def __init__(self, number: int) -> None:
        self.number = number


class Static:
    """A static value as a part of a trace's key: equal when it means the same to the traced code.

    Values that can be dictionary keys are compared; everything else, variables and modules for instance, is only
    equal to itself.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static) or type(self.value) is not type(other.value):
            return False
        if self.value is other.value:
            return True
        if isinstance(self.value, (float, complex)):
            return repr(self.value) == repr(other.value)  # tells -0.0 from 0.0, and NaN is NaN
        try:
            return hash(self.value) == hash(other.value) and (self.value == other.value) is True
        except TypeError:
            return False


def need_function(what: str, fn: Any) -> None:
    """Refuse what cannot be called.

    Args:
        what: Who wants the function, for the message.
        fn: What was given.

    Raises:
        InvalidTypeError: It is no function.
    """
    if not callable(fn):
        raise InvalidTypeError(
            f"[{what}] got {type(fn).__name__} where it takes a function; give one, such as lambda x: x * x"
        )


def is_traced(leaf: Any) -> bool:
    """Whether a leaf of the arguments becomes an input: a tensor, an array or a number, but no variable."""
    if isinstance(leaf, Tensor) or type(leaf) in NUMBERS:
        return True
    return (
        hasattr(leaf, "__array__")
        and not isinstance(leaf, type)
        and not hasattr(leaf, "__penstock_tensor__")
    )


def as_input(leaf: Any) -> Tensor:
    """Make the tensor that stands for a traced leaf; a Python number is weak, as in eager calls."""
    if type(leaf) in NUMBERS:
        return _native.scalar_tensor(leaf, weak=True)
    return ops.asarray(leaf)


def trace(
    name: str, fn: Callable[..., Any], bound: inspect.BoundArguments, inputs: Sequence[Tensor]
) -> tuple[Graph, TreeSpec]:
    """Run `fn` on symbols.

    Args:
        name: The graph's name.
        fn: The Python function.
        bound: Its arguments, with a `Slot` in place of every input.
        inputs: What the slots stand for in this call.

    Returns:
        The graph, and the structure of the function's result.

    Raises:
        Exception: What `fn` raises.
    """
    graph = Graph(name)
    with _building(graph):
        symbols = [_add_input(graph, number, t) for number, t in enumerate(inputs)]
        for parameter, value in bound.arguments.items():
            leaves, structure = _native.tree_flatten(value)
            filled = [symbols[leaf.number] if isinstance(leaf, Slot) else leaf for leaf in leaves]
            bound.arguments[parameter] = _native.tree_unflatten(structure, filled)
        return graph, set_outputs(graph, fn(*bound.args, **bound.kwargs))


@contextmanager
def _building(graph: Graph) -> Iterator[None]:
    """Append to `graph`, undisturbed by the name scope and the tapes around the call."""
    scope = _native.get_scope()
    tapes = _native.pause_tapes()
    _native.set_scope("")
    graph.push()
    try:
        yield
    finally:
        graph.pop()
        _native.set_scope(scope)
        _native.resume_tapes(tapes)


def _add_input(graph: Graph, number: int, t: Tensor) -> Tensor:
    """Add an input whose sizes are symbols, except 0 and 1, which mean something to broadcasting."""
    shape = [d if d in (0, 1) else graph.new_symbol("", int(d)) for d in t.shape]
    return graph.placeholder(t.dtype, shape, f"arg{number}", t.weak)


def set_outputs(graph: Graph, result: Any) -> TreeSpec:
    """Make the tensors of a result the graph's outputs; everything else becomes part of the structure."""
    leaves, structure = _native.tree_flatten(result)
    values = [_output(graph, leaf) for leaf in leaves]
    graph.outputs = [value for value in values if isinstance(value, Tensor)]
    return _native.tree_fix(structure, values, [not isinstance(value, Tensor) for value in values])


def _output(graph: Graph, leaf: Any) -> Any:
    """Return the graph's tensor for a leaf of the result; what is no number, array or tensor stays as it is."""
    if hasattr(leaf, "__penstock_tensor__"):
        leaf = leaf.__penstock_tensor__()
    if not is_traced(leaf):
        return leaf
    t = ops.asarray(leaf)
    if not t.is_symbolic:
        return graph.constant(t)
    if t.graph != graph:
        raise GraphError(
            f"[{graph.name}] returned tensor {t.name!r} of another graph; return what the function computed itself"
        )
    if t.weak:  # made of Python numbers only: it takes the default dtype, as in eager calls
        return ops.cast(t, "float32" if t.dtype.kind == "float" else t.dtype)
    return t
