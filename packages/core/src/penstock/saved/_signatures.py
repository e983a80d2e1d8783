"""Functions traced by what they take: from a signature in words, or from the one trace that there is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock import _native, dtypes
from penstock._bodies import building
from penstock._native import DType, Graph, Tensor
from penstock._trace import Static, is_traced, set_outputs
from penstock.autograph._convert import converted
from penstock.autograph._state import explain_unset
from penstock.errors import GraphError, InvalidTypeError
from penstock.function import Function
from penstock.ops import asarray
from penstock.saved._structure import LEAF, leaves_of, output_names, structure_of
from penstock.saved.model import GraphFunction, TensorSpec

_GATHERING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def from_trace(name: str, fn: Function) -> GraphFunction:
    """Take the one trace that a function has.

    Raises:
        GraphError: It has another number of traces.
    """
    if len(fn.traces) != 1:
        raise GraphError(
            f"[save] {name!r} has {len(fn.traces)} traces; say what it takes: "
            "signatures=[('float32', ('batch', 3))], or call it once"
        )
    trace = fn.traces[0]
    arguments = _plain_values(structure_of(trace.key.structure, len(trace.graph.inputs)))
    results = structure_of(trace.outputs, len(trace.graph.outputs))
    return _function(name, trace.graph, fn._signature, arguments, results)


def by_signature(name: str, fn: Callable[..., Any], signature: Any) -> GraphFunction:
    """Trace a function for what a signature says.

    Args:
        name: What to call it.
        fn: Any function of tensors.
        signature: What each argument is, in order or by name, as `penstock.save` takes it.

    Raises:
        InvalidTypeError: The signature does not fit the function's arguments.
        Exception: What the function raises.
    """
    body = fn._body if isinstance(fn, Function) else _body_of(fn)
    parameters = inspect.signature(fn)
    bound = _bound(name, parameters, signature)
    graph = Graph(name)
    arguments: dict[str, Any] = {}
    with building(graph):
        for parameter, value in list(bound.arguments.items()):
            filled, arguments[parameter] = _filled(graph, value, parameter)
            bound.arguments[parameter] = filled
        outputs = explain_unset(lambda: set_outputs(graph, body(*bound.args, **bound.kwargs)))
    results = structure_of(outputs, len(graph.outputs))
    return _function(name, graph, parameters, arguments, results)


def _bound(name: str, parameters: inspect.Signature, signature: Any) -> inspect.BoundArguments:
    """Give each argument of a function what a signature says of it."""
    try:
        if isinstance(signature, Mapping):
            return parameters.bind(**signature)
        alone = isinstance(signature, TensorSpec) or _is_pair(signature)
        return parameters.bind(*([signature] if alone else signature))
    except TypeError as error:
        raise InvalidTypeError(
            f"[save] the signature of {name!r} does not fit its arguments {parameters}: {error}; give a pair for each "
            "argument, in order or by its name: signatures=[('float32', ('batch', 3))]"
        ) from error


def _function(
    name: str,
    graph: Graph,
    parameters: inspect.Signature,
    arguments: Mapping[str, Any],
    results: Any,
) -> GraphFunction:
    """Make a function that is called as the Python function is; what it gathers in *args is called by name."""
    taken = {
        parameter: structure
        for parameter, structure in arguments.items()
        if any(leaf is LEAF for leaf in _native.tree_flatten(structure)[0])
    }
    names = [path for path, _ in leaves_of(taken, taken)]
    gathers = any(parameters.parameters[parameter].kind in _GATHERING for parameter in taken)
    return GraphFunction(
        graph,
        name,
        names,
        output_names(results),
        arguments=None if gathers else taken,
        results=results,
    )


def _plain_values(structure: Any) -> Any:
    """Return a trace's structure with the static values themselves."""
    leaves, spec = _native.tree_flatten(structure)
    return _native.tree_unflatten(
        spec, [leaf.value if isinstance(leaf, Static) else leaf for leaf in leaves]
    )


def _filled(graph: Graph, value: Any, path: str) -> tuple[Any, Any]:
    """Return what a function gets for a part of its signature, and the structure of it."""
    spec = _spec_of(value)
    if spec is not None:
        return graph.placeholder(spec[0], spec[1], path.replace("/", "_")), LEAF
    if isinstance(value, Mapping):
        pairs = {key: _filled(graph, item, f"{path}/{key}") for key, item in value.items()}
        return {k: p[0] for k, p in pairs.items()}, {k: p[1] for k, p in pairs.items()}
    if isinstance(value, list | tuple):
        made: Callable[..., Any] = getattr(type(value), "_make", type(value))
        parts: Sequence[Any] = value
    elif hasattr(value, "__penstock_parts__") and not isinstance(value, type):
        parts, rest = value.__penstock_parts__()
        whole = type(value).__penstock_whole__

        def made(items: Sequence[Any]) -> Any:
            return whole(*items, *rest)

    else:
        return value, value
    both = [_filled(graph, item, f"{path}/{i}") for i, item in enumerate(parts)]
    return made([pair[0] for pair in both]), made([pair[1] for pair in both])


def _body_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    inner = getattr(fn, "__func__", fn)
    if isinstance(inner, Function):  # a method of a class
        return lambda *args, **kwargs: inner._body(getattr(fn, "__self__", None), *args, **kwargs)
    made: Callable[..., Any] = converted(fn) if inspect.isroutine(fn) else fn
    return made


def _is_pair(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], list | tuple):
        return False
    if not isinstance(value[0], str | DType | type):
        return False
    try:
        dtypes.as_dtype(value[0])
    except TypeError:
        return False
    return all(size is None or isinstance(size, int | str) for size in value[1])


def _spec_of(value: Any) -> tuple[DType, Sequence[Any]] | None:
    """Read a leaf of a signature: dtype and shape; None for what is no tensor."""
    if isinstance(value, TensorSpec):
        return value.dtype, value.shape
    if _is_pair(value):
        return dtypes.as_dtype(value[0]), value[1]
    if isinstance(value, Tensor) or (hasattr(value, "__array__") and is_traced(value)):
        t = asarray(value)
        return t.dtype, t.shape
    return None
