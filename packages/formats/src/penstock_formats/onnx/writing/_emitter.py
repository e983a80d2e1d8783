"""Collects the nodes and initializers of one ONNX graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from penstock_formats.onnx.writing._values import Value, element_type

_SMALL: Final = 4096  # bytes


class Emitter:
    """The nodes and initializers of a model, and of the graphs inside its nodes.

    Args:
        opset: The version of the operators.
        fast: Write quantised ops as runtimes compute them fastest.
    """

    def __init__(self, opset: int, fast: bool = False) -> None:
        self.opset = opset
        self.fast = fast
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self.scope = ""
        self.wanted: dict[str, str] = {}  # names that initializers get if they become free
        self.transposed: dict[str, tuple[Value, list[int]]] = {}  # what Transposes were made of
        self._names: set[str] = set()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Value] = {}

    @contextmanager
    def inside(self) -> Iterator[list[NodeProto]]:
        """Append to a new list in the block: the nodes of a graph inside a node."""
        outer, scope, self.nodes = self.nodes, self.scope, []
        try:
            yield self.nodes
        finally:
            self.nodes, self.scope = outer, scope

    def name(self, wanted: str) -> str:
        """Return a name that nothing has yet, in no graph."""
        names, count, fresh = self._names, 1, wanted
        while fresh in names:
            fresh = f"{wanted}_{count}"
            count += 1
        names.add(fresh)
        return fresh

    def op(
        self,
        op_type: str,
        *inputs: Any,
        dtype: str | Sequence[str],
        name: str = "",
        **attrs: Any,
    ) -> Any:
        """Append a node.

        Args:
            op_type: ONNX's name of the op.
            inputs: Values; None leaves an optional one out.
            dtype: That of the output; a sequence of them if there are several.
            name: A name for its first output, which must be free.
            attrs: The node's attributes; those that are None are left out.

        Returns:
            The output, or a list of outputs.
        """
        scope = f"{self.scope}/{op_type}" if self.scope else op_type
        own = self.name(scope)
        single = isinstance(dtype, str)
        dtypes = [dtype] if isinstance(dtype, str) else list(dtype)
        names = [own] if single else [self.name(f"{own}.{i}") for i in range(len(dtypes))]
        if name:
            names[0] = name
        given = ["" if value is None else value.name for value in inputs]
        kept = {key: value for key, value in attrs.items() if value is not None}
        self.nodes.append(helper.make_node(op_type, given, names, name=own, **kept))
        made = [Value(self, n, d) for n, d in zip(names, dtypes, strict=True)]
        return made[0] if single else made

    def constant(self, value: Any, dtype: str) -> Value:
        """Return a constant; equal small ones are kept once."""
        array = as_array(value, dtype)
        if array.nbytes > _SMALL:
            return self.initializer(self.name("constant"), array, dtype)
        key = (dtype, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.initializer(self.name("constant"), array, dtype)
        return self._constants[key]

    def ints(self, values: Iterable[int]) -> Value:
        """Return a constant vector of int64, as ONNX wants axes and shapes."""
        return self.constant(np.array([int(v) for v in values], np.int64), "int64")

    def initializer(self, name: str, array: Any, dtype: str) -> Value:
        """Keep an array under a name that is taken already."""
        proto = numpy_helper.from_array(np.ascontiguousarray(array), name)
        if dtype == "bfloat16":  # the array holds the bits
            proto.data_type = TensorProto.BFLOAT16
        proto.dims[:] = array.shape
        self.initializers[name] = proto
        return Value(self, name, dtype)


def as_array(value: Any, dtype: str) -> np.ndarray[Any, Any]:
    """Return what an initializer of a dtype holds; of bfloat16 the bits."""
    if dtype == "bfloat16":
        return bfloat16_bits(np.asarray(value, np.float32))
    element_type(dtype)
    return np.asarray(value).astype(dtype)


def bfloat16_bits(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round float32 to the nearest bfloat16, and return its 16 bits."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).reshape(array.shape)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype(np.uint16)


def describe(
    name: str, dtype: str, shape: Sequence[int | str | None] | None
) -> onnx.ValueInfoProto:
    """Return ONNX's description of an input or output; sizes that vary have names."""
    return helper.make_tensor_value_info(name, element_type(dtype), shape)
