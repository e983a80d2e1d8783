"""Hooks: logging, stopping, and looking at what a training does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import penstock as ps
from penstock import v1
from penstock.errors import InvalidTypeError, InvalidValueError, NumericError
from penstock_keras_api.estimator.session import (
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)

logger = logging.getLogger("penstock.estimator")


class SecondOrStepTimer:
    """Says when something is due: every so many seconds or steps.

    Args:
        every_secs: Seconds.
        every_steps: Or steps.

    Raises:
        ValueError: Both are given, or none.
    """

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if (every_secs is None) == (every_steps is None):
            raise InvalidValueError(
                f"[hooks] got {every_secs} seconds and {every_steps} steps; give exactly one of them"
            )
        if every_steps is not None and every_steps < 1:
            raise InvalidValueError(f"[hooks] got {every_steps} steps; use 1 or more")
        self._secs, self._steps = every_secs, every_steps
        self.reset()

    def reset(self) -> None:
        """Begin anew: the next step is due."""
        self._last_step: int | None = None
        self._last_time = 0.0

    def should_trigger_for_step(self, step: int) -> bool:
        """Say whether it is due."""
        if self._last_step is None:
            return True
        if step == self._last_step:
            return False
        if self._steps is not None:
            return step >= self._last_step + self._steps
        return time.monotonic() >= self._last_time + float(self._secs or 0)

    def update_last_triggered_step(self, step: int) -> tuple[float | None, int | None]:
        """Note that it was done; return the seconds and steps since the last time."""
        now = time.monotonic()
        first = self._last_step is None
        passed = (None, None) if first else (now - self._last_time, step - (self._last_step or 0))
        self._last_step, self._last_time = step, now
        return passed

    def last_triggered_step(self) -> int | None:
        """Return the step at which it was done last."""
        return self._last_step


def _global_step() -> Any:
    found = v1.train.get_global_step()
    if found is None:
        raise InvalidValueError(
            "[hooks] the graph has no global step; make one: tf.train.get_or_create_global_step()"
        )
    return found


class _Counting(SessionRunHook):
    """A hook that knows the global step after every run."""

    def begin(self) -> None:
        """Find the global step."""
        self._step = _global_step()

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return SessionRunArgs(self._step)


class StopAtStepHook(_Counting):
    """Stop after so many steps, or at a step.

    Args:
        num_steps: So many more.
        last_step: Or at this one.

    Raises:
        ValueError: Not exactly one is given.
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if (num_steps is None) == (last_step is None):
            raise InvalidValueError(
                f"[StopAtStepHook] got num_steps={num_steps} and last_step={last_step}; give exactly one of them"
            )
        self._count, self._last = num_steps, last_step

    def after_create_session(self, session: ps.Session, coord: Any) -> None:
        """Find the last step."""
        if self._last is None:
            self._last = int(session.run(self._step)) + int(self._count or 0)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Stop if it is reached."""
        if int(run_values.results) >= int(self._last or 0):
            run_context.request_stop()


class StopAtCheckpointStepHook(SessionRunHook):
    """Stop an evaluation that follows a training once its checkpoints reach a step.

    Args:
        model_dir: Where they lie.
        last_step: The step.
    """

    def __init__(self, model_dir: Any, last_step: int) -> None:
        self._folder, self._last = Path(model_dir), last_step

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look for the checkpoint."""
        steps = ps.Checkpoint(self._folder).steps() if self._folder.is_dir() else []
        if steps and steps[-1] >= self._last:
            run_context.request_stop()


class NanLossDuringTrainingError(NumericError):
    """The loss is no number."""

    def __str__(self) -> str:
        return self.args[0] if self.args else "the loss is no number"


class NanTensorHook(SessionRunHook):
    """Stop when a loss is no number.

    Args:
        loss_tensor: The loss.
        fail_on_nan_loss: Whether that is an error, or only the end.
    """

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss, self._fails = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the loss."""
        return SessionRunArgs(self._loss)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look at it.

        Raises:
            NanLossDuringTrainingError: It is no number.
        """
        if not np.isfinite(run_values.results).all() and np.isnan(run_values.results).any():
            message = (
                "[NanTensorHook] the loss is NaN; lower the learning rate, clip gradients, or look for the first op that "
                "makes one: with penstock.debug_nans(): estimator.train(...)"
            )
            if self._fails:
                raise NanLossDuringTrainingError(message)
            logger.warning(message)
            run_context.request_stop()


class LoggingTensorHook(SessionRunHook):
    """Log tensors every so often.

    Args:
        tensors: Tensors or their names, by what they are called, or a list of them.
        every_n_iter: Every so many runs.
        every_n_secs: Or seconds.
        at_end: Whether also, or only, at the end.
        formatter: A function of a dictionary of values, which returns the text.

    Raises:
        ValueError: Nothing says how often.
    """

    def __init__(
        self,
        tensors: Any,
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        self._only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not self._only_at_end:
            self._timer = SecondOrStepTimer(every_n_secs, every_n_iter)
        self._tensors = (
            dict(tensors)
            if isinstance(tensors, Mapping)
            else {t if isinstance(t, str) else t.name: t for t in tensors}
        )
        self._at_end, self._formatter = at_end, formatter

    def begin(self) -> None:
        """Begin to count."""
        self._runs = 0
        if not self._only_at_end:
            self._timer.reset()

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Ask for the tensors if it is time."""
        self._due = not self._only_at_end and self._timer.should_trigger_for_step(self._runs)
        return SessionRunArgs(self._tensors) if self._due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Log them."""
        if self._due:
            seconds, _ = self._timer.update_last_triggered_step(self._runs)
            self._log(run_values.results, seconds)
        self._runs += 1

    def end(self, session: ps.Session) -> None:
        """Log what needs no more data."""
        if self._at_end:
            self._log(session.run(self._tensors), None)

    def _log(self, values: dict[str, Any], seconds: float | None) -> None:
        if self._formatter is not None:
            text = self._formatter(values)
        else:
            text = ", ".join(f"{name} = {value}" for name, value in values.items())
        logger.info("%s%s", text, "" if seconds is None else f" ({seconds:.3f} sec)")


class StepCounterHook(_Counting):
    """Log how many steps a second has, and tell it to observers as "global_step/sec".

    Args:
        every_n_steps: Every so many steps.
        every_n_secs: Or seconds.
        output_dir: Kept for compatibility.
        summary_writer: Kept for compatibility.

    Raises:
        ValueError: Both are given.
    """

    def __init__(
        self,
        every_n_steps: int | None = 100,
        every_n_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
    ) -> None:
        self._timer = SecondOrStepTimer(
            every_n_secs,
            None if every_n_secs is not None and every_n_steps == 100 else every_n_steps,
        )

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Count."""
        step = int(run_values.results)
        if self._timer.should_trigger_for_step(step):
            seconds, steps = self._timer.update_last_triggered_step(step)
            if seconds and steps:
                logger.info("global_step/sec: %g", steps / seconds)
                with ps.graph.eagerly():
                    ps.summary.scalar("global_step/sec", steps / seconds, step=step)


class SummarySaverHook(_Counting):
    """Tell observers the summaries of a graph every so often; see `penstock.summary`.

    Args:
        save_steps: Every so many steps.
        save_secs: Or seconds.
        output_dir: Kept for compatibility: observers know where they write.
        summary_writer: Kept for compatibility.
        scaffold: Kept for compatibility.
        summary_op: What to run; by default all summaries of the graph.

    Raises:
        ValueError: Not exactly one of steps and seconds is given.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
    ) -> None:
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._op = summary_op

    def begin(self) -> None:
        """Find the summaries."""
        super().begin()
        self._now: int | None = None
        if self._op is None:
            nodes = [n for n in v1.get_default_graph().nodes if _is_summary(n)]
            self._op = ps.group(*nodes) if nodes else None

    def after_create_session(self, session: ps.Session, coord: Any) -> None:
        """Find the step."""
        self._now = int(session.run(self._step))

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the summaries if it is time."""
        step = self._now or 0
        due = self._op is not None and self._timer.should_trigger_for_step(step)
        if due:
            self._timer.update_last_triggered_step(step)
            ps.summary.set_step(step)
        return SessionRunArgs([self._step, self._op] if due else [self._step])

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Note the step."""
        self._now = int(run_values.results[0])


def _is_summary(node: Any) -> bool:
    function = node.attrs.get("function") if node.op == "host_call" else None
    return getattr(function, "__module__", "") == "penstock.summary"


class FinalOpsHook(SessionRunHook):
    """Compute tensors after the last run.

    Args:
        final_ops: Tensors, in any structure.
        final_ops_feed_dict: What to feed.
    """

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._ops, self._feed = final_ops, final_ops_feed_dict
        self.final_ops_values: Any = None

    def end(self, session: ps.Session) -> None:
        """Compute them."""
        if self._ops is not None:
            self.final_ops_values = session.run(self._ops, self._feed)


class FeedFnHook(SessionRunHook):
    """Feed what a function gives.

    Args:
        feed_fn: A function whose result is fed in every run.
    """

    def __init__(self, feed_fn: Callable[[], Mapping[Any, Any]]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Feed it."""
        return SessionRunArgs(None, self.feed_fn())


class GlobalStepWaiterHook(_Counting):
    """Wait until the global step is reached: by somebody else, since this process trains alone.

    Args:
        wait_until_step: The step; in one process only 0 comes by itself.

    Raises:
        ValueError: The step is negative.
    """

    def __init__(self, wait_until_step: int) -> None:
        if wait_until_step < 0:
            raise InvalidValueError(
                f"[GlobalStepWaiterHook] got wait_until_step={wait_until_step}; use 0 or more"
            )
        self._until = wait_until_step

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Wait.

        Raises:
            ValueError: Nobody else can raise the step.
        """
        step = int(run_context.session.run(self._step))
        if step < self._until:
            raise InvalidValueError(
                f"[GlobalStepWaiterHook] waits for step {self._until} at step {step}, and nobody else trains; leave the "
                "hook out: training runs in one process"
            )
        return super().before_run(run_context)


class ProfilerHook(_Counting):
    """Profile a run every so often; see `penstock.profile`.

    Args:
        save_steps: Every so many steps.
        save_secs: Or seconds.
        output_dir: Where the traces are written, as Chrome reads them.
        show_dataflow: Kept for compatibility.
        show_memory: Kept for compatibility.

    Raises:
        ValueError: Not exactly one of steps and seconds is given.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: Any = "",
        show_dataflow: bool = True,
        show_memory: bool = False,
    ) -> None:
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._folder = Path(output_dir)
        self._now = 0
        self._profile: Any = None

    def after_create_session(self, session: ps.Session, coord: Any) -> None:
        """Find the step."""
        self._now = int(session.run(self._step))

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Begin to record if it is time."""
        if self._timer.should_trigger_for_step(self._now):
            self._timer.update_last_triggered_step(self._now)
            self._profile = ps.profile()
            self._profile.__enter__()
        return super().before_run(run_context)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Write what was recorded."""
        self._now = int(run_values.results)
        if self._profile is not None:
            self._profile.__exit__(None, None, None)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._profile.save(self._folder / f"timeline-{self._now}.json")
            self._profile = None


def check_hooks(where: str, hooks: Any) -> list[SessionRunHook]:
    """Refuse what is no hook.

    Raises:
        TypeError: One is none.
    """
    found = list(hooks or [])
    for hook in found:
        if not isinstance(hook, SessionRunHook):
            raise InvalidTypeError(
                f"[{where}] got the hook {hook!r}; expected an object of a subclass of SessionRunHook"
            )
    return found
