"""What `penstock.save` is given, as a model: functions are traced by their signatures, variables get names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock import _native, dtypes
from penstock._bodies import building
from penstock._inner_graphs import inner_graphs
from penstock._named_variables import named_variables, parts_of
from penstock._native import DType, Graph, Tensor
from penstock._trace import is_traced, set_outputs
from penstock.autograph._convert import converted
from penstock.autograph._state import explain_unset
from penstock.errors import GraphError, InvalidValueError
from penstock.function import Function
from penstock.saved._structure import LEAF, output_names, structure_of
from penstock.saved.model import GraphFunction, GraphModel, TensorSpec
from penstock.state import Variable

MAIN = "main"


def model_of(obj: Any, signatures: Any) -> GraphModel:
    """Make a model of an object.

    Args:
        obj: As in `penstock.save`.
        signatures: Likewise.

    Raises:
        GraphError: A function has no known signature.
        InvalidValueError: There is no function.
    """
    if isinstance(obj, GraphModel):
        return _complete(obj.functions, obj.variables, obj.metadata)
    if isinstance(obj, GraphFunction):
        return _complete({obj.name: obj}, {}, {})
    given, named = _functions_of(obj, signatures)
    if not given:
        raise InvalidValueError(
            f"[save] {type(obj).__name__} has no traced function; mark one with @penstock.function, or say which by name: "
            "signatures={'predict': [('float32', ('batch', 3))]}"
        )
    functions = {name: _graph_function(name, fn, spec) for name, (fn, spec) in given.items()}
    return _complete(functions, named, getattr(obj, "metadata", None) or {})


def _functions_of(obj: Any, signatures: Any) -> tuple[dict[str, Any], dict[str, Variable]]:
    """Find functions by name, each with its signature or None, and the variables that have names by their place."""
    if isinstance(obj, Function) or inspect.isroutine(obj):
        return {MAIN: (obj, signatures)}, {}
    by_name = isinstance(signatures, Mapping) and not isinstance(obj, Mapping)
    held = dict(parts_of(obj))
    variables = named_variables({str(key): value for key, value in held.items()})
    if isinstance(obj, Mapping):
        wanted = {str(k): f for k, f in obj.items() if callable(f) and not isinstance(f, Variable)}
        specs = signatures or {}
        return {name: (f, specs.get(name)) for name, f in wanted.items()}, variables
    if signatures is None:
        names = [name for name in _names_of(obj) if isinstance(_attribute(obj, name), Function)]
        return {name: (getattr(obj, name), None) for name in names}, variables
    if by_name and all(callable(getattr(obj, str(name), None)) for name in signatures):
        return {name: (getattr(obj, name), spec) for name, spec in signatures.items()}, variables
    return {MAIN: (obj, signatures)}, variables


def _names_of(obj: Any) -> list[str]:
    names = [name for kind in reversed(type(obj).__mro__) for name in vars(kind)]
    names += list(getattr(obj, "__dict__", {}))
    return list(dict.fromkeys(names))


def _attribute(obj: Any, name: str) -> Any:
    found = inspect.getattr_static(obj, name, None)
    return found if isinstance(found, Function) else None


def _graph_function(name: str, fn: Any, signature: Any) -> GraphFunction:
    if isinstance(fn, GraphFunction):
        return fn
    traced = fn if isinstance(fn, Function) else getattr(fn, "__func__", None)
    if signature is None and isinstance(traced, Function):
        return _from_trace(name, traced)
    if signature is None:
        raise GraphError(
            f"[save] what {name!r} takes is not known; say it: signatures=[('float32', ('batch', 3))]"
        )
    return _by_signature(name, fn, signature)


def _from_trace(name: str, fn: Function) -> GraphFunction:
    """Take the one trace that a function has."""
    if len(fn.traces) != 1:
        raise GraphError(
            f"[save] {name!r} has {len(fn.traces)} traces; say what it takes: "
            "signatures=[('float32', ('batch', 3))], or call it once"
        )
    trace = fn.traces[0]
    results = structure_of(trace.outputs, len(trace.graph.outputs))
    return GraphFunction(trace.graph, name, None, output_names(results), results=results)


def _by_signature(name: str, fn: Callable[..., Any], signature: Any) -> GraphFunction:
    """Trace a function for what a signature says."""
    body = fn._body if isinstance(fn, Function) else _plain(fn)
    parameters = inspect.signature(fn)
    if isinstance(signature, Mapping):
        bound = parameters.bind(**signature)
    else:
        if isinstance(signature, TensorSpec) or _is_pair(signature):
            signature = [signature]
        bound = parameters.bind(*signature)
    graph = Graph(name)
    names: list[str] = []
    structures: dict[str, Any] = {}

    def fill(value: Any, path: str) -> tuple[Any, Any]:
        """Return what the function gets, and the structure of it."""
        spec = _spec_of(value, path)
        if spec is not None:
            names.append(path)
            return graph.placeholder(spec[0], spec[1], path.replace("/", "_")), LEAF
        if isinstance(value, Mapping):
            pairs = {key: fill(item, f"{path}/{key}") for key, item in value.items()}
            return {k: p[0] for k, p in pairs.items()}, {k: p[1] for k, p in pairs.items()}
        if isinstance(value, list | tuple):
            both = [fill(item, f"{path}/{i}") for i, item in enumerate(value)]
            made = [[pair[side] for pair in both] for side in (0, 1)]
            kind: Any = getattr(type(value), "_make", type(value))
            return kind(made[0]), kind(made[1])
        if hasattr(value, "__penstock_parts__") and not isinstance(value, type):
            tensors, rest = value.__penstock_parts__()
            both = [fill(item, f"{path}/{i}") for i, item in enumerate(tensors)]
            whole = type(value).__penstock_whole__
            return whole(*(p[0] for p in both), *rest), whole(*(p[1] for p in both), *rest)
        return value, value

    with building(graph):
        for parameter, value in list(bound.arguments.items()):
            filled, structure = fill(value, parameter)
            bound.arguments[parameter] = filled
            if any(leaf is LEAF for leaf in _native.tree_flatten(structure)[0]):
                structures[parameter] = structure
        outputs = explain_unset(lambda: set_outputs(graph, body(*bound.args, **bound.kwargs)))
    results = structure_of(outputs, len(graph.outputs))
    return GraphFunction(
        graph, name, names, output_names(results), arguments=structures, results=results
    )


def _plain(fn: Callable[..., Any]) -> Callable[..., Any]:
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


def _spec_of(value: Any, path: str) -> tuple[DType, Sequence[Any]] | None:
    """Read a leaf of a signature: dtype and shape; None for what is no tensor."""
    if isinstance(value, TensorSpec):
        return value.dtype, value.shape
    if _is_pair(value):
        return dtypes.as_dtype(value[0]), value[1]
    if isinstance(value, Tensor) or (hasattr(value, "__array__") and is_traced(value)):
        from penstock.ops import asarray

        t = asarray(value)
        return t.dtype, t.shape
    return None


def _complete(
    functions: Mapping[str, GraphFunction],
    variables: Mapping[str, Variable],
    metadata: Mapping[str, Any],
) -> GraphModel:
    """Give names to variables that only the graphs know."""
    named = dict(variables)
    known = {v._handle for v in named.values()}
    for function in functions.values():
        for handle in _used(function.graph):
            if handle not in known:
                known.add(handle)
                name, count = handle.name, 1
                while name in named:
                    name, count = f"{handle.name}_{count}", count + 1
                named[name] = _variable(handle)
    renamed = {name: f if f.name == name else f.renamed(name) for name, f in functions.items()}
    return GraphModel(renamed, named, metadata)


def _variable(handle: Any) -> Variable:
    made = Variable.__new__(Variable)
    made._handle = handle
    return made


def _used(graph: Graph) -> list[Any]:
    """List the native variables that a graph reads or assigns, in its bodies too."""
    found: dict[Any, None] = {}
    for node in graph.nodes:
        if node.op in ("read_variable", "assign_variable"):
            value = node.attrs["variable"]
            found.setdefault(getattr(value, "_handle", value))
        for body in inner_graphs(node):
            found.update(dict.fromkeys(_used(body)))
    return list(found)
