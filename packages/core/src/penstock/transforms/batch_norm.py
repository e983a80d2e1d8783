"""Batch normalisation, and any other scale and offset of channels, becomes part of the weights before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penstock import _native, ops
from penstock._inner_graphs import inner_graphs
from penstock._native import Graph, Node, Tensor
from penstock.passes._rewrite import rewrite
from penstock.passes.inline import inline_calls
from penstock.passes.prune import prune
from penstock.saved.model import GraphModel
from penstock.state import Variable
from penstock.transforms._models import (
    Known,
    handle_of,
    need_model,
    variables_in,
    with_functions,
    with_graph,
)

Vector = np.ndarray[Any, np.dtype[np.float64]]

# Layers whose result's last axis is the channels, and which axes of the weights these are.
_CHANNEL_AXES: Final = {"matmul": (1,), "conv2d": (3,), "conv3d": (4,), "depthwise_conv2d": (2, 3)}
_STEPS: Final = ("add", "subtract", "multiply", "divide")


@dataclass
class Chain:
    """A layer, and what follows it channel by channel: layer · scale + offset."""

    layer: Node
    last: Node
    scale: Vector
    offset: Vector


def fold_batch_norm(model: GraphModel) -> GraphModel:
    """Multiply the scales of batch normalisations into the weights before them.

    With y = s · (x · W) + b for each channel, W becomes s · W and only the addition of b stays. This is done behind
    matrix products and convolutions whose result goes nowhere else, wherever scale and offset depend on variables and
    constants alone: a batch norm for inference in any spelling, also one that was imported as single steps. Results
    agree up to rounding. Weights that were variables become new variables of the same name.

    Args:
        model: A model for inference; see `strip_training`.

    Returns:
        A model without those steps.

    Raises:
        InvalidTypeError: `model` is none.

    >>> import penstock as ps
    >>> w = ps.Variable(ps.ones((2, 1)), name="w")
    >>> with ps.Graph().as_default() as graph:
    ...     x = ps.placeholder("float32", ("n", 2), name="x")
    ...     mean, variance, scale, offset = (ps.asarray([v]) for v in (1.0, 4.0, 3.0, 0.5))
    ...     y = ps.nn.batch_norm_inference(x @ w, mean, variance, scale, offset, epsilon=0.0)
    ...     graph.inputs, graph.outputs = [x], [y]
    >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"w": w})
    >>> folded = fold_batch_norm(model)
    >>> [node.op for node in folded.default.graph.nodes]
    ['placeholder', 'read_variable', 'matmul', 'read_variable', 'add']
    >>> folded.variables["w"].value[:, 0], folded([[1.0, 2.0]])
    (Tensor([1.5, 1.5], shape=(2,), dtype=float32), Tensor([[3.5]], shape=(1, 1), dtype=float32))
    """
    need_model("fold_batch_norm", model)
    graphs = {name: inline_calls(f.graph) for name, f in model.functions.items()}
    folding = _Folding(model, _kept_variables(graphs.values()))
    functions = {
        name: with_graph(f, folding.fold(graphs[name])) for name, f in model.functions.items()
    }
    return with_functions(model, functions, folding.made)


class _Folding:
    """Folds graph after graph of one model; layers that share weights and scales share the new ones too."""

    def __init__(self, model: GraphModel, kept: set[Any]) -> None:
        self._kept = kept
        self.made: dict[str, Variable] = {}
        self._taken = set(model.variables)
        self._names = {v._handle: name for name, v in model.variables.items()}
        self._known_weights: dict[tuple[Any, bytes, bytes], tuple[Variable, Variable]] = {}

    def fold(self, graph: Graph) -> Graph:
        known = Known()
        chains = list(_chains(graph, known))
        if not chains:
            return graph
        weights = {c.layer.index: self._weights(c, known) for c in chains}
        layers = {c.last.index: c.layer for c in chains}
        scaled: dict[int, Tensor] = {}  # a layer's new result, by its number

        def replace(node: Node, inputs: list[Tensor]) -> list[Tensor] | None:
            if node.index in weights:
                new = _read(weights[node.index][0], node.inputs[1].node.name)
                made = _native.call_op(node.op, [inputs[0], new], node.attrs)
                scaled[node.index] = made[0]
                return list(made)
            if node.index in layers:
                layer = layers[node.index]
                offset = weights[layer.index][1]
                return [ops.add(scaled[layer.index], _read(offset, f"{layer.name}_offset"))]
            return None

        return prune(rewrite(graph, replace))

    def _weights(self, chain: Chain, known: Known) -> tuple[Any, Any]:
        """Make the scaled weights and the offset: variables where the weights were one, else tensors."""
        source = chain.layer.inputs[1]
        old = known.value(source)
        assert old is not None  # _chains looked
        axes = _channel_axes(chain.layer)
        sizes = [old.shape[axis] if axis in axes else 1 for axis in range(old.ndim)]
        wide = np.asarray(old.numpy(), np.float64) * chain.scale.reshape(sizes)
        dtype = chain.last.outputs[0].dtype
        new = ops.cast(ops.asarray(wide), old.dtype), ops.cast(ops.asarray(chain.offset), dtype)
        if source.node.op != "read_variable":
            return new
        handle = handle_of(source.node.attrs["variable"])
        key = handle, chain.scale.tobytes(), chain.offset.tobytes()
        if key not in self._known_weights:
            name = self._names.get(handle, handle.name)
            pair = self._variable(new[0], name, handle.trainable, handle not in self._kept)
            stem = name.rpartition("/")[0]
            bias = f"{stem}/folded_offset" if stem else f"{name}_folded_offset"
            self._known_weights[key] = pair, self._variable(new[1], bias, handle.trainable)
        return self._known_weights[key]

    def _variable(
        self, value: Tensor, name: str, trainable: bool, keeps_name: bool = False
    ) -> Variable:
        fresh, count = name, 1
        while fresh in self.made or (fresh in self._taken and not keeps_name):
            fresh, count, keeps_name = f"{name}_{count}", count + 1, False
        self.made[fresh] = Variable(value, fresh, trainable)
        return self.made[fresh]


def _kept_variables(graphs: Iterable[Graph]) -> set[Any]:
    """Find the variables that something else than a folded layer uses: they keep their names."""
    found: set[Any] = set()
    for graph in graphs:
        folded = {chain.layer.index for chain in _chains(graph, Known())}
        found |= {
            handle_of(t.node.attrs["variable"])
            for node in graph.nodes
            for place, t in enumerate(node.inputs)
            if t.node.op == "read_variable" and not (node.index in folded and place == 1)
        }
        found |= {
            h for node in graph.nodes for body in inner_graphs(node) for h in variables_in(body)
        }
    return found


def _read(value: Variable | Tensor, name: str) -> Tensor:
    if isinstance(value, Variable):
        return value.value
    target = _native.current_graph()
    assert target is not None  # rewrite pushed it
    return target.constant(value, name.rsplit("/", 1)[-1])


def _chains(graph: Graph, known: Known) -> Iterator[Chain]:
    """Find layers that a scale follows."""
    users: dict[int, list[Node]] = {}
    for node in graph.nodes:
        for t in node.inputs:
            users.setdefault(t.value_index, []).append(node)
    results = {t.value_index for t in graph.outputs}
    for node in graph.nodes:
        if not _is_layer(node, known):
            continue
        chain, scales = _start(node), False
        while (step := _next(chain, users, results, known)) is not None:
            scales |= step.op != "add"
            _absorb(chain, step, known)
        if scales:
            yield chain


def _is_layer(node: Node, known: Known) -> bool:
    if node.op not in _CHANNEL_AXES or node.control_inputs or len(node.outputs) != 1:
        return False
    weights, y = node.inputs[1], node.outputs[0]
    if node.op == "matmul" and (weights.ndim != 2 or node.inputs[0].ndim < 2):
        return False
    return y.dtype.kind == "float" and known.value(weights) is not None


def _channel_axes(layer: Node) -> tuple[int, ...]:
    return (0,) if layer.attrs.get("transpose_y") else _CHANNEL_AXES[layer.op]


def _start(node: Node) -> Chain:
    channels = int(node.outputs[0].shape[-1])
    return Chain(node, node, np.ones(channels), np.zeros(channels))


def _next(
    chain: Chain, users: dict[int, list[Node]], results: set[int], known: Known
) -> Node | None:
    """Return the step that alone uses a chain's result, if it goes channel by channel."""
    t = chain.last.outputs[0]
    found = users.get(t.value_index, [])
    if len(found) != 1 or t.value_index in results:
        return None
    step = found[0]
    if step.op not in _STEPS or step.control_inputs or step.inputs[0] is step.inputs[1]:
        return None
    if step.op == "divide" and step.inputs[1].value_index == t.value_index:
        return None
    same = str(step.outputs[0].shape) == str(t.shape) and step.outputs[0].dtype == t.dtype
    vector = _vector(_other(step, t), len(chain.scale), known)
    if vector is None or (step.op == "divide" and not vector.all()):
        return None
    return step if same else None


def _other(step: Node, t: Tensor) -> Tensor:
    return step.inputs[1 if step.inputs[0].value_index == t.value_index else 0]


def _vector(t: Tensor, channels: int, known: Known) -> Vector | None:
    """Give a value as a number for each channel, the last axis; None if it is something else."""
    value = known.value(t)
    if value is None or value.size not in (1, channels) or value.dtype.kind != "float":
        return None
    if not np.isfinite(value.numpy().astype(np.float64)).all():  # 0 · inf is no 0
        return None
    if value.size == channels and channels > 1 and (not value.ndim or value.shape[-1] != channels):
        return None
    flat = np.asarray(value.numpy(), np.float64).reshape(-1)
    return np.broadcast_to(flat, (channels,))


def _absorb(chain: Chain, step: Node, known: Known) -> None:
    t = chain.last.outputs[0]
    v = _vector(_other(step, t), len(chain.scale), known)
    assert v is not None  # _next looked
    if step.op == "add":
        chain.offset = chain.offset + v
    elif step.op == "subtract" and step.inputs[0].value_index == t.value_index:
        chain.offset = chain.offset - v
    elif step.op == "subtract":
        chain.scale, chain.offset = -chain.scale, v - chain.offset
    else:
        factor = v if step.op == "multiply" else 1.0 / v
        chain.scale, chain.offset = chain.scale * factor, chain.offset * factor
    chain.last = step
