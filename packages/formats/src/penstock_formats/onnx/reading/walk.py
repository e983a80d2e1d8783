"""The walk over a file's nodes, in their order: each is given the values of its inputs and makes its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import penstock as ps
from penstock import Tensor, _native
from penstock.errors import FormatError, PenstockError
from penstock.graph import eagerly
from penstock_formats.onnx.reading import attributes, bodies, dims
from penstock_formats.onnx.reading.errors import (
    DEEPEST,
    LARGEST,
    UnsupportedOperatorError,
)
from penstock_formats.onnx.reading.names import scope_name
from penstock_formats.onnx.reading.table import Call, Converter, find
from penstock_formats.onnx.reading.values import Value, are_ones

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from penstock_formats.onnx.reading.model import Source

MOST_NODES = 100_000
"""How many nodes may be converted, functions' bodies counted at every call: a small file can call without end."""


class Scope:
    """The values that nodes of one graph can see.

    Args:
        outer: What is around the graph; None for the outermost, and for functions, which see nothing.
        opsets: The opset of each domain.
    """

    def __init__(self, outer: Scope | None, opsets: Mapping[str, int]) -> None:
        self.outer = outer
        self.opsets = opsets
        self.values: dict[str, Value | None] = {"": None}
        self.nodes: Sequence[NodeProto] = ()

    def find(self, name: str) -> Value | None:
        """Return the value of a name.

        Raises:
            KeyError: There is none.
        """
        if name not in self.values:
            if self.outer is None:
                raise KeyError(name)
            found = self.outer.find(name)
            self.values[name] = found.inside() if found is not None else None
        return self.values[name]


class Walk:
    """Converts nodes: into a graph if one is being built, or running them at once.

    Args:
        source: The file's parts.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.depth = 0
        self.left = MOST_NODES
        self.folding = False

    @property
    def building(self) -> bool:
        """Whether ops become nodes."""
        return _native.current_graph() is not None

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Go into a graph or function inside another.

        Raises:
            FormatError: They lie too deep in each other.
        """
        if self.depth >= DEEPEST:
            raise FormatError(
                f"[onnx] graphs or functions lie more than {DEEPEST} deep in each other; does a function call itself?"
            )
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def graph(self, graph: GraphProto, scope: Scope, inputs: Sequence[Value | None]) -> list[Value]:
        """Convert a graph inside a node, with values for its inputs.

        Raises:
            FormatError: It has another number of inputs, or a node cannot be converted.
        """
        inner = Scope(scope, scope.opsets)
        if len(graph.input) != len(inputs):
            raise FormatError(
                f"[onnx] graph {graph.name!r} takes {len(graph.input)} inputs and is given {len(inputs)}; export again"
            )
        inner.values.update(self.source.constants_of(graph))
        inner.values.update((i.name, v) for i, v in zip(graph.input, inputs, strict=True))
        inner.nodes = graph.node
        with self.deeper():
            return self.nodes(graph.node, inner, [o.name for o in graph.output])

    def again(self, scope: Scope, name: str, given: dict[str, Value]) -> Value:
        """Convert again the nodes of a scope's graph that lead to a value, with other values for some names.

        Raises:
            FormatError: There is no such value.
        """
        inner = Scope(scope.outer, scope.opsets)
        made = {o for node in scope.nodes for o in node.output}
        inner.values.update({n: v and v.inside() for n, v in scope.values.items() if n not in made})
        inner.values.update(given)
        wanted, chosen = {name}, []
        for node in reversed(scope.nodes):
            if wanted & set(node.output) - set(given):
                chosen.append(node)
                wanted |= set(node.input)
        with self.deeper():
            return self.nodes(chosen[::-1], inner, [name])[0]

    def nodes(
        self, nodes: Sequence[NodeProto], scope: Scope, outputs: Sequence[str]
    ) -> list[Value]:
        """Convert nodes in their order, and return the values of names."""
        for node in nodes:
            self.node(node, scope)
        return [self._found(scope, name, "the output") for name in outputs]

    def _found(self, scope: Scope, name: str, what: str) -> Value:
        try:
            value = scope.find(name)
        except KeyError:
            value = None
        if value is None:
            raise FormatError(
                f"[onnx] {what} takes {name!r}, which no earlier node makes; nodes must be in the order of the "
                "computation, without cycles: export the model again"
            )
        return value

    def node(self, node: NodeProto, scope: Scope) -> None:
        """Convert one node and give its outputs their names.

        Raises:
            FormatError: It cannot be converted.
        """
        self.left -= 1
        if self.left < 0:
            raise FormatError(
                f"[onnx] functions call each other so often that there are more than {MOST_NODES} nodes; "
                "the file is damaged or made to harm"
            )
        where = f"node {node.name or ', '.join(node.output)!r} ({node.op_type})"
        inputs = [self._found(scope, name, where) if name else None for name in node.input]
        while inputs and inputs[-1] is None:
            inputs.pop()
        results = self._converted(node, scope, inputs, where)
        if len(results) < len([o for o in node.output if o]) and any(node.output[len(results) :]):
            raise FormatError(
                f"[onnx] {where} has {len(node.output)} outputs; the operator makes {len(results)}: export again"
            )
        for name, value in zip(node.output, results, strict=False):
            if name and name in scope.values:
                raise FormatError(
                    f"[onnx] {where} makes {name!r}, which is there already; export the model again"
                )
            if name and value is None:
                raise FormatError(f"[onnx] {where} does not make {name!r}; export the model again")
            if name:
                scope.values[name] = value

    def _converted(
        self, node: NodeProto, scope: Scope, inputs: list[Value | None], where: str
    ) -> list[Value | None]:
        domain = "" if node.domain == "ai.onnx" else node.domain
        local = self.source.function(node)
        if local is not None:
            return list(bodies.local(self, node, local, inputs, where))
        opset = scope.opsets.get(domain)
        schema = None if opset is None else attributes.schema_of(domain, node.op_type, opset)
        if opset is None or schema is None:
            raise UnsupportedOperatorError(
                f"[onnx] {where} of domain {domain or 'ai.onnx'!r}, opset {opset}, is no operator of the standard and "
                "no function of the file; export the model with operators of ai.onnx"
            )
        if not schema.min_input <= len(inputs) <= schema.max_input:
            raise FormatError(
                f"[onnx] {where}, opset {opset}, has {len(inputs)} inputs; the operator takes {schema.min_input} to "
                f"{schema.max_input}: export the model again"
            )
        attrs = attributes.all_of(node, schema, self.source.folder, where)
        call = Call(self, scope, node, opset, attrs)
        converter = find(domain, node.op_type, opset)
        try:
            with _named(self, node):
                if converter is None:
                    return list(bodies.standard(self, call, schema, inputs))
                return self._called(call, converter, inputs)
        except FormatError:
            raise
        except (
            PenstockError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            MemoryError,
        ) as e:
            raise FormatError(f"[onnx] {call.where} cannot be converted: {e}") from e

    def _called(
        self, call: Call, converter: Converter, inputs: list[Value | None]
    ) -> list[Value | None]:
        if self.building and not self.folding and call.node.op_type not in bodies.WITH_GRAPHS:
            counted = dims.computed(call, inputs)
            if counted is not None:
                return counted
            if inputs and all(v is None or v.is_constant for v in inputs):
                folded = self._folded(call, converter, inputs)
                if folded is not None:
                    return folded
        return self.convert(call, converter, inputs)

    def _folded(
        self, call: Call, converter: Converter, inputs: list[Value | None]
    ) -> list[Value | None] | None:
        """Run a node whose inputs are all known, unless its results would be large."""
        self.folding = True
        try:
            with eagerly():
                fresh = [v and v.inside() for v in inputs]
                results = self.convert(call, converter, fresh)
                return [v and _as_numbers(v) for v in results]
        except _TooLargeError:
            return None
        finally:
            self.folding = False

    def keep_small(self, shape: Sequence[Any]) -> None:
        """Give up folding a node whose result would be large."""
        size = 1
        for d in shape:
            size *= int(d) if self.folding else 1
        if self.folding and size > LARGEST:
            raise _TooLargeError

    def convert(
        self, call: Call, converter: Converter, inputs: list[Value | None]
    ) -> list[Value | None]:
        """Call a converter, and make values of what it returns."""
        if converter.elementwise:
            rank = _common_rank(inputs)
            if rank:
                tensors = [v and _with_channels_last(v, rank) for v in inputs]
                return [Value(last=t) for t in _listed(converter.function(call, *tensors))]
        if converter.tensors:
            made = converter.function(call, *[v and v.tensor for v in inputs])
        else:
            made = converter.function(call, *inputs)
        return [Value(t) if isinstance(t, Tensor) else t for t in _listed(made)]


class _TooLargeError(Exception):
    """What a node would make is too large to be computed by the reader."""


def _listed(made: Any) -> list[Any]:
    return list(made) if isinstance(made, list | tuple) else [made]


def _as_numbers(value: Value) -> Value:
    if value.items is not None:
        return Value(items=[_as_numbers(v) for v in value.items])
    if value.has_dims:
        return value
    dtype = value.dtype
    array = value.host
    if dtype == "bfloat16":  # NumPy has none: keep the tensor
        return Value(value.tensor)
    return Value(host=array, dtype="string" if dtype == "string" else "")


def _common_rank(inputs: Sequence[Value | None]) -> int:
    """Return the rank in which an elementwise node can go on with channels last, or 0."""
    given = [v for v in inputs if v is not None]
    if not any(v.is_last for v in given):
        return 0
    return max(v.ndim for v in given if v.is_last) if _fit(given) else 0


def _fit(given: Sequence[Value]) -> bool:
    rank = max(v.ndim for v in given if v.is_last)
    return all(v.ndim <= rank for v in given)


def _with_channels_last(value: Value, rank: int) -> Tensor:
    if value.ndim == rank:
        return value.last
    if value.ndim == 0:
        return value.tensor
    t = value.tensor
    if t.ndim == rank - 1 and are_ones(t.shape[1:]):
        return ps.reshape(t, (t.shape[0],))
    t = ps.reshape(t, (*[1] * (rank - t.ndim), *t.shape))
    return ps.transpose(t, (0, *range(2, rank), 1))


@contextmanager
def _named(walk: Walk, node: NodeProto) -> Iterator[None]:
    name = scope_name(node)
    if not walk.building or not name:
        yield
        return
    outer = _native.get_scope()
    _native.set_scope(f"{outer}/{name}" if outer else name)
    try:
        yield
    finally:
        _native.set_scope(outer)
