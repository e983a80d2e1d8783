"""`Trainer`: compile, fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import callbacks as callbacks_module
from penstock_keras_api import context, losses, optimizers, tree
from penstock_keras_api.callbacks import CallbackList, History, ProgbarLogger
from penstock_keras_api.metrics.reduction import Mean
from penstock_keras_api.trainers import data as batching
from penstock_keras_api.trainers.compiled import CompileLoss, CompileMetrics


class Trainer:
    """What makes a model train; `Model` is one."""

    compiled: bool
    optimizer: Any
    _given: dict[str, Any]

    def _init_trainer(self) -> None:
        self.compiled = False
        self.optimizer = None
        self.loss = None
        self.stop_training = False
        self.history: History = History()
        self._run_eagerly = False
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._functions: dict[str, Any] = {}
        self._loss_tracker = Mean(name="loss")
        self._compile_config: dict[str, Any] | None = None

    # ---- compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: An optimizer, or its name.
            loss: A loss, its name, or a structure of them like the outputs.
            loss_weights: A factor for each loss.
            metrics: What else to compute, like the outputs.
            weighted_metrics: Likewise, with sample weights.
            run_eagerly: Whether steps run op by op, so that a debugger can step through them.
            steps_per_execution: Kept for compatibility: a step has no cost of its own that several could share.
            jit_compile: Kept for compatibility: steps are always compiled.
            auto_scale_loss: Whether losses are scaled where the dtype policy computes in float16.

        Raises:
            ValueError: A name stands for nothing.
        """
        self.optimizer = optimizers.get(optimizer)
        policy = getattr(self, "dtype_policy", None)
        if auto_scale_loss and getattr(policy, "name", "") == "mixed_float16":
            self.optimizer = _scaled(self.optimizer)
        for item in tree.flatten(loss):
            losses.get(item)  # a name that stands for nothing is told now
        self.loss = loss
        given = {"loss": loss, "loss_weights": loss_weights, "metrics": metrics,
                 "weighted_metrics": weighted_metrics}  # fmt: skip
        # Not tracked as a layer's own: the next compile has other metrics.
        object.__setattr__(self, "_given", given)
        self._compile_loss = self._compile_metrics = None
        self._run_eagerly = bool(run_eagerly)
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self._functions = {}
        self.compiled = True

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run op by op."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._run_eagerly = bool(value)
        self._functions = {}

    @property
    def jit_compile(self) -> bool:
        """Whether steps are compiled."""
        return not self._run_eagerly

    def _need_compiled(self, method: str) -> None:
        if not self.compiled:
            raise InvalidValueError(
                f"[{method}] the model was not compiled; call model.compile(optimizer, loss) first"
            )

    def _output_names(self, y_pred: Any) -> list[str]:
        if isinstance(y_pred, dict):
            return list(y_pred)
        given = getattr(self, "output_names", None)
        count = len(y_pred) if isinstance(y_pred, list | tuple) else 1
        return (
            given
            if given is not None and len(given) == count
            else [f"output_{i}" for i in range(count)]
        )

    def _ready(self, y_pred: Any) -> None:
        """Sort losses and metrics by outputs, once these are known."""
        if self._compile_loss is None:
            names = self._output_names(y_pred)
            with ps.graph.eagerly():
                self._compile_loss = CompileLoss(
                    self._given["loss"], self._given["loss_weights"], names
                )
                self._compile_metrics = CompileMetrics(
                    self._given["metrics"],
                    self._given["weighted_metrics"],
                    names,
                    self._compile_loss.losses,
                )

    # ---- steps

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch: that of `compile`, and what layers added."""
        self._ready(y_pred)
        assert self._compile_loss is not None
        terms: list[Any] = []
        if self._given["loss"] is not None:
            value = self._compile_loss(y, y_pred, sample_weight)
            if value is not None:
                terms.append(value)
        terms += [ps.cast(ps.asarray(t), "float32") for t in self.losses]  # type: ignore[attr-defined]
        if not terms:
            return ps.zeros(())
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Add a batch to the metrics, and return them."""
        self._ready(y_pred)
        if y is not None and self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the values of all metrics, by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:  # type: ignore[attr-defined]
            value = metric.result()
            if isinstance(value, dict):
                found.update(value)
            else:
                found[metric.name] = value
        return found

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take a step of training; write this method to train otherwise.

        Args:
            data: A batch: (x, y) or (x, y, sample_weight).

        Returns:
            Losses and metrics by name.
        """
        x, y, sample_weight = batching.unpack_x_y_sample_weight(data)
        self._clear_losses()  # type: ignore[attr-defined]
        with ps.GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled = self.optimizer.scale_loss(loss)
        self._track_loss(loss, x)
        weights = self.trainable_weights  # type: ignore[attr-defined]
        if not weights:
            raise InvalidValueError(
                "[fit] the model has no weights to train; are all layers frozen?"
            )
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Take a step of evaluation."""
        x, y, sample_weight = batching.unpack_x_y_sample_weight(data)
        self._clear_losses()  # type: ignore[attr-defined]
        y_pred = self(x, training=False)  # type: ignore[operator]
        self._track_loss(self.compute_loss(x, y, y_pred, sample_weight, training=False), x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch."""
        x, _, _ = batching.unpack_x_y_sample_weight(data)
        return self(x, training=False)  # type: ignore[operator]

    def _track_loss(self, loss: Any, x: Any) -> None:
        count = tree.flatten(x)[0].shape[0]
        self._loss_tracker.update_state(loss, sample_weight=ps.cast(ps.asarray(count), "float32"))

    # ---- compiled steps

    def _function(self, name: str) -> Any:
        """Return a step as one compiled function."""
        if name not in self._functions:
            step = getattr(self, f"{name}_step")

            def run(*data: Any) -> Any:
                context.clear_masks()
                made = step(batching.pack_x_y_sample_weight(*data))
                return dict(made) if isinstance(made, dict) else made

            self._functions[name] = run if self._run_eagerly else ps.function(run, autograph=False)
        return self._functions[name]

    def make_train_function(self, force: bool = False) -> Any:
        """Return the compiled training step."""
        if force:
            self._functions.pop("train", None)
        return self._function("train")

    def make_test_function(self, force: bool = False) -> Any:
        """Return the compiled evaluation step."""
        if force:
            self._functions.pop("test", None)
        return self._function("test")

    def make_predict_function(self, force: bool = False) -> Any:
        """Return the compiled prediction."""
        if force:
            self._functions.pop("predict", None)
        return self._function("predict")

    def _prepare(self, batch: tuple[Any, Any, Any]) -> None:
        """Build layers, optimizer and metrics before a step is traced: variables are made outside of graphs."""
        x, y, _ = batch
        if not self._has_own_steps():
            self._prepare_for(x, y)
        self._clear_losses()  # type: ignore[attr-defined]

    def _has_own_steps(self) -> bool:
        """Whether `train_step` is another one, which may call the model with something else than x, or never.

        Then the layers in it build themselves while the step is traced.
        """
        return type(self).train_step is not Trainer.train_step and self.loss is None

    def _prepare_for(self, x: Any, y: Any) -> None:
        if not self.built or not all(layer.built for layer in self._flatten_layers()):  # type: ignore[attr-defined]
            few = tree.map_structure(lambda a: ps.asarray(a[:1]), x)
            self(few, training=False)  # type: ignore[operator]
        if self._compile_metrics is None or not self._compile_metrics.built:
            few = tree.map_structure(lambda a: ps.asarray(a[:2]), (x, y), none_is_leaf=False)
            y_pred = self(few[0], training=False)  # type: ignore[operator]
            self._ready(y_pred)
            if (
                y is not None
                and self._compile_metrics is not None
                and not self._compile_metrics.built
            ):
                self._compile_metrics.build(few[1], y_pred)
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_weights)  # type: ignore[attr-defined]

    # ---- fit, evaluate, predict

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
        shuffle: bool = True,
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
            shuffle: Whether every epoch has another order.
            class_weight: A weight for each label.
            sample_weight: A weight for each sample.
            initial_epoch: Where to begin counting.
            steps_per_epoch: How many batches an epoch has; None for all.
            validation_steps: Likewise, of the validation.
            validation_batch_size: How many samples a step of the validation has.
            validation_freq: After how many epochs to validate, or after which ones.

        Returns:
            Losses and metrics of every epoch.

        Raises:
            ValueError: The model is not compiled, or the data do not fit together.
        """
        self._need_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = batching.split(
                (x, y, sample_weight), validation_split
            )
        if class_weight is not None:
            sample_weight = _weights_of_classes(y, class_weight, sample_weight)
        batches = batching.batches_of(x, y, sample_weight, batch_size, steps_per_epoch, shuffle)
        steps = len(batches) if getattr(batches, "has_length", True) else None
        told = self._callbacks(callbacks, verbose, epochs=epochs, steps=steps)
        self.stop_training = False
        told.tell("on_train_begin", None)
        logs: dict[str, Any] = {}
        try:
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                told.tell("on_epoch_begin", epoch, None)
                logs = self._epoch("train", batches, told, steps_per_epoch)
                if validation_data is not None and _is_due(epoch, validation_freq):
                    logs |= self._validate(
                        validation_data, validation_batch_size or batch_size, validation_steps, told
                    )
                told.tell("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        finally:
            for callback in told.callbacks:
                if isinstance(callback, ProgbarLogger):
                    callback.on_train_end()
        if self.optimizer.use_ema and epochs > initial_epoch:
            self.optimizer.finalize_variable_values(self.trainable_weights)  # type: ignore[attr-defined]
        told.tell("on_train_end", logs)
        return self.history

    def _epoch(
        self, kind: str, batches: Any, told: CallbackList, most: int | None
    ) -> dict[str, Any]:
        """Go through the batches once, and return the metrics afterwards."""
        listened = told.listens_to_batches[kind]
        bars = [c for c in told.callbacks if isinstance(c, ProgbarLogger)]
        step_function: Any = None
        results: dict[str, Any] = {}
        for number, batch in enumerate(batches):
            if step_function is None:
                self._prepare(batch)
                step_function = self._function(kind)
            if listened:
                told.tell(f"on_{kind}_batch_begin", number, None)
            results = step_function(*batch)
            if listened:
                told.tell(f"on_{kind}_batch_end", number, _as_numbers(results))
            for bar in bars:
                bar.progress(number + 1, lambda results=results: _as_numbers(results))
            if self.stop_training or (most is not None and number + 1 >= most):
                break
        if step_function is None:
            raise InvalidValueError(
                f"[{'fit' if kind == 'train' else 'evaluate'}] the data have no batch; is the generator used up?"
            )
        return _as_numbers(results)

    def _validate(
        self, given: Any, batch_size: int | None, steps: int | None, told: CallbackList
    ) -> dict[str, Any]:
        x, y, weight = (
            batching.unpack_x_y_sample_weight(given)
            if isinstance(given, tuple | list)
            else (given, None, None)
        )
        batches = batching.batches_of(x, y, weight, batch_size, steps)
        self.reset_metrics()
        told.tell("on_test_begin", None)
        quiet = CallbackList([c for c in told.callbacks if not isinstance(c, ProgbarLogger)], self)
        logs = self._epoch("test", batches, quiet, steps)
        told.tell("on_test_end", logs)
        return {f"val_{name}": value for name, value in logs.items()}

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
            verbose: As in `fit`.
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
        batches = batching.batches_of(x, y, sample_weight, batch_size, steps)
        told = self._callbacks(callbacks, 0)
        self.reset_metrics()
        told.tell("on_test_begin", None)
        logs = self._epoch("test", batches, told, steps)
        told.tell("on_test_end", logs)
        if return_dict:
            return logs
        values = list(logs.values())
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
            verbose: As in `fit`.
            steps: How many batches to look at; None for all.
            callbacks: As in `fit`.

        Returns:
            Arrays, in the structure of the outputs.

        Raises:
            ValueError: The data have no batch.
        """
        batches = batching.batches_of(x, None, None, batch_size, steps)
        told = self._callbacks(callbacks, 0)
        told.tell("on_predict_begin", None)
        listened = told.listens_to_batches["predict"]
        found: list[Any] = []
        run = None
        for number, (inputs, _, _) in enumerate(batches):
            if run is None:
                if not self.built:  # type: ignore[attr-defined]
                    self(tree.map_structure(lambda a: ps.asarray(a[:1]), inputs), training=False)  # type: ignore[operator]
                run = self._function("predict")
            if listened:
                told.tell("on_predict_batch_begin", number, None)
            found.append(run(inputs))
            if listened:
                told.tell("on_predict_batch_end", number, {"outputs": found[-1]})
            if steps is not None and number + 1 >= steps:
                break
        if not found:
            raise InvalidValueError("[predict] the data have no batch")
        told.tell("on_predict_end", None)
        return tree.map_structure(lambda *parts: _joined(parts), *found)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step of training, and return loss and metrics."""
        self._need_compiled("train_on_batch")
        if class_weight is not None:
            sample_weight = _weights_of_classes(y, class_weight, sample_weight)
        return self._on_batch("train", (x, y, sample_weight), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Take one step of evaluation, and return loss and metrics."""
        self._need_compiled("test_on_batch")
        return self._on_batch("test", (x, y, sample_weight), return_dict)

    def _on_batch(self, kind: str, given: tuple[Any, Any, Any], return_dict: bool) -> Any:
        batch = tuple(
            tree.map_structure(batching.as_array, part, none_is_leaf=False) for part in given
        )
        self._prepare(batch)
        self.reset_metrics()
        logs = _as_numbers(self._function(kind)(*batch))
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch."""
        inputs = tree.map_structure(batching.as_array, x)
        if not self.built:  # type: ignore[attr-defined]
            self(tree.map_structure(lambda a: ps.asarray(a[:1]), inputs), training=False)  # type: ignore[operator]
        return tree.map_structure(lambda t: t.numpy(), self._function("predict")(inputs))

    def reset_metrics(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:  # type: ignore[attr-defined]
            metric.reset_state()

    @property
    def metrics_names(self) -> list[str]:
        """The names of loss and metrics."""
        return [m.name for m in self.metrics]  # type: ignore[attr-defined]

    def _training_metrics(self) -> list[Any]:
        found: list[Any] = [self._loss_tracker] if self.compiled else []
        if self._compile_loss is not None:
            found += self._compile_loss.trackers
        if self._compile_metrics is not None:
            found += self._compile_metrics.metrics
        return found

    def _callbacks(self, given: Any, verbose: Any, **params: Any) -> CallbackList:
        if isinstance(given, CallbackList):
            return given
        items: list[callbacks_module.Callback] = (
            list(given or []) if isinstance(given, Sequence) else [given] if given else []
        )
        if not any(isinstance(c, History) for c in items):
            history = History()
            items.append(history)
        self.history = next(c for c in items if isinstance(c, History))
        level = 1 if verbose == "auto" else int(verbose)
        if level and not any(isinstance(c, ProgbarLogger) for c in items):
            items.append(ProgbarLogger(level))
        return CallbackList(items, self, verbose=level, **params)


def _scaled(optimizer: Any) -> Any:
    """Scale the loss, so that gradients in float16 do not vanish."""
    if optimizer is None or isinstance(optimizer, optimizers.LossScaleOptimizer):
        return optimizer
    return optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")


def _as_numbers(logs: Any) -> dict[str, Any]:
    return {
        name: float(value.item())
        if hasattr(value, "item") and not getattr(value, "ndim", 0)
        else np.asarray(value)
        for name, value in (logs or {}).items()
    }


def _joined(parts: Sequence[Any]) -> Any:
    arrays = [p.numpy() if isinstance(p, ps.Tensor) else np.asarray(p) for p in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _is_due(epoch: int, frequency: Any) -> bool:
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else (epoch + 1) in frequency


def _weights_of_classes(y: Any, class_weight: dict[int, float], sample_weight: Any) -> Any:
    """Make a weight for each sample of one for each class."""
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = labels.reshape(len(labels), -1)[:, 0].astype(int)
    missing = sorted(set(labels.tolist()) - set(class_weight))
    if missing:
        raise InvalidValueError(
            f"[fit] class_weight has no weight for the labels {missing}; give one for each"
        )
    weights = np.array([class_weight[label] for label in labels], np.float32)
    return weights if sample_weight is None else weights * np.asarray(sample_weight, np.float32)
