"""Boosted trees against scikit-learn's, against plain NumPy, and against what their manual promises."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock_keras_api.trees import BoostedTreesClassifier, BoostedTreesRegressor

ensemble = pytest.importorskip("sklearn.ensemble", reason="needs scikit-learn")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Let scikit-learn use one thread: several spin on a machine that does other things."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def drawn(rows: int = 1500, seed: int = 0) -> tuple[Any, Any]:
    """Draw rows with an interaction, and a tenth of the numbers missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5))
    y = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.2 * rng.normal(size=rows)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y


# ---- as good as scikit-learn's


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson"])
def test_numbers_are_predicted_as_well_as_by_scikit_learn(loss: str) -> None:
    ours, theirs = [], []
    for seed in range(5):
        x, y = drawn(2500, seed)
        y = np.random.default_rng(seed).poisson(np.exp(y)) if loss == "poisson" else y
        for side, kind in (
            (ours, BoostedTreesRegressor),
            (theirs, ensemble.HistGradientBoostingRegressor),
        ):
            model = kind(loss=loss, max_iter=60, random_state=0).fit(x[:2000], y[:2000])
            side.append(np.mean(np.abs(model.predict(x[2000:]) - y[2000:])))
    assert np.mean(ours) < np.mean(theirs) * 1.03


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_are_predicted_as_well_as_by_scikit_learn(classes: int) -> None:
    ours, theirs = [], []
    for seed in range(5):
        x, y = drawn(2000, seed)
        y = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)
        for side, kind in (
            (ours, BoostedTreesClassifier),
            (theirs, ensemble.HistGradientBoostingClassifier),
        ):
            model = kind(max_iter=40, random_state=0).fit(x[:1500], y[:1500])
            p = model.predict_proba(x[1500:])
            np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
            side.append(-np.log(p[np.arange(500), y[1500:]]).mean())
    assert np.mean(ours) < np.mean(theirs) * 1.03


def test_few_values_make_the_same_trees_as_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 50, (800, 4)).astype(float)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] / 500 + rng.normal(0, 0.1, 800)
    how = {"max_iter": 20, "max_leaf_nodes": 10, "l2_regularization": 1.0}
    ours = BoostedTreesRegressor(**how).fit(x, y)
    theirs = ensemble.HistGradientBoostingRegressor(**how).fit(x, y)
    # scikit-learn sums gradients in float32.
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=0, atol=1e-5)


@pytest.mark.skipif("PENSTOCK_MIRROR" not in os.environ, reason="needs PENSTOCK_MIRROR")
def test_adult_is_predicted_as_well_as_by_scikit_learn() -> None:
    folder = Path(os.environ["PENSTOCK_MIRROR"], "datasets", "adult")
    lines = (folder / "adult-train.csv").read_text().splitlines()
    rows = np.array([r for line in lines if len(r := line.split(", ")) == 15], dtype=object)
    numeric = [c for c in range(14) if rows[0, c].lstrip("-").isdigit()]
    table = {f"c{c}": rows[:, c].astype(float if c in numeric else str) for c in range(14)}
    codes = np.stack([np.unique(c, return_inverse=True)[1] for c in table.values()], 1) * 1.0
    for c in numeric:
        codes[:, c] = table[f"c{c}"]
    y = rows[:, 14]
    order = np.random.default_rng(0).permutation(len(y))
    learn, ask = order[:8000], order[8000:16000]
    ours = BoostedTreesClassifier().fit({k: v[learn] for k, v in table.items()}, y[learn])
    mask = [c not in numeric for c in range(14)]
    theirs = ensemble.HistGradientBoostingClassifier(categorical_features=mask, random_state=0)
    theirs.fit(codes[learn], y[learn])
    right = ours.score({k: v[ask] for k, v in table.items()}, y[ask])
    assert right > theirs.score(codes[ask], y[ask]) - 0.005
    assert right > 0.86


def test_many_numbers_are_parted_as_by_scikit_learn() -> None:
    x, y = drawn(1501)
    how = {"max_iter": 15, "max_leaf_nodes": 12}
    ours = BoostedTreesRegressor(**how).fit(x, y)
    theirs = ensemble.HistGradientBoostingRegressor(**how).fit(x, y)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=0, atol=1e-5)


def test_infinities_among_many_numbers() -> None:
    x = np.random.default_rng(0).normal(size=(2550, 1))
    x[::3], x[1::3] = np.inf, -np.inf
    model = BoostedTreesRegressor(max_iter=50).fit(x, np.isposinf(x[:, 0]))
    np.testing.assert_allclose(model.predict([[np.inf], [-np.inf]]), [1, 0], atol=0.02)


# ---- what the manual promises


def test_the_number_of_threads_does_not_matter() -> None:
    program = """if True:
        import hashlib, numpy as np
        from penstock_keras_api.trees import BoostedTreesClassifier
        rng = np.random.default_rng(0)
        x = rng.normal(size=(30000, 6))
        x[:, 5] = rng.integers(0, 30, 30000)
        y = (x[:, 0] * x[:, 1] + np.cos(x[:, 5]) > 0).astype(int)
        model = BoostedTreesClassifier(max_iter=5, subsample=0.7, max_features=0.8, random_state=3,
                                       categorical_features=[5]).fit(x, y)
        print(hashlib.sha256(model.decision_function(x).tobytes()).hexdigest(), model.n_iter_)
    """
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PENSTOCK_NUM_THREADS": str(threads)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in (1, 2, 3)
    }
    assert len(seen) == 1


def test_missing_numbers_learn_their_side() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 1))
    x[rng.random(1000) < 0.3] = np.nan
    y = np.where(np.isnan(x[:, 0]), 5.0, x[:, 0])
    model = BoostedTreesRegressor().fit(x, y)
    np.testing.assert_allclose(model.predict([[np.nan]]), [5.0], atol=0.01)


def test_a_column_of_words() -> None:
    words = np.array(["red", "green", "blue", "grey"], dtype=object)
    colors = np.tile(words, 100)
    colors[::7] = None
    y = np.array([{"red": 1.0, "blue": 1.0, None: 7.0}.get(c, 0.0) for c in colors])
    model = BoostedTreesRegressor(min_samples_leaf=5).fit({"color": colors}, y)
    asked = {"color": np.array([*words, None, "never seen"], dtype=object)}
    np.testing.assert_allclose(model.predict(asked), [1, 0, 1, 0, 7, 7], atol=0.01)


def test_more_words_than_bins() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in np.minimum(rng.geometric(0.01, 6000), 400)])
    y = np.array([float(w[-1]) for w in words])
    model = BoostedTreesRegressor(min_samples_leaf=2, max_iter=200).fit({"w": words}, y)
    assert model.score({"w": words}, y) > 0.9


@pytest.mark.parametrize("form", ["array", "dictionary", "float32"])
def test_saved_trees_answer_with_the_same_bits(form: str, tmp_path: Path) -> None:
    x, y = drawn()
    x = x.astype(np.float32) if form == "float32" else x
    given = {f"c{i}": x[:, i] for i in range(5)} if form == "dictionary" else x
    model = BoostedTreesRegressor(max_iter=20).fit(given, y)
    dtype = "float32" if form == "float32" else "float64"
    ps.save(model.function(), tmp_path / "trees", signatures=[(dtype, ("rows", 5))])
    loaded = ps.load(tmp_path / "trees")
    for rows in (1500, 3, 1):
        answer = loaded(x[:rows]).numpy()[:, 0]
        np.testing.assert_array_equal(answer, model._scores(x[:rows])[:, 0], strict=True)
    asked = {k: v[:9] for k, v in given.items()} if isinstance(given, dict) else x[:9]
    np.testing.assert_array_equal(model.predict(asked), model._scores(x[:9])[:, 0])


@pytest.mark.parametrize("way", [1, -1])
def test_answers_rise_or_fall_with_a_monotonic_column(way: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, (2000, 2))
    y = way * np.sin(x[:, 0]) + x[:, 1]
    grid = np.stack([np.linspace(0, 10, 200), np.full(200, 5.0)], 1)
    free = BoostedTreesRegressor().fit(x, y).predict(grid)
    assert (way * np.diff(free) < -0.01).any()
    model = BoostedTreesRegressor(monotonic_cst=[way, 0]).fit(x, y)
    assert (way * np.diff(model.predict(grid)) >= 0).all()
    named = BoostedTreesRegressor(monotonic_cst={"a": way}).fit({"a": x[:, 0], "b": x[:, 1]}, y)
    np.testing.assert_array_equal(
        named.predict({"a": grid[:, 0], "b": grid[:, 1]}), model.predict(grid)
    )


def test_training_stops_when_other_rows_gain_nothing() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(600, 3)), rng.normal(size=600)  # nothing to learn
    how = {"max_iter": 200, "n_iter_no_change": 4, "random_state": 0}
    model = BoostedTreesRegressor(early_stopping=True, **how).fit(x, y)
    losses = np.array(model.validation_losses_)
    assert model.n_iter_ == len(losses) < 200
    assert losses.argmin() == len(losses) - 5
    assert BoostedTreesRegressor(early_stopping=False, **how).fit(x, y).n_iter_ == 200


def test_importances_name_the_columns_that_matter() -> None:
    x, y = drawn()
    model = BoostedTreesRegressor().fit(x, y)
    gain, split = model.feature_importances(), model.feature_importances("split")
    assert set(np.argsort(gain)[-3:]) == {0, 1, 2}
    np.testing.assert_allclose(gain.sum(), 1)
    assert split.sum() == (model.ensemble.nodes[:, 0] >= 0).sum()


def test_weights_are_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 30, (300, 3)).astype(float), rng.normal(size=300)
    times = rng.integers(1, 4, 300)
    for loss in ("squared_error", "poisson"):
        labels = np.exp(y) if loss == "poisson" else y
        how = {"loss": loss, "min_samples_leaf": 1, "max_depth": 3, "max_iter": 10}
        weighted = BoostedTreesRegressor(**how).fit(x, labels, sample_weight=times)
        repeated = BoostedTreesRegressor(**how).fit(x.repeat(times, 0), labels.repeat(times))
        np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-5)


def test_the_median_is_the_best_constant_of_absolute_errors() -> None:
    y = np.array([0.0, 1.0, 2.0, 50.0, 1000.0])
    model = BoostedTreesRegressor("absolute_error", max_iter=3).fit(np.zeros((5, 1)), y)
    np.testing.assert_array_equal(model.predict([[0.0]]), [2.0])


def test_large_labels_keep_their_small_differences() -> None:
    x = np.linspace(0, 1, 400)[:, None]
    model = BoostedTreesRegressor(max_iter=300).fit(x, 1e9 + (x[:, 0] > 0.5))
    np.testing.assert_allclose(model.predict([[0.1], [0.9]]) - 1e9, [0, 1], atol=1e-3)


def test_classes_may_have_weights() -> None:
    x, y = drawn()
    labels = np.where(y > 1.2, "rare", "usual")
    plain = BoostedTreesClassifier(max_iter=20).fit(x, labels)
    fair = BoostedTreesClassifier(max_iter=20, class_weight="balanced").fit(x, labels)
    assert (fair.predict(x) == "rare").mean() > (plain.predict(x) == "rare").mean()


# ---- rows that leave little to learn


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((30, 2)),
        np.full((30, 2), np.nan),
        np.array([[np.inf, -np.inf], [0.0, 1.0], [-np.inf, np.inf]] * 10),
        np.zeros((1, 3)),
    ],
)
def test_odd_tables(x: Any) -> None:
    y = np.arange(len(x)) % 2 * 1.0
    model = BoostedTreesRegressor(min_samples_leaf=1, max_iter=10).fit(x, y)
    assert np.isfinite(model.predict(x)).all()
    odd = np.full((3, x.shape[1]), [[np.nan], [np.inf], [-1e300]])
    assert np.isfinite(model.predict(odd)).all()
    assert len(model.predict(odd[:0])) == 0
    labels = BoostedTreesClassifier(min_samples_leaf=1, max_iter=10).fit(x, y)
    assert set(labels.predict(odd)) <= {0.0, 1.0}


def test_one_class() -> None:
    model = BoostedTreesClassifier().fit(np.arange(40.0)[:, None], ["only"] * 40)
    np.testing.assert_array_equal(model.predict_proba([[3.0]]), [[1.0]])
    assert model.predict([[3.0]]).tolist() == ["only"]


def test_infinities_can_be_parted_from_numbers() -> None:
    x = np.array([[np.inf], [1.0], [-np.inf]] * 30)
    y = np.tile([1.0, 0.0, 2.0], 30)
    model = BoostedTreesRegressor(min_samples_leaf=1).fit(x, y)
    np.testing.assert_allclose(model.predict(x[:3]), y[:3], atol=0.01)


# ---- refusals


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0; expected above 0"),
        ({"max_leaf_nodes": 1}, "max_leaf_nodes=1; expected at least 2"),
        ({"subsample": 1.5}, "subsample=1.5; expected above 0, at most 1"),
        ({"max_bins": 256}, "expected 2 to 255; write max_bins=255"),
        ({"validation_fraction": 1.0, "early_stopping": True}, "a part between 0 and 1"),
        ({"monotonic_cst": [1]}, "-1, 0 or 1 for each of 5 columns"),
        ({"monotonic_cst": {"a": 1}}, "monotonic_cst names 'a'; the table has no names"),
        ({"monotonic_cst": [1, 0, 0, 0, 0], "categorical_features": [0]}, "write 0 for it"),
        ({"categorical_features": [7]}, "no column 7 to be categorical; 0 to 4"),
        ({"categorical_features": "auto"}, "write 'from_dtype', None, or a list"),
        ({"loss": "huber"}, "there are squared_error, absolute_error, poisson"),
    ],
)
def test_wrong_arguments(how: dict[str, Any], match: str) -> None:
    x, y = drawn(60)
    with pytest.raises(ValueError, match=match):
        BoostedTreesRegressor(**how).fit(x, y)


def test_wrong_rows() -> None:
    x, y = drawn(60)
    model = BoostedTreesRegressor(max_iter=2)
    with pytest.raises(ValueError, match="call fit first"):
        model.predict(x)
    with pytest.raises(ValueError, match="call fit first"):
        BoostedTreesClassifier().predict(x)
    with pytest.raises(ValueError, match=r"write X.reshape\(-1, 1\)"):
        model.fit(x[:, 0], y)
    with pytest.raises(ValueError, match="without columns; give at least one"):
        model.fit(x[:, :0], y)
    with pytest.raises(ValueError, match="60 rows and 59 labels"):
        model.fit(x, y[1:])
    with pytest.raises(ValueError, match="0 rows and 0 labels"):
        model.fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="leave rows without a label out"):
        model.fit(x, np.where(y > 0, y, np.nan))
    with pytest.raises(ValueError, match="finite and not negative"):
        model.fit(x, y, sample_weight=-np.ones(60))
    with pytest.raises(ValueError, match="leave it out to count all rows"):
        model.fit(x, y, sample_weight=np.zeros(60))
    with pytest.raises(ValueError, match="write loss='squared_error'"):
        BoostedTreesRegressor("poisson").fit(x, y)
    with pytest.raises(ValueError, match="name it in categorical_features"):
        BoostedTreesRegressor(categorical_features=None).fit({"a": np.array(["x", "y"])}, [1, 2])
    model.fit({"a": x[:, 0], "b": x[:, 1]}, y)
    with pytest.raises(ValueError, match="no column 'b'; the table has a, c"):
        model.predict({"a": x[:, 0], "c": x[:, 1]})
    with pytest.raises(ValueError, match="got 5 columns; expected the 2"):
        model.predict(x)
    with pytest.raises(ValueError, match="no parameter 'eta'; there are loss"):
        model.set_params(eta=1)
    with pytest.raises(ValueError, match="write 'gain' or 'split'"):
        model.feature_importances("weight")
    with pytest.raises(ValueError, match=r"write y.argmax\(1\)"):
        BoostedTreesClassifier().fit(x, np.eye(60))


def test_parameters_are_those_of_the_signature() -> None:
    model = BoostedTreesRegressor(max_iter=3).set_params(learning_rate=0.5)
    assert repr(model) == "BoostedTreesRegressor(learning_rate=0.5, max_iter=3)"
    again = BoostedTreesRegressor(**model.get_params())
    x, y = drawn(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(model.fit(x, y).predict(x), again.fit(x, y).predict(x))


def test_a_data_frame() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0, None, 4.0] * 20, "b": list("xyxy") * 20})
    frame["b"] = frame["b"].astype("category")
    y = [1.0, 2.0, 3.0, 4.0] * 20
    model = BoostedTreesRegressor(min_samples_leaf=2).fit(frame, y)
    np.testing.assert_allclose(model.predict(frame[["b", "a"]])[:4], y[:4], atol=0.05)


def test_scikit_learn_searches_over_trees() -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    x = np.random.default_rng(0).normal(size=(120, 3))
    rises, is_high = x[:, 0] + x[:, 1], np.where(x[:, 0] > 0.8, "high", "low")
    search = selection.GridSearchCV(BoostedTreesClassifier(max_iter=5), {"max_depth": [1, 2]}, cv=3)
    assert search.fit(x, is_high).best_score_ > 0.95
    folds = selection.cross_val_score(BoostedTreesClassifier(max_iter=5), x, is_high, cv=3)
    parts = selection.StratifiedKFold(3).split(x, is_high)  # only classifiers are given such parts
    by_hand = [
        BoostedTreesClassifier(max_iter=5).fit(x[a], is_high[a]).score(x[b], is_high[b])
        for a, b in parts
    ]
    assert folds.tolist() == by_hand
    assert selection.cross_val_score(BoostedTreesRegressor(max_iter=20), x, rises, cv=3).min() > 0.5
