"""Boosted trees as estimators, against the same trees grown at once, and against themselves interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock_keras_api import estimator
from penstock_keras_api import feature_column as fc
from penstock_keras_api.trees import BoostedTreesRegressor

COLORS = ["red", "green", "blue"]


def rows(count: int = 400) -> tuple[dict[str, Any], Any]:
    """Draw rows of numbers, some missing, and words, and what is to be predicted."""
    rng = np.random.default_rng(0)
    features = {
        "x": rng.normal(size=count).astype(np.float32),
        "two": rng.normal(size=(count, 2)).astype(np.float32),
        "color": rng.choice(COLORS, count),
    }
    y = features["x"] * features["two"][:, 1] + (features["color"] == "green")
    features["x"][::9] = np.nan
    return features, y.astype(np.float32)


def columns(indicator: bool = False) -> list[Any]:
    words = fc.categorical_column_with_vocabulary_list("color", COLORS)
    color = fc.indicator_column(words) if indicator else words
    return [fc.numeric_column("x"), fc.numeric_column("two", shape=(2,)), color]


def regressor(folder: Any = None, batches: int = 1, **how: Any) -> Any:
    how = {"n_trees": 8, "max_depth": 3, "l2_regularization": 1.0, **how}
    kept = how.pop("columns", None) or columns()
    config = estimator.RunConfig(save_checkpoints_steps=1) if folder else None
    return estimator.BoostedTreesRegressor(kept, batches, folder, config=config, **how)


def answers(model: Any, features: Any) -> Any:
    return np.stack([row["predictions"] for row in model.predict(lambda: features)])


def matrix(features: Any) -> Any:
    numbers = [features["two"], features["x"][:, None]]
    code = np.array([COLORS.index(c) for c in features["color"]], np.float32)
    # Columns stand in the order of their names.
    return np.concatenate([code[:, None], *numbers], 1)


def test_whole_data_grow_the_trees_that_are_grown_at_once() -> None:
    features, y = rows()
    model = regressor(center_bias=True).train(lambda: (features, y), steps=99)
    at_once = BoostedTreesRegressor(
        max_iter=8,
        max_depth=3,
        max_leaf_nodes=None,
        min_samples_leaf=1,
        l2_regularization=0.5,  # the head does not halve squares
        max_bins=100,
        categorical_features=[0],
    ).fit(matrix(features), y)
    expected = at_once.predict(matrix(features))
    np.testing.assert_allclose(answers(model, features)[:, 0], expected, atol=2e-5)


def test_batches_of_a_layer_are_one_batch() -> None:
    features, y = rows()
    halves = [({k: v[i::2] for k, v in features.items()}, y[i::2]) for i in (0, 1)]
    whole = regressor().train(lambda: (features, y), steps=99)
    parts = regressor(batches=2).train(lambda: halves * 30, steps=99)
    assert int(parts.get_variable_value("global_step")) == 48
    np.testing.assert_allclose(answers(whole, features), answers(parts, features), atol=1e-6)


class Interrupt(estimator.SessionRunHook):
    def __init__(self, after: int) -> None:
        self.left = after

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 5, 9])
def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path: Path, after: int) -> None:
    features, y = rows()
    data = [({k: v[i::4] for k, v in features.items()}, y[i::4]) for i in range(4)] * 5
    whole = regressor(tmp_path / "whole").train(lambda: data)
    with pytest.raises(KeyboardInterrupt):
        regressor(tmp_path / "parts").train(lambda: data, hooks=[Interrupt(after)])
    parts = regressor(tmp_path / "parts").train(lambda: data)
    assert whole.get_variable_value("boosted_trees/state")[0] == 6
    assert whole.get_variable_names() == parts.get_variable_names()
    for name in whole.get_variable_names():
        one, other = (m.get_variable_value(name) for m in (whole, parts))
        np.testing.assert_array_equal(one, other, name)


@pytest.mark.parametrize("indicator", [False, True])
def test_an_exported_model_takes_raw_rows(indicator: bool, tmp_path: Path) -> None:
    features, y = rows()
    model = regressor(columns=columns(indicator), learning_rate=0.5).train(
        lambda: (features, y), steps=99
    )
    assert np.corrcoef(answers(model, features)[:, 0], y)[0, 1] > 0.8
    places = {
        "x": ps.saved.TensorSpec("x", "float32", ("n",)),
        "two": ps.saved.TensorSpec("two", "float32", ("n", 2)),
        "color": ps.saved.TensorSpec("color", "string", ("n",)),
    }
    receiver = estimator.build_raw_serving_input_receiver_fn(places)
    saved = ps.load(model.export_saved_model(tmp_path, receiver))
    served = saved.functions["predict"](**features)
    (served,) = served.values() if isinstance(served, dict) else (served,)
    np.testing.assert_array_equal(served.numpy(), answers(model, features), strict=True)


@pytest.mark.parametrize("classes", [2, 4])
def test_classes(classes: int) -> None:
    features, y = rows()
    labels = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)
    model = estimator.BoostedTreesClassifier(columns(), 1, n_classes=classes, n_trees=30)
    model.train(lambda: (features, labels), steps=300)
    assert model.evaluate(lambda: (features, labels))["accuracy"] > 0.9


def test_training_stops_when_all_trees_are_there() -> None:
    features, y = rows()
    model = regressor().train(lambda: (features, y), max_steps=1000)
    assert int(model.get_variable_value("global_step")) == 8 * 3
    before = answers(model, features)
    model.train(lambda: (features, y), max_steps=1000)
    np.testing.assert_array_equal(answers(model, features), before)


def test_buckets_are_ranges_of_numbers() -> None:
    features, _ = rows()
    bucket = fc.bucketized_column(fc.numeric_column("x"), [-1.0, 0.0, 1.0])
    model = regressor(columns=[bucket]).train(lambda: (features, features["x"] > 0), steps=99)
    asked = {"x": np.array([-0.9, -0.1, 0.1, 0.9], np.float32)}
    made = answers(model, asked)[:, 0]
    assert made[0] == made[1] < made[2] == made[3]


@pytest.mark.parametrize("mode", ["pre", "post"])
def test_pruning_leaves_fewer_nodes(mode: str) -> None:
    features, y = rows()
    free = regressor().train(lambda: (features, y), steps=99)
    pruned = regressor(pruning_mode=mode, tree_complexity=20.0).train(
        lambda: (features, y), steps=99
    )

    def splits(model: Any) -> Any:
        inner = model.get_variable_value("boosted_trees/nodes")[:, 0] >= 0
        return model.get_variable_value("boosted_trees/gains")[inner]

    assert 0 < len(splits(pruned)) < len(splits(free))
    if mode == "pre":
        assert splits(pruned).min() > 0
        assert splits(free).min() < 20


def test_importances() -> None:
    features, y = rows()
    model = regressor().train(lambda: (features, y), steps=99)
    found = model.experimental_feature_importances(normalize=True)
    assert set(found) == {"color", "two_0", "two_1", "x"}
    assert list(found)[-1] == "two_0"
    np.testing.assert_allclose(sum(found.values()), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"n_trees": 0}, "n_trees=0; use 1 or more"),
        ({"max_depth": 20}, "a depth of at most 16"),
        ({"l1_regularization": -1.0}, "use 0 or more for each"),
        ({"pruning_mode": "late"}, "there are 'none', 'pre', 'post'"),
        ({"tree_complexity": 1.0}, "give both a pruning_mode"),
        ({"columns": [fc.categorical_column_with_hash_bucket("w", 999)]}, "wrap it in indicator"),
        (
            {"columns": [fc.embedding_column(fc.categorical_column_with_identity("w", 9), 4)]},
            "use indicator_column, or the categorical column itself",
        ),
    ],
)
def test_wrong_arguments(how: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        regressor(**how)


def test_several_words_in_a_row_are_refused() -> None:
    features = {"color": np.array([["red", "blue"]] * 9), "x": np.ones(9), "two": np.ones((9, 2))}
    with pytest.raises(ValueError, match="wrap the column in indicator_column"):
        regressor().train(lambda: (features, np.ones(9)), steps=1)
