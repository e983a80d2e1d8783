"""`quantize`: a trained float model becomes smaller and faster, and what that costs is measured."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any, Final

import numpy as np

from penstock.errors import InvalidValueError
from penstock.saved import GraphFunction, GraphModel
from penstock_quantization import methods
from penstock_quantization.calibration import Progress, batches_of, measure_ranges, silent
from penstock_quantization.integers import Choice, IntegerBuilder
from penstock_quantization.layers import find_layers
from penstock_quantization.measure import Metric, accuracy, agreement, latencies
from penstock_quantization.observers import make_observer
from penstock_quantization.prepare import need_model, with_constants
from penstock_quantization.report import Report, Result
from penstock_quantization.search import keep_worst_in_float

METHODS: Final = ("static", "dynamic", "weight_only", "bfloat16")


class QuantizationWarning(UserWarning):
    """A quantised model is worse than it was asked to be: slower than the float model, or not quantised at all."""


def quantize(
    model: GraphModel,
    data: Any,
    *,
    method: str = "static",
    bits: int = 8,
    calibration: str = "min_max",
    percentile: float = 99.99,
    per_channel: bool = True,
    group_size: int = 64,
    keep_float: Collection[str] = (),
    labels: Any = None,
    metric: Metric | None = None,
    max_drop: float | None = None,
    slower: str = "warn",
    batch_size: int = 32,
    progress: Progress = silent,
) -> Result:
    """Quantise a trained model, and measure its accuracy and speed before and after.

    Args:
        model: A float model, such as `penstock.load` gives. Its first function is quantised; batch norms are folded.
        data: Real examples of its inputs: an array, a dictionary of arrays by input name, or a list of batches.
        method: "static": layers compute in int8, with scales chosen on `data`; "dynamic": dense layers compute in int8,
            with scales chosen in every call; "weight_only": weights are small, arithmetic is float; "bfloat16": weights
            are bfloat16.
        bits: Of the weights: 8, or 4; 2 to 8 for "static".
        calibration: "min_max", "percentile" or "mse": which range of a value is worth integers.
        percentile: The share of the numbers inside the range, in percent, for calibration="percentile".
        per_channel: A scale for each channel of the weights, for "static".
        group_size: How many weights of a channel share a scale, for "weight_only".
        keep_float: Names of layers to leave alone, as the report shows them.
        labels: The right class of each example. The metric is then the share of right answers; without labels, the
            share of answers like the float model's.
        metric: A function of a model that returns a number, more is better; instead of `labels`.
        max_drop: How much smaller the metric may become. Layers stay float, the most sensitive first, until it holds.
            For "static".
        slower: What to do if the quantised model is slower on this machine: "warn", "refuse" or "ignore" (not timed).
        batch_size: How many examples go through the model at once.
        progress: Called with what is being done, how much is done, and how much there is.

    Returns:
        The model and a report.

    Raises:
        InvalidTypeError: `model` is none.
        InvalidValueError: An argument is unknown or does not fit, no layer can be quantised, the drop cannot be met, or
            the model became slower and `slower` is "refuse".

    Example:
        >>> import numpy as np, penstock as ps
        >>> w = ps.Variable(np.random.default_rng(0).standard_normal((8, 4)).astype("float32"))
        >>> with ps.Graph().as_default() as graph:
        ...     x = ps.placeholder("float32", ("batch", 8), name="x")
        ...     graph.inputs, graph.outputs = [x], [ps.relu(x @ w)]
        >>> model = ps.saved.GraphModel({"main": ps.saved.GraphFunction(graph)}, {"w": w})
        >>> examples = np.random.default_rng(1).standard_normal((100, 8)).astype("float32")
        >>> result = quantize(model, examples, slower="ignore")
        >>> [layer.kept_in for layer in result.report.layers], result.report.after > 0.95
        (['int8'], True)
    """
    need_model(model)
    _check(method, bits, slower, group_size)
    exact = with_constants(model)
    _check_names(exact, keep_float)
    batches = batches_of(exact, data, batch_size)
    name, measured = _metric(exact, batches, labels, metric)
    before = measured(exact)
    choice = Choice(bits, per_channel, tuple(keep_float))
    after: float | None = None
    notes: tuple[str, ...] = ()
    ranges = measure_ranges(
        exact, batches, lambda: make_observer(calibration, percentile), progress
    )
    if method == "static":
        if max_drop is not None:
            least = before - max_drop
            choice, after = keep_worst_in_float(
                exact, ranges, choice, measured, least, batches[0], progress
            )
            notes = _kept_notes(choice, tuple(keep_float))
        builder = IntegerBuilder(exact, ranges, choice)
        made, layers = builder.build(), methods.static_layers(exact, ranges, choice, batches[0])
    else:
        made, layers = methods.float_method(method, exact, choice, group_size, ranges, batches[0])
    if all(layer.kept_in == "float32" for layer in layers):
        _nothing_quantized(method, max_drop)
    after = measured(made) if after is None else after
    if max_drop is not None and before - after > max_drop:
        raise InvalidValueError(
            f"[quantize] {name} fell from {before:.4f} to {after:.4f}, more than max_drop={max_drop}; use "
            "method='static', which keeps layers in float, more bits, or allow a larger drop"
        )
    report = Report(method, tuple(layers), name, before, after, notes=notes)
    report = _timed(report, exact, made, batches[0], slower)
    result = GraphModel({made.name: made}, None, {**model.metadata, "quantization": method})
    return Result(result, report)


def _check(method: str, bits: int, slower: str, group_size: int) -> None:
    if method not in METHODS:
        raise InvalidValueError(
            f"[quantize] got method={method!r}; it is one of {', '.join(map(repr, METHODS))}"
        )
    allowed = {"static": range(2, 9), "weight_only": (4, 8)}.get(method, (8,))
    if bits not in allowed:
        raise InvalidValueError(
            f"[quantize] got bits={bits} for {method!r}; use {', '.join(map(str, allowed))}"
        )
    if slower not in ("warn", "refuse", "ignore"):
        raise InvalidValueError(
            f"[quantize] got slower={slower!r}; it is one of 'warn', 'refuse' and 'ignore'"
        )
    if group_size < 2 or group_size % 2:
        raise InvalidValueError(
            f"[quantize] got group_size={group_size}; use an even number, such as 64"
        )


def _check_names(exact: GraphFunction, names: Collection[str]) -> None:
    known = [layer.name for layer in find_layers(exact.graph)]
    if not known:
        raise InvalidValueError(
            "[quantize] the model has no convolution or dense layer with constant weights; there is nothing to quantise"
        )
    for name in names:
        if name not in known:
            raise InvalidValueError(
                f"[quantize] there is no layer {name!r} to keep in float; there are {', '.join(known)}"
            )


def _metric(
    exact: GraphFunction, batches: list[Any], labels: Any, metric: Metric | None
) -> tuple[str, Metric]:
    if metric is not None:
        return "metric", metric
    if labels is None:
        return agreement(exact, batches)
    count = sum(len(next(iter(batch.values()))) for batch in batches)
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise InvalidValueError(
            f"[quantize] got labels of {labels.dtype.name}{list(labels.shape)} for {count} examples; give one class "
            "number for each"
        )
    return "accuracy", accuracy(batches, labels)


def _kept_notes(choice: Choice, asked: tuple[str, ...]) -> tuple[str, ...]:
    kept = [name for name in choice.keep_float if name not in asked]
    return (f"kept in float for max_drop: {', '.join(kept)}",) if kept else ()


def _nothing_quantized(method: str, max_drop: float | None) -> None:
    if max_drop is None:
        raise InvalidValueError(
            f"[quantize] method={method!r} leaves every layer in float; name fewer in keep_float, or, where there are "
            "only convolutions, use method='static'"
        )
    warnings.warn(
        f"[quantize] no layer could be quantised within max_drop={max_drop}; the model stayed float: allow a larger "
        "drop, calibrate with 'mse', or train with prepare_training",
        QuantizationWarning,
        stacklevel=3,
    )


def _timed(
    report: Report, exact: GraphFunction, made: GraphFunction, batch: Any, slower: str
) -> Report:
    if slower == "ignore":
        return report
    fixed = isinstance(next(iter(exact.inputs.values())).shape[0], int)
    one = batch if fixed else {name: a[:1] for name, a in batch.items()}
    before, after = latencies((exact, made), one)
    report = Report(
        **{**report.__dict__, "seconds_before": before, "seconds_after": after},
    )
    if after > 1.05 * before:  # less is noise
        text = (
            f"[quantize] the {report.method} model is slower on this machine: {after * 1e3:.3f} ms for one call, float "
            f"takes {before * 1e3:.3f} ms"
        )
        if slower == "refuse":
            raise InvalidValueError(f"{text}; keep the float model, or allow it with slower='warn'")
        warnings.warn(
            f"{text}; it is still smaller. slower='ignore' says nothing",
            QuantizationWarning,
            stacklevel=3,
        )
    return report
