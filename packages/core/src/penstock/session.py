"""`Session`: run parts of a graph, with feeds and fetches, as TensorFlow 1 did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any


from penstock import _native, passes
from penstock._native import Graph, Node, Plan, Tensor
from penstock.errors import DTypeError, GraphError, InvalidTypeError
from penstock.ops import asarray


class Operation:
    """Something to run for its effects; fetching it gives None."""

    def __init__(self, tensors: Sequence[Tensor], name: str = "group") -> None:
        self.tensors = list(tensors)
        self.name = name

    def __repr__(self) -> str:
        return f"<operation {self.name} of {len(self.tensors)}>"


def group(*targets: Any, name: str = "group") -> Operation:
    """Bundle tensors and operations into one thing to run.

    Raises:
        InvalidTypeError: An argument is neither.
    """
    tensors: list[Tensor] = []
    for target in targets:
        if isinstance(target, Operation):
            tensors += target.tensors
        elif isinstance(target, Tensor):
            tensors.append(target)
        else:
            raise InvalidTypeError(f"[group] got {type(target).__name__}; it takes tensors and operations")
    return Operation(tensors, name)


class Session:
    """Run a graph: only what the fetches need, with any tensor of it replaced by a value of yours.

    Args:
        graph: By default the graph being built, or that of `penstock.v1`.

    >>> import penstock as ps
    >>> g = ps.Graph()
    >>> with g.as_default():
    ...     x = ps.placeholder("float32", (None,), name="x")
    ...     y = x * 2
    ...     z = y + 1
    >>> with ps.Session(g) as sess:
    ...     print(sess.run(z, {x: [1.0, 2.0]}), sess.run(z, {y: [10.0]}))
    [3. 5.] [11.]
    """

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph or _native.current_graph() or _default_graph()
        self._plans: dict[Any, Plan] = {}
        self._closed = False

    def __enter__(self) -> Session:
        self.graph.push()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.graph.pop()
        self.close()

    def close(self) -> None:
        """Forget all plans; the session cannot run any more."""
        self._plans.clear()
        self._closed = True

    def run(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, timeout: float | None = None
    ) -> Any:
        """Compute fetches.

        Args:
            fetches: A tensor, an operation, a tensor's name ("add_1", "add_1:0"), a variable, or nested lists,
                tuples and dictionaries of these.
            feed_dict: Values by tensor or name: of placeholders, or of any other tensor, which is then not
                computed.
            timeout: Seconds after which the run is cancelled.

        Returns:
            NumPy values in the structure of `fetches`; None for operations.

        Raises:
            GraphError: A fetch or feed is not in the graph, or a placeholder is needed and not fed.
            ShapeError: A fed value does not fit its tensor's shape.
            DTypeError: A fed value does not fit its tensor's dtype.
            CancelledError: The timeout passed.
        """
        if self._closed:
            raise GraphError("[Session.run] this session is closed; make a new one")
        leaves, structure = _native.tree_flatten(fetches)
        wanted = [self._fetch(leaf) for leaf in leaves]
        feeds = {t.value_index: (t, value) for t, value in self._feeds(feed_dict or {})}
        targets = [t.value_index for group in wanted for t in group[0]]
        key = (self.graph.version, tuple(feeds), tuple(targets))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(passes.optimize(_cut(self.graph, feeds, targets)))
        values = iter(plan.run([value for _, value in feeds.values()], timeout))
        results = []
        for tensors, is_operation in wanted:
            computed = [next(values) for _ in tensors]
            results.append(None if is_operation else _to_numpy(computed[0]))
        return _native.tree_unflatten(structure, results)

    def _fetch(self, leaf: Any) -> tuple[list[Tensor], bool]:
        """Resolve a fetch to tensors, and whether it is run for its effects only."""
        if isinstance(leaf, Operation):
            return [self._own(t) for t in leaf.tensors], True
        if isinstance(leaf, str):
            return [self._by_name(leaf, "fetch")], False
        if hasattr(leaf, "_handle"):
            self.graph.push()
            try:
                return [leaf.value], False
            finally:
                self.graph.pop()
        if isinstance(leaf, Node):
            return [self._own(leaf.outputs[0])], True
        if not isinstance(leaf, Tensor):
            raise GraphError(
                f"[Session.run] cannot fetch {leaf!r} ({type(leaf).__name__}); fetch tensors of the graph, their "
                "names, operations or variables"
            )
        return [self._own(leaf)], False

    def _own(self, t: Tensor) -> Tensor:
        if t.graph is None:
            raise GraphError(f"[Session.run] {t!r} is a value already; only tensors of the graph can be run")
        if t.graph != self.graph:
            raise GraphError(
                f"[Session.run] tensor {t.name!r} belongs to graph {t.graph.name!r}, this session runs another; "
                "open it with penstock.Session(tensor.graph)"
            )
        return t

    def _by_name(self, name: str, what: str) -> Tensor:
        node_name, _, index = name.partition(":")
        node = self.graph.find_node(node_name)
        if node is None:
            import difflib

            near = difflib.get_close_matches(node_name, [n.name for n in self.graph.nodes], n=3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise GraphError(f"[Session.run] cannot {what} {name!r}: the graph has no such node{hint}")
        outputs = node.outputs
        position = int(index or 0)
        if position >= len(outputs):
            raise GraphError(f"[Session.run] {node_name!r} has {len(outputs)} outputs; there is no output {position}")
        return outputs[position]

    def _feeds(self, feed_dict: Mapping[Any, Any]) -> list[tuple[Tensor, Tensor]]:
        pairs = []
        for key, value in feed_dict.items():
            if isinstance(key, str):
                target = self._by_name(key, "feed")
            elif isinstance(key, Tensor):
                target = self._own(key)
            else:
                raise GraphError(
                    f"[Session.run] feed_dict has the key {key!r} ({type(key).__name__}); use a tensor of the graph "
                    "or its name"
                )
            pairs.append((target, _fed_value(target, value)))
        return pairs


def _fed_value(target: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor) and value.is_symbolic:
        raise GraphError(
            f"[Session.run] {target.name!r} is fed a graph tensor; feed a value, or connect the graphs with ops"
        )
    known = value if isinstance(value, Tensor) else asarray(value)
    if known.dtype == target.dtype:
        return known
    # Plain Python data and narrower kinds take the tensor's dtype, as in TensorFlow; nothing is cut off.
    order = ["bool", "unsigned", "signed", "float", "complex"]
    kinds = known.dtype.kind, target.dtype.kind
    if "string" in kinds or order.index(kinds[0]) > order.index(kinds[1]):
        raise DTypeError(
            f"[Session.run] {target.name!r} is {target.dtype.name} and is fed {known.dtype.name}; convert the value: "
            f"np.asarray(value, {target.dtype.name!r})"
        )
    return asarray(known.numpy(), dtype=target.dtype)


def _cut(graph: Graph, feeds: Mapping[int, Any], targets: Sequence[int]) -> Graph:
    """Copy what the targets need, with an input in place of every fed tensor."""
    all_values = {t.value_index: t for node in graph.nodes for t in node.outputs}
    new = graph.like()
    values: dict[int, Tensor] = {}
    nodes: dict[int, Node] = {}
    inputs = []
    for index in feeds:
        t = all_values[index]
        values[index] = new.placeholder(t.dtype, t.shape, t.name.replace(":", "_"))
        inputs.append(values[index])
    for node in _needed(graph, values, [all_values[i] for i in targets if i not in values]):
        made = new.copy_node(
            node,
            [values[t.value_index] for t in node.inputs],
            [nodes[c.index] for c in node.control_inputs if c.index in nodes],
        )
        for old, t in zip(node.outputs, made, strict=True):
            values.setdefault(old.value_index, t)
        if made:
            nodes[node.index] = made[0].node
    new.inputs = inputs
    new.outputs = [values[i] for i in targets]
    return new


def _needed(graph: Graph, fed: Mapping[int, Tensor], targets: Sequence[Tensor]) -> list[Node]:
    found: set[int] = set()
    stack = [t.node for t in targets]
    while stack:
        node = stack.pop()
        if node is None or node.index in found:
            continue
        found.add(node.index)
        stack += [t.node for t in node.inputs if t.value_index not in fed]
        stack += node.control_inputs
    return [node for node in graph.nodes if node.index in found]


def _to_numpy(t: Tensor) -> Any:
    array = t.numpy()
    return array if array.ndim else array[()]


def _default_graph() -> Graph:
    from penstock.v1 import get_default_graph

    return get_default_graph()


__all__ = ["Operation", "Session", "group"]
