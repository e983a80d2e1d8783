"""Which layers must stay float for a model to be good enough."""

from __future__ import annotations

from dataclasses import replace

from penstock.saved import GraphFunction
from penstock_quantization.calibration import Batch, Progress, outputs_on, silent
from penstock_quantization.integers import Choice, IntegerBuilder, Ranges
from penstock_quantization.layers import find_layers
from penstock_quantization.measure import Metric, signal_to_noise

EXAMPLES = 32


def keep_worst_in_float(
    function: GraphFunction,
    ranges: Ranges,
    choice: Choice,
    metric: Metric,
    least: float,
    batch: Batch,
    progress: Progress = silent,
) -> tuple[Choice, float]:
    """Keep layers in float, the most sensitive first, until a metric is reached.

    Args:
        function: The float function.
        ranges: The limits of its values.
        choice: What would be quantised otherwise.
        metric: Tells how good a function is.
        least: What the metric must reach.
        batch: Some examples, on which sensitivity is measured.
        progress: Told after each trial.

    Returns:
        The choice, and what the metric then is. In the end nothing may be quantised.
    """
    order = most_sensitive(function, ranges, choice, batch, progress)
    kept = list(choice.keep_float)
    reached = float("-inf")
    for done in range(len(order) + 1):
        trial = replace(choice, keep_float=tuple(kept + order[:done]))
        reached = metric(IntegerBuilder(function, ranges, trial).build())
        progress("Keeping layers in float", done + 1, len(order) + 1)
        if reached >= least:
            return trial, reached
    return trial, reached


def most_sensitive(
    function: GraphFunction,
    ranges: Ranges,
    choice: Choice,
    batch: Batch,
    progress: Progress = silent,
) -> list[str]:
    """Order layers by the noise that quantising each alone makes in the function's output, most noise first."""
    some = {name: a[:EXAMPLES] for name, a in batch.items()}
    exact = outputs_on(function, [some])
    names = [x.name for x in find_layers(function.graph) if x.name not in choice.keep_float]
    noise = {}
    for i, name in enumerate(names):
        others = [other for other in names if other != name]
        alone = replace(choice, keep_float=(*choice.keep_float, *others))
        made = IntegerBuilder(function, ranges, alone).build()
        noise[name] = signal_to_noise(exact, outputs_on(made, [some]))
        progress("Measuring sensitivity", i + 1, len(names))
    return sorted(names, key=noise.__getitem__)
