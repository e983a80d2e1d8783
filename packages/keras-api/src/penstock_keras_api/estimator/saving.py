"""The hook that saves checkpoints, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import penstock as ps
from penstock import v1
from penstock_keras_api.estimator.checkpoints import Progress
from penstock_keras_api.estimator.hooks import SecondOrStepTimer, _Counting, logger
from penstock_keras_api.estimator.session import SessionRunContext, SessionRunValues


class CheckpointSaverListener:
    """What is told when checkpoints are saved. Subclasses write the methods that they need."""

    def begin(self) -> None:
        """Be called once, while the graph may still be added to."""

    def before_save(self, session: ps.Session, global_step_value: int) -> None:
        """Be called before a checkpoint is written."""

    def after_save(self, session: ps.Session, global_step_value: int) -> bool | None:
        """Be called when it is on the disk; True stops the training."""
        return None

    def end(self, session: ps.Session, global_step_value: int) -> None:
        """Be called after the last."""


class CheckpointSaverHook(_Counting):
    """Save checkpoints: at the beginning, every so often, and at the end.

    Args:
        checkpoint_dir: Where they lie.
        save_secs: Every so many seconds.
        save_steps: Or steps.
        saver: Kept for compatibility.
        checkpoint_basename: Kept for compatibility.
        scaffold: Kept for compatibility.
        listeners: What is told.
        save_graph_def: Kept for compatibility.

    Raises:
        ValueError: Not exactly one of `save_secs` and `save_steps` is given.
    """

    def __init__(
        self,
        checkpoint_dir: Any,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Any = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: Any = None,
        listeners: Sequence[CheckpointSaverListener] | None = None,
        save_graph_def: bool = True,
    ) -> None:
        self._folder = Path(checkpoint_dir)
        self._timer = SecondOrStepTimer(save_secs, save_steps)
        self._listeners = list(listeners or [])
        self._keep: int | None = 5
        self._progress: Callable[[bool], Progress] | None = None
        self._variables: Mapping[str, ps.Variable] | None = None

    def bind(
        self,
        variables: Mapping[str, ps.Variable],
        progress: Callable[[bool], Progress],
        keep: int | None,
    ) -> None:
        """Say what is saved, how far the training is, and how many checkpoints stay."""
        self._variables, self._progress, self._keep = variables, progress, keep or None

    def begin(self) -> None:
        """Find the variables."""
        super().begin()
        named = self._variables or {v.name: v for v in v1.global_variables()}
        self._checkpoint = ps.Checkpoint(self._folder, dict(named), keep=self._keep)
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: ps.Session, coord: Any) -> None:
        """Save what the training begins with."""
        step = int(session.run(self._step))
        self._saved = -1
        if step not in self._checkpoint.steps():
            self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Save if it is time."""
        step = int(run_values.results)
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: ps.Session) -> None:
        """Save what the training ended with, and that it has."""
        step = int(session.run(self._step))
        known = self._saved == step
        self._save(session, step, finished=True, told=not known)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(
        self, session: ps.Session, step: int, finished: bool = False, told: bool = True
    ) -> bool:
        """Write a checkpoint; say whether a listener wants to stop."""
        listeners = self._listeners if told else []
        for listener in listeners:
            listener.before_save(session, step)
        metadata = self._progress(finished).as_json() if self._progress else {}
        with ps.graph.eagerly():
            self._checkpoint.save(step, metadata)
        self._saved = step
        logger.info("saved a checkpoint of step %d in %s", step, self._folder)
        return any([listener.after_save(session, step) for listener in listeners])
