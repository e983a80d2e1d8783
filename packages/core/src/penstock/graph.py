"""Building graphs by hand: the graph to append to, name scopes, devices, control dependencies, placeholders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from penstock import _native
from penstock._native import Graph, Node, Tensor
from penstock._source import caller
from penstock.errors import GraphError, InvalidTypeError

if TYPE_CHECKING:
    from penstock._native import Dim
    from penstock.annotations import DTypeLike, TensorLike

__all__ = [
    "Graph",
    "Node",
    "Operation",
    "as_default",
    "control_dependencies",
    "current_graph",
    "device",
    "eagerly",
    "group",
    "name_scope",
    "placeholder",
    "run_graph",
]


def current_graph() -> Graph | None:
    """Return the graph that ops append to in this thread, or None while they run at once."""
    return _native.current_graph()


@contextmanager
def as_default(graph: Graph) -> Iterator[Graph]:
    """Append every op called in the block to `graph`, also those whose inputs are known.

    >>> import penstock as ps
    >>> g = ps.Graph()
    >>> with g.as_default():
    ...     y = ps.zeros((2,)) + 1
    >>> y.is_symbolic
    True
    """
    graph.push()
    try:
        yield graph
    finally:
        graph.pop()


@contextmanager
def eagerly() -> Iterator[None]:
    """Run every op called in the block at once, even while a graph is being built."""
    _native.push_eager()
    try:
        yield
    finally:
        _native.pop_graph()


def run_graph(
    graph: Graph, inputs: Sequence[TensorLike], timeout: float | None = None
) -> list[Tensor]:
    """Run a graph as it was written: no pass looks at it first.

    Args:
        graph: With its `outputs` set, on one device.
        inputs: A value for each of the graph's inputs.
        timeout: Seconds after which the run is cancelled.

    Returns:
        A value for each of the graph's outputs.

    Raises:
        GraphError: There is another number of inputs.
        CancelledError: The timeout passed.

    >>> import penstock as ps
    >>> double = ps.function(lambda x: x + x)
    >>> run_graph(double.trace(ps.ones((2,))).graph, [ps.ones((2,))])[0].tolist()
    [2.0, 2.0]
    """
    return list(_native.Plan(graph).run(list(inputs), timeout))


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Put `name/` in front of the names of nodes made in the block; scopes nest.

    Args:
        name: Letters, digits, `_`, `-`, `.`.

    Yields:
        The full scope.

    Raises:
        GraphError: The name is empty or has characters that names may not have.
    """
    if not name or not all(c.isalnum() or c in "_-./" for c in name):
        raise GraphError(
            f"[name_scope] {name!r} is no scope name; use letters, digits, '_', '-' and '.'"
        )
    outer = _native.get_scope()
    scope = f"{outer}/{name}" if outer else name
    _native.set_scope(scope)
    try:
        yield scope
    finally:
        _native.set_scope(outer)


@contextmanager
def device(name: str | None) -> Iterator[None]:
    """Run the ops of the block on a device, or place their nodes there.

    Args:
        name: "cpu", "cpu:0", a plugin's device, or a full name such as "/job:worker/task:1/device:cpu:0".
            None lifts an outer block's choice.

    Raises:
        DeviceError: There is no such device; the message lists those that are there.
    """
    from penstock.device import full_name

    outer = _native.get_scope_device()
    _native.set_scope_device(full_name(name) if name else "")
    try:
        yield
    finally:
        _native.set_scope_device(outer)


class Operation:
    """Something to run for its effects; fetching it gives None."""

    def __init__(self, tensors: Sequence[Tensor], name: str = "group") -> None:
        self.tensors = list(tensors)
        self.name = name

    def __repr__(self) -> str:
        return f"<operation {self.name} of {len(self.tensors)}>"


def group(*targets: Tensor | Node | Operation, name: str = "group") -> Operation:
    """Bundle tensors, nodes and operations into one thing to run.

    Args:
        targets: What to run.
        name: A name for messages.

    Raises:
        InvalidTypeError: An argument is none of these.
    """
    return Operation(_tensors_of("group", targets), name)


def _tensors_of(what: str, targets: Sequence[Tensor | Node | Operation]) -> list[Tensor]:
    tensors: list[Tensor] = []
    for target in targets:
        if isinstance(target, Operation):
            tensors += target.tensors
        elif isinstance(target, Node):
            tensors.append(target.outputs[0])
        elif isinstance(target, Tensor):
            tensors.append(target)
        else:
            raise InvalidTypeError(
                f"[{what}] got {type(target).__name__}; it takes tensors of the graph, nodes and operations"
            )
    return tensors


@contextmanager
def control_dependencies(targets: Sequence[Tensor | Node | Operation]) -> Iterator[None]:
    """Make the nodes of the block run after those that compute `targets`, in a Session too.

    Args:
        targets: Tensors, nodes and operations of the graph that is being built.

    Raises:
        InvalidTypeError: A target is none of these.
    """
    outer = _native.get_control_inputs()
    _native.set_control_inputs([*outer, *_tensors_of("control_dependencies", targets)])
    try:
        yield
    finally:
        _native.set_control_inputs(outer)


def placeholder(
    dtype: DTypeLike = "float32",
    shape: Sequence[int | str | Dim | None] | None = None,
    name: str = "placeholder",
) -> Tensor:
    """Add a tensor that is fed when the graph runs.

    Args:
        dtype: Its dtype.
        shape: Its sizes. None is a size that may differ from run to run; a string names it, and equal names
            are equal sizes.
        name: Its name, for feeding by name and for messages.

    Returns:
        A symbolic tensor of the current graph.

    Raises:
        GraphError: No graph is being built, or the rank is unknown.

    >>> import penstock as ps
    >>> with ps.Graph().as_default():
    ...     x = ps.placeholder("float32", ("batch", 3), name="x")
    >>> x.shape
    (batch, 3)
    """
    graph = _native.current_graph()
    if graph is None:
        raise GraphError(
            "[placeholder] there is no graph to add it to; write `with penstock.Graph().as_default():` around it, "
            "or use penstock.v1"
        )
    if shape is None:
        raise GraphError(
            f"[placeholder] {name!r} has no shape; its number of dimensions must be known: "
            "shape=() for a scalar, shape=(None, 3) for rows of three"
        )
    return graph.placeholder(dtype, shape, name, source=caller())


Graph.as_default = as_default  # type: ignore[method-assign, assignment]
