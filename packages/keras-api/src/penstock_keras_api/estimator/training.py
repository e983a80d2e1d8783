"""`train_and_evaluate`: train, and look at every checkpoint on the way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.estimator import checkpoints
from penstock_keras_api.estimator.estimator import Estimator
from penstock_keras_api.estimator.exporters import Exporter
from penstock_keras_api.estimator.hooks import check_hooks
from penstock_keras_api.estimator.run_config import TaskType
from penstock_keras_api.estimator.saving import CheckpointSaverListener

logger = logging.getLogger("penstock.estimator")


class TrainSpec(NamedTuple):
    """How `train_and_evaluate` trains.

    Args:
        input_fn: As in `Estimator.train`.
        max_steps: At which global step to stop; None for the end of the data.
        hooks: As in `Estimator.train`.
        saving_listeners: As there.
    """

    input_fn: Callable[..., Any]
    max_steps: int | None = None
    hooks: Sequence[Any] | None = None
    saving_listeners: Sequence[CheckpointSaverListener] | None = None


class EvalSpec(NamedTuple):
    """How `train_and_evaluate` evaluates.

    Args:
        input_fn: As in `Estimator.evaluate`.
        steps: How many batches to look at; None for all.
        name: As in `Estimator.evaluate`.
        hooks: As there.
        exporters: What is told of every evaluation, one or several.
        start_delay_secs: Seconds before the first evaluation, where another process trains.
        throttle_secs: Seconds at least between evaluations; the last one comes in any case.
    """

    input_fn: Callable[..., Any]
    steps: int | None = 100
    name: str | None = None
    hooks: Sequence[Any] | None = None
    exporters: Any = None
    start_delay_secs: float = 120
    throttle_secs: float = 600


def train_and_evaluate(
    estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[Any, Any] | None:
    """Train, and evaluate checkpoints as they are saved.

    Alone, training and evaluations take turns in this process, and evaluations change nothing of what is trained. Where
    TF_CONFIG says that this process is the evaluator of a cluster, it evaluates what the chief saves in the shared
    `model_dir` until `max_steps` are reached. Training itself runs in one process, the chief.

    Args:
        estimator: What to train.
        train_spec: How.
        eval_spec: How to evaluate, and what to export.

    Returns:
        The last results and a list of what the exporters returned; None in an evaluator or a chief.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: TF_CONFIG gives this process another task.

    >>> import numpy as np
    >>> from penstock.keras import estimator, feature_column as fc
    >>> data = {"x": np.array([[0.0], [1.0]])}, np.array([1.0, 3.0])
    >>> results, _ = estimator.train_and_evaluate(
    ...     estimator.LinearRegressor([fc.numeric_column("x")]),
    ...     estimator.TrainSpec(lambda: data, max_steps=100),
    ...     estimator.EvalSpec(lambda: data),
    ... )
    >>> results["global_step"]
    100
    """
    for value, kind in (
        (estimator, Estimator),
        (train_spec, TrainSpec),
        (eval_spec, EvalSpec),
    ):
        if not isinstance(value, kind):
            raise InvalidTypeError(
                f"[train_and_evaluate] got {type(value).__name__}; expected {kind.__name__}: train_and_evaluate(estimator, "
                "TrainSpec(...), EvalSpec(...))"
            )
    config = estimator.config
    runner = _Evaluations(estimator, eval_spec, train_spec.max_steps)
    if not config.cluster_spec:
        return _alone(estimator, train_spec, runner)
    if config.task_type in (TaskType.CHIEF, TaskType.MASTER):
        _train(estimator, train_spec, [])
        return None
    if config.task_type == TaskType.EVALUATOR:
        runner.follow(train_spec.max_steps)
        return None
    raise InvalidValueError(
        f"[train_and_evaluate] TF_CONFIG says that this process is {config.task_type!r}; training runs in one process, on "
        "all its cores: start only the chief and, if you like, an evaluator"
    )


def _train(estimator: Estimator, spec: TrainSpec, listeners: list[Any]) -> None:
    estimator.train(
        spec.input_fn,
        hooks=spec.hooks,
        max_steps=spec.max_steps,
        saving_listeners=[*(spec.saving_listeners or []), *listeners],
    )


def _alone(estimator: Estimator, spec: TrainSpec, runner: _Evaluations) -> tuple[Any, Any]:
    check_hooks("TrainSpec", spec.hooks)
    _train(estimator, spec, [runner])
    runner.evaluate(last=True)
    return runner.results, runner.exported


class _Evaluations(CheckpointSaverListener):
    """Evaluates checkpoints, not too often, and tells exporters."""

    def __init__(self, estimator: Estimator, spec: EvalSpec, max_steps: int | None) -> None:
        self._estimator, self._spec = estimator, spec
        self._exporters = _as_exporters(spec.exporters)
        self._max_steps = max_steps
        self._done: str | None = None
        self._time = float("-inf")
        self.results: Any = None
        self.exported: list[Any] = []

    def after_save(self, session: ps.Session, global_step_value: int) -> bool | None:
        """Evaluate, if the last time was long enough ago; never what is not trained yet."""
        if global_step_value > 0 and time.monotonic() - self._time >= self._spec.throttle_secs:
            self.evaluate(last=False)
        return None

    def evaluate(self, last: bool) -> None:
        """Evaluate the newest checkpoint, once."""
        path = self._estimator.latest_checkpoint()
        if path is None:
            return
        if path != self._done:
            self._done, self._time = path, time.monotonic()
            self.results = self._estimator.evaluate(
                self._spec.input_fn,
                self._spec.steps,
                self._spec.hooks,
                path,
                self._spec.name,
            )
            self._tell(path, last)
        elif last:
            self._tell(path, last)

    def _tell(self, path: str, last: bool) -> None:
        """Tell exporters; those that wait for the end only then, others once for each checkpoint."""
        self.exported = [
            exporter.export(
                self._estimator,
                str(Path(self._estimator.model_dir) / "export" / exporter.name),
                path,
                self.results,
                last,
            )
            for exporter in self._exporters
        ]

    def follow(self, last_step: int | None) -> None:
        """Evaluate what another process saves, until a step is reached."""
        time.sleep(self._spec.start_delay_secs)
        while True:
            path = self._estimator.latest_checkpoint()
            step = -1 if path is None else checkpoints.split(path)[1]
            ended = last_step is not None and step >= last_step
            if step > 0:
                self.evaluate(last=ended)
            if ended:
                return
            time.sleep(min(max(self._spec.throttle_secs, 0.05), 30))


def _as_exporters(given: Any) -> list[Exporter]:
    found = [given] if isinstance(given, Exporter) else list(given or [])
    names = [getattr(e, "name", None) for e in found]
    if any(not isinstance(e, Exporter) for e in found) or len(set(names)) != len(names):
        raise InvalidTypeError(
            f"[EvalSpec] got the exporters {found}; expected exporters with names of their own: LatestExporter('latest', "
            "receiver_fn)"
        )
    return found
