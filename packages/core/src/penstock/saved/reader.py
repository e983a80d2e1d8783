"""JSON to graphs. What is read may be anything: whatever does not fit is a `FormatError` that names the node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from penstock import _native, dtypes
from penstock._native import Dim, Graph, Node, Tensor
from penstock.errors import FormatError, PenstockError
from penstock.saved._tensors import TensorReader, float_of
from penstock.saved.writer import type_text

_DEEPEST: Final = 50
# Far beyond what programs have. Every body knows all symbols, and every question about sizes goes through all
# assumptions, so that a small file could ask for much memory and time.
_MOST_ASSUMPTIONS: Final = 10_000
_MOST_SYMBOLS: Final = 1_000_000  # counted once for every body
_NODE: Final = {"name", "op", "inputs", "outputs"}
_ALLOWED: Final = _NODE | {"attrs", "weak", "after", "device", "host", "source"}
_GRAPH: Final = {"name", "nodes", "inputs", "outputs"}
# What a file that may be anything makes its reader raise.
_DAMAGE: Final = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


class GraphReader:
    """Makes graphs out of what `GraphWriter` made.

    Args:
        tensors: Where constants are.
        variables: By name.
        what: Who asks, for messages.
    """

    def __init__(
        self, tensors: TensorReader, variables: Mapping[str, Any], what: str = "load"
    ) -> None:
        self._tensors = tensors
        self._variables = variables
        self._what = what
        self._advice = "record it again" if what == "replay" else "save it again"
        self._sizes: dict[str, int | Dim] = {}  # known ones, by their text
        self._root: Graph | None = None
        self._bodies = 0

    def read(self, data: Any, depth: int = 0) -> Graph:
        """Make a graph.

        Args:
            data: What `GraphWriter.write` returned.
            depth: How deep inside of others it is.

        Raises:
            FormatError: The data are damaged, or an op does not take these inputs.
        """
        try:
            graph = Graph(_text(data["name"]))
            self._sizes, self._root = {}, graph
            self._bodies = 0
            for what in ("assumes", "symbols"):
                if len(data.get(what, [])) > _MOST_ASSUMPTIONS:
                    raise ValueError(f"its {what} are more than {_MOST_ASSUMPTIONS}")
            for name in _each_once(data.get("symbols", []), "a symbol"):
                self._sizes[name] = graph.new_symbol(name, None)
            for assumption in data.get("assumes", []):
                graph.assume(assumption)
            self._fill(graph, data, {"symbols", "assumes"}, depth)
        except FormatError:
            raise
        except (*_DAMAGE, PenstockError) as error:
            raise FormatError(
                f"[{self._what}] graph {_shown(data, 'name')} is damaged: {_why(error)}; {self._advice}"
            ) from error
        return graph

    def _fill(self, graph: Graph, data: Any, extra: set[str], depth: int) -> None:
        if depth > _DEEPEST:
            raise FormatError(f"[{self._what}] bodies are nested more than {_DEEPEST} deep")
        if not _GRAPH <= set(data) <= _GRAPH | extra:
            raise KeyError(f"a graph with the members {sorted(data)}")
        values: dict[str, Tensor] = {}
        nodes: dict[str, Node] = {}
        for told in data["nodes"]:
            try:
                made = self._node(graph, told, values, nodes, depth)
            except FormatError:
                raise
            except (*_DAMAGE, PenstockError) as error:
                raise FormatError(
                    f"[{self._what}] graph {graph.name!r}, node {_shown(told, 'name')} (op {_shown(told, 'op')}): "
                    f"{_why(error)}; {self._advice}"
                ) from error
            name = told["name"]
            if name in values:
                raise KeyError(f"two nodes called {name!r}")
            values[name] = made[0] if made else None  # type: ignore[assignment]
            for i in range(1, len(made)):
                values[f"{name}:{i}"] = made[i]
            if made:
                nodes[name] = made[0].node
        graph.inputs = [values[name] for name in data["inputs"]]
        graph.outputs = [values[name] for name in data["outputs"]]
        for t in graph.inputs:
            if t.node.op != "placeholder":
                raise ValueError(f"the input {t.name!r} is no placeholder")

    def _node(
        self,
        graph: Graph,
        told: Any,
        values: Mapping[str, Tensor],
        nodes: Mapping[str, Node],
        depth: int,
    ) -> list[Tensor]:
        if not _NODE <= told.keys() <= _ALLOWED:
            raise KeyError(f"a node with the members {sorted(told)}")
        op, name, weak = told["op"], _text(told["name"]), told.get("weak", False) is True
        if told.get("weak", True) is not True or told.get("host", True) is not True:
            raise ValueError("weak and host are true, or are not there")
        if not name or ":" in name:
            raise ValueError("a node needs a name without ':'")
        given = told.get("attrs", {})
        inputs = [values[value] for value in told["inputs"]]
        if op == "placeholder":
            shape = [self._size(size) for size in given["shape"]]
            made = [graph.placeholder(dtypes.as_dtype(given["dtype"]["dtype"]), shape, name, weak)]
        elif op == "constant":
            t = self._tensors.read(given["value"]["tensor"])
            if weak and t.ndim == 0:
                t = _native.scalar_tensor(t.item(), t.dtype, weak=True)
            made = [graph.constant(t, name)]
        else:
            attrs = {key: self._attr(graph, value, depth) for key, value in given.items()}
            if op == "custom_gradient":
                attrs["function"] = _lost_gradient
            before = len(graph)
            made = graph.add_node(
                op,
                inputs,
                attrs,
                name,
                _text(told.get("device", "")),
                _text(told.get("source", "")),
                [nodes[c] for c in told.get("after", ())],
                weak,
            )
            if len(graph) != before + 1:
                raise ValueError("its inputs have other dtypes than the op takes")
        self._check_types(told["outputs"], made)
        return made

    def _check_types(self, told: Any, made: list[Tensor]) -> None:
        found = [type_text(t) for t in made]
        if found != told and not _alike(told, found):
            raise ValueError(f"it gives {', '.join(found)}; the file says {', '.join(told)}")

    def _attr(self, graph: Graph, value: Any, depth: int) -> Any:
        if isinstance(value, list):
            return [self._item(item) for item in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        match kind:
            case "dtype":
                return dtypes.as_dtype(_text(content))
            case "float":
                return float_of(_text(content))
            case "tensor":
                return self._tensors.read(content)
            case "variable":
                return self._variables[content]
            case "graph":
                return self._body(graph, content, depth + 1)
        raise KeyError(kind)

    def _item(self, item: Any) -> Any:
        if isinstance(item, str):
            return float_of(item) if item in ("inf", "-inf", "nan") else self._size(item)
        if type(item) not in (int, float):
            raise TypeError(f"a list with {item!r}")
        return item

    def _body(self, parent: Graph, data: Any, depth: int) -> Graph:
        if "symbols" in data:  # it has sizes of its own
            outer = self._sizes, self._root, self._bodies
            made = self.read(data, depth)
            self._sizes, self._root, self._bodies = outer
            return made
        self._bodies += 1
        assert self._root is not None
        if self._bodies * len(self._root.symbols) > _MOST_SYMBOLS:
            raise ValueError(
                f"{self._bodies} bodies with {len(self._root.symbols)} sizes are too many"
            )
        body = Graph(_text(data["name"]), parent)
        self._fill(body, data, set(), depth)
        body.close()
        return body

    def _size(self, size: Any) -> Any:
        if type(size) is int:
            if not 0 <= size < 2**62:
                raise ValueError(f"a size of {size}")
            return size
        if size not in self._sizes:
            assert self._root is not None
            self._sizes[size] = self._root.size(_text(size))
        return self._sizes[size]


def _lost_gradient(*_: Any) -> Any:
    raise FormatError(
        "[load] a gradient goes through a custom_gradient, whose function was Python and is not in the file; save a "
        "function that computes the gradient, or stop there: penstock.stop_gradient"
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:60]!r} where a text is expected")
    return value


def _each_once(names: Any, what: str) -> Iterator[str]:
    if not isinstance(names, list) or len(set(map(_text, names))) != len(names):
        raise ValueError(f"{what} is there twice")
    return iter(names)


def _alike(told: Any, found: list[str]) -> bool:
    """Whether types agree as far as known sizes go: formulas may be written differently by other versions."""
    if not isinstance(told, list) or len(told) != len(found):
        return False
    return all(_parts_agree(_text(a), b) for a, b in zip(told, found, strict=True))


def _parts_agree(a: str, b: str) -> bool:
    (kind, _, dims), (kind_b, _, dims_b) = a.partition("["), b.partition("[")
    first, second = dims.split(", "), dims_b.split(", ")
    if kind != kind_b or (len(first) != len(second) and "max(" not in a + b):
        return False
    pairs = zip(first, second, strict=False)
    return all(
        x == y or not (x.rstrip("]").isdigit() and y.rstrip("]").isdigit()) for x, y in pairs
    )


def _shown(data: Any, key: str) -> str:
    return repr(str(data.get(key))[:80]) if isinstance(data, dict) else "?"


def _why(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"there is no {str(error)[:200]}"
    return str(error)[:500] or type(error).__name__


@contextmanager
def undisturbed() -> Iterator[None]:
    """Read graphs away from scopes, devices, tapes and graphs around the call."""
    scope, device = _native.get_scope(), _native.get_scope_device()
    controls, tapes = _native.get_control_inputs(), _native.pause_tapes()
    _native.set_scope("")
    _native.set_scope_device("")
    _native.set_control_inputs([])
    _native.push_eager()
    try:
        yield
    finally:
        _native.pop_graph()
        _native.set_scope(scope)
        _native.set_scope_device(device)
        _native.set_control_inputs(controls)
        _native.resume_tapes(tapes)


__all__ = ["GraphReader", "undisturbed"]
