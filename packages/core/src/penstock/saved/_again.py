"""A graph's ops called again on other inputs, with the sizes of these in place of its symbols."""

from __future__ import annotations

import ast
import functools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock import _native, ops
from penstock._bodies import building, within
from penstock._inner_graphs import inner_graphs
from penstock._native import Dim, Graph, Tensor
from penstock.errors import GraphError, ShapeError

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">=": operator.ge,
}
# Sees a node with its inputs and outputs.
Watch = Callable[[Any, "list[Tensor]", Sequence[Tensor]], None]


def call_again(graph: Graph, inputs: Sequence[Tensor], watch: Watch | None = None) -> list[Tensor]:
    """Call the ops of a graph on other inputs, at once or in the graph that is being built.

    Args:
        graph: The graph.
        inputs: A tensor for each of its inputs.
        watch: Is shown every node that was called, if all happens at once.

    Returns:
        A tensor for each of its outputs.

    Raises:
        ShapeError: Sizes break what the graph assumes.
        PenstockError: An op does not take these inputs.
    """
    at_once = _native.current_graph() is None and not any(t.is_symbolic for t in inputs)
    if at_once:
        return _Again(graph, inputs, at_once=True, watch=watch).run(graph, inputs)
    with within(*inputs):
        return _Again(graph, inputs, at_once=False).run(graph, inputs)


class _Again:
    """One call: its inputs say how large each symbol is."""

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Tensor],
        *,
        at_once: bool,
        watch: Watch | None = None,
    ) -> None:
        self._at_once = at_once
        self._watch = watch
        self._symbols = frozenset(graph.symbols)
        self._sizes: dict[str, Any] = {}  # symbols and formulas
        for formal, t in zip(graph.inputs, inputs, strict=True):
            for symbol, size in zip(formal.shape, t.shape, strict=True):
                if isinstance(symbol, Dim):
                    self._sizes.setdefault(str(symbol), size)
        for assumption, _ in graph.guards:
            self._check(graph.name, assumption)

    def _check(self, name: str, assumption: str) -> None:
        """Refuse sizes that break what the graph assumes; what no input tells cannot be checked."""
        a, sign, b = re.split(r" (==|!=|<|>=) ", assumption)
        try:
            left, right = (evaluate_size(side, self._sizes.__getitem__) for side in (a, b))
        except KeyError:
            return
        # Of symbols this is a question that the outer graph answers, and keeps as its own assumption.
        if not _COMPARISONS[sign](left, right):
            raise ShapeError(
                f"[{name}] it assumes {assumption}, which does not hold for {left} and {right}; give other sizes, or save "
                "the function for these"
            )

    def run(self, graph: Graph, inputs: Sequence[Tensor]) -> list[Tensor]:
        values = dict(zip((t.value_index for t in graph.inputs), inputs, strict=True))
        for node in graph.nodes:
            if node.op == "placeholder":
                continue
            given = [values[t.value_index] for t in node.inputs]
            made = self._node(node, given)
            if self._watch is not None:
                self._watch(node, given, made)
            values.update((old.value_index, t) for old, t in zip(node.outputs, made, strict=True))
        return [values[t.value_index] for t in graph.outputs]

    def _node(self, node: Any, given: list[Tensor]) -> Sequence[Tensor]:
        attrs = node.attrs
        if node.op == "constant":  # the value itself, which a tape may watch
            return [attrs["value"]]
        if inner_graphs(node):
            if self._at_once:
                return self._now(node.op, attrs, given)
            attrs = {k: self._body(v) if isinstance(v, Graph) else v for k, v in attrs.items()}
        return _native.call_op(node.op, given, self.with_sizes(attrs))

    def with_sizes(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            k: [self._size(item) for item in v] if isinstance(v, tuple | list) else v
            for k, v in attrs.items()
        }

    def _size(self, size: Any) -> Any:
        if not isinstance(size, Dim):
            return size
        text = str(size)
        if text not in self._sizes:
            self._sizes[text] = evaluate_size(text, self._symbol)
        return self._sizes[text]

    def _symbol(self, name: str) -> Any:
        """Return the size of a symbol; one that no input has, such as a loop's number of steps, is new here too."""
        if name not in self._sizes:
            target = _native.current_graph()
            if target is None or name not in self._symbols:
                raise GraphError(f"the size {name!r} is not known: no input of the graph has it")
            self._sizes[name] = target.new_symbol(f"{name}_{len(target.symbols)}", None)
        return self._sizes[name]

    def _body(self, body: Graph) -> Graph:
        """Copy a body into the graph that is being built."""
        if not body.shares_symbols:
            return body
        for name in body.symbols:
            if name in self._symbols:
                self._symbol(name)  # made before the body is, in the graph around it
        made = Graph(body.name, _native.current_graph())
        with building(made):
            formals = [
                made.placeholder(t.dtype, [self._size(d) for d in t.shape], t.node.name, t.weak)
                for t in body.inputs
            ]
            results = self.run(body, formals)
            made.outputs = [t if t.is_symbolic else made.constant(t) for t in results]
        made.close()
        return made

    def _now(self, op: str, attrs: dict[str, Any], given: list[Tensor]) -> list[Tensor]:
        """Run control flow by Python, so that tapes see what its bodies do."""
        match op:
            case "call":
                graph = attrs["graph"]
                return self.run(graph, given) if graph.shares_symbols else call_again(graph, given)
            case "cond":
                pred, *operands = given
                return self.run(
                    attrs["then_graph"] if bool(pred) else attrs["else_graph"], operands
                )
            case "while":
                return self._while(attrs, given)
        return self._scan(attrs, given)

    def _while(self, attrs: dict[str, Any], given: list[Tensor]) -> list[Tensor]:
        count, most, body = attrs["num_carried"], attrs["max_iterations"], attrs["body"]
        carried, others = given[:count], given[count:]
        rounds: list[list[Tensor]] = []
        while (most is None or len(rounds) < most) and bool(
            self.run(attrs["cond"], [*carried, *others])[0]
        ):
            made = self.run(body, [*carried, *others])
            carried = made[:count]
            rounds.append(made[count:])
        self._sizes[str(attrs["steps"][0])] = len(rounds)
        return [*carried, *self._stacked(rounds, body.outputs[count:])]

    def _scan(self, attrs: dict[str, Any], given: list[Tensor]) -> list[Tensor]:
        first, second = attrs["num_carried"], attrs["num_carried"] + attrs["num_scanned"]
        carried, rows, others = given[:first], given[first:second], given[second:]
        numbers = list(range(int(self._size(attrs["length"][0]))))
        rounds: list[list[Tensor]] = [[]] * len(numbers)
        for i in reversed(numbers) if attrs["reverse"] else numbers:
            made = self.run(attrs["body"], [*carried, *(t[i] for t in rows), *others])
            carried, rounds[i] = made[:first], made[first:]
        return [*carried, *self._stacked(rounds, attrs["body"].outputs[first:])]

    def _stacked(
        self, rounds: Sequence[Sequence[Tensor]], like: Sequence[Tensor]
    ) -> Sequence[Tensor]:
        if not rounds:
            return [ops.zeros((0, *(self._size(d) for d in t.shape)), t.dtype) for t in like]
        return [ops.stack(column) for column in zip(*rounds, strict=True)]


def with_sizes_of(
    graph: Graph, inputs: Sequence[Tensor], attrs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return attributes with the sizes that a graph's symbols have for these inputs."""
    return _Again(graph, inputs, at_once=True).with_sizes(attrs)


def evaluate_size(text: str, symbol: Callable[[str], Any]) -> Any:
    """Compute a size from its text: symbols, whole numbers and arithmetic.

    Args:
        text: As `str` of a size gives it.
        symbol: The size of a symbol.

    Raises:
        KeyError: The text is something else.
    """
    return _evaluate(_parsed(text), symbol)


@functools.lru_cache(4096)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _evaluate(tree: ast.expr, symbol: Callable[[str], Any]) -> Any:
    match tree:
        case ast.Name(id=name):
            return symbol(name)
        case ast.Constant(value=int() as number):
            return number
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_evaluate(left, symbol), _evaluate(right, symbol))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, symbol)
        case ast.Call(func=ast.Name(id="max"), args=[a, b]):
            return _largest(_evaluate(a, symbol), _evaluate(b, symbol))
    raise KeyError(ast.unparse(tree))


def _largest(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    return a.max(b) if isinstance(a, Dim) else b.max(a)
