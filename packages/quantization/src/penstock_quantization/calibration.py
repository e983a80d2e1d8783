"""Data that goes through a model: cut into batches, and the ranges that its values have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor, transforms
from penstock.errors import InvalidValueError
from penstock.saved import GraphFunction
from penstock_quantization.integers import WATCHED, Ranges
from penstock_quantization.layers import find_layers, value_of
from penstock_quantization.observers import Observer

Array = np.ndarray[Any, Any]
Batch = dict[str, Array]
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Show nothing."""


def batches_of(function: GraphFunction, data: Any, batch_size: int) -> list[Batch]:
    """Cut data into batches of named inputs.

    Args:
        function: What the data is for.
        data: An array of examples, a dictionary of such arrays by input name, or an iterable of batches of either kind.
        batch_size: How many examples a batch has, where one is cut.

    Returns:
        The batches.

    Raises:
        InvalidValueError: There is no data, or it has other inputs than the function.
    """
    if isinstance(data, Mapping) or hasattr(data, "__array__"):
        whole = _named(function, data)
        sizes = {len(a) for a in whole.values()}
        if len(sizes) != 1:
            raise InvalidValueError(
                f"[quantize] got inputs of {sorted(sizes)} examples; give as many of each"
            )
        fixed = next(iter(function.inputs.values())).shape[0]
        step = fixed if isinstance(fixed, int) else batch_size
        count = next(iter(sizes))
        last = count - count % step if isinstance(fixed, int) else count
        made = [{name: a[i : i + step] for name, a in whole.items()} for i in range(0, last, step)]
    elif isinstance(data, Iterable):
        made = [_named(function, batch) for batch in data]
    else:
        made = []
    if not made:
        raise InvalidValueError(
            "[quantize] got no data; calibration needs some real examples: an array, a dictionary of arrays by input "
            "name, or a list of batches"
        )
    return made


def _named(function: GraphFunction, batch: Any) -> Batch:
    if not isinstance(batch, Mapping):
        if len(function.inputs) != 1:
            raise InvalidValueError(
                f"[quantize] got an array for {function}; give a dictionary of arrays by input name"
            )
        batch = {next(iter(function.inputs)): batch}
    if set(batch) != set(function.inputs):
        raise InvalidValueError(
            f"[quantize] got data for {sorted(batch)}; {function} takes {sorted(function.inputs)}"
        )
    return {name: np.asarray(a, function.inputs[name].dtype.name) for name, a in batch.items()}


def outputs_on(function: GraphFunction, batches: Iterable[Batch]) -> Array:
    """Return a function's first output for all batches, one after another."""
    made = []
    for batch in batches:
        result = function(**batch)
        made.append(np.asarray(next(iter(result.values())) if isinstance(result, dict) else result))
    return np.concatenate([np.atleast_1d(m) for m in made])


def measure_ranges(
    function: GraphFunction,
    batches: list[Batch],
    make: Callable[[], Observer],
    progress: Progress = silent,
) -> Ranges:
    """Run a float function on batches and observe the values that integers may stand for.

    Args:
        function: The function, with constant weights.
        batches: Its inputs.
        make: Makes an observer for one value.
        progress: Told after each batch.

    Returns:
        The limits by `value_index`, and the means of what layers take.

    Raises:
        Nothing.
    """
    watched = _watched(function)
    observers = {key: make() for key in watched}
    taken = {layer.node.inputs[0].value_index for layer in find_layers(function.graph)}
    sums: dict[int, Array] = {}
    count = 0
    inputs = {t.value_index: n for t, n in zip(function.graph.inputs, function.inputs, strict=True)}
    inner = {str(key): t.name for key, t in watched.items() if key not in inputs}
    part = transforms.extract(function, {f"v{key}": name for key, name in inner.items()})
    for i, batch in enumerate(batches):
        values = {key: batch[name] for key, name in inputs.items() if key in observers}
        result = part(**{name: batch[name] for name in part.inputs})
        found = result if isinstance(result, dict) else {next(iter(part.outputs)): result}
        values |= {int(name[1:]): np.asarray(value) for name, value in found.items()}
        size = len(next(iter(batch.values())))
        count += size
        for key, value in values.items():
            observers[key].update(value)
            if key in taken:
                sums[key] = sums.get(key, 0) + size * _channel_means(value)
        progress("Calibrating", i + 1, len(batches))
    limits = {key: observer.range() for key, observer in observers.items()}
    return Ranges(limits, {key: total / count for key, total in sums.items()})


def _channel_means(x: Array) -> Array:
    finite = np.where(np.isfinite(x), x, 0)
    means: Array = finite.reshape(-1, x.shape[-1]).mean(axis=0, dtype=np.float64)
    return means


def _watched(function: GraphFunction) -> dict[int, Tensor]:
    found: dict[int, Tensor] = {}

    def watch(t: Tensor) -> None:
        if t.dtype == ps.float32 and value_of(t) is None:
            found[t.value_index] = t

    for layer in find_layers(function.graph):
        watch(layer.node.inputs[0])
        watch(layer.last.outputs[0])
    for node in function.graph.nodes:
        if node.op in WATCHED:
            for t in (*node.inputs, *node.outputs):
                watch(t)
    return found
