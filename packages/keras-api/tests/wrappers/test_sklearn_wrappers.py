"""Keras models as scikit-learn's estimators, judged by scikit-learn's own checks."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from penstock import keras

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn: pip install scikit-learn")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_iris, make_regression  # noqa: E402
from sklearn.ensemble import AdaBoostClassifier  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

wrappers = keras.wrappers


def network(
    X: Any, y: Any, loss: str, head: str | None = None, units: int = 32, rate: float = 0.05
) -> Any:
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(units, "relu"),
            keras.layers.Dense(y.shape[1], head),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), loss)
    return model


CLASSES = {"loss": "categorical_crossentropy", "head": "softmax"}
NUMBERS = {"loss": "mse"}


def classifier(**kwargs: Any) -> Any:
    return wrappers.SKLearnClassifier(
        network, model_kwargs=CLASSES, fit_kwargs={"epochs": 40}, **kwargs
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"])
def test_all_checks_of_scikit_learn(name: str) -> None:
    given = CLASSES if name == "SKLearnClassifier" else NUMBERS
    made = getattr(wrappers, name)(network, model_kwargs=given, fit_kwargs={"epochs": 40})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own data
        results = check_estimator(made, on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) >= 45


def test_arguments_are_those_of_keras(real: Any) -> None:
    import inspect

    for name in ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"):
        theirs = inspect.signature(getattr(real.wrappers, name).__init__).parameters
        ours = inspect.signature(getattr(wrappers, name).__init__).parameters
        assert list(ours)[: len(theirs)] == list(theirs)
        assert [ours[p].default for p in theirs] == [theirs[p].default for p in theirs]


def test_iris_in_a_pipeline_is_learnt() -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    scores = cross_val_score(make_pipeline(StandardScaler(), classifier(random_state=0)), X, names)
    assert scores.mean() > 0.93


def test_a_grid_search_changes_what_the_function_gets() -> None:
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        classifier(random_state=0),
        {"model_kwargs__rate": [1e-6, 0.05], "fit_kwargs__epochs": [20]},
        cv=2,
    )
    search.fit(X, y)
    assert search.best_params_ == {"fit_kwargs__epochs": 20, "model_kwargs__rate": 0.05}
    assert CLASSES == {"loss": "categorical_crossentropy", "head": "softmax"}


def test_equal_seeds_give_equal_models_and_leave_the_programs_alone() -> None:
    X, y = load_iris(return_X_y=True)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = classifier(random_state=3).fit(X, y).predict_proba(X)
    again = classifier(random_state=3).fit(X, y).predict_proba(X)
    other = classifier(random_state=4).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_probabilities_and_scores_of_classes() -> None:
    X, y = load_iris(return_X_y=True)
    made = classifier(random_state=0).fit(X, y)
    likely = made.predict_proba(X)
    np.testing.assert_allclose(likely.sum(1), 1.0, atol=1e-6)
    np.testing.assert_array_equal(made.classes_[likely.argmax(1)], made.predict(X))
    np.testing.assert_array_equal(made.decision_function(X), likely)
    two = classifier(random_state=0).fit(X[:100], y[:100])
    scores = two.decision_function(X[:100])
    np.testing.assert_array_equal(scores > 0, two.predict(X[:100]) == 1)


def test_sample_weights_count() -> None:
    X = np.array([[0.0], [1.0], [0.0], [1.0]])
    y, weight = np.array([0, 1, 1, 0]), np.array([1.0, 1.0, 0.0, 0.0])
    made = classifier(random_state=0).fit(X, y, sample_weight=weight)
    assert made.predict([[0.0], [1.0]]).tolist() == [0, 1]
    turned = classifier(random_state=0).fit(X, y, sample_weight=1 - weight)
    assert turned.predict([[0.0], [1.0]]).tolist() == [1, 0]


def test_warm_start_goes_on() -> None:
    X, y = load_iris(return_X_y=True)
    made = wrappers.SKLearnClassifier(
        network, warm_start=True, model_kwargs=CLASSES, fit_kwargs={"epochs": 3}, random_state=0
    ).fit(X, y)
    first = made.model_
    loss = made.history_.history["loss"]
    made.fit(X, y)
    assert made.model_ is first
    assert made.history_.history["loss"][0] < loss[-1]


def test_a_given_model_is_copied_unless_it_goes_on() -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    model = network(X, np.eye(2)[y], **CLASSES)
    before = model.get_weights()
    made = wrappers.SKLearnClassifier(model).fit(X, y)
    assert made.model_ is not model
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert wrappers.SKLearnClassifier(model, warm_start=True).fit(X, y).model_ is model


def test_regression_with_one_and_with_several_outputs() -> None:
    X, y = make_regression(100, 4, n_targets=2, random_state=0)
    y = y / 100
    made = wrappers.SKLearnRegressor(
        network, model_kwargs=NUMBERS, fit_kwargs={"epochs": 100}, random_state=0
    )
    assert made.fit(X, y).predict(X).shape == (100, 2)
    assert made.score(X, y) > 0.95
    assert made.fit(X, y[:, 0]).predict(X).shape == (100,)


def test_pickles_and_clones() -> None:
    X, y = load_iris(return_X_y=True)
    model = network(X, np.eye(3)[y], **CLASSES)
    made = wrappers.SKLearnClassifier(model, random_state=0).fit(X, y)
    back = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own
    np.testing.assert_array_equal(back.predict_proba(X), made.predict_proba(X))
    fresh = clone(made)
    assert not hasattr(fresh, "model_")
    np.testing.assert_array_equal(
        fresh.fit(X, y).predict_proba(X),
        clone(made).fit(X, y).predict_proba(X),
    )


def test_models_can_be_copied_and_go_on_alike() -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.eye(2)[[0, 1, 0, 1]]
    model = network(X, y, **CLASSES)
    model.fit(X, y, verbose=0, shuffle=False)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]  # noqa: S301 - its own
    model.fit(X, y, verbose=0, shuffle=False)
    for twin in twins:
        twin.fit(X, y, verbose=0, shuffle=False)
        for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_arguments_of_scikeras() -> None:
    def net(units: int, rate: float = 0.05) -> Any:
        model = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(3, "softmax")]
        )
        model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
        return model

    X, y = load_iris(return_X_y=True)
    made = wrappers.KerasClassifier(net, epochs=30, model__units=8, random_state=0)
    search = GridSearchCV(made, {"model__units": [1, 16]}, cv=2).fit(X, y)
    assert search.best_params_ == {"model__units": 16}
    boosted = AdaBoostClassifier(clone(made), n_estimators=2, random_state=0).fit(X, y)
    assert boosted.score(X, y) > 0.9
    numbers = wrappers.KerasRegressor(network, loss="mse", epochs=60, random_state=0)
    assert numbers.fit(X[:, :3], X[:, 3]).score(X[:, :3], X[:, 3]) > 0.8


@pytest.mark.parametrize(
    ("make", "kind", "match"),
    [
        (
            lambda X, y: wrappers.SKLearnClassifier(3).fit(X, y),
            TypeError,
            "or a function of X and y",
        ),
        (
            lambda X, y: wrappers.SKLearnClassifier(lambda X, y: 3).fit(X, y),
            TypeError,
            "expected a compiled Keras model",
        ),
        (
            lambda X, y: wrappers.SKLearnClassifier(keras.Sequential()).fit(X, y),
            RuntimeError,
            r"call model\.compile\(optimizer, loss\) first",
        ),
        (lambda X, y: classifier().fit(X, np.eye(2)[y]), ValueError, r"take y\.argmax\(-1\)"),
        (lambda X, y: classifier().fit(X, y * 0), ValueError, "needs at least 2 classes"),
        (
            lambda X, y: classifier(warm_start=True).fit(X, y).fit(X, y + 1),
            ValueError,
            "make a new estimator",
        ),
        (
            lambda X, y: wrappers.SKLearnClassifier(
                lambda X, y: network(X, np.ones((1, 5)), "mse")
            ).predict_proba(X),
            ValueError,
            "not fitted",
        ),
    ],
)
def test_mistakes_are_explained(make: Any, kind: Any, match: str) -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    with pytest.raises(kind, match=match):
        make(X, y)


def test_a_model_without_configuration_cannot_be_copied() -> None:
    class Own(keras.Model):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.function = function

    with pytest.raises(TypeError, match="write get_config"):
        copy.deepcopy(Own(object()))


def test_importing_keras_loads_no_scikit_learn() -> None:
    code = "import sys, penstock.keras; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(AttributeError, match="it has SKLBase, SKLearnClassifier"):
        _ = wrappers.SKLearnCluster
