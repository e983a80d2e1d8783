"""The loop over batches: one for training, evaluation and prediction."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError, PenstockError
from penstock_keras_api.callbacks import CallbackList
from penstock_keras_api.trainers.sources import Batch, Source


class Loop:
    """Take steps with the batches of a source, epoch after epoch.

    Args:
        model: What is trained, evaluated or asked; it makes the steps.
        kind: "train", "test" or "predict".
        source: Gives the batches.
        told: The callbacks.
        steps: After how many batches an epoch ends; None for the source's own end.
    """

    def __init__(
        self, model: Any, kind: str, source: Source, told: CallbackList, steps: int | None = None
    ) -> None:
        self.source = source
        self.number = 0
        """How many batches of this epoch are done."""
        self.waited = 0.0
        """Seconds in which the next batch was awaited."""
        self.computed = 0.0
        """Seconds of the steps, without making them ready."""
        self.result: Any = None
        """What the last step returned."""
        self.batch: Batch | None = None
        """What the last step was given."""
        self.is_used_up = False
        """Whether the data ended before the first batch of an epoch."""
        self._model = model
        self._kind = kind
        self._told = told
        self._steps = steps
        self._per_call = max(1, int(getattr(model, "steps_per_execution", 1) or 1))
        self._going: Iterator[Batch] | None = None

    def epoch(self, each: Callable[[Any], None] | None = None) -> Any:
        """Go through the batches once.

        Args:
            each: Is called with every step's result.

        Returns:
            The last step's result; None where there was no batch.
        """
        function: Any = None
        is_quiet = not self._told.listens[self._kind] and not self._told.bars and each is None
        clock = time.perf_counter
        mark = clock()
        for batch in self._batches():
            now = clock()
            self.waited += now - mark
            if function is None:
                function = self._model._ready_step(self._kind, batch, self.source.by_rows)
                now = clock()
            self.batch = batch
            try:
                if is_quiet:
                    self.result = function(*batch)
                    self.number += 1
                else:
                    self._told_step(function, batch)
            except PenstockError as error:
                self._explain(error, batch)
                raise
            if each is not None:
                each(self.result)
            mark = clock()
            self.computed += mark - now
            if self._model.stop_training and self._kind == "train":
                break
        self.is_used_up = not self.number
        self._model._waited[self._kind] = (self.waited, self.computed)
        return self.result

    def _batches(self) -> Iterator[Batch]:
        """Go on with the source, up to the end of the epoch."""
        may_begin_anew = not self.number
        if self._going is None:
            self._going = iter(self.source)
        while self._steps is None or self.number < self._steps:
            batch = next(self._going, None)
            if batch is not None:
                may_begin_anew = False
                yield batch
            elif may_begin_anew:  # the last epoch ended with the last batch
                may_begin_anew, self._going = False, iter(self.source)
            else:
                self._going = None
                if self._steps is not None and self.number:
                    self._warn_of_end()
                return

    def _told_step(self, function: Callable[..., Any], batch: Batch) -> None:
        """Take a step, and tell callbacks before and afterwards."""
        kind, told, number, each = self._kind, self._told, self.number, self._per_call
        listens = told.listens[kind]
        if listens and number % each == 0:
            told.tell(f"on_{kind}_batch_begin", number, {})
        self.result = result = function(*batch)
        self.number = number + 1
        if listens and ((number + 1) % each == 0 or number + 1 in (self._steps, self.source.steps)):
            logs = {"outputs": result} if kind == "predict" else as_numbers(result)
            told.tell(f"on_{kind}_batch_end", number // each * each + each - 1, logs)
        for bar in told.bars:
            bar.progress(self.number, lambda: {} if kind == "predict" else as_numbers(result))

    def _explain(self, error: PenstockError, batch: Batch) -> None:
        """Raise an error that says which input or label is to blame, if one is."""
        try:
            self._model._explain_failure(self._kind, batch, self.source.by_rows)
        except PenstockError as better:
            raise better from error

    def need_batches(self, method: str) -> None:
        """Refuse data without a batch.

        Raises:
            ValueError: There was none.
        """
        if self.is_used_up:
            raise InvalidValueError(
                f"[{method}] the data have no batch; give at least one: a generator that was used up cannot begin anew, so "
                "make it again"
            )

    def _warn_of_end(self) -> None:
        warnings.warn(
            f"[{'fit' if self._kind == 'train' else 'evaluate'}] the data ended after {self.number} of {self._steps} "
            "batches; give as many as steps_per_epoch x epochs, for instance with dataset.repeat(), or leave the number "
            "of steps out",
            stacklevel=6,
        )


def as_numbers(logs: Any) -> dict[str, Any]:
    """Make Python's numbers of what a step returned, by name and sorted; the metrics of a container, one by one."""
    made: dict[str, Any] = {}
    for name in sorted(logs or {}):
        value = logs[name]
        if isinstance(value, dict):
            made |= as_numbers(value)
        elif isinstance(value, float):
            made[name] = value
        elif hasattr(value, "item") and not getattr(value, "ndim", 0):
            made[name] = float(value.item())
        else:
            made[name] = np.asarray(value)
    return made
