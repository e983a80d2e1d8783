"""The default graph, what appends to it, and its variables."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import penstock
from penstock import _native, state
from penstock._native import Graph, Tensor
from penstock.errors import InvalidTypeError
from penstock.graph import Operation, group

if TYPE_CHECKING:
    from penstock.annotations import TensorLike

_graph = Graph("default")
_variables: dict[Graph, list[Variable]] = {}
_named: dict[Graph, dict[str, Variable]] = {}  # those of get_variable
_local: dict[Graph, list[Variable]] = {}  # those of metrics, which no checkpoint has
_wrapped: dict[Any, Callable[..., Any]] = {}  # so that tf.add is tf.add


def get_default_graph() -> Graph:
    """Return the graph that ops append to."""
    current = _native.current_graph()
    return _graph if current is None else current


def reset_default_graph() -> None:
    """Start over with an empty default graph; tensors of the old one stay with the old one."""
    global _graph
    forget(_graph)
    _graph = Graph("default")


@contextmanager
def default_graph(graph: Graph) -> Iterator[Graph]:
    """Make functions of this module append to a graph, while functions of `penstock` itself stay eager."""
    global _graph
    outer, _graph = _graph, graph
    try:
        yield graph
    finally:
        _graph = outer


def forget(graph: Graph) -> None:
    """Let go of what is kept beside a graph."""
    for kept in (_variables, _named, _local):
        kept.pop(graph, None)


def in_graph(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function append to the default graph, and take `name=` for the node of its result."""
    has_name = "name" in inspect.signature(fn).parameters

    @functools.wraps(fn)
    def appending(*args: Any, **kwargs: Any) -> Any:
        name = None if has_name else kwargs.pop("name", None)
        graph = get_default_graph()
        before = len(graph)
        with graph.as_default():
            result = fn(*args, **kwargs)
            if name is not None:
                _rename(result, name, before)
        return result

    return appending


def wrapped(fn: Any) -> Any:
    """Return the version of a public function that appends to the default graph; anything else as it is."""
    if callable(fn) and not isinstance(fn, type):
        return _wrapped.setdefault(fn, in_graph(fn))
    return fn


def shared_variables() -> dict[str, Variable]:
    """Return what `get_variable` has made in the default graph, by name."""
    return _named.setdefault(get_default_graph(), {})


def _rename(result: Any, name: str, before: int) -> None:
    """Name the nodes that compute a result, if the call made them: it may hand on what it was given."""
    results = result if isinstance(result, list | tuple) else [result]
    tensors = [t for t in results if isinstance(t, Tensor) and t.is_symbolic]
    for node in dict.fromkeys(t.node for t in tensors):
        if node.index >= before:
            node.rename(name)


def constant(
    value: Any, dtype: Any = None, shape: Sequence[int] | None = None, name: str = "Const"
) -> Tensor:
    """Add a constant to the default graph.

    Args:
        value: A number, string, array, or nested lists of these.
        dtype: By default int32 for whole numbers, as TensorFlow has it, and float32 for others.
        shape: Fill or reshape to this shape.
        name: The node's name.

    Returns:
        A tensor of the graph.

    Raises:
        ValueError: The value does not fit the shape.
    """
    known = value if isinstance(value, Tensor) else _eager_array(value, dtype)
    if shape is not None:
        with penstock.graph.eagerly():
            known = (
                penstock.broadcast_to(known, shape)
                if known.size == 1
                else penstock.reshape(known, shape)
            )
    return get_default_graph().constant(known, name)


def _eager_array(value: Any, dtype: Any) -> Tensor:
    with penstock.graph.eagerly():
        known = penstock.asarray(value, dtype=dtype)
        if dtype is None and known.dtype == penstock.int64 and not hasattr(value, "dtype"):
            known = penstock.asarray(value, dtype=penstock.int32)
    return known


def placeholder(
    dtype: Any, shape: Sequence[int | None] | None = None, name: str = "Placeholder"
) -> Tensor:
    """Add a tensor that is fed when the graph runs; see `penstock.placeholder`."""
    with get_default_graph().as_default():
        return penstock.placeholder(dtype, shape, name)


class Variable(state.Variable):
    """A variable of the default graph; `global_variables_initializer` gives it its first value.

    Args:
        initial_value: A value, or a tensor of the graph.
        name: Its name.
        trainable: Whether optimisers change it.
        dtype: By default the value's.
        local: Whether it belongs to a metric: `local_variables_initializer` gives it its first value.
    """

    def __init__(
        self,
        initial_value: Any,
        name: str = "Variable",
        trainable: builtins.bool = True,
        dtype: Any = None,
        *,
        local: builtins.bool = False,
    ) -> None:
        graph = get_default_graph()
        if isinstance(initial_value, Tensor) and initial_value.is_symbolic:
            if dtype is not None:
                with graph.as_default():
                    initial_value = penstock.cast(initial_value, dtype)
        else:
            initial_value = constant(initial_value, dtype, name=f"{name}/initial_value")
        self._handle = _native.Variable.uninitialized(
            initial_value.dtype, initial_value.shape, name, trainable
        )
        self.initial_value: Tensor = initial_value
        self.initializer = Operation([self.assign(initial_value)], f"{name}/init")
        (_local if local else _variables).setdefault(graph, []).append(self)

    def __reduce__(self) -> NoReturn:
        raise InvalidTypeError(
            f"[Variable] variable {self.name!r} belongs to a graph and cannot be pickled or copied; keep its value, "
            "session.run(v), and make a variable of it: Variable(value)"
        )

    @property
    def value(self) -> Tensor:
        """The value when the graph runs."""
        with get_default_graph().as_default():
            return super().value

    def assign(self, value: TensorLike) -> Tensor:
        """Append the replacement of the value; the result is what the variable holds then."""
        with get_default_graph().as_default():
            return super().assign(value)


def global_variables() -> list[Variable]:
    """List the variables of the default graph."""
    return list(_variables.get(get_default_graph(), []))


def local_variables() -> list[Variable]:
    """List the variables of the default graph's metrics."""
    return list(_local.get(get_default_graph(), []))


def local_variables_initializer() -> Operation:
    """Return the operation that gives the variables of metrics their first values; other local state needs none."""
    return group(*(v.initializer for v in local_variables()), name="init_local")


def trainable_variables() -> list[Variable]:
    """List the trainable variables of the default graph."""
    return [v for v in global_variables() if v.trainable]


def global_variables_initializer() -> Operation:
    """Return the operation that gives every variable its first value."""
    return group(*(v.initializer for v in global_variables()), name="init")
