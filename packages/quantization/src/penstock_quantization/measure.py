"""How good and how fast a model is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from penstock.saved import GraphFunction
from penstock_quantization.calibration import Batch, outputs_on

Array = np.ndarray[Any, Any]
Metric = Callable[[GraphFunction], float]


def signal_to_noise(exact: Array, got: Array) -> float:
    """Return how much stronger a signal is than the error of another, in decibels; inf where they are equal."""
    exact, got = exact.astype(np.float64), got.astype(np.float64)
    signal, noise = float(np.square(exact).sum()), float(np.square(exact - got).sum())
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def cosine(exact: Array, got: Array) -> float:
    """Return the cosine of the angle between two arrays, 1 where both are 0."""
    a, b = exact.astype(np.float64).ravel(), got.astype(np.float64).ravel()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else float(not a.any() and not b.any())


def accuracy(batches: list[Batch], labels: Array) -> Metric:
    """Make a metric: the share of examples whose largest output is the labelled one."""

    def metric(function: GraphFunction) -> float:
        made = outputs_on(function, batches)
        return float((made.reshape(len(labels), -1).argmax(axis=1) == labels).mean())

    return metric


def agreement(exact: GraphFunction, batches: list[Batch]) -> tuple[str, Metric]:
    """Make a metric out of a float model's own answers, for data without labels.

    Args:
        exact: The float model.
        batches: The data.

    Returns:
        The metric and its name: how often the largest output is the same one, if there is a row of outputs for each
        example; else the cosine of the angle between the outputs.
    """
    want = outputs_on(exact, batches)
    count = sum(len(next(iter(batch.values()))) for batch in batches)
    if want.ndim == 2 and want.shape[1] > 1 and len(want) == count:
        return "same top-1", accuracy(batches, want.argmax(axis=1))
    return "cosine", lambda function: cosine(want, outputs_on(function, batches))


def latencies(
    functions: Iterable[GraphFunction], batch: Batch, seconds: float = 0.5
) -> list[float]:
    """Time functions one after the other, again and again, so that what disturbs one disturbs all.

    Args:
        functions: What to time.
        batch: What to run them on.
        seconds: How long to go on, at least three rounds.

    Returns:
        The median of each, in seconds.
    """
    timed = list(functions)
    for function in timed:
        function(**batch)
    times: list[list[float]] = [[] for _ in timed]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 3:
        for function, own in zip(timed, times, strict=True):
            start = time.perf_counter()
            function(**batch)
            own.append(time.perf_counter() - start)
    return [float(np.median(own)) for own in times]
