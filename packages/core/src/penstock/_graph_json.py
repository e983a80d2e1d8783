"""A graph as JSON and tensors, for bundles that are played again by the same version of Penstock."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock import _native, dtypes
from penstock._native import DType, Graph, Node, Tensor
from penstock.errors import FormatError, GraphError
from penstock.state import Variable

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class GraphWriter:
    """Turns graphs into JSON, and gathers the tensors and variables that they mention."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.variables: list[Any] = []  # the native ones

    def write(self, graph: Graph) -> dict[str, Any]:
        """Return a graph as what JSON can hold.

        Raises:
            GraphError: It has a node that only this process can run.
        """
        places = {
            t.value_index: [i, o]
            for i, node in enumerate(graph.nodes)
            for o, t in enumerate(node.outputs)
        }
        return {
            "name": graph.name,
            "symbols": list(graph.symbols),
            "nodes": [self._node(node, places) for node in graph.nodes],
            "inputs": [places[t.value_index] for t in graph.inputs],
            "outputs": [places[t.value_index] for t in graph.outputs],
        }

    def _node(self, node: Node, places: Mapping[int, list[int]]) -> dict[str, Any]:
        made: dict[str, Any] = {
            "op": node.op,
            "name": node.name,
            "device": node.device,
            "source": node.source,
            "inputs": [places[t.value_index] for t in node.inputs],
        }
        if node.op == "placeholder":
            t = node.outputs[0]
            return {**made, "dtype": t.dtype.name, "shape": _sizes(t.shape), "weak": t.weak}
        made["attrs"] = {name: self._attr(node, name, v) for name, v in node.attrs.items()}
        return made

    def _attr(self, node: Node, name: str, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, DType):
            return {"dtype": value.name}
        if isinstance(value, tuple | list):
            return {"sizes": _sizes(value)}
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, Graph):
            return {"graph": self.write(value)}
        if hasattr(value, "_handle") or isinstance(value, _native.Variable):
            handle = getattr(value, "_handle", value)
            if handle not in self.variables:
                self.variables.append(handle)
            return {"variable": self.variables.index(handle)}
        raise GraphError(
            f"[replay] node {node.name!r} ({node.op}) at {node.source} has {name}={type(value).__name__}, which only this "
            "process has; leave it out of what is recorded: call it before, and pass its result"
        )

    def tensor(self, value: Tensor) -> dict[str, Any]:
        """Return what stands for a tensor: its place among `tensors`, or strings themselves."""
        if value.dtype == "string":
            items = [item.decode("latin-1") for item in _native.strings_of(value)]
            return {"strings": items, "shape": list(value.shape)}
        name = f"tensor/{len(self.tensors)}"
        self.tensors[name] = value._strong()  # a number keeps its dtype
        return {"tensor": name}


class GraphReader:
    """Makes graphs out of what `GraphWriter` made.

    Args:
        tensors: By name.
        variables: In their order.
    """

    def __init__(self, tensors: Mapping[str, Tensor], variables: list[Variable]) -> None:
        self._tensors = tensors
        self._variables = variables
        self._symbols: dict[str, Any] = {}

    def read(self, data: dict[str, Any], parent: Graph | None = None) -> Graph:
        """Make a graph.

        Args:
            data: What `GraphWriter.write` returned.
            parent: The graph whose symbols a body shares.

        Raises:
            FormatError: The data mention something that is not there.
            PenstockError: An op is unknown here, or does not take these inputs.
        """
        graph = Graph(data["name"], parent)
        if parent is None:
            self._symbols = {name: graph.new_symbol(name, None) for name in data["symbols"]}
        values: list[list[Tensor]] = []
        try:
            for node in data["nodes"]:
                values.append(self._node(graph, node, values))
            graph.inputs = [values[i][o] for i, o in data["inputs"]]
            graph.outputs = [values[i][o] for i, o in data["outputs"]]
        except (KeyError, IndexError, TypeError) as error:
            raise FormatError(
                f"[replay] the recorded graph {data.get('name')!r} is damaged: {error!r}; record it again"
            ) from error
        return graph

    def _node(self, graph: Graph, node: dict[str, Any], values: list[list[Tensor]]) -> list[Tensor]:
        if node["op"] == "placeholder":
            shape = [self._size(size) for size in node["shape"]]
            dtype = dtypes.as_dtype(node["dtype"])
            return [graph.placeholder(dtype, shape, node["name"], node["weak"], node["source"])]
        attrs = {name: self._attr(graph, value) for name, value in node["attrs"].items()}
        if node["op"] == "constant":
            return [graph.constant(attrs["value"], node["name"])]
        inputs = [values[i][o] for i, o in node["inputs"]]
        return graph.add_node(
            node["op"], inputs, attrs, node["name"], node["device"], node["source"]
        )

    def _attr(self, graph: Graph, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kind, content = next(iter(value.items()))
        match kind:
            case "dtype":
                return dtypes.as_dtype(content)
            case "sizes":
                return [self._size(size) for size in content]
            case "tensor" | "strings":
                return tensor_of(value, self._tensors)
            case "variable":
                return self._variables[content]
            case "graph":
                return self.read(content, graph)
        raise KeyError(kind)

    def _size(self, size: Any) -> Any:
        if not isinstance(size, str):
            return size
        return evaluate_size(size, self._symbols)


def tensor_of(told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Tensor:
    """Return the tensor that `GraphWriter.tensor` described.

    Raises:
        KeyError: It is not there.
    """
    if "strings" not in told:
        return tensors[told["tensor"]]
    return _native.string_tensor([s.encode("latin-1") for s in told["strings"]], told["shape"])


def _sizes(sizes: Any) -> list[Any]:
    """Return sizes as numbers, and as text where they are made of symbols."""
    return [size if isinstance(size, int | float | str) else str(size) for size in sizes]


def evaluate_size(text: str, symbols: Mapping[str, Any]) -> Any:
    """Compute a size from its text: symbols, whole numbers and arithmetic.

    Raises:
        KeyError: There is no such symbol, or the text is something else.
    """
    return _evaluate(ast.parse(text, mode="eval").body, symbols)


def _evaluate(tree: ast.expr, symbols: Mapping[str, Any]) -> Any:
    match tree:
        case ast.Name(id=name):
            return symbols[name]
        case ast.Constant(value=int() as number):
            return number
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_evaluate(left, symbols), _evaluate(right, symbols))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand, symbols)
    raise KeyError(ast.unparse(tree))
