"""Goes through a graph and writes each node, with each value in the layout that its consumers want.

Penstock's images have their channels last, ONNX's first. A value may be kept in both forms; the other one is made by
a Transpose when somebody asks for it. So a chain of convolutions has transposes at its ends only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.onnx.writing._emitter import as_array, bfloat16_bits
from penstock_formats.onnx.writing._sizes import Sizes
from penstock_formats.onnx.writing._table import COMPLEX, ELEMENTWISE, EXPORTERS, FAST, is_complex
from penstock_formats.onnx.writing._values import Value

if TYPE_CHECKING:
    from penstock._native import Graph, Node, Tensor, Variable
    from penstock_formats.onnx.writing._emitter import Emitter

Axes = tuple[int, ...]


def channels_first_axes(rank: int) -> Axes:
    """Return the permutation that puts the last axis behind the first."""
    return (0, rank - 1, *range(1, rank - 1))


def channels_last_axes(rank: int) -> Axes:
    """Return the permutation that puts the second axis last."""
    return (0, *range(2, rank), 1)


class GraphWriter:
    """Writes one graph.

    Args:
        graph: What to write.
        emitter: Where to.
        variables: The name of each variable, by its handle's number.
        parent: The writer of the graph around this one.
    """

    def __init__(
        self,
        graph: Graph,
        emitter: Emitter,
        variables: Mapping[int, str],
        parent: GraphWriter | None = None,
    ) -> None:
        self.graph = graph
        self.emitter = emitter
        self.variables = variables
        self.parent = parent
        self.sizes: Sizes = Sizes(self, parent.sizes if parent else None)
        self._plain: dict[int, Value] = {}
        self._first: dict[int, Value] = {}
        self._arrays: dict[int, tuple[str, np.ndarray[Any, Any]]] = {}
        self._reshaped: dict[tuple[int, str], Value] = {}

    # ---- going through the graph

    def write(self) -> None:
        """Write every node.

        Raises:
            FormatError: ONNX cannot express one.
        """
        for node in self.graph.nodes:
            if node.op != "placeholder":
                self._write_node(node)
            for t in node.outputs:
                if t.value_index in self._plain or t.value_index in self._first:
                    self.sizes.learn(t)

    def _write_node(self, node: Node) -> None:
        self.emitter.scope = node.name
        if is_complex(node):
            made = COMPLEX[node.op](self, node)
            self.keep(node.outputs[0], made)
            return
        if node.op in ELEMENTWISE:
            self._write_elementwise(node)
            return
        fast = self.emitter.fast and node.op in FAST and _has_bytes(node)
        made = (FAST if fast else EXPORTERS)[node.op](self, node)
        if isinstance(made, Value):
            made = [made]
        for t, value in zip(node.outputs, made or (), strict=False):
            self.keep(t, value)

    def _write_elementwise(self, node: Node) -> None:
        (out,) = node.outputs
        first = any(self.prefers_first(t) and t.ndim == out.ndim for t in node.inputs)
        inputs = [self._aligned(t, out.ndim) if first else self.value(t) for t in node.inputs]
        result = ELEMENTWISE[node.op](*inputs, **node.attrs)
        (self.keep_first if first else self.keep)(out, result)

    def _aligned(self, t: Tensor, rank: int) -> Value:
        """Return a tensor as it broadcasts against one of `rank` axes with its channels first."""
        if t.ndim == rank:
            return self.first(t)
        if t.ndim == 0:
            return self.value(t)
        key = (t.value_index, f"first of {rank}")
        if key not in self._reshaped:
            missing = tuple(range(rank - t.ndim))
            axes = channels_first_axes(rank)
            if t.value_index in self._arrays and not self._is_variable(t):
                array = np.expand_dims(self._arrays[t.value_index][1], missing).transpose(axes)
                made = self._constant_array(array, t)
            elif t.ndim == 1:
                made = self.value(t).unsqueeze(*range(1, rank - 1))
            else:
                made = self.value(t).unsqueeze(*missing).transpose(axes)
            self._reshaped[key] = made
        return self._reshaped[key]

    # ---- what is known of values

    def keep(self, t: Tensor, value: Value) -> None:
        """Remember the value of a tensor."""
        self._plain[t.value_index] = value

    def keep_first(self, t: Tensor, value: Value) -> None:
        """Remember the value of a tensor, with the channels first."""
        self._first[t.value_index] = value

    def keep_array(self, t: Tensor, array: np.ndarray[Any, Any], name: str = "") -> None:
        """Remember what a tensor always is: under this name, if it is a variable."""
        self._arrays[t.value_index] = name, array

    def value(self, t: Tensor) -> Value:
        """Return the value of a tensor, with its axes in Penstock's order."""
        number = t.value_index
        if number not in self._plain:
            if number in self._first:
                self._plain[number] = self._first[number].transpose(channels_last_axes(t.ndim))
            else:
                self._plain[number] = self.permuted(t, tuple(range(t.ndim)))
        return self._plain[number]

    def first(self, t: Tensor) -> Value:
        """Return the value of a tensor with the channels first."""
        number = t.value_index
        if number not in self._first:
            self._first[number] = self.permuted(t, channels_first_axes(t.ndim))
        return self._first[number]

    def permuted(self, t: Tensor, axes: Axes) -> Value:
        """Return a tensor with its axes permuted: of what never changes, the numbers themselves."""
        found = self.derived(t, f"axes {axes}", lambda array: array.transpose(axes))
        return found or self.value(t).transpose(axes)

    def derived(self, t: Tensor, what: str, change: Callable[[Any], Any]) -> Value | None:
        """Return what becomes of the numbers of a tensor that never changes, or None if it does.

        Args:
            t: The tensor; if it is a variable, the result has its name.
            what: Says what is changed, so that it is done once.
            change: Gets the numbers.
        """
        if t.value_index not in self._arrays:
            return None
        key = (t.value_index, what)
        if key not in self._reshaped:
            name, array = self._arrays[t.value_index]
            self._reshaped[key] = self._initializer(t, name, change(array))
        return self._reshaped[key]

    def prefers_first(self, t: Tensor) -> bool:
        """Whether a tensor is there with its channels first only."""
        return t.value_index in self._first and t.value_index not in self._plain

    def array(self, t: Tensor) -> np.ndarray[Any, Any] | None:
        """Return the numbers of a tensor that never changes, or None; of bfloat16 the bits."""
        found = self._arrays.get(t.value_index)
        return None if found is None else found[1]

    def numbers(self, node: Node, input: int, why: str) -> np.ndarray[Any, Any]:
        """Return the numbers of an input that must not change.

        Raises:
            FormatError: They are computed.
        """
        found = self.array(node.inputs[input])
        if found is None:
            raise FormatError(
                f"[onnx] input {input} of {node.name} ({node.op}) is computed; {why}. Make it a constant"
            )
        return found

    def size_of(self, t: Tensor, axis: int) -> Value:
        """Return one size of a tensor as a vector of one element."""
        value = self._plain.get(t.value_index)
        if value is None and t.value_index in self._first:
            value, axis = self._first[t.value_index], channels_first_axes(t.ndim).index(axis)
        elif value is None:
            value = self.value(t)
        return value.op("Shape", dtype="int64", start=axis, end=axis + 1)

    def shape(self, t: Tensor) -> Value:
        """Return the shape of a tensor as a vector."""
        return self.sizes.vector(t.shape)

    # ---- what never changes

    def _is_variable(self, t: Tensor) -> bool:
        return bool(self._arrays[t.value_index][0])

    def _initializer(self, t: Tensor, name: str, array: np.ndarray[Any, Any]) -> Value:
        if not name:
            return self._constant_array(array, t)
        emitter = self.emitter
        fresh = name
        if (
            name in emitter.initializers
        ):  # the same numbers with other axes have it, until they are dropped
            fresh = emitter.name(name)
            emitter.wanted[fresh] = name
        return emitter.initializer(fresh, array, t.dtype.name)

    def _constant_array(self, array: np.ndarray[Any, Any], t: Tensor) -> Value:
        if t.dtype.name == "bfloat16":
            return self.emitter.initializer(self.emitter.name("constant"), array, "bfloat16")
        return self.emitter.constant(array, t.dtype.name)

    # ---- graphs inside

    def inner(self, graph: Graph, operands: Sequence[Value]) -> GraphWriter:
        """Return a writer for a graph whose inputs are these values."""
        writer = GraphWriter(graph, self.emitter, self.variables, self)
        writer.bind(operands)
        return writer

    def bind(self, operands: Sequence[Value]) -> None:
        """Say which values the inputs of the graph are."""
        for t, value in zip(self.graph.inputs, operands, strict=True):
            self.keep(t, value)
            self.sizes.learn(t)

    def variable_name(self, variable: Variable) -> str:
        """Return the name under which the model keeps a variable."""
        return self.variables.get(variable._id) or variable.name


def _has_bytes(node: Node) -> bool:
    """Whether a quantised op takes and gives integers of 8 bits, or one of the two and float32."""
    ends = {
        node.inputs[4 if node.op == "quantized_concat" else 0].dtype.name,
        node.outputs[0].dtype.name,
    }
    return ends <= {"int8", "uint8", "float32"}


def stored(tensor: Tensor) -> np.ndarray[Any, Any]:
    """Return what an initializer for a tensor holds; of bfloat16 the bits."""
    if tensor.dtype.name == "bfloat16":
        return bfloat16_bits(np.asarray(tensor.astype("float32").numpy()))
    return as_array(tensor.numpy(), tensor.dtype.name)
