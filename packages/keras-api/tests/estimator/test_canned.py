"""Canned estimators, compared with scikit-learn and with closed forms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_functions import X, Y, rows

from penstock import keras
from penstock.keras import estimator
from penstock.keras import feature_column as fc

NUMBERS = [fc.numeric_column("x", 3)]
SEED = estimator.RunConfig(tf_random_seed=2)


def numbers() -> Any:
    return {"x": X}, X @ np.array([1.0, -2.0, 0.5], np.float32) + 3


def test_a_linear_regressor_finds_the_line() -> None:
    model = estimator.LinearRegressor(NUMBERS, optimizer=keras.optimizers.SGD(0.2), config=SEED)
    model.train(numbers, steps=200)
    kernel = model.get_variable_value("linear/linear_model/x/weights")[:, 0]
    np.testing.assert_allclose(kernel, [1, -2, 0.5], atol=1e-3)
    bias = model.get_variable_value("linear/linear_model/bias_weights")
    np.testing.assert_allclose(bias, [3.0], atol=1e-3)


def test_a_linear_classifier_is_logistic_regression() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="needs scikit-learn")
    want = linear.LogisticRegression(C=1e6).fit(X, Y)
    model = estimator.LinearClassifier(NUMBERS, optimizer=keras.optimizers.Adam(0.1), config=SEED)
    model.train(rows, steps=500)
    found = [r["probabilities"][1] for r in model.predict(rows)]
    np.testing.assert_allclose(found, want.predict_proba(X)[:, 1], atol=0.01)


def test_names_of_variables_are_tensorflows(tmp_path: Path) -> None:
    kind = fc.categorical_column_with_vocabulary_list("kind", ["a", "b", "c"])
    model = estimator.DNNLinearCombinedClassifier(
        tmp_path,
        linear_feature_columns=[kind],
        dnn_feature_columns=[fc.embedding_column(kind, 2)],
        dnn_hidden_units=[4],
    ).train(rows, steps=1)
    assert {
        "linear/linear_model/kind/weights",
        "linear/linear_model/bias_weights",
        "dnn/hiddenlayer_0/kernel",
        "dnn/logits/bias",
        "dnn/input_layer/kind_embedding/embedding_weights",
        "global_step",
    } <= set(model.get_variable_names())


@pytest.mark.parametrize("name", ["Adagrad", "Adam", "Ftrl", "RMSprop", "SGD"])
def test_optimizers_by_name(name: str, tmp_path: Path) -> None:
    model = estimator.DNNRegressor([4], NUMBERS, tmp_path, optimizer=name, config=SEED)
    first = model.train(numbers, steps=1).evaluate(numbers)["loss"]
    assert model.train(numbers, steps=50).evaluate(numbers)["loss"] < first


def test_an_optimizer_serves_several_trainings(tmp_path: Path) -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.9)
    optimizer = keras.optimizers.Adam(schedule)
    model = estimator.DNNRegressor([8], NUMBERS, tmp_path, optimizer=optimizer, config=SEED)
    for _ in range(3):
        model.train(numbers, steps=40)
    assert model.evaluate(numbers)["loss"] < 3
    assert model.get_variable_value("training/adam/iteration") == 120


def test_wide_and_deep_for_numbers(tmp_path: Path) -> None:
    model = estimator.DNNLinearCombinedRegressor(
        tmp_path,
        linear_feature_columns=NUMBERS,
        linear_optimizer=keras.optimizers.SGD(0.1),
        dnn_feature_columns=NUMBERS,
        dnn_optimizer=keras.optimizers.Adam(0.01),
        dnn_hidden_units=[8],
        config=SEED,
    )
    assert model.train(numbers, steps=200).evaluate(numbers)["loss"] < 0.01


def test_three_classes_with_names(tmp_path: Path) -> None:
    words = np.array(["low", "middle", "high"])
    labels = words[np.digitize(X[:, 0], [-0.5, 0.5])]
    model = estimator.DNNClassifier(
        [16],
        NUMBERS,
        tmp_path,
        n_classes=3,
        label_vocabulary=list(words),
        optimizer=keras.optimizers.Adam(0.05),
        config=SEED,
    )
    model.train(lambda: ({"x": X}, labels), steps=150)
    found = [r["classes"][0].decode() for r in model.predict(lambda: {"x": X})]
    assert np.mean(np.array(found) == labels) > 0.95


def test_baselines_know_shares_and_means() -> None:
    model = estimator.BaselineClassifier(n_classes=3)
    labels = np.array([0] * 5 + [1] * 3 + [2] * 2)
    model.train(lambda: ({"x": np.zeros(10)}, labels), steps=400)
    row = next(model.predict(lambda: {"x": np.zeros(10)}))
    np.testing.assert_allclose(row["probabilities"], [0.5, 0.3, 0.2], atol=0.01)
    mean = estimator.BaselineRegressor().train(numbers, steps=800)
    assert next(mean.predict(numbers))["predictions"].item() == pytest.approx(
        numbers()[1].mean(), abs=0.05
    )
    own = estimator.BaselineEstimator(estimator.PoissonRegressionHead(), optimizer="Adam")
    assert (
        own.train(lambda: ({"x": np.zeros(4)}, np.ones(4)), steps=5).evaluate(
            lambda: ({"x": np.zeros(4)}, np.ones(4))
        )["global_step"]
        == 5
    )


# ---- k-means

BLOBS = np.concatenate(
    [np.random.default_rng(n).normal(c, 0.3, (60, 2)) for n, c in enumerate([0, 5, (0, 6)])]
).astype(np.float32)


def test_kmeans_is_scikit_learns() -> None:
    cluster = pytest.importorskip("sklearn.cluster", reason="needs scikit-learn")
    begin = BLOBS[[0, 60, 120]]
    want = cluster.KMeans(3, init=begin, n_init=1, max_iter=20, tol=0).fit(BLOBS)
    model = estimator.KMeans(3, initial_clusters=begin, use_mini_batch=False)
    model.train(lambda: BLOBS, steps=20)
    np.testing.assert_allclose(model.cluster_centers(), want.cluster_centers_, atol=1e-4)
    assert model.score(lambda: BLOBS) == pytest.approx(want.inertia_, rel=1e-4)
    index = list(model.predict_cluster_index(lambda: BLOBS))
    np.testing.assert_array_equal(index, want.labels_)
    distances = np.array(list(model.transform(lambda: BLOBS)))
    np.testing.assert_allclose(np.sqrt(distances), want.transform(BLOBS), atol=1e-3)


@pytest.mark.parametrize("begin", ["random", "kmeans_plus_plus", lambda rows, k: rows[:k]])
def test_small_batches_find_the_blobs(begin: Any) -> None:
    order = np.random.default_rng(1).permutation(len(BLOBS))

    def input_fn() -> Any:
        for _ in range(10):
            for part in np.split(BLOBS[order], 6):
                yield {"a": part[:, 0], "b": part[:, 1]}

    model = estimator.KMeans(3, initial_clusters=begin, seed=4, relative_tolerance=0.0)
    model.train(input_fn)
    assert model.cluster_centers().shape == (3, 2)
    assert model.score(input_fn) < 60 * 10 * 60
    if begin == "kmeans_plus_plus":
        centers = sorted(model.cluster_centers().round().tolist())
        assert centers == [[0, 0], [0, 6], [5, 5]]


def test_kmeans_by_angle() -> None:
    angles = np.array([0.1, 0.2, 1.5, 1.6])
    rows = np.stack([np.cos(angles), np.sin(angles)], 1) * np.array([[1.0], [5], [2], [9]])
    model = estimator.KMeans(
        2,
        initial_clusters=rows[[0, 2]],
        distance_metric="cosine",
        use_mini_batch=False,
        feature_columns=[fc.numeric_column("p", 2)],
    )
    model.train(lambda: {"p": rows}, steps=5)
    assert list(model.predict_cluster_index(lambda: {"p": rows})) == [0, 0, 1, 1]


# ---- sequences


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_sequences_whose_answer_is_at_their_beginning(cell: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = random.integers(0, 4, (200, 5))
    lengths = random.integers(2, 6, 200)
    words[np.arange(5) >= lengths[:, None]] = -1
    labels = (words[:, 0] >= 2).astype(np.int64)
    side = random.normal(size=(200, 1)).astype(np.float32)
    column = fc.sequence_categorical_column_with_identity("words", 4)
    model = estimator.RNNClassifier(
        [fc.indicator_column(column)],
        [fc.numeric_column("side")],
        units=[12],
        cell_type=cell,
        optimizer=keras.optimizers.Adam(0.03),
        model_dir=tmp_path,
        config=SEED,
    )

    def input_fn() -> Any:
        return {"words": words, "side": side}, labels

    model.train(input_fn, steps=120)
    assert model.evaluate(input_fn)["accuracy"] > 0.95


def test_what_stands_behind_the_end_changes_nothing() -> None:
    column = fc.sequence_categorical_column_with_identity("words", 4)
    model = estimator.RNNEstimator(
        estimator.RegressionHead(),
        [fc.embedding_column(column, 3)],
        rnn_cell_fn=lambda: keras.layers.GRUCell(4),
        config=SEED,
    )
    short = {"words": np.array([[1, 2], [3, -1]])}
    long = {"words": np.array([[1, 2, -1, -1], [3, -1, -1, -1]])}
    model.train(lambda: (short, np.zeros(2)), steps=2)
    a, b = ([r["predictions"].item() for r in model.predict(lambda x=x: x)] for x in (short, long))
    np.testing.assert_allclose(a, b, rtol=1e-6)


# ---- real data


@pytest.mark.slow
def test_wide_and_deep_on_adult(tmp_path: Path) -> None:
    """Within noise of scikit-learn's boosted trees less two points, and better than a linear model alone."""
    mirror = os.environ.get("PENSTOCK_MIRROR")
    if not mirror:
        pytest.skip("needs PENSTOCK_MIRROR, a folder with datasets/adult")
    linear = pytest.importorskip("sklearn.linear_model", reason="needs scikit-learn")
    train, test = (
        _adult(Path(mirror) / f"datasets/adult/adult-{p}.csv") for p in ("train", "test")
    )
    columns = _adult_columns(train[0])
    model = estimator.DNNLinearCombinedClassifier(
        tmp_path,
        linear_feature_columns=columns["wide"],
        linear_optimizer="Ftrl",
        dnn_feature_columns=columns["deep"],
        dnn_optimizer=keras.optimizers.Adam(0.002),
        dnn_hidden_units=[64, 32],
        config=SEED,
    )
    make = estimator.inputs.numpy_input_fn
    model.train(make(*train, batch_size=256, num_epochs=5, shuffle=True))
    found = model.evaluate(make(*test, batch_size=2000, shuffle=False))
    encoded = [fc.DenseFeatures(columns["deep_plain"])(part[0]).numpy() for part in (train, test)]
    plain = linear.LogisticRegression(max_iter=500).fit(encoded[0], train[1])
    want = plain.score(encoded[1], test[1])
    print(f"wide and deep {found['accuracy']:.4f} auc {found['auc']:.4f}, logistic {want:.4f}")
    assert found["accuracy"] > max(want - 0.002, 0.848)
    assert found["auc"] > 0.9


_FIELDS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital",
    "occupation",
    "relationship",
    "race",
    "sex",
    "gain",
    "loss",
    "hours",
    "country",
    "income",
]
_COUNTS = ("age", "education_num", "gain", "loss", "hours")
_WORDS = (
    "workclass",
    "education",
    "marital",
    "occupation",
    "relationship",
    "race",
    "sex",
    "country",
)


def _adult(path: Path) -> tuple[dict[str, Any], Any]:
    lines = [line.split(", ") for line in path.read_text().splitlines() if line.count(",") == 14]
    table = dict(zip(_FIELDS, np.array(lines).T, strict=True))
    features: dict[str, Any] = {name: table[name].astype(np.float32) for name in _COUNTS}
    features |= {name: table[name] for name in _WORDS}
    return features, (np.char.strip(table["income"], ".") == ">50K").astype(np.int64)


def _adult_columns(features: dict[str, Any]) -> dict[str, list[Any]]:
    words = [
        fc.categorical_column_with_vocabulary_list(n, sorted(set(features[n]))) for n in _WORDS
    ]
    ages = fc.bucketized_column(fc.numeric_column("age"), [18, 25, 30, 35, 40, 45, 50, 55, 60, 65])

    def scaled(name: str) -> Any:
        mean, deviation = features[name].mean(), features[name].std()
        return fc.numeric_column(name, normalizer_fn=lambda x: (x - mean) / deviation)

    plain = [scaled(n) for n in _COUNTS] + [fc.indicator_column(w) for w in words]
    crosses = [
        fc.crossed_column(["education", "occupation"], 1000),
        fc.crossed_column([ages, "education", "occupation"], 1000),
        fc.crossed_column(["country", "occupation"], 1000),
    ]
    return {"wide": [*words, ages, *crosses], "deep": plain, "deep_plain": plain}


# ---- mistakes

WORDS = fc.sequence_categorical_column_with_identity("words", 4)
SEQUENCE = [fc.indicator_column(WORDS)]
HEAD = estimator.RegressionHead()


@pytest.mark.parametrize(
    ("call", "kind", "match"),
    [
        (lambda: estimator.LinearClassifier([]), ValueError, "at least one"),
        (lambda: estimator.LinearClassifier(NUMBERS, n_classes=1), ValueError, "or a regressor"),
        (lambda: estimator.LinearEstimator(3, NUMBERS), TypeError, r"RegressionHead\(\)"),
        (lambda: estimator.LinearRegressor(NUMBERS, optimizer=3), TypeError, "'Adagrad'"),
        (lambda: estimator.LinearRegressor(NUMBERS, optimizer="Adom"), ValueError, "did you mean"),
        (lambda: estimator.DNNRegressor([0], NUMBERS), ValueError, r"from 1 on: \[64, 32\]"),
        (lambda: estimator.DNNRegressor([4], NUMBERS, dropout=1.0), ValueError, "to below 1"),
        (
            lambda: estimator.DNNRegressor([4], NUMBERS).train(lambda: (X, Y), steps=1),
            TypeError,
            "a dictionary of them by name",
        ),
        (
            lambda: estimator.DNNRegressor([4], NUMBERS).train(lambda: {"x": X}, steps=1),
            ValueError,
            r"give \(features, labels\)",
        ),
        (lambda: estimator.DNNLinearCombinedRegressor(), ValueError, "or both"),
        (
            lambda: estimator.DNNLinearCombinedRegressor(dnn_feature_columns=NUMBERS),
            ValueError,
            "give both, or none",
        ),
        (lambda: estimator.KMeans(0), ValueError, "1 or more clusters"),
        (lambda: estimator.KMeans(2, distance_metric="l1"), ValueError, "or 'cosine'"),
        (lambda: estimator.KMeans(2, initial_clusters="first"), ValueError, "kmeans_plus_plus"),
        (lambda: estimator.KMeans(500).train(lambda: X, steps=1), ValueError, "fewer clusters"),
        (
            lambda: estimator.KMeans(2).train(lambda: X[:, 0], steps=1),
            ValueError,
            "reshape them to rows",
        ),
        (lambda: estimator.KMeans(2).cluster_centers(), RuntimeError, "call train"),
        (lambda: estimator.RNNEstimator(HEAD, SEQUENCE), ValueError, r"units=\[32\]"),
        (
            lambda: estimator.RNNEstimator(HEAD, SEQUENCE, units=[4], cell_type="rnn"),
            ValueError,
            "'gru'",
        ),
        (
            lambda: estimator.RNNEstimator(HEAD, SEQUENCE, units=[4], return_sequences=True),
            ValueError,
            r"keras\.layers\.RNN",
        ),
        (lambda: estimator.RNNEstimator(HEAD, NUMBERS, units=[4]), TypeError, "sequence columns"),
    ],
)
def test_mistakes_are_explained(call: Any, kind: Any, match: str) -> None:
    with pytest.raises(kind, match=match):
        call()


def test_vectors_come_out_of_a_checkpoint(tmp_path: Path) -> None:
    words = fc.categorical_column_with_identity("w", 4)
    model = estimator.DNNRegressor([2], [fc.embedding_column(words, 3)], tmp_path)
    model.train(lambda: ({"w": np.array([1, 2])}, np.array([1.0, 2.0])), steps=2)
    name = "dnn/input_layer/w_embedding/embedding_weights"
    again = fc.embedding_column(
        words, 3, ckpt_to_load_from=str(tmp_path), tensor_name_in_ckpt=name, trainable=False
    )
    layer = fc.DenseFeatures([again])
    np.testing.assert_array_equal(layer({"w": [2]})[0].numpy(), model.get_variable_value(name)[2])
    assert not layer.trainable_variables
    other = fc.embedding_column(words, 5, ckpt_to_load_from=str(tmp_path), tensor_name_in_ckpt=name)
    with pytest.raises(ValueError, match=r"has shape \(4, 3\); w_embedding needs \(4, 5\)"):
        fc.DenseFeatures([other])({"w": [2]})
