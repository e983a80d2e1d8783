"""What a graph costs: arithmetic, bytes and parameters, for each scope of names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from penstock._inner_graphs import inner_graphs
from penstock._native import Dim, Graph, Node, Tensor
from penstock.errors import InvalidValueError
from penstock.saved._again import evaluate_size
from penstock.saved.model import GraphFunction
from penstock.transforms._models import handle_of


@dataclass
class Row:
    """What the nodes of one scope cost, those of inner scopes included.

    Args:
        nodes: How many there are.
        flops: Additions, multiplications and other arithmetic on single numbers; a multiply-add counts as two.
        bytes: What the nodes read and write, if nothing stays in a cache.
        parameters: Numbers in variables and in constants of floats.
    """

    nodes: int = 0
    flops: int = 0
    bytes: int = 0
    parameters: int = 0

    def add(self, other: Row) -> None:
        """Count another row's nodes too."""
        self.nodes += other.nodes
        self.flops += other.flops
        self.bytes += other.bytes
        self.parameters += other.parameters


@dataclass
class Cost:
    """What a function costs; `str` of it is a table.

    Args:
        scopes: A row for each scope and for each op; "" is the whole.
        sizes: The sizes that stand for symbols.
    """

    scopes: dict[str, Row] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Row:
        """The whole function."""
        return self.scopes[""]

    def rows(self, depth: int | None = None) -> list[tuple[str, Row]]:
        """List scopes with their rows, the outermost first; `depth` leaves out deeper ones."""
        return [
            (name, row)
            for name, row in sorted(self.scopes.items())
            if depth is None or not name or name.count("/") < depth
        ]

    def __str__(self) -> str:
        lines = [f"{'scope':32}{'nodes':>8}{'flops':>16}{'bytes':>16}{'parameters':>14}"]
        lines += [
            f"{name or 'all':32}{row.nodes:>8}{row.flops:>16,}{row.bytes:>16,}{row.parameters:>14,}"
            for name, row in self.rows()
        ]
        return "\n".join(lines)


def cost(function: GraphFunction | Graph, sizes: Mapping[str, int] | None = None) -> Cost:
    """Count what a function costs, before it runs.

    Bodies of control flow count once; loops run them more often.

    Args:
        function: A function of a model, or a graph.
        sizes: What stands for named sizes; those that are not given count as 1.

    Returns:
        Rows for each scope of names.

    Raises:
        InvalidValueError: A size belongs to no name of the graph.

    >>> import penstock as ps
    >>> w = ps.Variable(ps.ones((3, 4)), name="w")
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("batch", 3), name="x")
    ...     with ps.name_scope("dense"):
    ...         graph.inputs, graph.outputs = [x], [ps.nn.relu(x @ w)]
    >>> found = cost(graph, {"batch": 10})
    >>> found.total.flops, found.total.parameters, found.scopes["dense"].nodes
    (280, 12, 3)
    """
    graph = function if isinstance(function, Graph) else function.graph
    given = dict(sizes or {})
    unknown = set(given) - set(graph.symbols)
    if unknown:
        raise InvalidValueError(
            f"[transforms.cost] got a size for {', '.join(sorted(unknown))}; the graph's named sizes are "
            f"{', '.join(graph.symbols) or 'none'}"
        )
    known = {name: given.get(name, 1) for name in graph.symbols}
    made = Cost({"": Row()}, known)
    _count(graph, "", made, set())
    return made


def _count(graph: Graph, outer: str, made: Cost, seen: set[Any]) -> None:
    for node in graph.nodes:
        if node.op == "placeholder":
            continue
        scope = "/".join(filter(None, (outer, node.scope)))
        row = Row(1, _flops(node, made.sizes), _bytes(node, made.sizes), _parameters(node, seen))
        parts = scope.split("/") if scope else []
        for length in range(len(parts) + 1):
            made.scopes.setdefault("/".join(parts[:length]), Row()).add(row)
        for body in inner_graphs(node):
            _count(body, "/".join(filter(None, (outer, node.name))), made, seen)


def _size(t: Tensor, sizes: Mapping[str, int]) -> int:
    return math.prod(_number(d, sizes) for d in t.shape)


def _number(dim: int | Dim, sizes: Mapping[str, int]) -> int:
    return int(evaluate_size(str(dim), sizes.__getitem__)) if isinstance(dim, Dim) else int(dim)


def _bytes(node: Node, sizes: Mapping[str, int]) -> int:
    if node.op in ("constant", "read_variable", "reshape", "identity") or inner_graphs(node):
        return 0
    return sum(_size(t, sizes) * t.dtype.itemsize for t in (*node.inputs, *node.outputs))


def _parameters(node: Node, seen: set[Any]) -> int:
    if node.op == "read_variable":
        handle = handle_of(node.attrs["variable"])
        if handle in seen:
            return 0
        seen.add(handle)
        return math.prod(int(d) for d in node.outputs[0].shape)
    if node.op == "constant" and node.outputs[0].dtype.kind == "float" and node.outputs[0].ndim:
        return math.prod(int(d) for d in node.outputs[0].shape)
    return 0


def _flops(node: Node, sizes: Mapping[str, int]) -> int:
    if not node.outputs or inner_graphs(node):
        return 0
    name = node.op.removeprefix("quantized_")
    if name in _FORMULAS:
        return _FORMULAS[name](node, sizes)
    if node.op in _MOVES or node.effects not in ("none", "random"):
        return 0
    return max(_size(t, sizes) for t in (*node.inputs, *node.outputs))


def _of_matmul(node: Node, sizes: Mapping[str, int]) -> int:
    x, y = node.inputs[0], node.outputs[0]
    inner = x.shape[-2 if node.attrs.get("transpose_x") else -1]
    return 2 * _size(y, sizes) * _number(inner, sizes)


def _of_conv(node: Node, sizes: Mapping[str, int]) -> int:
    taps = [
        _number(d, sizes) for d in node.inputs[1].shape[:-1]
    ]  # the window, and channels in a group
    return 2 * _size(node.outputs[0], sizes) * math.prod(taps)


def _of_depthwise(node: Node, sizes: Mapping[str, int]) -> int:
    taps = [_number(d, sizes) for d in node.inputs[1].shape[:-2]]
    return 2 * _size(node.outputs[0], sizes) * math.prod(taps)


def _of_attention(node: Node, sizes: Mapping[str, int]) -> int:
    query, key = node.inputs[0], node.inputs[1]
    tokens = -3 if node.attrs["by_token"] else -2
    return 4 * _size(query, sizes) * _number(key.shape[tokens], sizes)


_FORMULAS: Final[dict[str, Callable[[Node, Mapping[str, int]], int]]] = {
    "matmul": _of_matmul,
    "conv2d": _of_conv,
    "conv3d": _of_conv,
    "depthwise_conv2d": _of_depthwise,
    "attention": _of_attention,
    "attention_biased": _of_attention,
}
_MOVES: Final = frozenset(
    [
        "constant",
        "identity",
        "reshape",
        "transpose",
        "concat",
        "split",
        "slice",
        "pad",
        "gather",
        "take",
        "broadcast_to",
        "squeeze",
        "expand_dims",
        "stack",
        "flip",
        "tile",
        "cast",
        "stop_gradient",
        "barrier",
        "full",
        "arange",
        "read_variable",
        "assign_variable",
    ]
)
