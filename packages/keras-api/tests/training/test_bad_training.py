"""Trainings that cannot be: each is refused with what to change; and what is left of a model afterwards."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from penstock import keras

L = keras.layers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 8)).astype(np.float32)
Y = X.sum(-1, keepdims=True)
CLASSES = np.arange(12) % 3


def classifier(loss: Any) -> Any:
    made = keras.Sequential(
        [keras.Input((8,), name="rows"), L.Dense(3, activation="softmax", name="kinds")]
    )
    made.compile("sgd", loss)
    return made


def regression(**more: Any) -> Any:
    made = keras.Sequential([keras.Input((8,), name="rows"), L.Dense(1, name="value")])
    made.compile(more.get("optimizer", "sgd"), "mse")
    return made


def later(last: Any) -> Iterator[Any]:
    yield X[:3], CLASSES[:3]
    yield X[:3], np.array(last)


SPARSE, ONE_HOT = "sparse_categorical_crossentropy", "categorical_crossentropy"
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "label too large": (
        lambda: classifier(SPARSE).fit(X, CLASSES + 1),
        "3 classes, and there is the label 3.*subtract the least one, or let the last layer have 4 units",
    ),
    "negative label": (lambda: classifier(SPARSE).fit(X, CLASSES - 1), "the label -1; labels go from 0 to 2"),
    "label too large, later": (lambda: classifier(SPARSE).fit(later([0, 1, 7])), "the label 7"),
    "no whole numbers": (lambda: classifier(SPARSE).fit(X, CLASSES * 0.5), "for a regression use loss='mse'"),
    "one-hot against sparse": (
        lambda: classifier(SPARSE).fit(X, np.eye(3)[CLASSES]),
        "use loss='categorical_crossentropy', or labels.argmax",
    ),
    "sparse against one-hot": (
        lambda: classifier(ONE_HOT).fit(X, CLASSES),
        "use loss='sparse_categorical_crossentropy', or one-hot labels",
    ),
    "another number of classes": (
        lambda: classifier(ONE_HOT).fit(X, np.eye(4)[CLASSES]),
        r"give labels of shape \(None, 3\)",
    ),
    "binary": (
        lambda: keras_binary().fit(X, CLASSES),
        "the label 2; labels are between 0 and 1: for several classes use",
    ),
    "text": (lambda: classifier(SPARSE).fit(X, np.array(["a", "b", "c"] * 4)), "StringLookup"),
    "no labels": (lambda: regression().fit(X), "got 0 labels for 1 outputs; give y"),
    "unknown output": (
        lambda: regression().fit(X, {"valeu": Y}),
        "got values for 'valeu'; the outputs are called value",
    ),
    "other width": (lambda: regression().fit(X[:, :7], Y), r"'rows' takes arrays of shape \(None, 8\)"),
    "other width, predict": (lambda: regression().predict(X[:, :7]), r"takes arrays of shape \(None, 8\)"),
    "no batch axis": (lambda: regression().predict(X[0]), r"needs an axis for the batch: x\[None\]"),
    "deeper": (lambda: regression().fit(X[:, :, None] * X[:, None], Y), "Flatten"),
    "two inputs for one": (lambda: regression().fit([X, X], Y), "and got 2 array"),
    "other lengths": (lambda: regression().fit(X, Y[:5]), "need as many as each other"),
    "no samples": (lambda: regression().fit(X[:0], Y[:0]), "at least one"),
    "no batches": (lambda: regression().fit(iter([])), "make it again"),
    "no data": (lambda: regression().fit(None), "give arrays, a data set, or a generator"),
    "labels twice": (lambda: regression().fit(later([0]), Y), r"let it give \(x, y\)"),
    "class weight by name": (
        lambda: classifier(SPARSE).fit(X, CLASSES, class_weight={"cat": 1.0, 1: 1.0}),
        r"class_weight has the key 'cat'; give a weight for whole numbers",
    ),
    "no loss": (lambda: classifier(None).fit(X, CLASSES), r"compile was given none.*loss='mse'"),
    "all for validation": (lambda: regression().fit(X, Y, validation_split=0.99), "leaves one part empty"),
    "batch of none": (lambda: regression().fit(X, Y, batch_size=-1), "use at least 1"),
    "metrics for one of two": (
        lambda: two_outputs().compile("sgd", "mse", metrics=["mae"]),
        "give a list for each output",
    ),
    "unknown metric output": (
        lambda: two_outputs().compile("sgd", "mse", metrics={"c": ["mae"]}),
        "the outputs are called a, b",
    ),
}  # fmt: skip


def keras_binary() -> Any:
    made = keras.Sequential([keras.Input((8,)), L.Dense(1, activation="sigmoid")])
    made.compile("sgd", "binary_crossentropy")
    return made


def two_outputs() -> Any:
    x = keras.Input((8,))
    return keras.Model(x, [L.Dense(1, name="a")(x), L.Dense(1, name="b")(x)])


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_labels_that_are_repeated_are_told() -> None:
    with pytest.warns(UserWarning, match="each is repeated to fit the other"):
        regression().fit(X, X[:, :3], verbose=0)


def test_layers_that_do_not_fit() -> None:
    a, b = L.Dense(4, name="first")(keras.Input((8,))), L.Dense(5, name="second")(keras.Input((8,)))
    shared = L.Dense(3, name="head")
    shared(a)
    with pytest.raises(
        ValueError, match=r"\[head\] input from layer 'second' has shape \(None, 5\).*make another"
    ):
        shared(b)
    with pytest.raises(ValueError, match="sum") as caught:
        L.Add(name="sum")([a, b])
    assert "'first' (None, 4), 'second' (None, 5)" in caught.value.__notes__[0]


class Log(keras.Layer):  # type: ignore[misc, name-defined]
    """A layer that makes NaN of negative numbers."""

    def call(self, x: Any) -> Any:
        return keras.ops.log(x)


def test_the_first_nan_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    stop = keras.callbacks.TerminateOnNaN()
    made = keras.Sequential([keras.Input((8,)), L.Dense(4), Log(name="logs"), L.Dense(1)])
    made.compile("sgd", "mse")
    before = made.get_weights()
    made.fit(X, Y, verbose=0, callbacks=[stop])
    assert "[log] produced NaN" in (told := capsys.readouterr().out)
    assert "sequential" in told
    assert "logs/log" in told
    assert [w.shape for w in made.get_weights()] == [w.shape for w in before]


def test_a_step_too_far_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    stop = keras.callbacks.TerminateOnNaN()
    made = regression(optimizer=keras.optimizers.Adam(np.inf))
    made.fit(X, Y, batch_size=4, verbose=0, callbacks=[stop])
    told = capsys.readouterr().out
    assert "Batch 1" in told
    assert "[adam_update] produced infinity" in told


def test_data_that_are_no_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    x = X.copy()
    x[5, 1] = np.nan
    regression().fit(x, Y, batch_size=4, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert "the data have values that are no finite numbers" in capsys.readouterr().out
    with pytest.warns(UserWarning, match=r"callbacks=\[keras.callbacks.TerminateOnNaN"):
        regression().fit(x, Y, verbose=0)


def test_data_that_end() -> None:
    with pytest.warns(UserWarning, match="ended after 3 of 5 batches.*repeat"):
        regression().fit(X, Y, batch_size=4, steps_per_epoch=5, verbose=0)
    parts = ((X[i : i + 4], Y[i : i + 4]) for i in range(0, 12, 4))
    with pytest.warns(UserWarning, match="ended before epoch 2, and cannot begin anew"):
        assert regression().fit(parts, epochs=3, verbose=0).epoch == [0]


def test_an_interrupt_leaves_a_model_that_works() -> None:
    made = regression(optimizer="adam")
    stop = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batch == 1 and signal.raise_signal(signal.SIGINT)
    )
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, Y, batch_size=4, epochs=2, callbacks=[stop])
    assert made.predict(X, verbose=0).shape == (12, 1)
    before = made.evaluate(X, Y, verbose=0)
    assert made.fit(X, Y, epochs=20, verbose=0).history["loss"][-1] < before


def test_predictions_belong_to_the_caller() -> None:
    made = keras.Sequential([keras.Input((8,)), L.Activation("linear")])
    x = X.copy()
    for _ in range(2):
        made.predict(x, verbose=0)[:] = 0
        made.predict_on_batch(x)[:] = 0
    np.testing.assert_array_equal(x, X)


def test_single_samples_are_no_batches() -> None:
    samples = keras.data.Dataset.from_tensor_slices((X, CLASSES))
    with pytest.raises(ValueError, match=r"dataset\.batch\(32\)"):
        classifier(SPARSE).fit(samples, verbose=0)
    with pytest.raises(ValueError, match=r"numpy\.asarray\(x\)"):
        classifier(SPARSE).fit(X.tolist(), CLASSES.tolist(), verbose=0)


def test_a_dataset_is_not_split_by_fit() -> None:
    batches = keras.data.Dataset.from_tensor_slices((X, CLASSES)).batch(4)
    with pytest.raises(ValueError, match=r"split_dataset.*and give validation_data"):
        classifier(SPARSE).fit(batches, validation_split=0.25, verbose=0)
