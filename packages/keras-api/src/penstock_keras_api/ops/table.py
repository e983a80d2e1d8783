"""Functions of tensors that are also parts of models: made of tables, one row for each."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import penstock as ps
from penstock_keras_api import config, tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.operation import Operation
from penstock_keras_api.saving import serialization

# Arguments that are given to each call; all others belong to the operation's configuration.
_CALLED = frozenset(
    [
        "x",
        "x1",
        "x2",
        "x3",
        "xs",
        "y",
        "a",
        "b",
        "condition",
        "key",
        "inputs",
        "operands",
        "arrays",
        "indices",
        "values",
        "kernel",
        "target",
        "output",
        "query",
        "value",
        "bias",
        "logits",
        "tensor",
        "images",
        "volumes",
        "image1",
        "image2",
        "start_indices",
        "updates",
        "seq1",
        "sorted_sequence",
        "repeats",
        "bins",
        "mask",
    ]
)
operations: dict[str, type[FunctionOperation]] = {}
"""Operations by the names of their classes, such as "Add"."""


class FunctionOperation(Operation):
    """One call of a function, as a part of a model.

    Args:
        name: A name.
        settings: Those arguments of the function that are not given to each call.
    """

    function: Callable[..., Any]
    before: tuple[str, ...] = ()  # what stands before operands of any number
    _keras_module = ""

    def __init__(self, name: str | None = None, **settings: Any) -> None:
        super().__init__(name)
        self.settings = settings

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        settings = dict(self.settings)
        first = [settings.pop(name) for name in type(self).before if name in settings]
        return type(self).function(*first, *args, **kwargs, **settings)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal operation of."""
        return {"name": self.name, **self.settings}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionOperation:
        """Make an operation of what `get_config` returned."""
        return cls(**serialization.deserialize_keras_object(config))


def define(module: str, rows: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Make functions that take tensors, or what stands for them.

    Args:
        module: Where Keras's files say that the operations live: "numpy" for keras.src.ops.numpy.
        rows: Functions of tensors by name, with Keras's names and defaults of arguments.

    Returns:
        The functions by name.
    """
    return {name: _function(module, name, row) for name, row in rows.items()}


def _function(module: str, name: str, row: Callable[..., Any]) -> Callable[..., Any]:
    title = "".join(part.capitalize() for part in name.split("_"))
    names = list(inspect.signature(row).parameters.values())
    starred = [n for n, p in enumerate(names) if p.kind is p.VAR_POSITIONAL]
    facts = {
        "function": staticmethod(row),
        "before": tuple(p.name for p in names[: starred[0]]) if starred else (),
        "_keras_module": f"keras.src.ops.{module}",
    }
    cls = type(title, (FunctionOperation,), {**facts, "__module__": __name__})
    operations.setdefault(title, cls)
    signature = inspect.signature(row)

    @functools.wraps(row)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs))):
            return row(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given, settings = _split(signature, bound.arguments)
        return cls(**settings)(*given[0], **given[1])

    call.__name__ = call.__qualname__ = name
    call.__doc__ = row.__doc__ or f"Compute `keras.ops.{name}`, with Keras's arguments."
    return call


def _split(signature: inspect.Signature, arguments: Mapping[str, Any]) -> Any:
    """Part what a call is given, by position and by name, from what is kept."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, value in arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            args += list(value)
        elif signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            settings.update(value)
        elif name not in _CALLED and not _has_tensor(value):
            settings[name] = value
        elif settings or kwargs:
            kwargs[name] = value
        else:
            args.append(value)
    return (args, kwargs), settings


def _has_tensor(value: Any) -> bool:
    return any(isinstance(leaf, KerasTensor | ps.Tensor) for leaf in tree.flatten(value))


def tensor(x: Any) -> Any:
    """Return a tensor; whole numbers of Python become int32, as in Keras, if they fit."""
    if isinstance(x, ps.Tensor):
        return x
    t = ps.asarray(x)
    if t.dtype != "int64" or hasattr(x, "dtype"):
        return t
    leaves = tree.flatten(x)
    small = all(type(n) is int and -(2**31) <= n < 2**31 for n in leaves)
    return ps.cast(t, "int32") if small and leaves else t


def pair(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Make tensors, but of a single number of Python beside a tensor, whose dtype gives way."""
    if isinstance(x1, int | float) and isinstance(x2, int | float):
        return tensor(x1), tensor(x2)
    first = x1 if isinstance(x1, int | float) else tensor(x1)
    return first, x2 if isinstance(x2, int | float) else tensor(x2)


def floating(x: Any) -> Any:
    """Return a tensor of a float dtype: whole numbers and booleans become the default float."""
    t = ps.asarray(x)
    return t if t.dtype.kind in ("float", "complex") else ps.cast(t, config.floatx())
