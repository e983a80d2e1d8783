"""Datasets in fit, evaluate and predict; training that goes on where it stood."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras
from penstock_keras_api.trainers.sources import source_of

Dataset = keras.data.Dataset


def _arrays() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 4)).astype(np.float32)
    return x, (x @ np.array([1.0, -2.0, 3.0, 0.5], np.float32))[:, None]


def _model() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_datasets_train_as_arrays_do() -> None:
    x, y = _arrays()
    one, two = _model(), _model()
    first = one.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    second = two.fit(Dataset.from_tensor_slices((x, y)).batch(8), epochs=3, verbose=0)
    assert first.history == second.history
    data = Dataset.from_tensor_slices((x, y)).batch(8)
    assert one.evaluate(x, y, batch_size=8, verbose=0) == two.evaluate(data, verbose=0)
    assert np.array_equal(one.predict(x, batch_size=8, verbose=0), two.predict(data, verbose=0))
    assert np.array_equal(
        one.predict(x, batch_size=8, verbose=0),
        two.predict(data.map(lambda x, y: x), verbose=0),
    )


def test_validation_data_and_endless_datasets() -> None:
    x, y = _arrays()
    data = Dataset.from_tensor_slices((x, y)).shuffle(50, seed=1).repeat().batch(8)
    history = _model().fit(
        data,
        epochs=2,
        steps_per_epoch=5,
        validation_data=Dataset.from_tensor_slices((x, y)).batch(25),
        verbose=0,
    )
    assert len(history.history["val_loss"]) == 2


def test_dictionaries_and_weights() -> None:
    x, y = _arrays()
    keras.utils.set_random_seed(1)
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    out = keras.layers.Dense(1)(keras.layers.Concatenate()([a, b]))
    model = keras.Model({"a": a, "b": b}, out)
    model.compile("sgd", "mse")
    data = Dataset.from_tensor_slices(({"a": x[:, :2], "b": x[:, 2:]}, y, np.ones(50, "f")))
    losses = model.fit(data.batch(10), epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_preprocessing_function_and_threads() -> None:
    x, y = _arrays()
    data = (
        Dataset.from_tensor_slices((x, y))
        .map(lambda x, y: (x * 2.0 + ps.random.normal((4,)), y), keras.data.AUTOTUNE)
        .shuffle(20)
        .batch(8)
        .prefetch(keras.data.AUTOTUNE)
    )
    losses = _model().fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_dataset_without_batches_is_told() -> None:
    x, y = _arrays()
    with pytest.raises(ValueError, match="no batch"):
        _model().fit(Dataset.from_tensor_slices((x, y)).batch(8).take(0), verbose=0)


@pytest.mark.parametrize("stop", [0, 1, 4, 7, 9, 13])
def test_sources_go_on_where_they_stood(stop: int) -> None:
    x, y = _arrays()

    def make() -> Any:
        data = Dataset.from_tensor_slices((x, y)).shuffle(20, seed=3)
        return data.map(lambda x, y: (x + ps.random.uniform((4,)), y), 2).batch(8).prefetch(2)

    def batches(source: Any, count: int) -> list[Any]:
        found: list[Any] = []
        going = iter(source)
        while len(found) < count:
            batch = next(going, None)
            if batch is None:
                going = iter(source)
            else:
                found.append([np.asarray(part).tolist() for part in batch])
        return found

    keras.utils.set_random_seed(5)
    whole = batches(source_of(make()), 21)
    keras.utils.set_random_seed(5)
    first = source_of(make())
    assert first.peek() is not None, "a look does not change what comes"
    assert batches(first, stop) == whole[:stop]
    state = json.loads(json.dumps(first.get_state()))
    keras.utils.set_random_seed(77)
    again = source_of(make())
    again.set_state(state)
    assert again.get_state() == state
    assert batches(again, 21 - stop) == whole[stop:]
