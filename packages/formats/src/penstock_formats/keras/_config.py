"""A model's architecture as Keras writes it, in all its dialects, read into one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from penstock_formats.keras._keras1 import modern
from penstock_formats.keras._problems import damaged, problem

_MODELS: Final = ("Functional", "Model", "Sequential")
_DEEPEST: Final = 50


@dataclass(frozen=True)
class Ref:
    """A tensor between layers: an output of one of a layer's calls."""

    layer: str
    node: int
    tensor: int


@dataclass
class Node:
    """One call of a layer; tensors among the arguments are `Ref`s."""

    args: list[Any]
    kwargs: dict[str, Any]


@dataclass
class LayerSpec:
    """A layer, or a model that is used as one."""

    name: str
    class_name: str
    module: str
    config: dict[str, Any]
    trainable: bool
    nodes: list[Node] = field(default_factory=list)
    network: Network | None = None


@dataclass
class Network:
    """Layers and how they are wired. `inputs` and `outputs` are `Ref`s in the structure that Keras gave them."""

    name: str
    class_name: str
    layers: dict[str, LayerSpec]
    inputs: Any
    outputs: Any


def read_network(node: Any, trainable: bool = True, depth: int = 0) -> Network:
    """Read a model's configuration.

    Args:
        node: The object with `class_name` and `config`.
        trainable: Whether what is around it is trained.
        depth: How many models are around it.

    Returns:
        Its layers.

    Raises:
        FormatError: It is no model, of a class that is code, or damaged.
    """
    if depth > _DEEPEST:
        raise damaged(f"models are nested more than {_DEEPEST} deep")
    name = class_of(node)
    if name not in _MODELS:
        raise problem(
            f"the model is of the class {name!r}, which is code and not in the file",
            "save a Functional or Sequential model that wraps it",
        )
    config = node.get("config")
    if isinstance(config, list):  # how Keras 1 and early Keras 2 write a Sequential model
        config = {"name": "sequential", "layers": config}
    config = need(config, dict, f"the configuration of {name}")
    rows = need(config.get("layers"), list, f"'layers' of {name}")
    trainable = trainable and config.get("trainable") is not False
    found = [_layer(row, trainable, depth) for row in rows]
    layers = {layer.name: layer for layer in found}
    if len(layers) != len(found):
        raise damaged(f"two layers of {config.get('name')!r} have the same name")
    title = str(config.get("name") or "model")
    if name == "Sequential":
        return _chain(title, found, config)
    for layer, row in zip(found, rows, strict=True):
        layer.nodes = [_node(n, layers) for n in need(row.get("inbound_nodes", []), list, "nodes")]
    inputs, outputs = (_ends(config.get(key)) for key in ("input_layers", "output_layers"))
    network = Network(title, name, layers, inputs, outputs)
    _count_from_zero(network)
    return network


def _count_from_zero(network: Network) -> None:
    """Let the calls of inner models count from 0: Keras 2 counts from 1, since it made a call of its own at first."""
    trees = [
        network.outputs,
        *(t for la in network.layers.values() for n in la.nodes for t in (n.args, n.kwargs)),
    ]
    used: dict[str, set[int]] = {}
    for ref in refs_of(trees):
        used.setdefault(ref.layer, set()).add(ref.node)
    for name, layer in network.layers.items():
        if layer.network is not None and 0 not in used.get(name, {0}):
            layer.nodes.insert(0, Node([], {}))


def class_of(node: Any) -> str:
    """Read a class name, without the package before it."""
    row = need(node, dict, "a layer")
    name: str = need(row.get("class_name"), str, "'class_name'")
    return name.rpartition(">")[2]


def need(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    """Return a value if it is of the kind that it must be.

    Raises:
        FormatError: It is not.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise damaged(f"{what} is {type(value).__name__}, not {kind}")
    return value


def refs_of(tree: Any) -> Iterator[Ref]:
    """Go through the tensors of a structure."""
    if isinstance(tree, Ref):
        yield tree
    elif isinstance(tree, Mapping):
        for item in tree.values():
            yield from refs_of(item)
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from refs_of(item)


def _layer(row: Any, trainable: bool, depth: int) -> LayerSpec:
    class_name = class_of(row)
    config = row.get("config")
    nested = class_name in _MODELS
    network = read_network(row, trainable, depth + 1) if nested else None
    if isinstance(config, list):
        config = {}
    config = need(config, dict, f"the configuration of a {class_name}")
    if not nested and not row.get("module"):
        class_name, config = modern(class_name, config)
    name = row.get("name") or config.get("name")
    mine = trainable and config.get("trainable") is not False
    return LayerSpec(
        need(name, str, f"the name of a {class_name}"),
        class_name,
        str(row.get("module") or ""),
        config,
        mine,
        network=network,
    )


def _chain(title: str, layers: list[LayerSpec], config: Mapping[str, Any]) -> Network:
    """Wire a Sequential model: each layer to the one before."""
    if not layers:
        raise damaged(f"the Sequential model {title!r} has no layers")
    if layers[0].class_name != "InputLayer":
        layers.insert(0, _input_of(layers[0], config))
    for before, layer in zip([None, *layers], layers, strict=False):
        layer.nodes = [Node([] if before is None else [Ref(before.name, 0, 0)], {})]
    return Network(
        title,
        "Sequential",
        {layer.name: layer for layer in layers},
        Ref(layers[0].name, 0, 0),
        Ref(layers[-1].name, 0, 0),
    )


def _input_of(layer: LayerSpec, config: Mapping[str, Any]) -> LayerSpec:
    first = layer
    shape = None
    while shape is None:
        shape = first.config.get("batch_input_shape") or first.config.get("batch_shape")
        inner = first.network
        if shape is not None or inner is None:
            break
        first = next(iter(inner.layers.values()))
    shape = shape or config.get("build_input_shape")
    if shape is None:
        raise problem(
            f"the model {config.get('name')!r} was saved before its input shape was known",
            "call it once on data before saving, or give the first layer an input_shape",
        )
    dtype = first.config.get("dtype") if first.class_name == "InputLayer" else None
    dtype = dtype or ("int32" if first.class_name == "Embedding" else "float32")
    given = {"batch_shape": shape, "dtype": dtype, "name": f"{layer.name}_input"}
    return LayerSpec(f"{layer.name}_input", "InputLayer", "", given, True)


def _node(node: Any, layers: Mapping[str, LayerSpec]) -> Node:
    if isinstance(node, Mapping):  # Keras 3
        if "args" not in node:  # a dictionary of inputs in Keras 2
            return Node([{key: _legacy_ref(row) for key, row in node.items()}], {})
        args = need(node["args"], list, "'args' of a node")
        kwargs = need(node.get("kwargs", {}), dict, "'kwargs' of a node")
        return Node([_tree(item) for item in args], {key: _tree(v) for key, v in kwargs.items()})
    rows = need(node, list, "a node")
    if not rows:
        return Node([], {})
    if isinstance(rows[0], str):
        rows = [rows]
    given = [_legacy_ref(row) for row in rows]
    named: dict[str, Any] = {}
    for row in rows:
        if len(row) > 3 and isinstance(row[3], Mapping):
            named |= {key: _legacy_argument(v, layers) for key, v in row[3].items()}
    return Node([given[0]] if len(given) == 1 else [given], named)


def _tree(value: Any) -> Any:
    """Find the tensors in an argument of Keras 3."""
    if isinstance(value, list):
        return [_tree(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__keras_tensor__":
        history = need(need(config, dict, "a tensor").get("keras_history"), list, "keras_history")
        return _ref(history)
    if kind == "__tuple__":
        return tuple(_tree(item) for item in need(config, dict, "a tuple").get("items", []))
    if kind == "__slice__":
        return slice(*[need(config, dict, "a slice").get(key) for key in ("start", "stop", "step")])
    if kind == "__ellipsis__":
        return Ellipsis
    if kind == "__numpy__":
        held = need(config, dict, "an array")
        return np.asarray(held.get("value"), need(held.get("dtype"), str, "a dtype"))
    return {key: _tree(item) for key, item in value.items()}


def _legacy_argument(value: Any, layers: Mapping[str, LayerSpec]) -> Any:
    if _looks_like_ref(value) and value[0] in layers:
        return _ref(value)
    if isinstance(value, list):
        return [_legacy_argument(item, layers) for item in value]
    return value


def _looks_like_ref(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(type(n) is int for n in value[1:3])
    )


def _legacy_ref(row: Any) -> Any:
    row = need(row, list, "an inbound tensor")
    if len(row) > 2 and row[0] == "_CONSTANT_VALUE":
        return row[2]
    return _ref(row)


def _ref(row: Sequence[Any]) -> Ref:
    if len(row) < 3 or not isinstance(row[0], str) or not all(type(n) is int for n in row[1:3]):
        raise damaged(f"{row!r:.80} names no tensor")
    return Ref(row[0], row[1], row[2])


def _ends(value: Any) -> Any:
    """Read the inputs or outputs of a model: one, several, or by name."""
    if _looks_like_ref(value):
        return _ref(value)
    if isinstance(value, list):
        return [_ends(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _ends(item) for key, item in value.items()}
    raise damaged(f"{value!r:.80} names no input or output")
