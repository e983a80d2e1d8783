"""Hooks that look at evaluations: to stop when these get no better, or to make them while training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.estimator.evaluations import read_eval_metrics
from penstock_keras_api.estimator.hooks import SecondOrStepTimer, _Counting, logger
from penstock_keras_api.estimator.session import (
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)


def make_early_stopping_hook(
    estimator: Any,
    should_stop_fn: Callable[[], bool],
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> SessionRunHook:
    """Make a hook that stops training when a function says so.

    Args:
        estimator: What is trained.
        should_stop_fn: The function.
        run_every_secs: How often it is asked, in seconds.
        run_every_steps: Or in steps.

    Returns:
        A hook for `train`.

    Raises:
        TypeError: The function is none.
        ValueError: Not exactly one of seconds and steps is given.

    >>> from penstock.keras import estimator
    >>> hook = estimator.make_early_stopping_hook(None, lambda: True, None, run_every_steps=1)
    """
    if not callable(should_stop_fn):
        raise InvalidTypeError(
            f"[make_early_stopping_hook] got {should_stop_fn!r}; expected a function without arguments"
        )
    if run_every_steps is not None and run_every_secs == 60:
        run_every_secs = None
    return _StopWhen(should_stop_fn, run_every_secs, run_every_steps)


class _StopWhen(_Counting):
    """Stops when a function says so."""

    def __init__(
        self, should_stop: Callable[[], bool], secs: float | None, steps: int | None
    ) -> None:
        self._should_stop = should_stop
        self._timer = SecondOrStepTimer(secs, steps)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Ask, if it is time."""
        step = int(run_values.results)
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._should_stop():
                logger.info("stopping early at step %d", step)
                run_context.request_stop()


def _folder(estimator: Any, eval_dir: Any) -> Any:
    return estimator.eval_dir() if eval_dir is None else eval_dir


def _threshold(
    estimator: Any, name: str, reached: Callable[[float], bool], eval_dir: Any, min_steps: int
) -> Callable[[], bool]:
    def check() -> bool:
        found = read_eval_metrics(_folder(estimator, eval_dir))
        return any(
            reached(values[name])
            for step, values in found.items()
            if step >= min_steps and name in values
        )

    return check


def _no_better(
    estimator: Any,
    name: str,
    most: int,
    better: Callable[[float, float], bool],
    eval_dir: Any,
    min_steps: int,
) -> Callable[[], bool]:
    def check() -> bool:
        best: float | None = None
        best_step = 0
        for step, values in read_eval_metrics(_folder(estimator, eval_dir)).items():
            if step < min_steps or name not in values:
                continue
            if best is None or better(values[name], best):
                best, best_step = values[name], step
            if step - best_step >= most:
                return True
        return False

    return check


def stop_if_higher_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: Any = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> SessionRunHook:
    """Make a hook that stops training when an evaluation's metric is higher than a threshold.

    Args:
        estimator: What is trained.
        metric_name: The metric.
        threshold: The threshold.
        eval_dir: Where evaluations lie; by default `estimator.eval_dir()`.
        min_steps: From which step evaluations count.
        run_every_secs: How often evaluations are looked at, in seconds.
        run_every_steps: Or in steps.

    Returns:
        A hook for `train`.

    Raises:
        ValueError: Not exactly one of seconds and steps is given.
    """
    check = _threshold(estimator, metric_name, lambda v: v > threshold, eval_dir, min_steps)
    return make_early_stopping_hook(estimator, check, run_every_secs, run_every_steps)


def stop_if_lower_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    eval_dir: Any = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> SessionRunHook:
    """Make a hook that stops training when an evaluation's metric is lower than a threshold.

    Args:
        estimator: As in `stop_if_higher_hook`.
        metric_name: As there.
        threshold: As there.
        eval_dir: As there.
        min_steps: As there.
        run_every_secs: As there.
        run_every_steps: As there.

    Returns:
        A hook for `train`.

    Raises:
        ValueError: Not exactly one of seconds and steps is given.
    """
    check = _threshold(estimator, metric_name, lambda v: v < threshold, eval_dir, min_steps)
    return make_early_stopping_hook(estimator, check, run_every_secs, run_every_steps)


def stop_if_no_increase_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_increase: int,
    eval_dir: Any = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> SessionRunHook:
    """Make a hook that stops training when a metric has not increased for so many steps.

    Args:
        estimator: As in `stop_if_higher_hook`.
        metric_name: As there.
        max_steps_without_increase: So many steps.
        eval_dir: As there.
        min_steps: As there.
        run_every_secs: As there.
        run_every_steps: As there.

    Returns:
        A hook for `train`.

    Raises:
        ValueError: Not exactly one of seconds and steps is given.
    """
    most = max_steps_without_increase
    check = _no_better(estimator, metric_name, most, lambda a, b: a > b, eval_dir, min_steps)
    return make_early_stopping_hook(estimator, check, run_every_secs, run_every_steps)


def stop_if_no_decrease_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_decrease: int,
    eval_dir: Any = None,
    min_steps: int = 0,
    run_every_secs: float | None = 60,
    run_every_steps: int | None = None,
) -> SessionRunHook:
    """Make a hook that stops training when a metric has not decreased for so many steps.

    Args:
        estimator: As in `stop_if_higher_hook`.
        metric_name: As there.
        max_steps_without_decrease: So many steps.
        eval_dir: As there.
        min_steps: As there.
        run_every_secs: As there.
        run_every_steps: As there.

    Returns:
        A hook for `train`.

    Raises:
        ValueError: Not exactly one of seconds and steps is given.
    """
    most = max_steps_without_decrease
    check = _no_better(estimator, metric_name, most, lambda a, b: a < b, eval_dir, min_steps)
    return make_early_stopping_hook(estimator, check, run_every_secs, run_every_steps)


class InMemoryEvaluatorHook(_Counting):
    """Evaluate the values of this moment while training, without a checkpoint.

    Args:
        estimator: What is trained.
        input_fn: As in `Estimator.evaluate`.
        steps: As there.
        hooks: As there.
        name: As there.
        every_n_iter: Every so many steps.

    Raises:
        ValueError: `every_n_iter` is below 1.
    """

    def __init__(
        self,
        estimator: Any,
        input_fn: Callable[..., Any],
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        name: str | None = None,
        every_n_iter: int = 100,
    ) -> None:
        if every_n_iter < 1:
            raise InvalidValueError(
                f"[InMemoryEvaluatorHook] got every_n_iter={every_n_iter}; use 1 or more"
            )
        self._estimator, self._input_fn, self._steps = estimator, input_fn, steps
        self._hooks, self._name = hooks, name
        self._timer = SecondOrStepTimer(None, every_n_iter)
        self.results: dict[str, Any] = {}

    def begin(self) -> None:
        """Find the variables."""
        super().begin()
        from penstock_keras_api.estimator.model_graph import variables_of

        self._variables = variables_of(v1.get_default_graph())

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Evaluate, if it is time."""
        step = int(run_values.results)
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            self._evaluate()

    def end(self, session: ps.Session) -> None:
        """Evaluate what training ended with."""
        self._evaluate()

    def _evaluate(self) -> None:
        """Evaluate a copy of the variables, which is written for the time."""
        import tempfile

        with tempfile.TemporaryDirectory() as folder, ps.graph.eagerly():
            path = ps.Checkpoint(folder, dict(self._variables)).save(0)
            self.results = self._estimator.evaluate(
                self._input_fn, self._steps, self._hooks, str(path), self._name
            )
