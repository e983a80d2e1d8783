"""`train_and_evaluate`, exporters, `RunConfig` and warm starts."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_functions import COLUMNS, batches, line, line_rows, rows

import penstock as ps
from penstock.keras import estimator
from penstock.keras import feature_column as fc

RECEIVER = estimator.build_raw_serving_input_receiver_fn({"x": ("float32", (None, 1))})


def make(folder: Any, **kwargs: Any) -> Any:
    config = estimator.RunConfig(tf_random_seed=1, save_checkpoints_steps=10, **kwargs)
    return estimator.Estimator(line, folder, config)


def eval_spec(**kwargs: Any) -> Any:
    return estimator.EvalSpec(line_rows, throttle_secs=0, **kwargs)


def test_every_checkpoint_is_evaluated_once(tmp_path: Path) -> None:
    model = make(tmp_path)
    results, exported = estimator.train_and_evaluate(
        model, estimator.TrainSpec(line_rows, max_steps=35), eval_spec()
    )
    assert list(estimator.read_eval_metrics(model.eval_dir())) == [10, 20, 30, 35]
    assert results["global_step"] == 35
    assert exported == []
    lines = Path(model.eval_dir(), "evaluations.jsonl").read_text().splitlines()
    assert len(lines) == 4


def test_evaluations_change_nothing_of_what_is_trained(tmp_path: Path) -> None:
    config = estimator.RunConfig(tf_random_seed=4, save_checkpoints_steps=7)

    def deep(folder: Any) -> Any:
        return estimator.DNNClassifier([8], COLUMNS, folder, dropout=0.4, config=config)

    watched = deep(tmp_path / "a")
    spec = estimator.EvalSpec(rows, throttle_secs=0)
    estimator.train_and_evaluate(watched, estimator.TrainSpec(batches(), max_steps=30), spec)
    alone = deep(tmp_path / "b").train(batches(), max_steps=30)
    for name in alone.get_variable_names():
        np.testing.assert_array_equal(
            watched.get_variable_value(name), alone.get_variable_value(name)
        )


def test_throttled_evaluations_still_end_with_one(tmp_path: Path) -> None:
    model = make(tmp_path)
    spec = estimator.EvalSpec(line_rows, throttle_secs=3600)
    estimator.train_and_evaluate(model, estimator.TrainSpec(line_rows, max_steps=35), spec)
    assert list(estimator.read_eval_metrics(model.eval_dir())) == [10, 35]


def exported(folder: Path, name: str) -> list[float]:
    """Return what the saved models answer for 0, in order."""
    paths = sorted((folder / "export" / name).glob("[0-9]*"), key=lambda p: int(p.name))
    return [ps.load(p)(x=np.zeros((1, 1), np.float32)).item() for p in paths]


def test_exporters_keep_the_newest_the_best_and_the_last(tmp_path: Path) -> None:
    scores = iter([3.0, 1.0, 2.0, 0.5])

    class Scored(estimator.Estimator):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            return {**super().evaluate(*args, **kwargs), "loss": next(scores)}

    model = Scored(line, tmp_path, make(tmp_path).config)
    exporters = [
        estimator.LatestExporter("latest", RECEIVER, exports_to_keep=2),
        estimator.BestExporter("best", RECEIVER),
        estimator.FinalExporter("final", RECEIVER),
    ]
    results, made = estimator.train_and_evaluate(
        model, estimator.TrainSpec(line_rows, max_steps=40), eval_spec(exporters=exporters)
    )
    assert results["loss"] == 0.5
    assert [len(exported(tmp_path, n)) for n in ("latest", "best", "final")] == [2, 3, 1]
    last = next(model.predict(lambda: {"x": np.zeros((1, 1))}))["y"].item()
    assert exported(tmp_path, "final") == [pytest.approx(last)]
    assert exported(tmp_path, "latest")[-1] == exported(tmp_path, "best")[-1] == pytest.approx(last)
    assert made[0].startswith(str(tmp_path / "export" / "latest"))
    # A later training compares with what was best before.
    scores = iter([0.7, 0.4])
    again = estimator.BestExporter("best", RECEIVER)
    spec = eval_spec(exporters=again)
    estimator.train_and_evaluate(model, estimator.TrainSpec(line_rows, max_steps=60), spec)
    assert len(exported(tmp_path, "best")) == 4
    assert json.loads((tmp_path / "export/best/best.json").read_text())["loss"] == 0.4


# ---- clusters


def cluster(task: str) -> str:
    machines = {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}
    return json.dumps({"cluster": machines, "task": {"type": task, "index": 0}})


def test_the_environment_says_what_a_process_does(monkeypatch: Any) -> None:
    alone = estimator.RunConfig()
    assert (alone.is_chief, alone.num_worker_replicas, alone.cluster_spec) == (True, 1, {})
    monkeypatch.setenv("TF_CONFIG", cluster("chief"))
    chief = estimator.RunConfig()
    assert chief.is_chief
    assert (chief.task_type, chief.task_id, chief.num_worker_replicas, chief.num_ps_replicas) == (
        "chief",
        0,
        2,
        1,
    )
    monkeypatch.setenv("TF_CONFIG", cluster("evaluator"))
    assert not estimator.RunConfig().is_chief
    monkeypatch.setenv("TF_CONFIG", json.dumps({"model_dir": "somewhere"}))
    assert estimator.RunConfig().model_dir == "somewhere"


def test_chief_and_evaluator_share_a_folder(tmp_path: Path, monkeypatch: Any) -> None:
    train = estimator.TrainSpec(line_rows, max_steps=30)
    spec = estimator.EvalSpec(
        line_rows,
        start_delay_secs=0,
        throttle_secs=0,
        exporters=estimator.FinalExporter("final", RECEIVER),
    )
    monkeypatch.setenv("TF_CONFIG", cluster("evaluator"))
    follows = make(tmp_path)
    monkeypatch.setenv("TF_CONFIG", cluster("chief"))
    trains = make(tmp_path)
    thread = threading.Thread(target=estimator.train_and_evaluate, args=(follows, train, spec))
    thread.start()
    assert estimator.train_and_evaluate(trains, train, spec) is None
    thread.join(60)
    assert not thread.is_alive()
    assert list(estimator.read_eval_metrics(follows.eval_dir()))[-1] == 30
    assert len(exported(tmp_path, "final")) == 1


def test_workers_are_refused(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TF_CONFIG", cluster("worker"))
    with pytest.raises(ValueError, match="start only the chief"):
        estimator.train_and_evaluate(make(tmp_path), estimator.TrainSpec(line_rows, 1), eval_spec())


@pytest.mark.parametrize(
    "text", ["{", "[1]", json.dumps({"cluster": {"chief": ["a"]}, "task": {"type": "ps"}})]
)
def test_a_wrong_environment_is_explained(text: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=r"TF_CONFIG.*(unset it|name one of these)"):
        estimator.RunConfig()


# ---- warm starts


def test_weights_come_out_of_another_training(tmp_path: Path) -> None:
    source = estimator.DNNClassifier([4], COLUMNS, tmp_path / "a").train(rows, steps=5)
    config = estimator.RunConfig(tf_random_seed=9)
    for number, start in enumerate(
        [
            source.model_dir,
            source.latest_checkpoint(),
            estimator.WarmStartSettings(source.model_dir),
        ]
    ):
        model = estimator.DNNClassifier(
            [4],
            COLUMNS,
            tmp_path / str(number),
            config=config,
            warm_start_from=start,
            optimizer="SGD",
        )
        model.train(lambda: (rows()[0], rows()[1]), steps=1)
        moved = model.get_variable_value("dnn/logits/kernel")
        before = source.get_variable_value("dnn/logits/kernel")
        np.testing.assert_allclose(moved, before, atol=0.02)
        assert model.get_variable_value("global_step") == 1


def test_some_weights_and_other_names(tmp_path: Path) -> None:
    source = estimator.DNNClassifier([4], COLUMNS, tmp_path / "a").train(rows, steps=5)
    settings = estimator.WarmStartSettings(
        source.model_dir,
        vars_to_warm_start=["hiddenlayer_0/kernel"],
        var_name_to_prev_var_name={"dnn/hiddenlayer_0/kernel": "dnn/hiddenlayer_0/kernel"},
    )
    variables = {
        "dnn/hiddenlayer_0/kernel": ps.Variable(np.zeros((6, 4), np.float32)),
        "other": ps.Variable(np.ones(3, np.float32)),
    }
    from penstock_keras_api.estimator.warm_start import warm_start

    assert warm_start(settings, variables) == ["dnn/hiddenlayer_0/kernel"]
    np.testing.assert_array_equal(
        variables["dnn/hiddenlayer_0/kernel"].numpy(),
        source.get_variable_value("dnn/hiddenlayer_0/kernel"),
    )
    assert variables["other"].tolist() == [1, 1, 1]


def test_rows_of_words_find_their_new_places(tmp_path: Path) -> None:
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("a\nb\nc\n")
    new.write_text("c\nd\na\n")

    def model(folder: str, words: Path, start: Any = None) -> Any:
        column = fc.categorical_column_with_vocabulary_file("kind", words)
        return estimator.LinearClassifier([column], tmp_path / folder, warm_start_from=start)

    source = model("a", old).train(rows, steps=20)
    name = "linear/linear_model/kind/weights"
    info = estimator.VocabInfo(str(new), 3, 0, str(old))
    settings = estimator.WarmStartSettings(
        source.model_dir, vars_to_warm_start=None, var_name_to_vocab_info={name: info}
    )
    made = model("b", new, settings)
    made.train(lambda: (rows()[0], rows()[1]), steps=1, hooks=[Restore()])
    before = source.get_variable_value(name)[:, 0]
    assert Restore.seen[name] == pytest.approx([before[2], 0.0, before[0]])


class Restore(estimator.SessionRunHook):
    """Keeps the values that training begins with."""

    seen: dict[str, Any]

    def after_create_session(self, session: Any, coord: Any) -> None:
        from penstock_keras_api.estimator.model_graph import variables_of

        Restore.seen = {
            name: v._handle.read().numpy().ravel()
            for name, v in variables_of(session.graph).items()
        }


@pytest.mark.parametrize(
    ("settings", "kind", "match"),
    [
        (3, TypeError, r"WarmStartSettings\(path\)"),
        (
            {"var_name_to_prev_var_name": {"nothing": "x"}},
            ValueError,
            "the model has no variable nothing",
        ),
        (
            {"var_name_to_prev_var_name": {"line/kernel": "x"}},
            ps.errors.CheckpointError,
            "has no variable 'x'; name the one to take",
        ),
        (
            {"var_name_to_prev_var_name": {"line/kernel": "line/bias"}},
            ValueError,
            "leave it out of vars_to_warm_start",
        ),
    ],
)
def test_wrong_warm_starts_are_explained(
    tmp_path: Path, settings: Any, kind: Any, match: str
) -> None:
    source = estimator.Estimator(line, tmp_path / "a").train(line_rows, steps=1)
    if isinstance(settings, dict):
        settings = estimator.WarmStartSettings(source.model_dir, **settings)
    model = estimator.Estimator(line, tmp_path / "b", warm_start_from=settings)
    with pytest.raises(kind, match=match):
        model.train(line_rows, steps=1)


# ---- settings


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: estimator.RunConfig(None, None, 100, 10, 10), ValueError, "give one of them"),
        (lambda: estimator.RunConfig(save_checkpoints_steps=0), ValueError, "from 1 on"),
        (lambda: estimator.RunConfig(tf_random_seed=-1), ValueError, "from 0 on"),
        (lambda: estimator.RunConfig(train_distribute="mirrored"), ValueError, "leave it out"),
        (lambda: estimator.RunConfig().replace(seed=1), TypeError, "it can replace model_dir"),
        (
            lambda: estimator.RunConfig().replace(
                save_checkpoints_steps=1, save_checkpoints_secs=1
            ),
            ValueError,
            "cannot both be set",
        ),
        (
            lambda: estimator.train_and_evaluate(3, 4, 5),
            TypeError,
            r"TrainSpec\(\.\.\.\), EvalSpec",
        ),
        (
            lambda: estimator.train_and_evaluate(
                estimator.Estimator(line),
                estimator.TrainSpec(line_rows, 1),
                eval_spec(exporters=[3]),
            ),
            TypeError,
            "names of their own",
        ),
        (lambda: estimator.LatestExporter("", RECEIVER), ValueError, "give a name and a function"),
        (
            lambda: estimator.LatestExporter("a", RECEIVER, exports_to_keep=0),
            ValueError,
            "use 1 or more",
        ),
        (
            lambda: estimator.BestExporter("a", RECEIVER).export(
                None, str(Path(__file__).parent / "none"), "", {}, True
            ),
            AttributeError,
            "export_saved_model",
        ),
    ],
)
def test_mistakes_are_explained(call: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()


def test_the_best_needs_a_loss() -> None:
    from penstock_keras_api.estimator.exporters import loss_smaller

    with pytest.raises(ValueError, match="give another compare_fn"):
        loss_smaller({"accuracy": 1.0}, {"loss": 1.0})


def test_settings_can_be_replaced() -> None:
    config = estimator.RunConfig("a", save_checkpoints_secs=5)
    other = config.replace(save_checkpoints_steps=7)
    assert (other.save_checkpoints_steps, other.save_checkpoints_secs) == (7, None)
    assert (config.save_checkpoints_steps, config.save_checkpoints_secs) == (None, 5)


def test_arguments_are_tensorflows() -> None:
    """Their names and order, as the last release with estimators had them."""
    import inspect

    def names(thing: Any) -> str:
        found = inspect.signature(thing).parameters
        return " ".join(n for n in found if n not in ("self", "_cls"))

    assert names(estimator.RunConfig) == (
        "model_dir tf_random_seed save_summary_steps save_checkpoints_steps save_checkpoints_secs session_config "
        "keep_checkpoint_max keep_checkpoint_every_n_hours log_step_count_steps train_distribute device_fn protocol "
        "eval_distribute experimental_distribute experimental_max_worker_delay_secs session_creation_timeout_secs "
        "checkpoint_save_graph_def"
    )
    assert " ".join(estimator.EstimatorSpec._fields) == (
        "mode predictions loss train_op eval_metric_ops export_outputs training_chief_hooks training_hooks scaffold "
        "evaluation_hooks prediction_hooks"
    )
    assert names(estimator.Estimator.train) == ("input_fn hooks steps max_steps saving_listeners")
    assert names(estimator.DNNLinearCombinedClassifier) == (
        "model_dir linear_feature_columns linear_optimizer dnn_feature_columns dnn_optimizer dnn_hidden_units "
        "dnn_activation_fn dnn_dropout n_classes weight_column label_vocabulary config warm_start_from loss_reduction "
        "batch_norm linear_sparse_combiner"
    )
    assert names(estimator.KMeans) == (
        "num_clusters model_dir initial_clusters distance_metric seed use_mini_batch mini_batch_steps_per_iteration "
        "kmeans_plus_plus_num_retries relative_tolerance config feature_columns"
    )
    assert names(fc.embedding_column) == (
        "categorical_column dimension combiner initializer ckpt_to_load_from tensor_name_in_ckpt max_norm trainable "
        "use_safe_embedding_lookup"
    )
