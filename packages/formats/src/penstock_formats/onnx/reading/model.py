"""A file's parts: its inputs, functions, and the constants and weights in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import FormatError
from penstock_formats.onnx.reading import checks
from penstock_formats.onnx.reading.file import array_of
from penstock_formats.onnx.reading.values import Array, Value, Weight, tensor_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onnx import (
        FunctionProto,
        GraphProto,
        ModelProto,
        NodeProto,
        TensorProto,
        ValueInfoProto,
    )


class Source:
    """A model's message, with its tensors read.

    Args:
        model: The message.
        folder: Where files lie that hold tensors; None if there are none.
        trainable: Says which initializers become trainable variables, by name and numbers. By default those of floats
            with at least one axis.

    Raises:
        FormatError: A tensor is damaged, or a name is given twice.
    """

    def __init__(
        self,
        model: ModelProto,
        folder: Path | None,
        trainable: Callable[[str, Array], bool] | None = None,
    ) -> None:
        self.model = model
        self.folder = folder
        self._trainable = trainable
        self._constants: dict[str, list[tuple[TensorProto, Array | Weight]]] = {}  # by name
        self.weights: dict[str, Weight] = {}
        self.functions: dict[tuple[str, str, str], FunctionProto] = {}
        for f in model.functions:
            key = (f.domain, f.name, f.overload)
            if key in self.functions:
                raise FormatError(
                    f"[onnx] the file has the function {f.name!r} twice; export the model again"
                )
            self.functions[key] = f
        self.opsets = {
            "" if o.domain == "ai.onnx" else o.domain: o.version for o in model.opset_import
        }
        self._main = self._read(model.graph)
        checks.initializers_fit(model.graph, self.main_constants())

    def function(self, node: NodeProto) -> FunctionProto | None:
        """Return the file's function that a node calls, or None."""
        return self.functions.get((node.domain, node.op_type, node.overload))

    @property
    def inputs(self) -> list[ValueInfoProto]:
        """The inputs that a call must give: those without an initializer."""
        return [i for i in self.model.graph.input if i.name not in self._main]

    def main_constants(self) -> dict[str, Value]:
        """Return a fresh value for each initializer of the outermost graph."""
        return {name: _value(found) for name, found in self._main.items()}

    def constants_of(self, graph: GraphProto) -> dict[str, Value]:
        """Return a fresh value for each initializer of an inner graph."""
        return {name: _value(found) for name, found in self._read(graph).items()}

    def _read(self, graph: GraphProto) -> dict[str, Array | Weight]:
        found: dict[str, Array | Weight] = {}
        for t in graph.initializer:
            if t.name in found:
                raise FormatError(
                    f"[onnx] the initializer {t.name!r} is given twice; export the model again"
                )
            found[t.name] = self._shared(t)
        for s in graph.sparse_initializer:
            found[s.values.name] = _dense(s, self.folder)
        return found

    def _shared(self, t: TensorProto) -> Array | Weight:
        """Read a tensor, once if several graphs hold the same under one name."""
        others = self._constants.setdefault(t.name, [])
        for message, found in others:
            if message == t:
                return found
        others.append((t, self._kept(t.name, array_of(t, self.folder))))
        return others[-1][1]

    def _kept(self, name: str, array: Array) -> Array | Weight:
        is_float = array.dtype.kind == "f" or array.dtype.name == "bfloat16"
        if not is_float or array.ndim == 0:
            return array
        fresh, count = name, 1
        while fresh in self.weights:  # another, of an inner graph
            fresh, count = f"{name}_{count}", count + 1
        weight = Weight(fresh, array, self._trainable is None or self._trainable(name, array))
        self.weights[fresh] = weight
        return weight


def _value(found: Array | Weight) -> Value:
    if isinstance(found, Weight):
        return Value(weight=found)
    if found.dtype.name == "bfloat16":
        return Value(tensor_of(found))
    return Value(host=found)


def _dense(sparse: Any, folder: Path | None) -> Array:
    """Write the elements of a sparse tensor into zeros."""
    values, indices = array_of(sparse.values, folder), array_of(sparse.indices, folder)
    shape = tuple(sparse.dims)
    size = int(np.prod([max(d, 0) for d in shape], dtype=object))
    fits = (
        indices.shape in ((len(values),), (len(values), len(shape))) and indices.dtype == np.int64
    )
    if size > 1 << 28 or any(d < 0 for d in shape) or not fits or values.ndim != 1:
        raise FormatError(
            f"[onnx] the sparse tensor {sparse.values.name!r} of sizes {list(shape)} has indices {indices.shape} for "
            f"{values.shape} values; expected one for each, and fewer than 2**28 elements"
        )
    flat = (
        indices
        if indices.ndim == 1
        else indices @ np.cumprod([1, *shape[:0:-1]])[::-1].astype(np.int64)
    )
    if len(flat) and not (flat.min() >= 0 and flat.max() < size):
        raise FormatError(
            f"[onnx] the sparse tensor {sparse.values.name!r} has indices out of range; export again"
        )
    array = np.zeros(size, values.dtype)
    array[flat] = values
    return array.reshape(shape)
