"""TensorFlow Lite files: the graph as it is, and its weights for a network that can be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import penstock_keras_api as keras
from penstock.errors import FormatError
from penstock_models.architectures import architecture
from penstock_models.architectures.classifier import classifier
from penstock_models.loaders.formats import formats
from penstock_models.presets.schema import Input, Preset

KINDS = {
    "CONV_2D": "convolution",
    "DEPTHWISE_CONV_2D": "depthwise convolution",
    "FULLY_CONNECTED": "product",
}
# Tasks whose network ends in a score for each label.
CLASSIFIERS = ("image-classification", "keyword-spotting")


@dataclass(frozen=True)
class Weights:
    """Of one op of a file, as real numbers.

    Args:
        kind: A word of `KINDS`.
        kernel: [height, width, in, out]; of a depthwise convolution [height, width, channels, multiplier].
        bias: [out].
        name: What the file calls the op's result.
    """

    kind: str
    kernel: np.ndarray[Any, Any]
    bias: np.ndarray[Any, Any]
    name: str = ""


def weights_in_order(path: str | Path) -> list[Weights]:
    """Return the weights of a file's convolutions and products, in the order in which they run.

    Names differ from one converter to the next; the order is the network's.

    Args:
        path: A .tflite file.

    Returns:
        The weights, quantised ones as the real numbers that they stand for.

    Raises:
        FormatError: The file is damaged.
        PluginError: penstock-formats is not installed.
    """
    graph = formats("tflite.model").parse(Path(path).read_bytes()).subgraphs[0]
    constants = _constants(graph)
    found = []
    for op in graph.operators:
        if op.name in KINDS and len(op.inputs) > 1 and op.inputs[1] in constants:
            kernel = _real(constants[op.inputs[1]])
            has_bias = len(op.inputs) > 2 and op.inputs[2] >= 0
            out = kernel.shape[-1] if op.name == "DEPTHWISE_CONV_2D" else kernel.shape[0]
            bias = _real(constants[op.inputs[2]]) if has_bias else np.zeros(out, np.float32)
            name = graph.tensors[op.outputs[0]].name
            found.append(Weights(KINDS[op.name], _arranged(op, kernel, graph), bias, name))
    return found


def _constants(graph: Any) -> dict[int, Any]:
    """Return the tensors that a file has values for, by number; also those that are made of float16."""
    found = {i: t for i, t in enumerate(graph.tensors) if t.value is not None}
    for op in graph.operators:
        if op.name == "DEQUANTIZE" and op.inputs[0] in found:
            found[op.outputs[0]] = found[op.inputs[0]]
    return found


def _real(tensor: Any) -> np.ndarray[Any, Any]:
    value: np.ndarray[Any, Any] = np.asarray(tensor.value)
    q = tensor.quantization
    if q is None or value.dtype.kind == "f":
        return value.astype(np.float32)
    shape = [1] * value.ndim
    if not q.single:
        shape[q.axis] = -1
    scale, zero = q.scale.reshape(shape), q.zero_point.reshape(shape)
    real = (value.astype(np.float64) - zero) * scale
    return np.asarray(real, np.float32)


def _arranged(op: Any, kernel: np.ndarray[Any, Any], graph: Any) -> np.ndarray[Any, Any]:
    if op.name == "CONV_2D":  # out, height, width, in
        return kernel.transpose(1, 2, 3, 0)
    if op.name == "FULLY_CONNECTED":  # out, in
        return kernel.T[None, None]
    channels = graph.tensors[op.inputs[0]].shape[-1]  # 1, height, width, channels · multiplier
    return kernel.reshape(*kernel.shape[1:3], channels, -1)


def fill_in_order(
    model: keras.Model, weights: Sequence[Weights], names: Sequence[str] = ()
) -> None:
    """Give a model's layers the weights of a file's ops, the first to the first.

    Args:
        model: Its convolutions and dense layers run in the file's order; the file may have more at its end, such as a
            head that the model does not have.
        weights: What `weights_in_order` returned.
        names: The layers in the file's order, for a model with several ends, whose own order does not say it.

    Raises:
        FormatError: Kinds or shapes differ, or the file has too few; nothing was changed then.
    """
    kinds = (keras.layers.DepthwiseConv2D, keras.layers.Conv2D, keras.layers.Dense)
    layers = [model.get_layer(name) for name in names] or [
        layer for layer in model.layers if isinstance(layer, kinds)
    ]
    if len(weights) < len(layers):
        raise FormatError(
            f"[tflite] the file has {len(weights)} convolutions and products, {model.name} has {len(layers)}; "
            "give the sizes that the file was made with"
        )
    pairs = [(layer, *_fitted(layer, w)) for layer, w in zip(layers, weights, strict=False)]
    for layer, kernel, bias in pairs:
        layer.set_weights([kernel, bias])


def _fitted(layer: Any, weights: Weights) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    kernel, shape = weights.kernel, tuple(layer.kernel.shape)
    if kernel.shape != shape and kernel.shape[:2] == (1, 1) and kernel.shape[2:] == shape:
        kernel = kernel[0, 0]
    if kernel.shape != shape or weights.bias.shape != tuple(layer.bias.shape):
        raise FormatError(
            f"[tflite] {layer.name} has a kernel of shape {list(shape)}, the file's {weights.kind} at its place has "
            f"{list(weights.kernel.shape)}; give the sizes that the file was made with"
        )
    return kernel, weights.bias


def graph(preset: Preset, files: Mapping[str, Path]) -> Callable[[Any], dict[str, Any]]:
    """Return the file's graph as it is: a function of a scaled batch that returns "probabilities".

    Args:
        preset: The option "output" gives what is returned another name: integers are then returned as they are. If
            the option "shape" is given, the file takes each example in that shape.
        files: Has "weights".

    Returns:
        The function; it takes what the preset's input says, and integers become real numbers on the way out.

    Raises:
        FormatError: The file is damaged.
    """
    import penstock as ps

    model = ps.load(files["weights"], batch="batch")
    meta: dict[str, Any] = next(iter(model.metadata["outputs"].values()), {})
    taken: dict[str, Any] = next(iter(model.metadata["inputs"].values()), {})
    scale, zero = meta.get("scale"), meta.get("zero_point", 0)

    def run(batch: Any) -> dict[str, Any]:
        shape = preset.options.get("shape")
        given = batch if shape is None else ps.reshape(batch, (batch.shape[0], *shape))
        made = model(_quantised(given, preset.input.dtype, taken))
        if "output" in preset.options:
            return {preset.options["output"]: made}
        y = ps.cast(made, "float32")
        return {"probabilities": y if scale is None else (y - zero) * scale}

    return run


def _quantised(batch: Any, dtype: str, taken: Mapping[str, Any]) -> Any:
    """Return real numbers as a file's integers: pixels are uint8 already, int8 has a step and a zero of its own."""
    import penstock as ps

    if dtype == "uint8":
        return ps.cast(ps.round(batch), "uint8")
    if dtype == "int8":
        steps = ps.round(batch / taken["scale"]) + taken["zero_point"]
        return ps.cast(ps.clip(steps, -128, 127), "int8")
    return batch


def network(preset: Preset, files: Mapping[str, Path]) -> keras.Model:
    """Return the preset's architecture with the file's weights, ready to be trained further.

    Args:
        preset: Names an architecture, with sizes; the option "head" names one of the architecture's heads.
        files: Has "weights".

    Returns:
        A model of scaled pictures with the output "logits", or the architecture's own if it tells no classes.

    Raises:
        FormatError: The file is damaged, or does not fit the sizes.
    """
    found = architecture.find(preset.architecture or "")
    config = found.config.of(preset.config)
    model: keras.Model = found.backbone(config)
    weights = weights_in_order(files["weights"])
    head = preset.options.get("head")
    if head is not None:
        model = found.heads[head](model, config)
    elif preset.task in CLASSIFIERS:
        model = classifier(model, weights[-1].bias.shape[0])
    fill_in_order(model, weights)
    return model


def network_input(preset: Preset, files: Mapping[str, Path]) -> Input:
    """Return what `network` takes: pixels scaled as the file's own integers stand for real numbers.

    Args:
        preset: Says what the file takes.
        files: Has "weights".

    Returns:
        The preset's input, or for a file that takes integers the same with their mean and scale.

    Raises:
        FormatError: The file is damaged.
        PluginError: penstock-formats is not installed.
    """
    graph = formats("tflite.model").parse(Path(files["weights"]).read_bytes()).subgraphs[0]
    q = graph.tensors[graph.inputs[0]].quantization
    if preset.input.dtype != "uint8" or q is None:
        return preset.input
    mean, scale = (float(q.zero_point.ravel()[0]),), float(q.scale.ravel()[0])
    return preset.input.model_copy(update={"mean": mean, "scale": scale, "dtype": "float32"})
