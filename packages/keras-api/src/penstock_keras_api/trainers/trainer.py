"""`Trainer`: fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, PenstockError
from penstock_keras_api import config, tree
from penstock_keras_api.callbacks import Callback, CallbackList, History, ProgbarLogger
from penstock_keras_api.trainers import data
from penstock_keras_api.trainers.compiled import Compiled
from penstock_keras_api.trainers.explain import explain_step
from penstock_keras_api.trainers.loop import Loop, as_numbers
from penstock_keras_api.trainers.sources import Source, are_arrays, source_of
from penstock_keras_api.trainers.training import Training


class Trainer(Compiled):
    """What makes a model train; `Model` is one."""

    history: Any

    def _init_trainer(self) -> None:
        self._init_compiled()
        self.history = History()

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train the model.

        Args:
            x: Arrays, a data set, or a generator of batches.
            y: Labels.
            batch_size: How many samples a step has; 32 by default.
            epochs: How often to go through the data.
            verbose: 0 for nothing, 1 for a bar, 2 for a line for each epoch; "auto" is 1.
            callbacks: What is told how training goes on.
            validation_split: Which part of the samples, the last ones, is for validation.
            validation_data: (x, y), (x, y, sample_weight), or a data set for validation.
            shuffle: Whether every epoch has another order; "batch" shuffles batches.
            class_weight: A weight for each label; 1 for those that are not in it.
            sample_weight: A weight for each sample.
            initial_epoch: Where to begin counting.
            steps_per_epoch: How many batches an epoch has; None for all. The next epoch goes on behind them.
            validation_steps: How many batches a validation has; None for all.
            validation_batch_size: How many samples a step of the validation has.
            validation_freq: After how many epochs to validate, or after which ones.

        Returns:
            Losses and metrics of every epoch.

        Raises:
            ValueError: The model is not compiled, or the data do not fit together.
        """
        self._need_compiled("fit")
        epochs = config.limited(epochs, config.max_epochs()) or 0
        steps_per_epoch = config.limited(steps_per_epoch, config.max_steps_per_epoch())
        if validation_split and validation_data is None:
            if not are_arrays(x):
                raise InvalidValueError(
                    f"[fit] validation_split={validation_split} takes the last samples of arrays, and x is "
                    f"{type(x).__name__}; split it before, keras.utils.split_dataset(x, right_size={validation_split}), "
                    "and give validation_data"
                )
            (x, y, sample_weight), validation_data = data.split(
                (x, y, sample_weight), validation_split
            )
        source = source_of(x, y, sample_weight, batch_size, shuffle, class_weight, "fit")
        validation = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            validation = _source_of_validation(validation_data, size)
        steps = source.steps if steps_per_epoch is None else steps_per_epoch
        told = self._callbacks(callbacks, verbose, epochs=epochs, steps=steps)
        self.history = next(c for c in told.callbacks if isinstance(c, History))
        training = Training(self, Loop(self, "train", source, told, steps_per_epoch), told)
        self.stop_training = False
        self._put("_training", training)
        try:
            training.begin(initial_epoch)
            while training.epoch < epochs and not self.stop_training:
                if not training.run_epoch():
                    break
                if validation is not None and _is_due(training.epoch, validation_freq):
                    found = self._validate(validation, validation_steps, told)
                    training.logs = dict(sorted({**training.logs, **found}.items()))
                training.end_epoch()
            if self.optimizer is not None and self.optimizer.use_ema and epochs > initial_epoch:
                self.optimizer.finalize_variable_values(self.trainable_weights)  # type: ignore[attr-defined]
            told.tell("on_train_end", training.logs)
        finally:
            self._put("_training", None)
            told.close()
        training.tell_what_was_slow()
        return self.history  # type: ignore[no-any-return]

    def _validate(self, source: Source, steps: int | None, told: CallbackList) -> dict[str, Any]:
        source.rewind()
        logs = self._evaluated(Loop(self, "test", source, told.without_bars(), steps), told)
        return {f"val_{name}": value for name, value in logs.items()}

    def _evaluated(self, loop: Loop, told: CallbackList) -> dict[str, Any]:
        self.reset_metrics()
        told.tell("on_test_begin", {})
        logs = as_numbers(loop.epoch())
        loop.need_batches("evaluate")
        told.tell("on_test_end", logs)
        return logs

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Compute loss and metrics over data.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: As in `fit`.
            verbose: 0 for nothing, else a line at the end.
            sample_weight: As in `fit`.
            steps: How many batches to look at; None for all.
            callbacks: As in `fit`.
            return_dict: Whether to return a dictionary.
            kwargs: Kept for compatibility.

        Returns:
            The loss; a list of it and the metrics if there are any; or a dictionary of all by name.

        Raises:
            ValueError: The model is not compiled, or the data do not fit together.
        """
        self._need_compiled("evaluate")
        steps = config.limited(steps, config.max_steps_per_epoch())
        source = source_of(x, y, sample_weight, batch_size, method="evaluate")
        told = self._callbacks(callbacks, verbose, history=False, steps=steps or source.steps)
        loop = Loop(self, "test", source, told, steps)
        try:
            logs = self._evaluated(loop, told)
        finally:
            told.close()
        return self._returned(logs, return_dict)

    def _returned(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """Return logs as they were asked for; in a list losses come first."""
        if return_dict:
            return logs
        if len(logs) == 1:
            return next(iter(logs.values()))
        first = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in [*first, *(n for n in logs if n not in first)]]
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for data.

        Args:
            x: As in `fit`.
            batch_size: As in `fit`.
            verbose: 1 for a bar or a line; "auto" for nothing.
            steps: How many batches to look at; None for all.
            callbacks: As in `fit`.

        Returns:
            Arrays, in the structure of the outputs.

        Raises:
            ValueError: The data have no batch.
        """
        steps = config.limited(steps, config.max_steps_per_epoch())
        step = self._functions.get(("predict", False, False))
        is_plain = steps is None and not callbacks and verbose in ("auto", 0)
        if step is not None and is_plain and _is_one_batch(x, batch_size):
            try:
                return tree.map_structure(_as_own_array, step(data.shared(x)))
            except PenstockError:
                self._explain_failure("predict", (ps.asarray(x),), False)
                raise
        source = source_of(x, None, None, batch_size, method="predict")
        level = 0 if verbose == "auto" else verbose
        told = self._callbacks(callbacks, level, history=False, steps=steps or source.steps)
        told.tell("on_predict_begin", {})
        loop = Loop(self, "predict", source, told, steps)
        found: list[Any] = []
        loop.epoch(found.append)
        loop.need_batches("predict")
        told.tell("on_predict_end", {})
        return tree.map_structure(lambda *parts: _joined(parts), *found)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step of training.

        Args:
            x: Inputs.
            y: Labels.
            sample_weight: A weight for each sample.
            class_weight: A weight for each label; 1 for those that are not in it.
            return_dict: Whether to return a dictionary.

        Returns:
            Loss and metrics of this batch, as `evaluate` returns them.

        Raises:
            ValueError: The model is not compiled, or the data do not fit together.
        """
        self._need_compiled("train_on_batch")
        if class_weight is not None:
            sample_weight = data.weights_of_classes(
                y, class_weight, sample_weight, "train_on_batch"
            )
        return self._on_batch("train", (x, y, sample_weight), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Take one step of evaluation.

        Args:
            x: Inputs.
            y: Labels.
            sample_weight: A weight for each sample.
            return_dict: Whether to return a dictionary.

        Returns:
            Loss and metrics of this batch, as `evaluate` returns them.

        Raises:
            ValueError: The model is not compiled, or the data do not fit together.
        """
        self._need_compiled("test_on_batch")
        return self._on_batch("test", (x, y, sample_weight), return_dict)

    def _on_batch(self, kind: str, given: tuple[Any, Any, Any], return_dict: bool) -> Any:
        batch = tuple(data.all_shared(data.as_arrays(part)) for part in given)
        while len(batch) > 1 and batch[-1] is None:
            batch = batch[:-1]
        result = self._ready_step(kind, batch, fresh=True)(*batch)
        return self._returned(as_numbers(result), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch."""
        batch = (data.all_shared(data.as_arrays(x)),)
        return tree.map_structure(_as_own_array, self._ready_step("predict", batch)(*batch))

    def explain(self, kind: str = "train", rows: int = 12) -> str:
        """Say which kernels a compiled step runs, how long they take, how much memory it needs, and what was waited for.

        Args:
            kind: "train", "test" or "predict": the step of `fit`, `evaluate` or `predict`.
            rows: How many rows of kernels are told.

        Returns:
            Text to print.

        Raises:
            ValueError: No such step was taken yet.

        >>> import numpy as np
        >>> from penstock import keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)], name="small")
        >>> _ = model.predict(np.ones((2, 3)))
        >>> print(model.explain("predict").splitlines()[0])
        predict step of 'small' on float32[2, 3]
        """
        return explain_step(self, kind, rows)

    def _callbacks(
        self, given: Any, verbose: Any, history: bool = True, **params: Any
    ) -> CallbackList:
        if isinstance(given, CallbackList):
            given.set_params(params)
            given.set_model(self)
            return given
        items: list[Callback] = (
            list(given or []) if isinstance(given, Sequence) else [given] if given else []
        )
        level = 1 if verbose == "auto" else int(verbose)
        if level and not any(isinstance(c, ProgbarLogger) for c in items):
            items.append(ProgbarLogger())
        return CallbackList(items, add_history=history, model=self, verbose=level, **params)


def _source_of_validation(given: Any, batch_size: int | None) -> Source:
    x, y, weight = (
        data.unpack_x_y_sample_weight(given)
        if isinstance(given, tuple | list)
        else (given, None, None)
    )
    return source_of(x, y, weight, batch_size, method="fit: validation_data")


def _is_one_batch(x: Any, batch_size: int | None) -> bool:
    """Whether an array fits one step, and needs no conversion."""
    if not isinstance(x, np.ndarray) or x.dtype == np.float64 or not x.ndim:
        return False
    return 0 < len(x) <= (batch_size or 32)


def _as_own_array(output: Any) -> np.ndarray[Any, Any]:
    """Make an array that belongs to the caller, also where an output is the input's memory."""
    return np.array(output.numpy() if isinstance(output, ps.Tensor) else output)


def _joined(parts: Sequence[Any]) -> np.ndarray[Any, Any]:
    if len(parts) == 1:
        return _as_own_array(parts[0])
    return np.concatenate([p.numpy() if isinstance(p, ps.Tensor) else np.asarray(p) for p in parts])


def _is_due(epoch: int, frequency: Any) -> bool:
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else (epoch + 1) in frequency
