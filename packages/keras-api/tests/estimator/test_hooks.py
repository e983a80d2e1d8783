"""Hooks: what they are told, what they log, save and stop."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_functions import COLUMNS, line, line_rows, rows

import penstock as ps
import penstock.v1 as tf
from penstock.keras import estimator


def make(folder: Any, **kwargs: Any) -> Any:
    return estimator.Estimator(line, folder, estimator.RunConfig(tf_random_seed=1, **kwargs))


class Diary(estimator.SessionRunHook):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.pages: list[Any] = []

    def begin(self) -> None:
        self.step = tf.train.get_global_step()
        self.doubled = self.step.value * 2
        self.pages.append("begin")

    def after_create_session(self, session: Any, coord: Any) -> None:
        self.pages.append(("created", int(session.run(self.step))))
        assert not coord.should_stop()

    def before_run(self, run_context: Any) -> Any:
        assert isinstance(run_context.session, ps.Session)
        return estimator.SessionRunArgs({"step": self.step, "twice": self.doubled})

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.pages.append({k: int(v) for k, v in run_values.results.items()}["step"])

    def end(self, session: Any) -> None:
        self.pages.append(("end", int(session.run(self.step))))


def test_hooks_are_told_in_order(tmp_path: Path) -> None:
    diary = Diary()
    make(tmp_path).train(line_rows, hooks=[diary], steps=3)
    assert diary.pages == ["begin", ("created", 0), 1, 2, 3, ("end", 3)]
    again = Diary()
    make(tmp_path).evaluate(line_rows, hooks=[again])
    assert again.pages == ["begin", ("created", 3), 3, ("end", 3)]


def test_an_error_ends_without_the_last_checkpoint(tmp_path: Path) -> None:
    class Fails(Diary):
        def after_run(self, run_context: Any, run_values: Any) -> None:
            super().after_run(run_context, run_values)
            if len(self.pages) == 5:
                raise RuntimeError("no more")

    fails = Fails()
    with pytest.raises(RuntimeError, match="no more"):
        make(tmp_path).train(line_rows, hooks=[fails], steps=9)
    assert fails.pages[-1] == 3
    assert make(tmp_path).latest_checkpoint().endswith("step-00000000")


def test_how_many_checkpoints_stay(tmp_path: Path) -> None:
    make(tmp_path, save_checkpoints_steps=2, keep_checkpoint_max=3).train(line_rows, steps=9)
    assert ps.Checkpoint(tmp_path).steps() == [6, 8, 9]
    make(tmp_path / "all", save_checkpoints_steps=4, keep_checkpoint_max=0).train(
        line_rows, steps=9
    )
    assert ps.Checkpoint(tmp_path / "all").steps() == [0, 4, 8, 9]
    config = estimator.RunConfig(save_checkpoints_steps=None, save_checkpoints_secs=None)
    none = estimator.Estimator(line, tmp_path / "none", config).train(line_rows, steps=3)
    assert none.latest_checkpoint() is None


def test_listeners_see_checkpoints_and_may_stop(tmp_path: Path) -> None:
    class Listener(estimator.CheckpointSaverListener):
        def __init__(self) -> None:
            self.pages: list[Any] = []

        def before_save(self, session: Any, global_step_value: int) -> None:
            self.pages.append(("before", global_step_value))

        def after_save(self, session: Any, global_step_value: int) -> Any:
            assert global_step_value in ps.Checkpoint(tmp_path).steps()
            self.pages.append(("after", global_step_value))
            return global_step_value == 4

        def end(self, session: Any, global_step_value: int) -> None:
            self.pages.append(("end", global_step_value))

    listener = Listener()
    make(tmp_path, save_checkpoints_steps=2).train(
        line_rows, steps=100, saving_listeners=[listener]
    )
    each = [(w, s) for s in (0, 2, 4) for w in ("before", "after")]
    assert listener.pages == [*each, ("end", 4)]


def test_a_saver_of_ones_own_takes_the_place_of_the_default(tmp_path: Path) -> None:
    hook = estimator.CheckpointSaverHook(tmp_path, save_steps=4)
    make(tmp_path).train(line_rows, hooks=[hook], steps=9)
    assert ps.Checkpoint(tmp_path).steps() == [0, 4, 8, 9]


def test_loss_and_speed_are_logged(tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "penstock.estimator"):
        hook = estimator.LoggingTensorHook(
            {"w": "line/kernel"}, every_n_iter=3, formatter=lambda v: f"w is {v['w'].shape}"
        )
        config = estimator.RunConfig(log_step_count_steps=2)
        estimator.Estimator(named_line, tmp_path, config).train(line_rows, hooks=[hook], steps=5)
    text = caplog.text
    assert text.count("w is (1, 1)") == 2
    assert text.count("loss = ") == 3
    assert "global_step/sec: " in text


def named_line(features: Any, labels: Any, mode: str) -> Any:
    spec = line(features, labels, mode)
    kernel = tf.trainable_variables()[0]
    tf.identity(kernel.value, name="line/kernel")
    return spec


def test_nan_losses_stop_training(tmp_path: Path) -> None:
    def bad() -> Any:
        features, labels = line_rows()
        return features, labels * np.nan

    with pytest.raises(estimator.NanLossDuringTrainingError, match="lower the learning rate"):
        make(tmp_path).train(bad, steps=3)
    assert make(tmp_path).latest_checkpoint().endswith("step-00000000")


def test_the_first_op_that_makes_a_nan_can_be_found(tmp_path: Path) -> None:
    def model_fn(features: Any, labels: Any, mode: str) -> Any:
        loss = ps.mean(ps.log(tf.layers.dense(features["x"], 1) - 100.0))
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss, tf.train.get_global_step())
        return estimator.EstimatorSpec(mode, loss=loss, train_op=step)

    with ps.debug_nans(), pytest.raises(ps.errors.NumericError, match=r"\[log\] produced NaN"):
        estimator.Estimator(model_fn, tmp_path).train(line_rows, steps=2)


def test_other_hooks(tmp_path: Path) -> None:
    final = estimator.FinalOpsHook({"step": "global_step_again"})

    class Names(estimator.SessionRunHook):
        def begin(self) -> None:
            tf.identity(tf.train.get_global_step().value, name="global_step_again")

    fed: list[int] = []

    def feed() -> Any:
        fed.append(1)
        return {}

    hooks = [
        Names(),
        final,
        estimator.FeedFnHook(feed),
        estimator.GlobalStepWaiterHook(0),
        estimator.ProfilerHook(save_steps=2, output_dir=tmp_path / "traces"),
        estimator.StopAtStepHook(num_steps=4),
    ]
    model = make(tmp_path).train(line_rows, hooks=hooks, steps=50)
    assert model.get_variable_value("global_step") == 4
    assert final.final_ops_values == {"step": 4}
    assert len(fed) == 4
    traces = sorted((tmp_path / "traces").iterdir())
    assert [p.name for p in traces] == ["timeline-1.json", "timeline-3.json"]
    assert json.loads(traces[0].read_text())


def test_summaries_are_told_every_so_often(tmp_path: Path) -> None:
    def model_fn(features: Any, labels: Any, mode: str) -> Any:
        spec = line(features, labels, mode)
        ps.summary.scalar("my_loss", spec.loss)
        return spec

    class Keep:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int | None]] = []

        def record(self, record: Any) -> None:
            self.seen.append((record.name, record.step))

        def close(self) -> None:
            pass

    keep = Keep()
    config = estimator.RunConfig(save_summary_steps=3)
    with ps.summary.observe(keep):
        model = estimator.Estimator(model_fn, tmp_path, config).train(line_rows, steps=7)
        model.evaluate(line_rows, name="test")
    assert [s for n, s in keep.seen if n == "my_loss"] == [0, 3, 6]
    assert ("eval_test/loss", 7) in keep.seen


def test_early_stopping_looks_at_evaluations(tmp_path: Path) -> None:
    model = make(tmp_path)
    folder = Path(model.eval_dir())
    folder.mkdir()
    told = [(10, 3.0), (20, 2.0), (30, 2.5), (40, 2.2)]
    lines = [json.dumps({"global_step": s, "loss": v}) for s, v in told]
    (folder / "evaluations.jsonl").write_text("\n".join([*lines, '{"global_step": 50, "lo']))

    def stops(hook: Any) -> bool:
        before = (
            0 if model.latest_checkpoint() is None else int(model.get_variable_value("global_step"))
        )
        model.train(line_rows, hooks=[hook], steps=3)
        return int(model.get_variable_value("global_step")) - before == 1

    every = {"run_every_secs": None, "run_every_steps": 1}
    assert stops(estimator.stop_if_no_decrease_hook(model, "loss", 20, **every))
    assert not stops(estimator.stop_if_no_decrease_hook(model, "loss", 30, **every))
    assert not stops(estimator.stop_if_no_decrease_hook(model, "loss", 20, min_steps=25, **every))
    assert stops(estimator.stop_if_no_increase_hook(model, "loss", 10, **every))
    assert stops(estimator.stop_if_lower_hook(model, "loss", 2.1, **every))
    assert not stops(estimator.stop_if_lower_hook(model, "loss", 2.1, min_steps=30, **every))
    assert stops(estimator.stop_if_higher_hook(model, "loss", 2.4, **every))
    assert not stops(estimator.stop_if_higher_hook(model, "other", 2.4, **every))
    assert stops(estimator.make_early_stopping_hook(model, lambda: True, **every))


def test_evaluation_in_memory(tmp_path: Path) -> None:
    model = estimator.LinearClassifier(COLUMNS, tmp_path)
    hook = estimator.InMemoryEvaluatorHook(model, rows, every_n_iter=4)
    model.train(rows, hooks=[hook], steps=10)
    assert hook.results == model.evaluate(rows)
    assert list(estimator.read_eval_metrics(model.eval_dir())) == [1, 5, 9, 10]


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: estimator.StopAtStepHook(), ValueError, "give exactly one"),
        (lambda: estimator.CheckpointSaverHook("x"), ValueError, "give exactly one"),
        (lambda: estimator.SummarySaverHook(3, 4), ValueError, "give exactly one"),
        (lambda: estimator.SecondOrStepTimer(None, 0), ValueError, "use 1 or more"),
        (lambda: estimator.GlobalStepWaiterHook(-1), ValueError, "use 0 or more"),
        (lambda: estimator.make_early_stopping_hook(None, 3), TypeError, "without arguments"),
        (
            lambda: estimator.InMemoryEvaluatorHook(None, None, every_n_iter=0),
            ValueError,
            "use 1 or more",
        ),
        (
            lambda: estimator.Estimator(line).train(
                line_rows, hooks=[estimator.GlobalStepWaiterHook(5)], steps=1
            ),
            ValueError,
            "leave the hook out",
        ),
        (
            lambda: estimator.Estimator(line).train(
                line_rows, hooks=[estimator.FeedFnHook(lambda: {"features/x": [[1.0]]})], steps=1
            ),
            ps.errors.GraphError,
            "fed twice",
        ),
    ],
)
def test_mistakes_are_explained(call: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()
