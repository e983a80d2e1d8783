"""What `compile` makes of a model: loss, metrics and steps."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import losses, optimizers, tree
from penstock_keras_api.metrics.reduction import Mean
from penstock_keras_api.trainers import data, labels, steps
from penstock_keras_api.trainers.compile_loss import CompileLoss
from penstock_keras_api.trainers.compile_metrics import CompileMetrics
from penstock_keras_api.trainers.explain import shapes_of
from penstock_keras_api.trainers.inputs import check_model_inputs


class Compiled:
    """Loss, metrics and steps of a model; `Trainer` runs them."""

    compiled: bool
    loss: Any = None
    """What `compile` was given as loss."""
    optimizer: Any
    stop_training: bool
    _given: dict[str, Any]
    _functions: dict[tuple[str, bool, bool], Any]
    _seen: dict[str, tuple[Any, bool]]
    _waited: dict[str, tuple[float, float]]

    def _init_compiled(self) -> None:
        self.compiled = False
        self.optimizer = None
        self.loss = None
        self.stop_training = False
        self.steps_per_execution = 1
        self._run_eagerly = False
        self._loss_tracker: Mean | None = None
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._put("_functions", {})
        self._put("_seen", {})  # the last batches' shapes, by the kind of step
        self._put("_waited", {})  # seconds for data, and for computing

    def _put(self, name: str, value: Any) -> None:
        """Set an attribute that is no part of the model: another compile has another one."""
        object.__setattr__(self, name, value)

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
            steps_per_execution: After how many steps callbacks are told of batches.
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
        self._put("_given", given)
        self._put("_loss_tracker", Mean(name="loss"))
        self._put("_compile_loss", None)
        self._put("_compile_metrics", None)
        self._run_eagerly = bool(run_eagerly)
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self._put("_functions", {})
        self.compiled = True
        names = getattr(self, "output_names", None)
        if names:
            self._make_losses(names)  # so that mistakes are told now

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run op by op."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._run_eagerly = bool(value)
        self._put("_functions", {})

    @property
    def jit_compile(self) -> bool:
        """Whether steps are compiled."""
        return not self._run_eagerly

    def _need_compiled(self, method: str) -> None:
        if not self.compiled:
            raise InvalidValueError(
                f"[{method}] the model was not compiled; call model.compile(optimizer, loss) first"
            )

    # ---- losses and metrics

    def _output_names_of(self, y_pred: Any) -> list[str]:
        if isinstance(y_pred, dict):
            return list(y_pred)
        given = getattr(self, "output_names", None)
        count = len(y_pred) if isinstance(y_pred, list | tuple) else 1
        if given is not None and len(given) == count:
            return list(given)
        return [f"output_{i}" for i in range(count)]

    def _make_losses(self, names: list[str]) -> None:
        with ps.graph.eagerly():
            loss = CompileLoss(self._given["loss"], self._given["loss_weights"], names)
            metrics = CompileMetrics(self._given["metrics"], self._given["weighted_metrics"], names)
        self._put("_compile_loss", loss)
        self._put("_compile_metrics", None if metrics.is_empty else metrics)

    def _know_outputs(self, y_pred: Any) -> None:
        """Sort losses and metrics by outputs, once these are known."""
        if self._compile_loss is None:
            self._make_losses(self._output_names_of(y_pred))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of a batch: that of `compile`, and what layers added.

        Args:
            x: Inputs.
            y: Labels.
            y_pred: Outputs.
            sample_weight: Weights, or None.
            training: Whether this is a step of training.

        Returns:
            [], float32.

        Raises:
            ValueError: Labels and outputs do not fit together, or a step of training has no loss at all.
        """
        self._know_outputs(y_pred)
        terms: list[Any] = []
        if self._given["loss"] is not None and self._compile_loss is not None:
            value = self._compile_loss(y, y_pred, sample_weight)
            if value is not None:
                terms.append(value)
        terms += [ps.cast(ps.asarray(t), "float32") for t in self.losses]  # type: ignore[attr-defined]
        if not terms and training:
            raise InvalidValueError(
                "[fit] there is no loss: compile was given none, and no layer adds one; call model.compile(optimizer, "
                "loss='mse'), or another loss"
            )
        if not terms:
            return ps.zeros(())
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Add a batch to the metrics, and return them.

        Args:
            x: Inputs.
            y: Labels.
            y_pred: Outputs.
            sample_weight: Weights, or None.

        Returns:
            The value of each metric, by name.
        """
        self._know_outputs(y_pred)
        if y is not None and self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the values of all metrics, by name: the loss, those of single outputs, the others."""
        found: dict[str, Any] = {}
        last: dict[str, Any] = {}
        for metric in self.metrics:  # type: ignore[attr-defined]
            value = metric.result()
            if isinstance(value, dict):
                last.update(value)
            else:
                found[metric.name] = value
        return {**found, **last}

    def reset_metrics(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:  # type: ignore[attr-defined]
            metric.reset_state()

    @property
    def metrics_names(self) -> list[str]:
        """The names of the loss and of the metrics; those of `compile` are one."""
        return [m.name for m in self.metrics]  # type: ignore[attr-defined]

    @property
    def compiled_metrics(self) -> CompileMetrics | None:
        """The metrics of `compile`, once outputs are known."""
        return self._compile_metrics

    @property
    def compiled_loss(self) -> CompileLoss | None:
        """The loss of `compile`, once outputs are known."""
        return self._compile_loss

    def _training_metrics(self) -> list[Any]:
        if not self.compiled:
            return []
        first = [m for m in (self._loss_tracker, self._compile_metrics) if m is not None]
        return first + (self._compile_loss.trackers if self._compile_loss is not None else [])

    def _metric_named(self, name: str) -> Any:
        """Return the metric whose value has this name in the logs, or None."""
        for metric in self.metrics:  # type: ignore[attr-defined]
            if isinstance(metric, CompileMetrics):
                found = metric.named(name)
                if found is not None:
                    return found
            elif metric.name == name:
                return metric
        return None

    # ---- steps

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take a step of training; write this method to train otherwise.

        Args:
            data: A batch: (x, y) or (x, y, sample_weight).

        Returns:
            Losses and metrics by name.
        """
        x, y, sample_weight = _unpacked(data)
        self._clear_losses()  # type: ignore[attr-defined]
        with ps.GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x, y, y_pred, sample_weight)
            scaled = self.optimizer.scale_loss(loss)
        self._track_loss(loss, x)
        weights = self.trainable_weights  # type: ignore[attr-defined]
        if weights:
            self.optimizer.apply(tape.gradient(scaled, weights), weights)
        else:
            warnings.warn(
                "[fit] the model has no weights to train, so nothing changes; are all layers frozen?",
                stacklevel=2,
            )
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Take a step of evaluation; write this method to evaluate otherwise.

        Args:
            data: A batch: (x, y) or (x, y, sample_weight).

        Returns:
            Losses and metrics by name.
        """
        x, y, sample_weight = _unpacked(data)
        self._clear_losses()  # type: ignore[attr-defined]
        y_pred = self(x, training=False)  # type: ignore[operator]
        self._track_loss(self.compute_loss(x, y, y_pred, sample_weight, training=False), x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for a batch; write this method to predict otherwise."""
        x, _, _ = _unpacked(data)
        return self(x, training=False)  # type: ignore[operator]

    def _track_loss(self, loss: Any, x: Any) -> None:
        if self._loss_tracker is not None:
            count = ps.cast(ps.asarray(tree.flatten(x)[0].shape[0]), "float32")
            self._loss_tracker.update_state(loss, sample_weight=count)

    def _step_function(self, kind: str, by_rows: bool = False, fresh: bool = False) -> Any:
        """Return a step as one compiled function; a fresh one forgets the batches before."""
        key = (kind, by_rows, fresh)
        if key not in self._functions:
            step = getattr(self, f"{kind}_step")
            if not fresh:
                made = steps.make_step(step, by_rows, self._run_eagerly)
            elif self._forgets_in_plans(kind):
                begun = steps.make_step(step, by_rows, self._run_eagerly, self.reset_metrics)
                made = self._checked_once(key, begun)
            else:
                made = self._in_two_steps(kind, by_rows)
            self._functions[key] = made
        return self._functions[key]

    def _in_two_steps(self, kind: str, by_rows: bool) -> Any:
        return steps.make_two_steps(self.reset_metrics, self._step_function(kind, by_rows))

    def _checked_once(self, key: tuple[str, bool, bool], begun: Any) -> Any:
        """Run a step that begins by forgetting; metrics that made variables in it are not forgotten by it."""
        known = self._count_metric_variables()

        def run(*parts: Any) -> Any:
            result = begun(*parts)
            is_all = self._count_metric_variables() == known
            self._functions[key] = begun if is_all else self._in_two_steps(*key[:2])
            return result

        return run

    def _count_metric_variables(self) -> int:
        metrics: list[Any] = self.metrics  # type: ignore[attr-defined]
        return sum(len(m.variables) for m in metrics)

    def _forgets_in_plans(self, kind: str) -> bool:
        """Whether forgetting is nothing but assignments to metrics that exist before a step is traced."""
        return (
            self._is_ours(kind)
            and type(self).reset_metrics is Compiled.reset_metrics
            and all(getattr(m, "resets_by_assigning", False) for m in self.metrics)  # type: ignore[attr-defined]
        )

    def _is_ours(self, kind: str) -> bool:
        """Whether nobody wrote the step anew."""
        return getattr(type(self), f"{kind}_step") is getattr(Compiled, f"{kind}_step")

    def make_train_function(self, force: bool = False) -> Any:
        """Return the compiled training step."""
        return self._made("train", force)

    def make_test_function(self, force: bool = False) -> Any:
        """Return the compiled evaluation step."""
        return self._made("test", force)

    def make_predict_function(self, force: bool = False) -> Any:
        """Return the compiled prediction."""
        return self._made("predict", force)

    def _made(self, kind: str, force: bool) -> Any:
        if force:
            for by_rows, fresh in itertools.product((False, True), repeat=2):
                self._functions.pop((kind, by_rows, fresh), None)
        return self._step_function(kind)

    def _ready_step(
        self, kind: str, batch: tuple[Any, ...], by_rows: bool = False, fresh: bool = False
    ) -> Any:
        """Return a step for batches like this one, with everything built that it needs."""
        # A step that somebody wrote makes what it needs while it is traced.
        if (kind, by_rows, fresh) not in self._functions and self._is_ours(kind):
            self._prepare(kind, batch, by_rows)
        self._seen[kind] = (shapes_of(batch, by_rows), by_rows)
        return self._step_function(kind, by_rows, fresh)

    def _prepare(self, kind: str, batch: tuple[Any, ...], by_rows: bool) -> None:
        """Build layers, optimizer and metrics, and look at the labels."""
        layers = self._flatten_layers()  # type: ignore[attr-defined]
        is_built = self.built and all(layer.built for layer in layers)  # type: ignore[attr-defined]
        if kind == "predict" and is_built:
            return
        x, y, _ = steps.first_samples(batch, by_rows, 2)
        check_model_inputs(self, x)
        y_pred = self(x, training=False)  # type: ignore[operator]
        if kind != "predict":
            self._know_outputs(y_pred)
            metrics = self._compile_metrics
            if y is not None and metrics is not None and not metrics.built:
                metrics.build(y, y_pred)
            self._check_labels(batch, by_rows, y_pred)
        if kind == "train" and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_weights)  # type: ignore[attr-defined]
        self._clear_losses()  # type: ignore[attr-defined]

    def _explain_failure(self, kind: str, batch: tuple[Any, ...], by_rows: bool) -> None:
        """Raise an error that says more than a step's did, if inputs or labels of its batch are to blame."""
        if not self._is_ours(kind):
            return
        x, _, _ = steps.first_samples(batch, by_rows, 2)
        check_model_inputs(self, x)
        if kind != "predict":
            with contextlib.suppress(NotImplementedError):
                self._check_labels(batch, by_rows, self(x, training=False))  # type: ignore[operator]

    def _check_labels(self, batch: tuple[Any, ...], by_rows: bool, y_pred: Any) -> None:
        """Look at the labels of a batch, or of all samples where they lie in memory."""
        at = 2 if by_rows else 1
        if self._compile_loss is None or self._given["loss"] is None or len(batch) <= at:
            return
        if type(self).compute_loss is Compiled.compute_loss:
            names = self._output_names_of(y_pred)
            labels.check_labels(self._compile_loss.losses, names, batch[at], y_pred)


def _unpacked(batch: Any) -> tuple[Any, Any, Any]:
    return data.unpack_x_y_sample_weight(batch)


def _scaled(optimizer: Any) -> Any:
    """Scale the loss, so that gradients in float16 do not vanish."""
    if optimizer is None or isinstance(optimizer, optimizers.LossScaleOptimizer):
        return optimizer
    return optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
