"""Random layers in graphs: every run draws other numbers, which the layer's own state decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras
from penstock_keras_api.random import draws

Array = np.ndarray[Any, Any]
LAYERS: dict[str, Callable[[], Any]] = {
    "Dropout": lambda: keras.layers.Dropout(0.5, seed=3),
    "SpatialDropout1D": lambda: keras.layers.SpatialDropout1D(0.5, seed=3),
    "GaussianNoise": lambda: keras.layers.GaussianNoise(0.5, seed=3),
    "GaussianDropout": lambda: keras.layers.GaussianDropout(0.5, seed=3),
    "AlphaDropout": lambda: keras.layers.AlphaDropout(0.5, seed=3),
    "LSTM": lambda: keras.layers.LSTM(
        8, dropout=0.5, recurrent_dropout=0.5, seed=3, kernel_initializer="ones"
    ),
    "GRU": lambda: keras.layers.GRU(8, dropout=0.5, seed=3, kernel_initializer="ones"),
}


def runs(layer: Any, count: int, compiled: bool) -> list[Array]:
    x = ps.ones((2, 3, 16))
    layer(x)
    call = ps.function(lambda t: layer(t, training=True)) if compiled else None
    return [
        np.asarray((call(x) if call else layer(x, training=True)).numpy()) for _ in range(count)
    ]


@pytest.mark.parametrize("name", LAYERS)
def test_every_run_of_a_graph_draws_anew_and_seeds_repeat(name: str) -> None:
    layer = LAYERS[name]()
    first = runs(layer, 3, compiled=True)
    weights = layer.get_weights()
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[1], first[2])
    again = LAYERS[name]()
    again(ps.ones((2, 3, 16)))
    again.set_weights(weights)
    for got, want in zip(runs(again, 3, compiled=True), first, strict=True):
        np.testing.assert_array_equal(got, want)
    eager = LAYERS[name]()
    eager(ps.ones((2, 3, 16)))
    eager.set_weights(weights)
    for got, want in zip(runs(eager, 3, compiled=False), first, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)


class Masks(keras.callbacks.Callback):
    """Keep what each step added to a weight whose gradient is the mask."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Array] = []
        self.last: Array | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = self.model.layers[-1].kernel.numpy()[:, 0]
        self.seen.append(now - (1.0 if self.last is None else self.last))
        self.last = now


def trained(steps: int, state: Any = None) -> tuple[Any, list[Array]]:
    model = keras.Sequential(
        [
            keras.Input((32,)),
            keras.layers.Dropout(0.5, seed=11),
            keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"),
        ]
    )
    model.compile("sgd", lambda y_true, y_pred: ps.mean(y_pred))
    if state is not None:
        model.layers[0].seed_generator.state.assign(state)
    masks = Masks()
    x = np.ones((steps, 32), np.float32)
    model.fit(x, np.zeros(steps), batch_size=1, verbose=0, callbacks=[masks])
    return model, masks.seen


def test_dropout_in_fit_differs_at_each_step_and_goes_on_from_a_saved_state() -> None:
    _, whole = trained(6)
    assert len({mask.tobytes() for mask in map(np.sign, whole)}) == 6
    _, same = trained(6)
    np.testing.assert_array_equal(same, whole)
    begun, before = trained(2)
    state = begun.layers[0].seed_generator.state.numpy()
    assert state.tolist() == [11, 2]
    _, after = trained(4, state)
    signs = [np.sign(mask) for mask in (*before, *after)]
    np.testing.assert_array_equal(signs, [np.sign(mask) for mask in whole])


def test_the_share_that_is_dropped_is_the_rate() -> None:
    layer = keras.layers.Dropout(0.3, seed=1)
    call = ps.function(lambda t: layer(t, training=True))
    y = call(ps.ones((200, 500))).numpy()
    assert abs((y == 0).mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)


def test_keys_are_numbers_generators_and_tensors() -> None:
    assert draws.key_of(2**32 + 5).tolist() == [5, 1]
    assert draws.key_of(ps.asarray([4, 9])).tolist() == [4, 9]
    assert draws.key_of(keras.random.SeedGenerator(8)).tolist() == [8, 0]
    assert draws.key_of(None).tolist() != draws.key_of(None).tolist()


def test_calls_without_training_leave_the_state() -> None:
    layer = keras.layers.Dropout(0.5, seed=2)
    layer(ps.ones((3,)), training=False)
    assert layer.seed_generator.state.tolist() == [2, 0]
