"""`Session`: run parts of a graph, with feeds and fetches, as TensorFlow 1 did."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penstock import _native, passes
from penstock._dataclass import dataclass
from penstock._native import DType, Graph, Node, Plan, Tensor
from penstock.errors import CancelledError, DTypeError, GraphError
from penstock.graph import Operation, eagerly
from penstock.ops import asarray
from penstock.passes.prune import needed_nodes
from penstock.run_options import RunOptions
from penstock.state import Variable

if TYPE_CHECKING:
    from penstock.futures import RunFuture

Target: TypeAlias = int | Variable
"""What a run computes: a value of the graph, by number, or what a variable holds at the end."""


class _Entered(threading.local):
    """The sessions whose `with` blocks this thread is in."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []


_entered = _Entered()


def default_session() -> Session | None:
    """Return the session of the innermost `with` block of this thread, or None."""
    return _entered.sessions[-1] if _entered.sessions else None


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
        current = _native.current_graph() if graph is None else graph
        self.graph = _default_graph() if current is None else current
        self._plans: dict[Any, tuple[Plan, list[Node]]] = {}
        self._closed = False

    def __enter__(self) -> Session:
        self.graph.push()
        _entered.sessions.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _entered.sessions.pop()
        self.graph.pop()
        self.close()

    def close(self) -> None:
        """Forget all plans; the session cannot run any more."""
        self._plans.clear()
        self._closed = True

    def run(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        timeout: float | None = None,
        options: RunOptions | None = None,
    ) -> Any:
        """Compute fetches.

        Args:
            fetches: A tensor, an operation, a tensor's name ("add_1", "add_1:0"), a variable, or nested lists,
                tuples and dictionaries of these.
            feed_dict: Values by tensor or name: of placeholders, or of any other tensor, which is then not
                computed.
            timeout: Seconds after which the run is cancelled.
            options: A deadline and a token; see `penstock.RunOptions`.

        Returns:
            NumPy values in the structure of `fetches`; None for operations.

        Raises:
            GraphError: A fetch or feed is not in the graph, or a placeholder is needed and not fed.
            ShapeError: A fed value does not fit its tensor's shape.
            DTypeError: A fed value does not fit its tensor's dtype.
            CancelledError: The timeout passed, or the token was cancelled.
            OutOfRangeError: A queue that the run takes from is closed and empty.
        """
        if self._closed:
            raise GraphError("[Session.run] this session is closed; make a new one")
        leaves, structure = _native.tree_flatten(fetches)
        wanted = [self._fetch(leaf) for leaf in leaves]
        targets = [target for fetch in wanted for target in fetch.targets]
        # `with session:` makes ops append to its graph; values are no part of it
        with eagerly(), nullcontext() if options is None else options:
            feeds = self._feeds(feed_dict or {})
            values = iter(self._compute(feeds, targets, timeout))
            results = []
            for fetch in wanted:
                computed = [next(values) for _ in fetch.targets]
                results.append(_to_numpy(computed[0]) if fetch.has_value else None)
        return _native.tree_unflatten(structure, results)

    def run_async(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        timeout: float | None = None,
        options: RunOptions | None = None,
    ) -> RunFuture[Any]:
        """Compute fetches in another thread, and return at once.

        Args:
            fetches: As in `run`.
            feed_dict: As in `run`.
            timeout: As in `run`.
            options: As in `run`.

        Returns:
            A future of what `run` returns; `cancel()` stops the run.

        Raises:
            Nothing; the future has the errors of `run`.
        """
        with eagerly():
            from penstock.futures import submit  # slow to import

            return submit(self.run, fetches, feed_dict, timeout, options)

    def _compute(
        self, feeds: Mapping[int, Tensor], targets: Sequence[Target], timeout: float | None
    ) -> list[Tensor]:
        version = self.graph.version
        feeds = dict(sorted(feeds.items()))  # their order makes no other plan
        key = (version, tuple(feeds), tuple(targets), _native.get_debug_nans())
        known = self._plans.get(key)
        if known is None:
            for old in [other for other in list(self._plans) if other[0] != version]:
                self._plans.pop(
                    old, None
                )  # the graph was changed since; other threads may do the same
            cut, pulled = _cut(self.graph, list(feeds), targets)
            known = self._plans[key] = (Plan(passes.optimize(cut)), pulled)
        plan, pulled = known
        try:
            with RunOptions(timeout) if timeout is not None else nullcontext():
                return plan.run([*feeds.values(), *_pull(pulled, feeds)])
        except CancelledError as error:
            if timeout is None or "its time is over" not in str(error):
                raise
            raise CancelledError(
                f"[Session.run] the timeout of {timeout} seconds passed; give more, or fetch less: {error}"
            ) from error

    def _fetch(self, leaf: Any) -> _Fetch:
        match leaf:
            case Operation():
                return _Fetch([self._own(t) for t in leaf.tensors], has_value=False)
            case Node():
                return _Fetch([self._own(leaf.outputs[0])], has_value=False)
            case Variable():
                return _Fetch([leaf])
            case Tensor():
                return _Fetch([self._own(leaf)])
            case str():
                return _Fetch([self._by_name(leaf, "fetch").value_index])
        raise GraphError(
            f"[Session.run] cannot fetch {leaf!r} ({type(leaf).__name__}); fetch tensors of the graph, their "
            "names, operations or variables"
        )

    def _own(self, t: Tensor) -> int:
        """Return the number of a tensor of this session's graph."""
        if t.graph is None:
            raise GraphError(
                f"[Session.run] {t!r} is a value already; only tensors of the graph can be run"
            )
        if t.graph != self.graph:
            raise GraphError(
                f"[Session.run] tensor {t.name!r} belongs to graph {t.graph.name!r}, this session runs another; "
                "open it with penstock.Session(tensor.graph)"
            )
        return t.value_index

    def _by_name(self, name: str, what: str) -> Tensor:
        node_name, _, index = name.partition(":")
        node = self.graph.find_node(node_name)
        if node is None:
            import difflib  # slow to import, and seldom needed

            near = difflib.get_close_matches(node_name, [n.name for n in self.graph.nodes], n=3)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            raise GraphError(
                f"[Session.run] cannot {what} {name!r}: the graph has no such node{hint}"
            )
        outputs: list[Tensor] = node.outputs
        if not index:
            return outputs[0]
        if not index.isdigit() or int(index) >= len(outputs):
            names = ", ".join(f"'{node_name}:{i}'" for i in range(len(outputs)))
            raise GraphError(
                f"[Session.run] cannot {what} {name!r}: the outputs of this node are {names}"
            )
        return outputs[int(index)]

    def _feeds(self, feed_dict: Mapping[Any, Any]) -> dict[int, Tensor]:
        feeds: dict[int, Tensor] = {}
        for key, value in feed_dict.items():
            if isinstance(key, str):
                target = self._by_name(key, "feed")
            elif isinstance(key, Tensor):
                target = key
            else:
                raise GraphError(
                    f"[Session.run] feed_dict has the key {key!r} ({type(key).__name__}); use a tensor of the graph "
                    "or its name"
                )
            index = self._own(target)
            if index in feeds:
                raise GraphError(f"[Session.run] {target.name!r} is fed twice; give it one value")
            feeds[index] = _fed_value(target, value)
        return feeds


@dataclass(frozen=True)
class _Fetch:
    """What one leaf of the fetches asks for."""

    targets: Sequence[Target]
    has_value: bool = True  # else it is run for its effects


def _fed_value(target: Tensor, value: Any) -> Tensor:
    """Convert a fed value: Python data and other kinds of numbers take the tensor's dtype, but nothing is cut off."""
    if isinstance(value, Tensor) and value.is_symbolic:
        raise GraphError(
            f"[Session.run] {target.name!r} is fed a graph tensor; feed a value, or connect the graphs with ops"
        )
    given = asarray(value)
    if given.dtype == target.dtype:
        return given
    if not _fits(given.dtype, target.dtype):
        raise DTypeError(
            f"[Session.run] {target.name!r} is {target.dtype.name} and is fed {given.dtype.name}; convert the value: "
            f"np.asarray(value, {target.dtype.name!r})"
        )
    whole = "signed" in given.dtype.kind and "signed" in target.dtype.kind
    if not whole:
        return asarray(given.numpy() if isinstance(value, Tensor) else value, dtype=target.dtype)
    fed = asarray(given.numpy().astype(target.dtype.name))
    if not np.array_equal(fed.numpy(), given.numpy()):
        raise DTypeError(
            f"[Session.run] {target.name!r} is {target.dtype.name} and is fed {given.dtype.name} with values that "
            f"{target.dtype.name} cannot hold"
        )
    return fed


def _fits(given: DType, wanted: DType) -> bool:
    ranks = {"bool": 0, "unsigned": 1, "signed": 1, "float": 2, "complex": 3}
    if "string" in (given.kind, wanted.kind):
        return False
    return ranks[given.kind] <= ranks[wanted.kind]


def _cut(graph: Graph, feeds: Sequence[int], targets: Sequence[Target]) -> tuple[Graph, list[Node]]:
    """Copy what the targets need, with an input in place of every fed tensor; variables are read at the end.

    Returns:
        The new graph, and the nodes whose results must be had before the run: their outputs are further inputs.
    """
    originals = {t.value_index: t for node in graph.nodes for t in node.outputs}
    new = graph.like()
    values: dict[int, Tensor] = {}
    nodes: dict[int, Node] = {}
    for index in feeds:
        t = originals[index]
        values[index] = new.placeholder(t.dtype, t.shape, t.name.replace(":", "_"))
    roots = [originals[t].node for t in targets if isinstance(t, int) and t not in values]
    needed = needed_nodes(roots, known=values)
    pulled = [node for node in graph.nodes if node.index in needed and _must_be_pulled(node)]
    for t in (t for node in pulled for t in node.outputs):
        if t.value_index not in values:
            values[t.value_index] = new.placeholder(t.dtype, t.shape, t.name.replace(":", "_"))
    needed -= {node.index for node in pulled}
    new.inputs = list(values.values())
    for node in graph.nodes:
        if node.index not in needed:
            continue
        inputs = [values[t.value_index] for t in node.inputs]
        controls = [nodes[c.index] for c in node.control_inputs if c.index in nodes]
        made = new.copy_node(node, inputs, controls)
        nodes[node.index] = made[0].node
        for old, t in zip(node.outputs, made, strict=True):
            values.setdefault(old.value_index, t)
    with new.as_default():
        new.outputs = [values[t] if isinstance(t, int) else t.value for t in targets]
    return new, pulled


def _must_be_pulled(node: Node) -> bool:
    """Say whether only a call can tell the sizes of a node's results, as of what a queue gives."""
    return (
        node.op == "host_call"
        and not node.inputs
        and any(not isinstance(size, int) for t in node.outputs for size in t.shape)
    )


def _pull(nodes: Sequence[Node], fed: Mapping[int, Tensor]) -> Iterator[Tensor]:
    """Call the functions of such nodes; what is fed is not looked at."""
    for node in nodes:
        results = node.attrs["function"]()
        for t, result in zip(node.outputs, results, strict=True):
            if t.value_index not in fed:
                yield asarray(result, dtype=t.dtype)


def _to_numpy(t: Tensor) -> Any:
    array = t.numpy()
    return array if array.ndim else array[()]


def _default_graph() -> Graph:
    from penstock.v1 import get_default_graph

    return get_default_graph()


__all__ = ["Session", "default_session"]
