"""Graphs to JSON: one implementation for saved folders and for the bundles of `penstock.replay`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any, Final

from penstock import _native
from penstock._native import DType, Graph, Node, Tensor
from penstock.errors import GraphError
from penstock.saved._tensors import TensorWriter, number

_SYMBOL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BUILT_IN: Final = (
    "placeholder",
    "constant",
    "read_variable",
    "assign_variable",
    "custom_gradient",
)


class GraphWriter:
    """Turns graphs into JSON.

    Args:
        tensors: Where constants go.
        variables: A name for each native variable that the graphs may mention.
        sources: Whether each node says where it stood in the program.
        what: Who asks, for messages.
    """

    def __init__(
        self,
        tensors: TensorWriter,
        variables: Mapping[Any, str],
        *,
        sources: bool = False,
        what: str = "save",
    ) -> None:
        self.ops: dict[str, int] = {}
        self._tensors = tensors
        self._variables = variables
        self._sources = sources
        self._what = what

    def write(self, graph: Graph) -> dict[str, Any]:
        """Return a graph as what JSON can hold.

        Raises:
            GraphError: It has a node that only this process can run, a size with a name that cannot be
                written, or a variable that is not among those known.
        """
        names = _node_names(graph)
        values = {
            t.value_index: f"{names[node.index]}:{i}" if i else names[node.index]
            for node in graph.nodes
            for i, t in enumerate(node.outputs)
        }
        made: dict[str, Any] = {"name": graph.name}
        if not graph.shares_symbols:
            made["symbols"] = self._symbols(graph)
            if graph.guards:
                made["assumes"] = [text for text, _ in graph.guards]
        made["nodes"] = [self._node(node, names, values) for node in graph.nodes]
        made["inputs"] = [values[t.value_index] for t in graph.inputs]
        made["outputs"] = [values[t.value_index] for t in graph.outputs]
        return made

    def _symbols(self, graph: Graph) -> list[str]:
        names = list(graph.symbols)
        for name in names:
            if not _SYMBOL.fullmatch(name) or name == "max" or names.count(name) > 1:
                raise GraphError(
                    f"[{self._what}] graph {graph.name!r} has a size called {name!r}; give each size that varies a name of "
                    "its own, of letters, digits and '_': placeholder('float32', ('batch', 3))"
                )
        return names

    def _node(
        self, node: Node, names: Mapping[int, str], values: Mapping[int, str]
    ) -> dict[str, Any]:
        self.ops.setdefault(node.op, node.op_function.schema.version)
        made: dict[str, Any] = {
            "name": names[node.index],
            "op": node.op,
            "inputs": [values[t.value_index] for t in node.inputs],
        }
        attrs = node.attrs
        if node.op == "placeholder":
            attrs = {"dtype": node.outputs[0].dtype, "shape": node.outputs[0].shape}
        if node.op == "custom_gradient":
            attrs = {"num_inputs": attrs["num_inputs"]}
        if attrs:
            made["attrs"] = {name: self._attr(node, name, v) for name, v in attrs.items()}
        made["outputs"] = [type_text(t) for t in node.outputs]
        if node.outputs and node.outputs[0].weak:
            made["weak"] = True
        if node.control_inputs:
            made["after"] = [names[c.index] for c in node.control_inputs]
        if node.device:
            made["device"] = node.device
        if is_python_only(node):
            made["host"] = True
        if self._sources and node.source:
            made["source"] = node.source
        return made

    def _attr(self, node: Node, name: str, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if number(value) == value else {"float": number(value)}
        if isinstance(value, DType):
            return {"dtype": value.name}
        if isinstance(value, tuple | list):
            return [_item(item) for item in value]
        if isinstance(value, Tensor):
            return {"tensor": self._tensors.write(value, f"constants/{node.name}")}
        if isinstance(value, Graph):
            return {"graph": self.write(value)}
        handle = getattr(value, "_handle", value)
        if not isinstance(handle, _native.Variable):
            raise GraphError(
                f"[{self._what}] node {node.name!r} ({node.op}){_at(node)} has {name}={type(value).__name__}, which only "
                "this process has; leave it out of what is saved: call it before, and pass its result"
            )
        if handle not in self._variables:
            raise GraphError(
                f"[{self._what}] node {node.name!r}{_at(node)} uses the variable {handle.name!r}, which is not among those "
                "of the model; add it to its variables"
            )
        return {"variable": self._variables[handle]}


def _node_names(graph: Graph) -> dict[int, str]:
    """Name the nodes as they are named; a ':' numbers outputs here, so names that have one get another sign."""
    taken = {node.name for node in graph.nodes}
    names: dict[int, str] = {}
    for node in graph.nodes:
        name = node.name
        if ":" in name:
            plain = name = name.replace(":", "_")
            for count in itertools.count(1):
                if name not in taken:
                    break
                name = f"{plain}_{count}"
            taken.add(name)
        names[node.index] = name
    return names


def _item(item: Any) -> Any:
    if isinstance(item, float):
        return number(item)
    return item if isinstance(item, int) else str(item)


def _at(node: Node) -> str:
    return f" at {node.source}" if node.source else ""


def type_text(t: Tensor) -> str:
    """Write dtype and sizes of a value: "float32[batch, 3]"."""
    return f"{t.dtype.name}[{', '.join(map(str, t.shape))}]"


def is_python_only(node: Node) -> bool:
    """Whether an op of the host has no kernel but Python's here."""
    if node.op in _BUILT_IN or not node.op_function.schema.host_only:
        return False
    return all(isa == "python" for _, _, _, isa, _ in _native.kernel_rows(node.op))


__all__ = ["GraphWriter", "is_python_only", "type_text"]
