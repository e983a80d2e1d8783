"""What `penstock.save` is given, as a model: functions are traced by their signatures, variables get names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from penstock._inner_graphs import inner_graphs
from penstock._named_variables import named_variables, parts_of
from penstock._native import Graph
from penstock.errors import GraphError, InvalidValueError
from penstock.function import Function
from penstock.plugins.registrar import nearest
from penstock.saved._signatures import by_signature, from_trace
from penstock.saved.model import GraphFunction, GraphModel
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
    door = getattr(type(obj), "__penstock_model__", None)
    if door is not None:  # an object that says itself what graph it is
        obj = door(obj, signatures)
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


def graph_model(
    parts: Mapping[str, Any],
    signatures: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
) -> GraphModel:
    """Make a model of functions and variables.

    Args:
        parts: Functions and variables by name; the first function is what a call of the model runs.
        signatures: What each function takes, as in `penstock.save`.
        metadata: Text, numbers, lists and dictionaries of these.

    Raises:
        GraphError: A function has no signature.
        InvalidValueError: There is no function.

    >>> import penstock as ps
    >>> w = ps.Variable([2.0], name="w")
    >>> model = graph_model({"double": lambda x: x * w, "w": w}, {"double": [("float32", ("n",))]})
    >>> model(ps.asarray([1.5])), list(model.variables)
    (Tensor([3.], shape=(1,), dtype=float32), ['w'])
    """
    made = model_of(parts, signatures)
    return GraphModel(made.functions, made.variables, metadata)


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
        for name in specs:
            if name not in wanted:
                raise InvalidValueError(
                    f"[save] signatures has {name!r}{nearest(str(name), wanted)}; the functions are "
                    f"{', '.join(wanted)}"
                )
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
        return from_trace(name, traced)
    if signature is None:
        raise GraphError(
            f"[save] what {name!r} takes is not known; say it: signatures=[('float32', ('batch', 3))]"
        )
    return by_signature(name, fn, signature)


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
