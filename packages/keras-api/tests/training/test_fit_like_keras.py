"""`fit`, `evaluate` and steps on single batches, against Keras itself: logs, callbacks' calls, and weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from penstock import keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype(np.float32)
Z = RNG.normal(size=(40, 3)).astype(np.float32)
CLASSES = RNG.integers(0, 3, 40)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
REAL = RNG.normal(size=(40, 1)).astype(np.float32)
BINARY = (RNG.uniform(size=(40, 1)) > 0.5).astype(np.float32)
WEIGHTS = RNG.uniform(size=40).astype(np.float32)
PLAIN: dict[str, Any] = {"shuffle": False, "verbose": 0, "epochs": 2, "batch_size": 16}

Scenario = Callable[[Any], tuple[Any, Any]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(f: Scenario) -> Scenario:
    SCENARIOS[f.__name__] = f
    return f


def weighted(model: Any) -> Any:
    rng = np.random.default_rng(1)
    shapes = [tuple(w.shape) for w in model.weights]
    model.set_weights([rng.normal(size=shape).astype(np.float32) / 2 for shape in shapes])
    return model


def one(k: Any, units: int = 3, activation: str | None = "softmax") -> Any:
    x = k.Input((6,), name="in")
    h = k.layers.Dense(4, activation="tanh", name="h")(x)
    return weighted(k.Model(x, k.layers.Dense(units, activation=activation, name="o")(h)))


def two(k: Any, named: bool = False) -> Any:
    x, z = k.Input((6,), name="a"), k.Input((3,), name="b")
    h = k.layers.Dense(4, activation="tanh", name="h")(k.layers.Concatenate()([x, z]))
    first = k.layers.Dense(3, activation="softmax", name="cls")(h)
    second = k.layers.Dense(1, name="reg")(h)
    return weighted(k.Model([x, z], {"cls": first, "reg": second} if named else [first, second]))


@scenario
def metrics_with_and_without_weights(k: Any) -> Any:
    m = one(k)
    m.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    return m.fit(X, CLASSES, sample_weight=WEIGHTS, **PLAIN).history, m


@scenario
def single_batches(k: Any) -> Any:
    m = one(k)
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classes = {0: 1.0, 1: 2.0, 2: 0.5}
    return [
        m.train_on_batch(X[:7], CLASSES[:7]),
        m.train_on_batch(X[7:12], CLASSES[7:12]),
        m.test_on_batch(X[:9], CLASSES[:9]),
        m.test_on_batch(X[:3], CLASSES[:3], return_dict=True),
        m.train_on_batch(X[:7], CLASSES[:7], class_weight=classes),
        m.train_on_batch(X[:7], CLASSES[:7], sample_weight=WEIGHTS[:7]),
    ], m


@scenario
def no_metrics(k: Any) -> Any:
    m = one(k)
    m.compile("sgd", "sparse_categorical_crossentropy")
    return [
        m.train_on_batch(X[:7], CLASSES[:7]),
        m.evaluate(X, CLASSES, verbose=0),
        m.evaluate(X, CLASSES, verbose=0, return_dict=True),
    ], m


@scenario
def lists_for_two_outputs(k: Any) -> Any:
    m = two(k)
    m.compile(
        "adam",
        ["sparse_categorical_crossentropy", "mse"],
        loss_weights=[0.3, 2.0],
        metrics=[["accuracy"], ["mae", "mse"]],
        weighted_metrics=[None, ["mae"]],
    )
    history = m.fit([X, Z], [CLASSES, REAL], sample_weight=[WEIGHTS, WEIGHTS * 2], **PLAIN).history
    return [
        history,
        m.evaluate([X, Z], [CLASSES, REAL], verbose=0),
        m.evaluate([X, Z], [CLASSES, REAL], verbose=0, return_dict=True),
        m.metrics_names,
        m.train_on_batch([X[:5], Z[:5]], [CLASSES[:5], REAL[:5]]),
    ], m


@scenario
def dictionaries_for_two_outputs(k: Any) -> Any:
    m = two(k, named=True)
    m.compile(
        "adam",
        {"cls": "categorical_crossentropy", "reg": "mae"},
        loss_weights={"cls": 0.3, "reg": 2.0},
        metrics={"cls": "accuracy", "reg": ["mse"]},
        weighted_metrics={"reg": "mae"},
    )
    y, w = {"cls": ONE_HOT, "reg": REAL}, {"cls": WEIGHTS, "reg": 1 - WEIGHTS}
    history = m.fit({"a": X, "b": Z}, y, sample_weight=w, **PLAIN).history
    return [history, m.evaluate([X, Z], y, verbose=0)], m


@scenario
def a_loss_for_one_of_two_outputs(k: Any) -> Any:
    m = two(k, named=True)
    m.compile("adam", {"cls": "categorical_crossentropy", "reg": None}, metrics={"reg": ["mae"]})
    return m.fit({"a": X, "b": Z}, {"cls": ONE_HOT, "reg": REAL}, **PLAIN).history, m


@scenario
def metrics_of_one_name(k: Any) -> Any:
    m = one(k)
    again = k.metrics.SparseCategoricalAccuracy(name="accuracy")
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", again])
    return m.fit(X, CLASSES, **PLAIN).history, m


@scenario
def accuracy_is_chosen_by_shapes(k: Any) -> Any:
    m = one(k, activation="sigmoid")
    m.compile("sgd", k.losses.BinaryCrossentropy(), metrics=["accuracy", "binary_accuracy"])
    return m.evaluate(X, ONE_HOT, verbose=0), m


@scenario
def class_weights(k: Any) -> Any:
    m = one(k)
    m.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return m.fit(X, ONE_HOT, class_weight={0: 1.0, 1: 3.0, 2: 0.1}, **PLAIN).history, m


@scenario
def class_weights_for_some_classes(k: Any) -> Any:
    m = one(k)
    m.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m.fit(X, CLASSES, class_weight={1: 3.0}, **PLAIN).history, m


@scenario
def masked_steps_do_not_count_in_metrics(k: Any) -> Any:
    words = np.random.default_rng(4).integers(0, 3, (12, 5))
    tags = np.random.default_rng(5).integers(0, 4, (12, 5))
    x = k.Input((5,), dtype="int32")
    h = k.layers.Embedding(3, 4, mask_zero=True, name="e")(x)
    m = weighted(k.Model(x, k.layers.Dense(4, activation="softmax", name="o")(h)))
    kinds = ["accuracy", "sparse_categorical_crossentropy"]
    m.compile("sgd", kinds[1], metrics=kinds, weighted_metrics=kinds)
    weights = np.random.default_rng(6).uniform(size=(12, 5)).astype(np.float32)
    return [
        m.fit(words, tags, **PLAIN).history,
        m.evaluate(words, tags, sample_weight=weights, verbose=0, return_dict=True),
    ], m


@scenario
def flat_labels_of_a_regression(k: Any) -> Any:
    m = one(k, 1, None)
    m.compile("sgd", "mse", metrics=[k.metrics.R2Score()])
    return m.fit(X, REAL[:, 0], validation_split=0.3, **PLAIN).history, m


@scenario
def validation_split_and_frequency(k: Any) -> Any:
    m = one(k, 1, "sigmoid")
    m.compile("sgd", "binary_crossentropy", metrics=["accuracy", "AUC"])
    more = {"validation_split": 0.3, "sample_weight": WEIGHTS, "validation_freq": 2}
    return m.fit(X, BINARY, **more, **PLAIN).history, m


@scenario
def validation_data_and_steps(k: Any) -> Any:
    m = one(k, 1, "sigmoid")
    m.compile("sgd", "binary_crossentropy", metrics=["bce", "accuracy"])
    more = {"validation_steps": 2, "validation_batch_size": 7, "initial_epoch": 1, "epochs": 3}
    data = (X[:20], BINARY[:20], WEIGHTS[:20])
    return m.fit(X, BINARY, validation_data=data, **{**PLAIN, **more}).history, m


@scenario
def epochs_that_go_on_where_the_last_one_stopped(k: Any) -> Any:
    m = one(k, 1, "sigmoid")
    m.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return m.fit(X, BINARY, steps_per_epoch=2, **{**PLAIN, "epochs": 5}).history, m


def endless() -> Iterator[Any]:
    while True:
        for i in range(0, 40, 10):
            yield X[i : i + 10], BINARY[i : i + 10]


@scenario
def generators(k: Any) -> Any:
    m = one(k, 1, "sigmoid")
    m.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return [
        m.fit(endless(), steps_per_epoch=3, epochs=3, verbose=0).history,
        m.evaluate(endless(), steps=2, verbose=0),
        m.predict(endless(), steps=2, verbose=0),
        m.predict(X, steps=1, batch_size=16, verbose=0),
    ], m


@scenario
def a_generator_with_an_end(k: Any) -> Any:
    m = one(k, 1, "sigmoid")
    m.compile("sgd", "binary_crossentropy")
    parts = ((X[i : i + 10], BINARY[i : i + 10], WEIGHTS[i : i + 10]) for i in range(0, 40, 10))
    return m.fit(parts, verbose=0).history, m


@scenario
def losses_of_layers_alone(k: Any) -> Any:
    class Small(k.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.d = k.layers.Dense(2, name="d")

        def call(self, x: Any) -> Any:
            y = self.d(x)
            self.add_loss(k.ops.mean(k.ops.square(y)))
            return y

    m = Small()
    m(X[:2])
    weighted(m).compile("sgd")
    return [m.fit(X, **PLAIN).history, m.evaluate(X, verbose=0)], m


@scenario
def reductions(k: Any) -> Any:
    found = []
    for reduction in ("sum", "mean_with_sample_weight"):
        m = one(k, 1, None)
        m.compile(
            k.optimizers.Adam(0.1, clipnorm=0.1), k.losses.MeanSquaredError(reduction=reduction)
        )
        found.append(m.fit(X, REAL, sample_weight=WEIGHTS, **PLAIN).history)
    return found, m


@scenario
def functions_as_loss_and_metric(k: Any) -> Any:
    def distance(y: Any, p: Any) -> Any:
        return k.ops.mean(k.ops.abs(y - p), axis=-1)

    def single(y: Any, p: Any) -> Any:
        return k.ops.mean(k.ops.square(y - p))

    m = one(k, 1, None)
    m.compile("sgd", distance, metrics=[single, k.metrics.RootMeanSquaredError()])
    return m.fit(X, REAL, **PLAIN).history, m


@scenario
def regularizers(k: Any) -> Any:
    x = k.Input((6,))
    kinds = {"kernel_regularizer": "l2", "activity_regularizer": k.regularizers.L1(0.01)}
    m = k.Model(x, k.layers.Dense(1, name="q")(k.layers.Dense(4, name="h", **kinds)(x)))
    weighted(m).compile("sgd", "mse", metrics=["mae"])
    return [m.fit(X, REAL, **PLAIN).history, m.evaluate(X, REAL, verbose=0)], m


@scenario
def accumulation_with_running_means(k: Any) -> Any:
    m = one(k, 1, None)
    kinds = {"gradient_accumulation_steps": 3, "use_ema": True, "ema_momentum": 0.5}
    m.compile(k.optimizers.Adam(0.1, **kinds, ema_overwrite_frequency=2), "mse")
    return m.fit(X, REAL, **{**PLAIN, "epochs": 4}).history, m


@scenario
def clipping_and_decay(k: Any) -> Any:
    m = one(k, 1, None)
    kinds = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}
    m.compile(k.optimizers.SGD(0.1, global_clipnorm=0.5, weight_decay=0.01, **kinds), "mse")
    return m.fit(X, REAL, **PLAIN).history, m


@scenario
def loss_scale(k: Any) -> Any:
    m = one(k, 1, None)
    m.compile(k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.1)), "mse")
    return m.fit(X, REAL, **PLAIN).history, m


@scenario
def eager_steps(k: Any) -> Any:
    m = one(k, 1, None)
    m.compile("sgd", "mse", run_eagerly=True, metrics=["mae"])
    return m.fit(X, REAL, **PLAIN).history, m


@scenario
def own_loss_and_metrics(k: Any) -> Any:
    class Own(k.Model):  # type: ignore[misc, name-defined]
        def compute_loss(
            self,
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            return k.ops.mean(k.ops.square(y - y_pred)) * 2

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            found = super().compute_metrics(x, y, y_pred, sample_weight)
            found["extra"] = k.ops.mean(y_pred)
            return found

    x = k.Input((6,))
    m = weighted(Own(x, k.layers.Dense(1, name="q")(x)))
    m.compile("sgd", "mse", metrics=["mae"])
    return m.fit(X, REAL, **PLAIN).history, m


@scenario
def what_callbacks_are_told(k: Any) -> Any:
    told: list[Any] = []

    def note(what: str) -> Callable[..., None]:
        def method(self: Any, *args: Any, **named: Any) -> None:
            given = [*args, *named.values()]
            logs = {name: float(value) for name, value in (given.pop() or {}).items()}
            told.append([what, *given, logs])

        return method

    names = [f"on_{kind}_batch_{at}" for kind in ("train", "test") for at in ("begin", "end")]
    names += [f"on_{kind}_{at}" for kind in ("train", "test", "epoch") for at in ("begin", "end")]
    callback = type("All", (k.callbacks.Callback,), {name: note(name) for name in names})
    m = one(k, 1, None)
    m.compile("sgd", "mse", metrics=["mae"])
    m.fit(X, REAL, callbacks=[callback()], validation_data=(X, REAL), **PLAIN)
    m.evaluate(X, REAL, callbacks=[callback()], verbose=0)
    return told, m


@scenario
def stopping_within_an_epoch(k: Any) -> Any:
    m = one(k, 1, None)
    m.compile("sgd", "mse")
    stop = k.callbacks.LambdaCallback(
        on_train_batch_end=lambda b, logs: setattr(m, "stop_training", b == 1)
    )
    return m.fit(X, REAL, callbacks=[stop], **PLAIN).history, m


def as_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: as_plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(v) for v in value]
    return value if isinstance(value, str) or value is None else np.asarray(value, np.float64)


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name in theirs:
            assert_same(ours[name], theirs[name])
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)
    elif isinstance(theirs, str) or theirs is None:
        assert ours == theirs
    else:
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("name", SCENARIOS)
def test_fit(real: Any, name: str) -> None:
    found = []
    for k in (keras, real):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both warn of data that end; Keras of NumPy too
            result, model = SCENARIOS[name](k)
            found.append(as_plain([result, [np.asarray(w) for w in model.get_weights()]]))
    assert_same(*found)
