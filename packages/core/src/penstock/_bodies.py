"""Bodies of control flow: graphs made from Python functions while another graph is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock import _native, ops
from penstock._dataclass import dataclass, field
from penstock._inner_graphs import assigned_by
from penstock._native import Graph, Tensor, TreeSpec
from penstock._trace import is_traced
from penstock.dtypes import float32
from penstock.errors import InvalidTypeError
from penstock.passes._rewrite import rewrite


@dataclass
class Body:
    """A graph made from a function, with the outer tensors that its last inputs stand for."""

    graph: Graph
    structure: TreeSpec  # of the function's result
    captured: list[Tensor] = field(default_factory=list)


@contextmanager
def building(graph: Graph) -> Iterator[None]:
    """Append to `graph`, undisturbed by the name scope and the tapes around it."""
    scope, tapes = _native.get_scope(), _native.pause_tapes()
    _native.set_scope("")
    graph.push()
    try:
        yield
    finally:
        graph.pop()
        _native.set_scope(scope)
        _native.resume_tapes(tapes)


@contextmanager
def within(*values: Any) -> Iterator[None]:
    """Append to the current graph, or to the graph of a symbolic tensor among `values`."""
    if _native.current_graph() is not None:
        yield
        return
    leaves = _native.tree_flatten(values)[0]
    found = [t.graph for t in leaves if isinstance(t, Tensor) and t.graph is not None]
    found[0].push()
    try:
        yield
    finally:
        found[0].pop()


def is_building(*values: Any) -> bool:
    """Whether control flow becomes a node: a graph is being built, or a value is symbolic."""
    if _native.current_graph() is not None:
        return True
    leaves = _native.tree_flatten(values)[0]
    return any(isinstance(t, Tensor) and t.is_symbolic for t in leaves)


def tensors_of(what: str, value: Any) -> tuple[list[Tensor], TreeSpec]:
    """Take a structure of tensors, arrays and numbers apart; numbers get their default dtype."""
    leaves, structure = _native.tree_flatten(value)
    return [as_tensor(what, leaf) for leaf in leaves], structure


def as_tensor(what: str, leaf: Any, keep_weak: bool = False) -> Tensor:
    """Make a tensor, symbolic or not, with a dtype of its own unless `keep_weak`.

    Raises:
        InvalidTypeError: The leaf is nothing that a tensor can be made of.
    """
    if hasattr(leaf, "__penstock_tensor__"):
        leaf = leaf.__penstock_tensor__()
    if not is_traced(leaf) and not isinstance(leaf, bool):
        raise InvalidTypeError(
            f"{what} is {leaf!r} ({type(leaf).__name__}); it must be a tensor, an array or a number"
        )
    t = _number_or_tensor(leaf)
    return t if keep_weak else settle(t)


def _number_or_tensor(leaf: Any) -> Tensor:
    """Make a tensor; a Python number is weak, as in arithmetic."""
    if isinstance(leaf, Tensor):
        return leaf
    number = type(leaf) in (int, float, complex)
    return _native.scalar_tensor(leaf, weak=True) if number else ops.asarray(leaf)


def settle(t: Tensor) -> Tensor:
    """Give a number the dtype that numbers have when nothing else says; leave anything else alone."""
    return ops.cast(t, _number_dtype(t)) if t.weak else t


_KINDS = {"signed": 1, "unsigned": 1, "float": 2, "complex": 3}


def _number_dtype(t: Tensor) -> Any:
    return float32 if t.dtype.kind == "float" else t.dtype


def common_dtype(a: Tensor, b: Tensor) -> Any:
    """Find the dtype of a place where both stand: numbers give way."""
    if a.weak and b.weak:
        return _number_dtype(max(a, b, key=lambda t: _KINDS[t.dtype.kind]))
    return b.dtype if a.weak else a.dtype


def adopt(leaf: Any, dtype: Any) -> Any:
    """Give a number the dtype of the place where it goes, if that holds its kind; leave anything else alone."""
    if not isinstance(leaf, (int, float, complex, Tensor)):
        return leaf
    t = _number_or_tensor(leaf)
    fits = t.weak and _KINDS[t.dtype.kind] <= _KINDS.get(dtype.kind, 0)
    return ops.cast(t, dtype) if fits else leaf


def build(
    name: str,
    formals: Sequence[tuple[Any, Sequence[Any]]],
    fn: Callable[[list[Tensor]], Any],
    keep_weak: bool = False,
) -> Body:
    """Make a graph from a function of tensors.

    Tensors of graphs around it that the function uses become further inputs.

    Args:
        name: The graph's name.
        formals: The dtype and shape of each of the function's arguments.
        fn: Gets the graph's inputs; returns a structure of tensors, numbers and None.
        keep_weak: Whether numbers that it returns may still take any dtype.

    Returns:
        The body; its graph shares the symbols of the current graph.

    Raises:
        Exception: What `fn` raises.
    """
    graph = Graph(name, _native.current_graph())
    with building(graph):
        inputs = [
            graph.placeholder(dtype, shape, f"arg{i}") for i, (dtype, shape) in enumerate(formals)
        ]
        leaves, structure = _native.tree_flatten(fn(inputs))
        what = f"[{name}] what the function returns"
        made = [
            None
            if leaf is None
            else graph.capture(_in_graph(graph, as_tensor(what, leaf, keep_weak)))
            for leaf in leaves
        ]
        graph.outputs = [t for t in made if t is not None]
        structure = _native.tree_fix(structure, made, [t is None for t in made])
    return Body(graph, structure, list(graph.captured))


def _in_graph(graph: Graph, t: Tensor) -> Tensor:
    return t if t.is_symbolic else graph.constant(t)


def finish(bodies: Sequence[Body], num_formals: int) -> list[Tensor]:
    """Give all bodies of one node the same inputs, and return the outer tensors behind those captured.

    Reads of variables that no body assigns are moved outside, where gradients find them.
    """
    assigned = {v for body in bodies for node in body.graph.nodes for v in assigned_by(node)}
    reads: dict[Any, Tensor] = {}
    for body in bodies:
        body.graph.close()
        _lift_reads(body, assigned, reads)
    _show_variables(bodies, assigned, reads)
    order: dict[int, Tensor] = {t.value_index: t for body in bodies for t in body.captured}
    for body in bodies:
        inputs = list(body.graph.inputs)
        known = {t.value_index: i for t, i in zip(body.captured, inputs[num_formals:], strict=True)}
        missing = {
            v: body.graph.placeholder(t.dtype, t.shape, t.name.replace(":", "_"))
            for v, t in order.items()
            if v not in known
        }
        body.graph.inputs = inputs[:num_formals] + [{**known, **missing}[v] for v in order]
        body.captured = list(order.values())
    return list(order.values())


def _lift_reads(body: Body, assigned: set[Any], reads: dict[Any, Tensor]) -> None:
    """Make reads of variables inputs: they are read once, in the graph outside."""
    lifted: dict[Any, Tensor] = {}

    def lift(node: Any, inputs: list[Tensor]) -> list[Tensor] | None:
        if node.op != "read_variable" or node.attrs["variable"] in assigned:
            return None
        variable = node.attrs["variable"]
        if variable not in lifted:
            graph = _native.current_graph()
            assert graph is not None  # rewrite pushed it
            lifted[variable] = graph.placeholder(variable.dtype, variable.shape, variable.name)
        return [lifted[variable]]

    if not any(node.op == "read_variable" for node in body.graph.nodes):
        return
    body.graph = rewrite(body.graph, lift)
    for variable in lifted:
        if variable not in reads:
            reads[variable] = ops.read_variable(variable)
    body.graph.inputs = [*body.graph.inputs, *lifted.values()]
    body.captured += [reads[v] for v in lifted]


def _show_variables(bodies: Sequence[Body], assigned: set[Any], reads: dict[Any, Tensor]) -> None:
    """Make the first values of variables that a body reads and assigns inputs too, though no op uses them.

    There gradients of the reads inside find the variable. What is still unused when graphs are optimised is left out.
    """
    for body in bodies:
        found = [n.attrs["variable"] for n in body.graph.nodes if n.op == "read_variable"]
        for variable in dict.fromkeys(found):
            if variable in assigned and variable.dtype.kind in ("float", "complex"):
                if variable not in reads:
                    reads[variable] = ops.read_variable(variable)
                body.graph.placeholder(variable.dtype, variable.shape, variable.name)
                body.captured.append(reads[variable])


def residuals(graph: Graph, stacked: bool) -> list[Tensor]:
    """Find what a gradient cannot compute again: the results of nodes that draw random numbers, read or write.

    Args:
        graph: A body.
        stacked: Whether its outputs are stacked, so that strings and stacks of unknown length are left out.
    """
    found = []
    for node in graph.nodes:
        if node.op != "placeholder" and node.effects != "none":
            found += [t for t in node.outputs if not (stacked and _cannot_stack(node, t))]
    return found


def _cannot_stack(node: Any, t: Tensor) -> bool:
    if t.dtype == "string":
        return True
    # By their texts: to compare sizes is to assume something about them.
    return node.op == "while" and str(node.attrs["steps"][0]) in [str(d) for d in t.shape[:1]]
