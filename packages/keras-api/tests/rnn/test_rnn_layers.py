"""Recurrent layers: fused ops against cells step by step, masks, states, directions, dropout, configuration."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from penstock import keras

RNG = np.random.default_rng(3)
layers = keras.layers


def random(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def array(x: Any) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(x))


PAIRS = [
    (layers.SimpleRNN, layers.SimpleRNNCell, {}),
    (layers.SimpleRNN, layers.SimpleRNNCell, {"activation": "relu", "use_bias": False}),
    (layers.LSTM, layers.LSTMCell, {}),
    (layers.GRU, layers.GRUCell, {}),
    (layers.GRU, layers.GRUCell, {"reset_after": False}),
]


@pytest.mark.parametrize(("layer", "cell", "settings"), PAIRS)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_fused_layers_agree_with_their_cells(
    layer: Any, cell: Any, settings: Any, backwards: bool, masked: bool
) -> None:
    x = random(3, 6, 4)
    mask = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 1, 1], [1] * 6], bool) if masked else None
    asked = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    fused, stepped = layer(5, **settings, **asked), layers.RNN(cell(5, **settings), **asked)
    one = fused(x, mask=mask)
    stepped.build(x.shape)
    stepped.set_weights([random(*w.shape) for w in fused.get_weights()])
    fused.set_weights(stepped.get_weights())
    one, other = fused(x, mask=mask), stepped(x, mask=mask)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-5, atol=1e-5)


def test_lstm_by_hand() -> None:
    layer = layers.LSTM(2)
    x = random(1, 3, 2)
    y = array(layer(x))
    kernel, recurrent, bias = layer.get_weights()
    assert bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    h, c = np.zeros((1, 2)), np.zeros((1, 2))
    for t in range(3):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    np.testing.assert_allclose(y, h, rtol=1e-5, atol=1e-6)


def test_masked_steps_give_zero_or_what_was_before() -> None:
    x = random(1, 3, 2)
    mask = np.array([[True, False, True]])
    cell = layers.SimpleRNNCell(2)
    kept = array(layers.RNN(cell, return_sequences=True)(x, mask=mask))
    zero = array(layers.RNN(cell, return_sequences=True, zero_output_for_mask=True)(x, mask=mask))
    np.testing.assert_array_equal(kept[:, 1], kept[:, 0])
    assert not zero[:, 1].any()
    np.testing.assert_allclose(zero[:, 2], kept[:, 2], rtol=1e-6)


def test_states_are_kept_between_batches_and_reset() -> None:
    layer, x = layers.GRU(3, stateful=True), random(2, 4, 2)
    whole = layers.GRU(3)
    whole(x)
    layer.build((2, 4, 2))
    layer.set_weights(whole.get_weights())
    layer(x[:, :2])
    np.testing.assert_allclose(array(layer(x[:, 2:])), array(whole(x)), rtol=1e-5, atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(array(layer(x)), array(whole(x)), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="give batches of one size"):
        layer(random(3, 4, 2))


@pytest.mark.parametrize("rate", ["dropout", "recurrent_dropout"])
def test_dropout_only_while_training(rate: str) -> None:
    layer, x = layers.LSTM(8, **{rate: 0.5}), random(2, 5, 8)
    still = array(layer(x))
    np.testing.assert_array_equal(still, array(layer(x, training=False)))
    assert not np.allclose(still, array(layer(x, training=True)))


@pytest.mark.parametrize(
    "layer",
    [
        layers.SimpleRNN(3, activation="relu"),
        layers.LSTM(3, dropout=0.1, return_sequences=True),
        layers.GRU(3, go_backwards=True),
        layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]),
        layers.Bidirectional(layers.LSTM(3), merge_mode="ave"),
        layers.TimeDistributed(layers.Dense(3)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_models_come_back_from_their_configuration(layer: Any) -> None:
    begin = keras.Input((5, 4))
    model = keras.Model(begin, layer(begin))
    data = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    again = keras.saving.deserialize_keras_object(data)
    again.set_weights(model.get_weights())
    x = random(2, 5, 4)
    np.testing.assert_array_equal(array(again(x)), array(model(x)))
    assert [w.path for w in again.weights] == [w.path for w in model.weights]


def test_both_directions() -> None:
    x = random(2, 5, 3)
    both = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    y = array(both(x))
    np.testing.assert_allclose(y[..., :4], array(both.forward_layer(x)), rtol=1e-6)
    np.testing.assert_allclose(y[:, ::-1, 4:], array(both.backward_layer(x)), rtol=1e-6)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_images_with_channels_first(rank: int) -> None:
    cls = getattr(layers, f"ConvLSTM{rank}D")
    x = random(1, 2, *(5,) * rank, 2)
    last, first = cls(3, 3, padding="same"), cls(3, 3, padding="same", data_format="channels_first")
    y, moved = array(last(x)), np.moveaxis(x, -1, 2)
    first.build(moved.shape)
    first.set_weights(last.get_weights())
    np.testing.assert_allclose(np.moveaxis(array(first(moved)), 1, -1), y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: layers.LSTM(0), "use a whole number above 0"),
        (lambda: layers.RNN(3), "give it call"),
        (lambda: layers.Bidirectional(layers.GRU(2), merge_mode="cat"), "use 'concat'"),
        (lambda: layers.GRU(2, stateful=True)(keras.Input((3, 2))), "batch_shape"),
        (lambda: layers.ConvLSTM1D(2, 3, padding="causal"), "use 'valid' or 'same'"),
    ],
)
def test_errors_say_what_to_do(call: Any, match: str) -> None:
    with pytest.raises((ValueError, TypeError), match=match):
        call()
