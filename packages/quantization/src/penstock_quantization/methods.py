"""The rows of a report."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock import transforms
from penstock.saved import GraphFunction
from penstock_quantization.calibration import Batch
from penstock_quantization.integers import Choice, IntegerBuilder, Ranges
from penstock_quantization.layers import Layer, find_layers
from penstock_quantization.measure import cosine, signal_to_noise
from penstock_quantization.report import LayerReport
from penstock_quantization.small_weights import rebuild

Array = np.ndarray[Any, Any]


def layer_results(function: GraphFunction, names: dict[str, str], batch: Batch) -> dict[str, Array]:
    """Run a function and return tensors inside it: {key: the tensor's name}."""
    if not names:
        return {}
    part = transforms.extract(function, names)
    result = part(**{name: batch[name] for name in part.inputs})
    found = result if isinstance(result, dict) else {next(iter(part.outputs)): result}
    return {name: np.asarray(value) for name, value in found.items()}


def static_layers(
    exact: GraphFunction, ranges: Ranges, choice: Choice, batch: Batch
) -> list[LayerReport]:
    """Compare the layers of the integer model with those of the float model."""
    builder = IntegerBuilder(exact, ranges, choice)
    probed = builder.build(probes=True)
    done = {layer.name: layer for layer in builder.quantized}
    want = layer_results(exact, {n: x.last.outputs[0].name for n, x in done.items()}, batch)
    got = probed(**batch) if done else {}
    got = got if isinstance(got, dict) else dict.fromkeys(done, got)
    kind = "int8" if choice.bits == 8 else f"int{choice.bits}"
    rows = []
    for layer in find_layers(exact.graph):
        if layer.name not in done:
            rows.append(float_row(layer))
            continue
        size = int(layer.weights.size)
        after = size + 8 * (layer.channels if choice.per_channel else 1)
        exact_result, result = want[layer.name], np.asarray(got[layer.name])
        rows.append(
            LayerReport(
                layer.name,
                layer.node.op,
                kind,
                signal_to_noise(exact_result, result),
                cosine(exact_result, result),
                4 * size,
                after,
            )
        )
    return rows


def float_row(layer: Layer) -> LayerReport:
    """Describe a layer that stayed float."""
    size = 4 * int(layer.weights.size)
    return LayerReport(layer.name, layer.node.op, "float32", None, None, size, size)


def float_method(
    method: str,
    exact: GraphFunction,
    choice: Choice,
    group_size: int,
    ranges: Ranges,
    batch: Batch,
) -> tuple[GraphFunction, list[LayerReport]]:
    """Quantise weights alone, and compare the layers with those of the float model."""
    made, changed = rebuild(exact, method, choice, group_size, ranges)
    layers = [x for x in find_layers(exact.graph) if x.name in changed]
    names = {x.name: x.last.outputs[0].name for x in layers}
    want = layer_results(exact, names, batch)
    got = layer_results(made, names, batch)
    rows = []
    for layer in find_layers(exact.graph):
        if layer.name not in changed:
            rows.append(float_row(layer))
            continue
        kind, size = changed[layer.name]
        a, b = want[layer.name], got[layer.name]
        noise, angle = signal_to_noise(a, b), cosine(a, b)
        before = 4 * int(layer.weights.size)
        rows.append(LayerReport(layer.name, layer.node.op, kind, noise, angle, before, size))
    return made, rows
