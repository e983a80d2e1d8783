"""Training with quantisation in mind: fake integers in the graph, and the integer model that they stand for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import Graph, Tensor, transforms
from penstock.errors import InvalidValueError
from penstock.passes.prune import prune
from penstock.saved import GraphFunction, GraphModel
from penstock.transforms._models import with_graph
from penstock_quantization.calibration import batches_of, measure_ranges
from penstock_quantization.integers import KEEP_SCALE, Choice, IntegerBuilder, Ranges
from penstock_quantization.layers import Layer, Node, value_of
from penstock_quantization.observers import make_observer
from penstock_quantization.pairs import scales_of_layers, without_pairs
from penstock_quantization.prepare import first_function, need_model, upright, with_constants

ACTIVATION_BITS: Final = 8
# The axes of the weights that are not channels.
_INNER_AXES: Final = {"conv2d": (0, 1, 2), "depthwise_conv2d": (0, 1), "matmul": (0,)}


def prepare_training(
    model: GraphModel,
    data: Any,
    *,
    bits: int = 8,
    calibration: str = "min_max",
    percentile: float = 99.99,
    per_channel: bool = True,
    batch_size: int = 32,
) -> GraphModel:
    """Put fake integers into a model, so that training it makes it good as an integer model.

    Weights and the numbers between layers are rounded to the steps that they will have; gradients go straight through.
    The limits of the numbers between layers are variables, and trained too. Batch norms are folded.

    Args:
        model: A float model. Its first function is taken.
        data: Real examples of its inputs, as for `quantize`: the limits begin at what occurs in them.
        bits: Of the weights, 2 to 8; numbers between layers have 8.
        calibration: As for `quantize`.
        percentile: As for `quantize`.
        per_channel: As for `quantize`.
        batch_size: How many examples go through the model at once.

    Returns:
        A model with variables of its own to train: compute a loss of `model(x)` under a tape, and update
        `model.trainable_variables`. `convert` makes the integer model of it.

    Raises:
        InvalidTypeError: `model` is none.
        InvalidValueError: bits is out of range, the data does not fit, or there is no layer to quantise.

    Example:
        >>> import numpy as np, penstock as ps
        >>> w = ps.Variable(np.random.default_rng(0).standard_normal((8, 4)).astype("float32"))
        >>> with ps.Graph().as_default() as graph:
        ...     x = ps.placeholder("float32", ("batch", 8), name="x")
        ...     graph.inputs, graph.outputs = [x], [ps.relu(x @ w)]
        >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"w": w})
        >>> examples = np.random.default_rng(1).standard_normal((100, 8)).astype("float32")
        >>> prepared = prepare_training(model, examples, bits=4)
        >>> sorted(prepared.variables)
        ['relu/max', 'relu/min', 'w', 'x/max', 'x/min']
        >>> convert(prepared).default.graph.find_node("matmul").op
        'quantized_matmul'
    """
    need_model(model)
    if not 2 <= bits <= 8:
        raise InvalidValueError(f"[prepare_training] got bits={bits}; use 2 to 8")
    source = transforms.fold_batch_norm(transforms.strip_training(first_function(model)))
    source = transforms.simplify(upright(source))
    function = source.default
    batches = batches_of(function, data, batch_size)
    ranges = measure_ranges(function, batches, lambda: make_observer(calibration, percentile))
    builder = IntegerBuilder(function, ranges, Choice(bits, per_channel))
    builder.build()
    if not builder.quantized:
        raise InvalidValueError(
            "[prepare_training] the model has no convolution or dense layer with weights of its own; there is nothing "
            "to quantise"
        )
    copies = {
        name: ps.Variable(v.value, trainable=v.trainable) for name, v in source.variables.items()
    }
    making = _FakeIntegers(builder, copies, source)
    made = making.build()
    about = {"bits": bits, "per_channel": per_channel}
    metadata = {**model.metadata, "quantization": about}
    return GraphModel({function.name: made}, making.variables, metadata)


class _FakeIntegers:
    """Copies a graph, with fake integers where the integer model has real ones."""

    def __init__(
        self, builder: IntegerBuilder, copies: dict[str, ps.Variable], source: GraphModel
    ) -> None:
        self.builder, self.variables = builder, copies
        self.graph: Graph = builder.function.graph.like()
        self.layers: dict[int, Layer] = {x.node.index: x for x in builder.quantized}
        self.values: dict[int, Tensor] = {}
        self._copy_of = {v._handle: copies[name] for name, v in source.variables.items()}

    def build(self) -> GraphFunction:
        """Build the graph."""
        function = self.builder.function
        with self.graph.as_default():
            for node in function.graph.nodes:
                for old, new in zip(node.outputs, self._made(node), strict=True):
                    self.values[old.value_index] = self._faked(node, old, new)
        self.graph.inputs = [n.outputs[0] for n in self.graph.nodes if n.op == "placeholder"]
        self.graph.outputs = [self.values[t.value_index] for t in function.graph.outputs]
        return GraphFunction(
            self.graph, function.name, list(function.inputs), list(function.outputs)
        )

    def _made(self, node: Node) -> list[Tensor]:
        if node.op == "read_variable":
            return [self._copy_of[node.attrs["variable"]].value]
        given = [self.values[t.value_index] for t in node.inputs]
        if node.index in self.layers:
            given[1] = self._faked_weights(self.layers[node.index], given[1])
        return list(self.graph.copy_node(node, given))

    def _faked(self, node: Node, old: Tensor, new: Tensor) -> Tensor:
        if old.value_index not in self.builder.scaled:
            return new
        low, high = self.builder.ranges[old.value_index]
        limits = []
        for name, value in (("min", min(low, 0.0)), ("max", max(high, 0.0))):
            variable = ps.Variable(np.asarray(value, np.float32), name=f"{node.name}/{name}")
            self.variables[f"{node.name}/{name}"] = variable
            limits.append(variable.value)
        # Training may not move 0 out of the limits.
        least, most = ps.minimum(limits[0], 0.0), ps.maximum(limits[1], 0.0)
        return ps.fake_quant(new, least, most, num_bits=ACTIVATION_BITS)

    def _faked_weights(self, layer: Layer, weights: Tensor) -> Tensor:
        choice = self.builder.choice
        axes = _INNER_AXES[layer.node.op] if choice.per_channel else None
        most = ps.stop_gradient(ps.max(ps.abs(weights), axis=axes, keepdims=choice.per_channel))
        return ps.fake_quant(weights, -most, most, num_bits=choice.bits, narrow_range=True)


def convert(model: GraphModel) -> GraphModel:
    """Make the integer model of one that computes with rounded floats.

    That is what `prepare_training` makes, or a model that another tool has quantised: an ONNX file, for instance, with
    pairs of QuantizeLinear and DequantizeLinear around float ops. Their scales are taken as they are. Pairs around ops
    that have no integer form are left out, so that these see numbers that were not rounded.

    Args:
        model: What `prepare_training` made, trained; or a model with pairs of quantise and dequantise, of int8 or
            uint8 with one scale for a value and one or more for weights.

    Returns:
        A model of integer ops, whose results are those of the given one within a step or two.

    Raises:
        InvalidTypeError: `model` is none.
        InvalidValueError: It has neither fake integers nor such pairs.
    """
    need_model(model)
    about = model.metadata.get("quantization")
    source, choice = with_constants(model), Choice()
    if isinstance(about, dict) and "bits" in about:
        function, ranges = _without_fakes(source)
        choice = Choice(int(about["bits"]), bool(about["per_channel"]))
    else:
        function, ranges = without_pairs(source)
        ranges.weight_scales.update(scales_of_layers(first_function(model).default.graph))
    if not ranges:
        raise InvalidValueError(
            "[convert] the model has no fake integers and no pairs of quantise and dequantise; make it with "
            "penstock.quantization.prepare_training, and train it, or quantise it with penstock.quantization.quantize"
        )
    made = IntegerBuilder(function, ranges, choice).build()
    made = with_graph(made, prune(made.graph))  # what rounded is left without a use
    return GraphModel({made.name: made}, None, {**model.metadata, "quantization": "trained"})


def _without_fakes(
    function: GraphFunction,
) -> tuple[GraphFunction, Ranges]:
    """Leave out the fake integers, and return the limits that they had."""
    graph = function.graph.like()
    values: dict[int, Tensor] = {}
    ranges = Ranges()
    for node in function.graph.nodes:
        given = [values[t.value_index] for t in node.inputs]
        limits = [value_of(t) for t in node.inputs[1:]] if node.op == "fake_quant" else [None]
        if all(limit is not None for limit in limits):
            low, high = (float(np.asarray(limit)) for limit in limits)
            ranges[given[0].value_index] = low, high
            values[node.outputs[0].value_index] = given[0]
            continue
        for old, new in zip(node.outputs, graph.copy_node(node, given), strict=True):
            values[old.value_index] = new
            if node.op in KEEP_SCALE and given[0].value_index in ranges:
                ranges[new.value_index] = ranges[given[0].value_index]
    graph.inputs = [values[t.value_index] for t in function.graph.inputs]
    graph.outputs = [values[t.value_index] for t in function.graph.outputs]
    made = GraphFunction(graph, function.name, list(function.inputs), list(function.outputs))
    return made, ranges
