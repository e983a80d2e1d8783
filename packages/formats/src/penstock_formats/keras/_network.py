"""Builds a model's graph: calls its layers one after the other, with tensors and masks as they are wired."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import penstock as ps
from penstock import ops
from penstock_formats.keras._call import Call, Watched
from penstock_formats.keras._config import LayerSpec, Network, Node, Ref, refs_of
from penstock_formats.keras._problems import damaged, explained, problem
from penstock_formats.keras._registry import BUILDERS, OPERATIONS, Builder
from penstock_formats.keras._weights import Holder, is_operation

if TYPE_CHECKING:
    from penstock import Tensor

_MOST_CALLS: Final = 100_000


@dataclass
class Value:
    """A tensor between layers, and which of its steps count."""

    tensor: Tensor
    mask: Tensor | None = None


@dataclass
class Builders:
    """Builds networks; the weights of a layer are the same in all its calls.

    Args:
        holder: Finds a layer's weights.
        version: The first number of the version of Keras that wrote the file.
    """

    holder: Callable[[LayerSpec], Holder]
    version: int
    calls: int = 0
    made: dict[int, Holder] = field(default_factory=dict)

    def run(self, network: Network, inputs: Sequence[Value]) -> Any:
        """Build a model.

        Args:
            network: The model.
            inputs: A value for each of its inputs.

        Returns:
            Its outputs, in the structure that the model has.
        """
        refs = list(refs_of(network.inputs))
        if len(refs) != len(inputs):
            raise damaged(
                f"{network.name!r} has {len(refs)} inputs and is called with {len(inputs)}"
            )
        values: dict[tuple[str, int], Any] = {
            (ref.layer, ref.node): [value] for ref, value in zip(refs, inputs, strict=True)
        }
        for layer, index in _ordered(network, {(ref.layer, ref.node) for ref in refs}):
            made = self._call(layer, layer.nodes[index], values)
            values[layer.name, index] = list(_flat(made))
        return _mapped(network.outputs, lambda ref: _value(values, ref))

    def _call(self, layer: LayerSpec, node: Node, values: Mapping[tuple[str, int], Any]) -> Any:
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise damaged(f"its layers are called more than {_MOST_CALLS:,} times")
        args = _mapped(node.args, lambda ref: _value(values, ref))
        kwargs = _mapped(node.kwargs, lambda ref: _value(values, ref))
        with (
            ps.name_scope(scope_of(layer.name)),
            explained(f"the {layer.class_name} {layer.name!r}"),
        ):
            if layer.network is not None:
                return self.run(layer.network, list(_flat(args)))
            return self.build(layer, args, kwargs)

    def build(self, layer: LayerSpec, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Build one call of a layer on values, and return values."""
        builder = find_builder(layer)
        if id(layer) not in self.made:
            self.made[id(layer)] = self.holder(layer)
        operation = is_operation(layer)
        config = Watched(layer.config) if operation else layer.config
        call = Call(layer.name, layer.class_name, config, self.made[id(layer)], self.version)
        call.masks = [value.mask for value in _flat(args)]
        call.masks_by_name = {k: v.mask for k, v in kwargs.items() if isinstance(v, Value)}
        given = kwargs.get("mask")
        call.mask = given.tensor if isinstance(given, Value) else next(iter(call.masks), None)
        if given is not None and not isinstance(given, Value):
            call.masks = [row.tensor if isinstance(row, Value) else None for row in _listed(given)]
        if builder.masking == "keep":
            call.out_mask = call.mask
        return run_builder(builder, call, args, kwargs, operation=operation)


def run_builder(
    builder: Builder, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any], *, operation: bool
) -> Any:
    """Call a layer's function with tensors in place of values, and make values of what it returns."""
    dropped = ("mask", "training") if not operation else ()
    cast = (lambda t: t) if operation else _caster(call)
    plain_args = _mapped_values(args, cast)
    plain = _mapped_values({k: v for k, v in kwargs.items() if k not in dropped}, cast)
    plain = {k: v for k, v in plain.items() if v is not None}
    try:
        inspect.signature(builder.build).bind(call, *plain_args, **plain)
    except TypeError as e:
        raise problem(
            f"{call} is called with arguments that cannot be imported ({e})",
            "call it in another way in Keras, and save again",
        ) from e
    results = builder.build(call, *plain_args, **plain)
    if isinstance(call.config, Watched) and (ignored := call.config.ignored()):
        raise call.unsupported(", ".join(f"{key}={value!r:.60}" for key, value in ignored.items()))
    masks = iter([call.out_mask])
    return [Value(t, next(masks, None)) for t in _listed(results)]


def find_builder(layer: LayerSpec) -> Builder:
    """Find a layer's function.

    Raises:
        FormatError: There is none, and why.
    """
    table = OPERATIONS if is_operation(layer) else BUILDERS
    builder = table.get(layer.class_name)
    if builder is not None:
        return builder
    if layer.class_name in ("Lambda", "TFOpLambda", "SlicingOpLambda"):
        raise problem(
            f"{layer.name!r} is a {layer.class_name}, Python code inside the file, which is never run",
            "write it with layers or keras.ops, and save the model again",
        )
    raise problem(
        f"the layer {layer.name!r} is of the class {layer.class_name!r}, which is unknown",
        "replace it in Keras by layers that Keras has itself, or export the model as ONNX or a SavedModel",
    )


def compute_dtype(config: Mapping[str, Any]) -> str:
    """Read in which dtype a layer computes; mixed precision is for training, so it computes in float32."""
    policy = config.get("dtype")
    if isinstance(policy, Mapping):
        policy = (policy.get("config") or {}).get("name")
    name = str(policy or "float32")
    return "float32" if name.startswith("mixed_") else name


def scope_of(name: str) -> str:
    """Make a name for a scope out of a layer's name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:100] or "layer"


def _caster(call: Call) -> Callable[[Tensor], Tensor]:
    dtype = compute_dtype(call.config)

    def cast(t: Tensor) -> Tensor:
        wrong = t.dtype.kind == "float" and t.dtype.name != dtype and "float" in dtype
        return ops.cast(t, dtype) if wrong else t

    return cast


def _ordered(network: Network, known: set[tuple[str, int]]) -> Iterator[tuple[LayerSpec, int]]:
    """Order the calls that the outputs need so that each comes after what it takes."""
    done = set(known)
    open_: set[tuple[str, int]] = set()
    stack = [((ref.layer, ref.node), False) for ref in reversed(list(refs_of(network.outputs)))]
    while stack:
        key, ready = stack.pop()
        if key in done:
            continue
        name, index = key
        layer = network.layers.get(name)
        if layer is None or not 0 <= index < len(layer.nodes):
            raise damaged(f"{network.name!r} uses call {index} of {name!r}, which there is not")
        if ready:
            done.add(key)
            yield layer, index
            continue
        if key in open_:
            raise damaged(f"the layer {name!r} takes what it makes")
        open_.add(key)
        if not layer.nodes[index].args and layer.class_name == "InputLayer":
            raise damaged(f"the input {name!r} is not among the model's inputs")
        stack.append((key, True))
        node = layer.nodes[index]
        stack += [((ref.layer, ref.node), False) for ref in refs_of([node.args, node.kwargs])]


def _value(values: Mapping[tuple[str, int], Any], ref: Ref) -> Value:
    made = values[ref.layer, ref.node]
    if not 0 <= ref.tensor < len(made):
        raise damaged(f"{ref.layer!r} has no output {ref.tensor}")
    found: Value = made[ref.tensor]
    return found


def _mapped(tree: Any, find: Callable[[Ref], Value]) -> Any:
    if isinstance(tree, Ref):
        return find(tree)
    if isinstance(tree, Mapping):
        return {key: _mapped(item, find) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_mapped(item, find) for item in tree)
    return tree


def _mapped_values(tree: Any, cast: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Value):
        return cast(tree.tensor)
    if isinstance(tree, Mapping):
        return {key: _mapped_values(item, cast) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_mapped_values(item, cast) for item in tree)
    return tree


def _flat(tree: Any) -> Iterator[Value]:
    if isinstance(tree, Value):
        yield tree
    elif isinstance(tree, Mapping):
        for item in tree.values():
            yield from _flat(item)
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from _flat(item)


def _listed(tree: Any) -> list[Any]:
    return list(tree) if isinstance(tree, list | tuple) else [tree]
