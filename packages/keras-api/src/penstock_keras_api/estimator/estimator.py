"""`Estimator`: a model function, and a folder with everything that comes of training it."""

from __future__ import annotations

import copy
import logging
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

import penstock as ps
from penstock import _native
from penstock.errors import CheckpointError, InvalidTypeError, InvalidValueError
from penstock_keras_api.estimator import checkpoints, evaluations
from penstock_keras_api.estimator.checkpoints import Progress
from penstock_keras_api.estimator.feeding import Batches, RandomStream, feeds, random_kept
from penstock_keras_api.estimator.hooks import (
    LoggingTensorHook,
    NanTensorHook,
    StepCounterHook,
    StopAtStepHook,
    SummarySaverHook,
    check_hooks,
)
from penstock_keras_api.estimator.model_graph import ModelGraph
from penstock_keras_api.estimator.run_config import RunConfig
from penstock_keras_api.estimator.running import check_steps, chosen, plain, rows, seeded
from penstock_keras_api.estimator.saving import CheckpointSaverHook, CheckpointSaverListener
from penstock_keras_api.estimator.session import MonitoredSession
from penstock_keras_api.estimator.spec import ModeKeys
from penstock_keras_api.estimator.warm_start import WarmStartSettings, warm_start

logger = logging.getLogger("penstock.estimator")


class Estimator:
    """Train, evaluate, predict and export what a model function describes.

    Everything lies in `model_dir`: checkpoints, which are there whole or not at all, evaluations and exports. A training
    that was interrupted, by a kill too, goes on where its last checkpoint was, bit for bit, when `train` is called again.

    Args:
        model_fn: A function of features, labels, mode, params and config, of which it may leave out all but the first,
            that returns an `EstimatorSpec`. It builds a graph, as in TensorFlow 1.
        model_dir: The folder; by default the configuration's, or a temporary one.
        config: How it runs.
        params: What the model function gets as `params`; "batch_size" and the like are given to input functions too.
        warm_start_from: A checkpoint, a model_dir or `WarmStartSettings` to take first values from.

    Raises:
        TypeError: An argument is of the wrong kind.
        ValueError: `model_dir` is another than the configuration's.

    >>> import numpy as np, penstock.v1 as tf
    >>> from penstock.keras import estimator
    >>> def line(features, labels, mode):
    ...     y = tf.layers.dense(features["x"], 1, name="line")
    ...     if mode == estimator.ModeKeys.PREDICT:
    ...         return estimator.EstimatorSpec(mode, predictions={"y": y})
    ...     loss = tf.losses.mean_squared_error(labels, y)
    ...     step = tf.train.GradientDescentOptimizer(0.1).minimize(loss, tf.train.get_global_step())
    ...     return estimator.EstimatorSpec(mode, loss=loss, train_op=step)
    >>> data = {"x": np.array([[1.0], [2.0]])}, np.array([[3.0], [5.0]])
    >>> model = estimator.Estimator(line).train(lambda: data, steps=500)
    >>> [round(float(row["y"][0]), 2) for row in model.predict(lambda: {"x": np.array([[3.0]])})]
    [7.0]
    """

    def __init__(
        self,
        model_fn: Callable[..., Any],
        model_dir: str | os.PathLike[str] | None = None,
        config: RunConfig | None = None,
        params: Mapping[str, Any] | None = None,
        warm_start_from: Any = None,
    ) -> None:
        if not callable(model_fn):
            raise InvalidTypeError(
                f"[Estimator] got model_fn={model_fn!r}; expected a function: def model_fn(features, labels, mode, params)"
            )
        if config is not None and not isinstance(config, RunConfig):
            raise InvalidTypeError(
                f"[Estimator] got config={config!r}; expected RunConfig(save_checkpoints_steps=100)"
            )
        config = config or RunConfig()
        if model_dir is not None and config.model_dir not in (None, os.fspath(model_dir)):
            raise InvalidValueError(
                f"[Estimator] got model_dir={os.fspath(model_dir)!r}, and its config says {config.model_dir!r}; give one of "
                "them"
            )
        folder = model_dir or config.model_dir or tempfile.mkdtemp(prefix="penstock-estimator-")
        self._config = config.replace(model_dir=os.fspath(folder))
        self._model_fn = model_fn
        self._params = copy.deepcopy(dict(params or {}))
        if isinstance(warm_start_from, str | os.PathLike):
            warm_start_from = WarmStartSettings(warm_start_from)
        self._warm_start = warm_start_from

    # ---- what it is

    @property
    def model_dir(self) -> str:
        """The folder."""
        return str(self._config.model_dir)

    @property
    def config(self) -> RunConfig:
        """How it runs."""
        return copy.copy(self._config)

    @property
    def params(self) -> dict[str, Any]:
        """A copy of what the model function gets as `params`."""
        return copy.deepcopy(self._params)

    @property
    def model_fn(self) -> Callable[..., Any]:
        """The model function, with `params` bound."""

        def public(features: Any, labels: Any, mode: str, config: Any = None) -> Any:
            from penstock_keras_api.estimator.model_graph import _call

            return _call(self._model_fn, features, labels, mode, self._arguments())

        return public

    def latest_checkpoint(self) -> str | None:
        """Return the path of the newest checkpoint, or None."""
        return checkpoints.latest_checkpoint(self.model_dir)

    def get_variable_names(self) -> list[str]:
        """List the variables of the newest checkpoint.

        Raises:
            CheckpointError: There is none.
        """
        return [name for name, _ in checkpoints.list_variables(self._trained("get_variable_names"))]

    def get_variable_value(self, name: str) -> np.ndarray[Any, Any]:
        """Return the value of a variable in the newest checkpoint.

        Raises:
            CheckpointError: There is none, or no variable of that name.
        """
        return checkpoints.load_variable(self._trained("get_variable_value"), name)

    def eval_dir(self, name: str | None = None) -> str:
        """Return where the results of evaluations of a name lie."""
        return str(Path(self.model_dir) / (f"eval_{name}" if name else "eval"))

    def _trained(self, where: str) -> str:
        found = self.latest_checkpoint()
        if found is None:
            raise CheckpointError(
                f"[Estimator.{where}] there is no checkpoint in {self.model_dir}; call train(input_fn, steps=...) first"
            )
        return found

    def _arguments(self) -> dict[str, Any]:
        return {"params": self.params, "config": self.config}

    # ---- training

    def train(
        self,
        input_fn: Callable[..., Any],
        hooks: Sequence[Any] | None = None,
        steps: int | None = None,
        max_steps: int | None = None,
        saving_listeners: Sequence[CheckpointSaverListener] | None = None,
    ) -> Self:
        """Train, until the data end or so many steps are taken.

        If the newest checkpoint is of a training that was interrupted, that training goes on: its batches are left out
        that it had seen, and `steps` counts from its beginning.

        Args:
            input_fn: A function that gives a data set or another iterable of (features, labels), or one such pair. It may
                take mode, params and config.
            hooks: What is called around every step.
            steps: How many steps to take.
            max_steps: Or at which global step to stop.
            saving_listeners: What is told when checkpoints are saved.

        Returns:
            The estimator.

        Raises:
            ValueError: Both ends are given, one is below 1, or the data fit no batch before.
            NumericError: The loss is NaN.
            CheckpointError: The newest checkpoint does not fit the model.
        """
        check_steps("train", steps=steps, max_steps=max_steps)
        given = check_hooks("Estimator.train", hooks)
        path = self.latest_checkpoint()
        known = self._known_progress(path)
        at = 0 if path is None else checkpoints.split(path)[1]
        begin = known.begin if known is not None and not known.finished else at
        last = begin + steps if steps is not None else max_steps
        if last is not None and at >= last:
            logger.info("the training is at step %d already; nothing to do until %d", at, last)
            return self
        self._train(input_fn, given, last, path, known, list(saving_listeners or []))
        return self

    def _known_progress(self, path: str | None) -> Progress | None:
        """Read how far the newest checkpoint is; random numbers go on from there, too."""
        if path is None:
            if self._config.tf_random_seed is not None:
                ps.random.set_seed(self._config.tf_random_seed)
            return None
        folder, step = checkpoints.split(path)
        return Progress.of(ps.Checkpoint(folder).restore(step, strict=False).metadata)

    def _train(
        self,
        input_fn: Callable[..., Any],
        hooks: list[Any],
        last: int | None,
        path: str | None,
        known: Progress | None,
        listeners: list[CheckpointSaverListener],
    ) -> None:
        step = 0 if path is None else checkpoints.split(path)[1]
        resumed = known if known is not None and not known.finished else None
        begin = resumed or Progress(step, 0, _native.random_state(), False)
        model = ModelGraph(ModeKeys.TRAIN)
        batches = Batches(
            input_fn,
            {"mode": ModeKeys.TRAIN, **self._arguments()},
            model.graph,
            repeats=last is not None,
            stream=RandomStream(begin.random, begin.begin, self._config.tf_random_seed is not None),
        )
        batches.skip(begin.batches, begin.position)

        def progress(finished: bool) -> Progress:
            position = batches.position
            return Progress(begin.begin, batches.taken, begin.random, finished, position)

        try:
            with seeded(self._config.tf_random_seed):
                model.build(self._model_fn, batches, self._arguments())
            model.initialize(path, random=True)
            if path is None and self._warm_start is not None:
                warm_start(self._warm_start, model.variables)
            own = self._own_hooks(model, last, hooks, listeners)
            for hook in own:
                if isinstance(hook, CheckpointSaverHook):
                    hook.bind(model.variables, progress, self._config.keep_checkpoint_max)
            self._run_steps(model, batches, own)
        finally:
            model.forget()

    def _own_hooks(
        self,
        model: ModelGraph,
        last: int | None,
        hooks: list[Any],
        listeners: list[CheckpointSaverListener],
    ) -> list[Any]:
        """List the hooks of a training: those that stop, the caller's, those that log, and the one that saves."""
        config, spec = self._config, model.spec
        found: list[Any] = [NanTensorHook(spec.loss)]
        if last is not None:
            found.append(StopAtStepHook(last_step=last))
        found += [*hooks, *spec.training_hooks]
        if config.is_chief:
            found += spec.training_chief_hooks
        if config.log_step_count_steps:
            shown = {"loss": spec.loss, "step": model.global_step}
            found.append(LoggingTensorHook(shown, every_n_iter=config.log_step_count_steps))
            found.append(StepCounterHook(config.log_step_count_steps))
        if config.save_summary_steps:
            found.append(SummarySaverHook(config.save_summary_steps))
        saves = config.save_checkpoints_secs or config.save_checkpoints_steps
        if not any(isinstance(h, CheckpointSaverHook) for h in found) and saves and config.is_chief:
            found.append(
                CheckpointSaverHook(
                    self.model_dir,
                    save_secs=config.save_checkpoints_secs,
                    save_steps=config.save_checkpoints_steps,
                )
            )
        for hook in found:
            if isinstance(hook, CheckpointSaverHook):
                hook._listeners += listeners
                break
        return found

    def _run_steps(self, model: ModelGraph, batches: Batches, hooks: list[Any]) -> None:
        wanted = [model.train_op, model.spec.loss]
        with MonitoredSession(model.graph, hooks) as session:
            session.start()
            while not session.should_stop():
                feed = {}
                if batches.symbolic is None:
                    batch = batches.next()
                    if batch is None:
                        break
                    feed = feeds(model.places, batch)
                session.run(wanted, feed)

    # ---- evaluation

    def evaluate(
        self,
        input_fn: Callable[..., Any],
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Compute the metrics of the model function over data.

        The program's random numbers are left as they are, so that when one evaluates does not change what is trained.

        Args:
            input_fn: As in `train`.
            steps: How many batches to look at; None for all.
            hooks: What is called around every batch.
            checkpoint_path: Which checkpoint; the newest by default.
            name: For several evaluations of one model: the results lie in `eval_<name>`.

        Returns:
            The metrics by name, "loss", the mean over batches, and "global_step".

        Raises:
            ValueError: There is no batch, or `steps` is below 1.
            CheckpointError: The checkpoint does not fit the model.
        """
        check_steps("evaluate", steps=steps)
        given = check_hooks("Estimator.evaluate", hooks)
        path = checkpoint_path or self.latest_checkpoint()
        if path is None:
            logger.warning("no checkpoint in %s: evaluating untrained values", self.model_dir)
        model = ModelGraph(ModeKeys.EVAL)
        with random_kept():
            stream = RandomStream(_native.random_state(), 0)
            arguments = {"mode": ModeKeys.EVAL, **self._arguments()}
            batches = Batches(input_fn, arguments, model.graph, repeats=False, stream=stream)
            try:
                model.build(self._model_fn, batches, self._arguments())
                model.initialize(path)
                results = self._evaluated(model, batches, steps, given)
            finally:
                model.forget()
        evaluations.write(self.eval_dir(name), results, path)
        prefix = f"eval_{name}" if name else "eval"
        for key, value in results.items():
            if np.ndim(value) == 0 and key != "global_step":
                ps.summary.scalar(f"{prefix}/{key}", value, step=int(results["global_step"]))
        logger.info("%s at step %d: %s", prefix, results["global_step"], results)
        return results

    def _evaluated(
        self, model: ModelGraph, batches: Batches, steps: int | None, hooks: list[Any]
    ) -> dict[str, Any]:
        updates = [model.spec.loss, model.updates_of_metrics()]
        values = model.values_of_metrics()
        losses: list[float] = []
        ends: dict[str, Any] = {}
        with MonitoredSession(model.graph, [*hooks, *model.spec.evaluation_hooks]) as session:
            session.start()
            while not session.should_stop() and len(losses) != steps:
                feed = {}
                if batches.symbolic is None:
                    batch = batches.next()
                    if batch is None:
                        break
                    feed = feeds(model.places, batch)
                losses.append(float(session.run(updates, feed)[0]))
            ends = session._session.run({"values": values, "global_step": model.global_step})
        if not ends:  # a queue ended
            with ps.Session(model.graph) as last:
                ends = last.run({"values": values, "global_step": model.global_step})
        found = {key: plain(value) for key, value in ends["values"].items()}
        found.setdefault("loss", float(np.mean(losses)) if losses else float("nan"))
        found["global_step"] = int(ends["global_step"])
        return dict(sorted(found.items()))

    # ---- prediction

    def predict(
        self,
        input_fn: Callable[..., Any],
        predict_keys: str | Sequence[str] | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | None = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """Give predictions, row by row.

        Args:
            input_fn: As in `train`; labels are left out.
            predict_keys: Which predictions; all by default.
            hooks: What is called around every batch.
            checkpoint_path: Which checkpoint; the newest by default.
            yield_single_examples: Whether to give rows; otherwise batches.

        Yields:
            A dictionary of predictions, or an array, for each row.

        Raises:
            ValueError: There is no batch, a key is unknown, or predictions have not one row for each other.
            CheckpointError: The checkpoint does not fit the model.
        """
        given = check_hooks("Estimator.predict", hooks)
        path = checkpoint_path or self.latest_checkpoint()
        if path is None:
            logger.warning("no checkpoint in %s: predicting with untrained values", self.model_dir)
        model = ModelGraph(ModeKeys.PREDICT)
        try:
            with random_kept():
                stream = RandomStream(_native.random_state(), 0)
                arguments = {"mode": ModeKeys.PREDICT, **self._arguments()}
                batches = Batches(input_fn, arguments, model.graph, repeats=False, stream=stream)
                if batches.symbolic is None:
                    batches.drop_labels()
                model.build(self._model_fn, batches, self._arguments())
                model.initialize(path)
            wanted = chosen(model.spec.predictions, predict_keys)
        except BaseException:
            model.forget()
            raise
        made = self._predicted(model, batches, given, wanted, yield_single_examples)
        weakref.finalize(made, model.forget)  # also if nobody asks for a row
        return made

    def _predicted(
        self, model: ModelGraph, batches: Batches, hooks: list[Any], wanted: Any, single: bool
    ) -> Iterator[Any]:
        with MonitoredSession(model.graph, [*hooks, *model.spec.prediction_hooks]) as session:
            session.start()
            while not session.should_stop():
                feed = {}
                if batches.symbolic is None:
                    batch = batches.next()
                    if batch is None:
                        break
                    feed = feeds(model.places, (batch[0], None))
                found = session.run(wanted, feed)
                if single:
                    yield from rows(found)
                else:
                    yield found

    # ---- export

    def export_saved_model(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | None = None,
        experimental_mode: str = ModeKeys.PREDICT,
    ) -> str:
        """Save the graph from raw rows to predictions as a folder that runs without this code.

        Args:
            export_dir_base: The folder is made in here, named after the time.
            serving_input_receiver_fn: What makes the placeholders of rows; see `build_raw_serving_input_receiver_fn`.
            assets_extra: Files to put beside it, by their paths in `assets.extra`.
            as_text: Kept for compatibility: graphs are saved as JSON.
            checkpoint_path: Which checkpoint; the newest by default.
            experimental_mode: For what the model function is called.

        Returns:
            The folder, which `penstock.load` reads.

        Raises:
            CheckpointError: There is no checkpoint.
            TypeError: The receiver function returns something else.
        """
        from penstock_keras_api.estimator.export import export

        path = checkpoint_path or self._trained("export_saved_model")
        with random_kept():
            return export(
                self._model_fn,
                self._arguments(),
                path,
                Path(export_dir_base),
                serving_input_receiver_fn,
                dict(assets_extra or {}),
                experimental_mode,
            )

    export_savedmodel = export_saved_model

    def experimental_export_all_saved_models(
        self,
        export_dir_base: str | os.PathLike[str],
        input_receiver_fn_map: Mapping[str, Callable[[], Any]],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | None = None,
    ) -> str:
        """Save the graph of prediction; other modes are not saved.

        Args:
            export_dir_base: As in `export_saved_model`.
            input_receiver_fn_map: Receiver functions by mode; that of `ModeKeys.PREDICT` counts.
            assets_extra: As there.
            as_text: As there.
            checkpoint_path: As there.

        Returns:
            The folder.

        Raises:
            ValueError: Another mode is asked for.
        """
        if set(input_receiver_fn_map) != {ModeKeys.PREDICT}:
            raise InvalidValueError(
                f"[experimental_export_all_saved_models] got the modes {sorted(input_receiver_fn_map)}; only "
                "ModeKeys.PREDICT is saved: training goes on from checkpoints"
            )
        return self.export_saved_model(
            export_dir_base,
            input_receiver_fn_map[ModeKeys.PREDICT],
            assets_extra,
            as_text,
            checkpoint_path,
        )
