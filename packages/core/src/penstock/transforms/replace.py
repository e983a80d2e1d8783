"""Parts of a graph that look like a pattern are replaced; pattern and replacement are Python functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from penstock._inner_graphs import inner_graphs
from penstock._native import Dim, Graph, Node, Tensor
from penstock.errors import GraphError, InvalidValueError
from penstock.function import Function
from penstock.passes._rewrite import rewrite
from penstock.passes.prune import prune
from penstock.saved.model import GraphModel
from penstock.transforms._models import need_model, with_functions, with_graph

_COMMUTE: Final = ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "equal")

# From the number of a pattern's value to the tensor that it stands for.
Binding = Mapping[int, Tensor]


def replace(
    model: GraphModel,
    pattern: Callable[..., Any],
    replacement: Callable[..., Any],
    example: Sequence[Any],
    where: Callable[..., bool] | None = None,
) -> tuple[GraphModel, int]:
    """Replace every part of a model's graphs that computes what a pattern does.

    The pattern is traced with the example into a graph, and found wherever the same ops stand with the same
    attributes; sizes do not matter, the order of a sum's or a product's operands neither. Numbers in the pattern must
    be equal.

    Args:
        model: A model.
        pattern: A function of tensors that returns one tensor.
        replacement: A function of the same tensors that computes what stands in its place, of the same dtype and shape.
        example: A tensor for each parameter of the pattern, of the dtype and rank that it has in the graph; sizes
            other than 1.
        where: Called with the tensors of each place that was found; where it returns False nothing is replaced.

    Returns:
        The new model, and how many places were replaced.

    Raises:
        InvalidTypeError: `model` is none.
        InvalidValueError: The pattern returns another number of tensors, or only hands on what it got.
        GraphError: The replacement has another dtype or shape.

    >>> import penstock as ps
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n", 3), name="x")
    ...     graph.inputs, graph.outputs = [x], [ps.sigmoid(x) * x]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)})
    >>> model, count = replace(model, lambda x: x * ps.sigmoid(x), ps.nn.silu, [ps.ones((2, 3))])
    >>> count, [node.op for node in model.default.graph.nodes]
    (1, ['placeholder', 'silu'])
    """
    need_model("replace", model)
    finder = _Finder(Function(pattern, autograph=False).trace(*example).graph, where)
    functions = {
        name: with_graph(f, finder.replaced(f.graph, replacement))
        for name, f in model.functions.items()
    }
    return with_functions(model, functions), finder.count


class _Finder:
    """Finds a pattern's graph in others."""

    def __init__(self, pattern: Graph, where: Callable[..., bool] | None) -> None:
        if len(pattern.outputs) != 1 or pattern.outputs[0].node.op in ("placeholder", "constant"):
            raise InvalidValueError(
                f"[transforms.replace] the pattern has {len(pattern.outputs)} results; it must compute one tensor out "
                "of its inputs"
            )
        self.count = 0
        self._pattern = pattern
        self._where = where

    def replaced(self, graph: Graph, replacement: Callable[..., Any]) -> Graph:
        copies: dict[int, Tensor] = {}  # what stands for a value in the new graph

        def change(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
            copies.update(zip((t.value_index for t in node.inputs), inputs, strict=True))
            found = self._find(node)
            if found is None:
                return None
            made = replacement(*(copies[t.value_index] for t in found))
            self._check(node.outputs[0], made)
            self.count += 1
            return [made]

        return prune(rewrite(graph, change))

    def _find(self, node: Node) -> list[Tensor] | None:
        """Return what the pattern's inputs stand for, if it ends in this node."""
        root = self._pattern.outputs[0]
        if node.op != root.node.op or len(node.outputs) != len(root.node.outputs):
            return None
        for binding in _matches(root, node.outputs[0], {}):
            if all(t.value_index in binding for t in self._pattern.inputs):
                tensors = [binding[t.value_index] for t in self._pattern.inputs]
                if self._where is None or self._where(*tensors):
                    return tensors
        return None

    def _check(self, target: Tensor, made: Any) -> None:
        if isinstance(made, Tensor) and (made.dtype, str(made.shape)) == (
            target.dtype,
            str(target.shape),
        ):
            return
        told = f"{made.dtype.name}{made.shape}" if isinstance(made, Tensor) else type(made).__name__
        raise GraphError(
            f"[transforms.replace] the replacement of {target.name!r} is {told}; expected {target.dtype.name}"
            f"{target.shape}: cast or reshape it"
        )


def _matches(p: Tensor, t: Tensor, binding: Binding) -> Iterator[Binding]:
    """Give every way in which a pattern's value stands for a graph's."""
    if p.value_index in binding:
        if binding[p.value_index].value_index == t.value_index:
            yield binding
        return
    if p.node.op == "placeholder":
        if p.dtype == t.dtype and p.ndim == t.ndim:
            yield {**binding, p.value_index: t}
        return
    if p.node.op == "constant":
        if t.node.op == "constant" and _equal_values(p, t):
            yield binding
        return
    if not _same_call(p, t):
        return
    theirs = t.node.inputs
    orders = [theirs]
    if p.node.op in _COMMUTE and len(theirs) == 2:
        orders.append(theirs[::-1])
    for order in orders:
        for found in _match_all(p.node.inputs, order, binding):
            yield {**found, p.value_index: t}


def _match_all(ps: Sequence[Tensor], ts: Sequence[Tensor], binding: Binding) -> Iterator[Binding]:
    if not ps:
        yield binding
        return
    for first in _matches(ps[0], ts[0], binding):
        yield from _match_all(ps[1:], ts[1:], first)


def _same_call(p: Tensor, t: Tensor) -> bool:
    """Whether two values are the same output of the same op with the same attributes."""
    a, b = p.node, t.node
    if a.op != b.op or len(a.inputs) != len(b.inputs) or len(a.outputs) != len(b.outputs):
        return False
    if b.control_inputs or b.effects != "none" or inner_graphs(a):
        return False
    place = [o.value_index for o in a.outputs].index(p.value_index)
    if b.outputs[place].value_index != t.value_index:
        return False
    return all(_same_attr(value, b.attrs.get(name)) for name, value in a.attrs.items())


def _same_attr(a: Any, b: Any) -> bool:
    if any(isinstance(v, tuple | list) and any(isinstance(d, Dim) for d in v) for v in (a, b)):
        return isinstance(a, tuple | list) and isinstance(b, tuple | list) and len(a) == len(b)
    return bool(a == b)


def _equal_values(p: Tensor, t: Tensor) -> bool:
    ours, theirs = p.node.attrs["value"], t.node.attrs["value"]
    if ours.size != theirs.size or (ours.dtype == "string") != (theirs.dtype == "string"):
        return False
    return bool(np.array_equal(ours.numpy().reshape(-1), theirs.numpy().reshape(-1)))
