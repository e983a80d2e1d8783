"""A call of `fit`: where it is, so that another process can go on from there."""

from __future__ import annotations

import random as python_random
import warnings
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.callbacks import Callback, CallbackList
from penstock_keras_api.layers.owner import unique
from penstock_keras_api.trainers.loop import Loop, as_numbers

_SLOW = 0.2  # the part of the time from which on waiting for data is worth a line
_LONG = 1.0  # seconds; what is shorter is not worth one


class Training:
    """What `fit` does between epochs, and where it is.

    Args:
        model: What is trained.
        loop: Takes the steps.
        told: The callbacks.
    """

    def __init__(self, model: Any, loop: Loop, told: CallbackList) -> None:
        self.loop = loop
        self.epoch = 0
        self.logs: dict[str, Any] = {}
        self._model = model
        self._told = told
        self._warned_of_nan = False
        self._restored: dict[str, Any] | None = None

    def begin(self, initial_epoch: int) -> None:
        """Tell callbacks that training begins; one of them may restore an earlier training."""
        self.epoch = initial_epoch
        self._told.tell("on_train_begin", {})
        if self._restored is not None and not self._restored["batch"]:
            self._apply()

    def run_epoch(self) -> bool:
        """Take the steps of an epoch, or of what is left of it.

        Returns:
            Whether there was a batch.
        """
        loop = self.loop
        loop.number, loop.result = 0, None
        self._model.reset_metrics()
        self._told.tell("on_epoch_begin", self.epoch, {})
        if self._restored is not None:
            self._apply()
        result = loop.result if self._model.stop_training else loop.epoch()
        if loop.is_used_up and self.epoch and self.logs:
            warnings.warn(
                f"[fit] the data ended before epoch {self.epoch + 1}, and cannot begin anew; give a data set, a "
                "keras.utils.PyDataset or steps_per_epoch, or fewer epochs",
                stacklevel=3,
            )
            return False
        loop.need_batches("fit")
        self.logs = as_numbers(result)
        self._warn_of_nan()
        return True

    def end_epoch(self) -> None:
        """Tell callbacks that an epoch is over."""
        self.loop.source.end_epoch()
        self._told.tell("on_epoch_end", self.epoch, self.logs, but=self._told.last)
        self.epoch += 1
        self.loop.number = 0
        for callback in self._told.last:  # what saves all this comes when all others are ready
            callback.on_epoch_end(self.epoch - 1, self.logs)

    def _warn_of_nan(self) -> None:
        loss = self.logs.get("loss")
        is_nan = isinstance(loss, float) and np.isnan(loss)
        if is_nan and not self._warned_of_nan and not self._model.stop_training:
            self._warned_of_nan = True
            warnings.warn(
                f"[fit] the loss of epoch {self.epoch + 1} is not a number (NaN); to learn which op made the first one, "
                "call fit with callbacks=[keras.callbacks.TerminateOnNaN()]; a smaller learning rate or clipnorm=1.0 in "
                "the optimizer often helps",
                stacklevel=4,
            )

    def tell_what_was_slow(self) -> None:
        """Write a line if much time went into waiting for data."""
        waited, computed = self.loop.waited, self.loop.computed
        total = waited + computed
        if total > _LONG and waited > _SLOW * total and self._told.bars:
            self._told.bars[0]._tell(
                f"fit waited for data for {waited:.1f} s of {total:.1f} s ({waited / total:.0%}): make batches ahead with "
                "dataset.prefetch(), keep them with dataset.cache(), or give whole arrays"
            )

    # ---- states

    def variables(self) -> list[Any]:
        """Return all variables that a step may change."""
        model = self._model
        optimizers = [o for o in vars(model).values() if hasattr(o, "apply_gradients")]
        own = [v for metric in model.metrics for v in metric.variables]
        return unique([*model.variables, *own, *(v for o in optimizers for v in o.variables)])

    def get_state(self) -> dict[str, Any]:
        """Return everything that another process needs to go on from here, to the bit."""
        return {
            "epoch": self.epoch,
            "batch": self.loop.number,
            "stop": bool(self._model.stop_training),
            "logs": as_numbers(self.loop.result),
            "epoch_logs": dict(self.logs),
            "source": self.loop.source.get_state(),
            "callbacks": [[type(c).__name__, c.get_state()] for c in self._told.callbacks],
            "python_random": python_random.getstate(),
            "numpy_random": np.random.get_state(),  # noqa: NPY002 - what users' functions draw from
            "variables": [[v.path, v.numpy()] for v in self.variables()],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another training was, from the next epoch on or in the midst of one."""
        self._restored = state
        self.epoch = state["epoch"]

    def _apply(self) -> None:
        state, self._restored = self._restored, None
        assert state is not None
        self._make_variables(len(state["variables"]))
        self._assign(state["variables"])
        self.loop.source.set_state(state["source"])
        self.loop.number = state["batch"]
        self.loop.result = state["logs"] or None
        self.logs = state["epoch_logs"]
        self._model.stop_training = state["stop"]
        python_random.setstate(_tuples(state["python_random"]))
        np.random.set_state(tuple(state["numpy_random"]))  # noqa: NPY002
        self._restore_callbacks(state["callbacks"])

    def _make_variables(self, count: int) -> None:
        """Take a step, if some variables are made only then; all that it changes is restored afterwards."""
        if len(self.variables()) == count:
            return
        batch = self.loop.source.peek()
        if batch is not None:
            self._model._ready_step("train", batch, self.loop.source.by_rows)(*batch)

    def _assign(self, saved: list[Any]) -> None:
        mine = self.variables()
        if [tuple(v.shape) for v in mine] != [np.shape(value) for _, value in saved]:
            raise InvalidValueError(
                f"[BackupAndRestore] the backup has {len(saved)} variables and the model and its optimizer "
                f"{len(mine)}, or of other shapes; was the model changed? Remove the backup to train anew"
            )
        for v, (_, value) in zip(mine, saved, strict=True):
            v.assign(np.asarray(value))

    def _restore_callbacks(self, saved: list[Any]) -> None:
        left: list[Callback] = list(self._told.callbacks)
        for name, state in saved:
            found = next((c for c in left if type(c).__name__ == name), None)
            if found is not None:
                left.remove(found)
                found.set_state(state)


def _tuples(value: Any) -> Any:
    """Make tuples of lists: Python's generator wants these."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
