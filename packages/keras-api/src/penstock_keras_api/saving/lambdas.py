"""Functions of Lambda layers as graphs, so that they can be saved without their code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree

_captured: ContextVar[dict[str, Any] | None] = ContextVar("penstock_keras_captured", default=None)
_functions: ContextVar[Mapping[str, Any] | None] = ContextVar(
    "penstock_keras_functions", default=None
)


@contextmanager
def capturing() -> Iterator[dict[str, Any]]:
    """Gather the Lambda layers whose configurations are asked for in the block; they name a graph."""
    found: dict[str, Any] = {}
    token = _captured.set(found)
    try:
        yield found
    finally:
        _captured.reset(token)


def reference(layer: Any) -> dict[str, Any] | None:
    """Return what stands for the function of a layer in a configuration; None if it is not to be a graph."""
    found = _captured.get()
    if found is None or not _can_be_captured(layer):
        return None
    key = next((name for name, item in found.items() if item is layer), f"lambda_{len(found)}")
    found[key] = layer
    return {"class_name": "__graph__", "config": {"function": key}}


def _can_be_captured(layer: Any) -> bool:
    """A function that depends on more than its input is more than a graph."""
    return bool(layer._inbound_nodes) and not layer._extra


@contextmanager
def functions(known: Mapping[str, Any]) -> Iterator[None]:
    """Say for a block where the graphs are that configurations name."""
    token = _functions.set(known)
    try:
        yield
    finally:
        _functions.reset(token)


def function_of(config: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the graph that a configuration names, as a function.

    Raises:
        ValueError: There is none.
    """
    known = _functions.get() or {}
    graph = known.get(str(config.get("function")))
    if graph is None:
        raise InvalidValueError(
            f"[deserialize_keras_object] there is no graph {config.get('function')!r}; load the folder that it was saved in"
        )

    def run(inputs: Any) -> Any:
        return graph(*tree.flatten(inputs))

    run.graph = graph  # type: ignore[attr-defined]
    return run


def traced(layer: Any, name: str) -> tuple[Any, dict[str, Any]]:
    """Return the function of a Lambda layer with arguments of its own names, and its signature."""
    node = layer._inbound_nodes[0]
    inputs = node.args[0] if node.args else next(iter(node.kwargs.values()))
    flat = tree.flatten(inputs)
    names = [f"x{number}" for number in range(len(flat))]

    def run(**given: Any) -> Any:
        filled = tree.pack_sequence_as(inputs, [given[key] for key in names])
        return layer.call(filled)

    signature = {
        key: (
            t.dtype,
            tuple(f"{name}_{axis}" if size is None else size for axis, size in enumerate(t.shape)),
        )
        for key, t in zip(names, flat, strict=True)
    }
    parameters = [inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD) for key in names]
    return as_function(run, parameters), signature


def as_function(run: Callable[..., Any], parameters: list[inspect.Parameter]) -> Any:
    """Make a traced function that takes arguments of given names."""
    names = [parameter.name for parameter in parameters]

    def named(*args: Any, **kwargs: Any) -> Any:
        return run(**dict(zip(names, args, strict=False)), **kwargs)

    named.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return ps.function(named, autograph=False)
