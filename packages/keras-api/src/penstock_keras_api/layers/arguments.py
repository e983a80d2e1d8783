"""The arguments with which layers are called and made."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock.errors import GraphError, PenstockError
from penstock_keras_api import abstract, tree
from penstock_keras_api.keras_tensor import KerasTensor

if TYPE_CHECKING:
    from penstock_keras_api.layers.layer import Layer


def is_tensor(leaf: Any) -> bool:
    """Whether something is a tensor, or stands for one."""
    return isinstance(leaf, ps.Tensor | KerasTensor | np.ndarray)


def shape_of(leaf: Any) -> Any:
    """Return a shape, with None for sizes that are not known; None for what has none."""
    if not hasattr(leaf, "shape"):
        return None
    return tuple(size if isinstance(size, int) else None for size in leaf.shape)


def shape_to_build_for(leaf: Any) -> Any:
    """While a step is traced, weights may depend on every size but the batch's: ask for the one at hand."""
    shape = shape_of(leaf)
    if shape is None or isinstance(leaf, KerasTensor) or abstract.is_describing():
        return shape
    return shape[:1] + tuple(_size_at_hand(size) for size in leaf.shape[1:])


def _size_at_hand(size: Any) -> int | None:
    try:
        return int(size)
    except GraphError:  # a graph without examples: sizes come with the rows
        return None


def as_tensor(array: Any) -> Any:
    """Make a tensor of an array; float64, which NumPy makes of everything, becomes the default float."""
    t = ps.asarray(array)
    if t.dtype == "float64":
        from penstock_keras_api import config

        return ps.cast(t, config.floatx())
    return t


def is_numbers(value: Any) -> bool:
    """Whether something is a list of numbers or words."""
    if not isinstance(value, list | tuple) or not value:
        return False
    leaves = tree.flatten(value)
    return all(isinstance(leaf, int | float | str) for leaf in leaves) and not isinstance(
        value, dict
    )


def fresh(t: Any) -> Any:
    """Give a layer's output an identity of its own: an identity layer returns what it got."""
    if isinstance(t, KerasTensor):
        return KerasTensor(t.shape, t.dtype)
    return t


_signatures: dict[type, inspect.Signature] = {}


def call_signature(cls: type[Layer]) -> inspect.Signature:
    """Return what the `call` of a class takes."""
    if cls not in _signatures:
        _signatures[cls] = inspect.signature(cls.call)
    return _signatures[cls]


def takes_any(signature: inspect.Signature) -> bool:
    """Whether there is a **kwargs."""
    return any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())


def ordered(bound: inspect.BoundArguments, signature: inspect.Signature) -> inspect.BoundArguments:
    """Make the arguments ready to call a bound method with."""
    parameters = list(signature.parameters.values())[1:]
    plain = inspect.Signature(parameters)
    made = inspect.BoundArguments(plain, {})
    made.arguments = {
        p.name: bound.arguments[p.name] for p in parameters if p.name in bound.arguments
    }
    return made


def scope_name(name: str) -> str:
    """Make a name that graphs allow."""
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in name) or "layer"


def add_note(error: PenstockError, layer: Layer, bound: inspect.BoundArguments) -> None:
    """Say in an error in which layer it came, and for which shapes."""
    shapes = [
        str(shape_of(leaf))
        for value in bound.arguments.values()
        for leaf in tree.flatten(value)
        if is_tensor(leaf)
    ]
    error.add_note(
        f"in layer {layer.name!r} ({type(layer).__name__}), called with shapes {', '.join(shapes)}"
    )


def plain_arguments(layer: Layer) -> dict[str, Any]:
    """Return the arguments with which a layer was made, for classes that say nothing about their configuration."""
    args, kwargs = layer._init_arguments
    names = list(inspect.signature(type(layer).__init__).parameters)[1:]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    given = {k: v for k, v in given.items() if k not in ("name", "trainable", "dtype")}
    for key, value in given.items():
        leaves = tree.flatten(value)
        if not all(leaf is None or isinstance(leaf, bool | int | float | str) for leaf in leaves):
            raise NotImplementedError(
                f"{type(layer).__name__} was made with {key}={value!r}, which is no plain value: write get_config, and "
                "from_config if that is not enough"
            )
    return given
