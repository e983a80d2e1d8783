"""How layers are wired: several inputs and outputs, shared layers, models in models, masks."""

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.saved import GraphModel
from penstock_formats.keras.read import read

# Keras itself and what it runs on warn of their own doings.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

RNG = np.random.default_rng(5)
IDS = np.array([[1, 2, 0, 0], [3, 0, 4, 0], [5, 5, 5, 5]], np.int32)


def drawn(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_in_models_and_shared_layers(keras: Any, same: Any, suffix: str) -> None:
    layers = keras.layers
    a, b = keras.Input((8, 8, 3), name="a"), keras.Input((8, 8, 3), name="b")
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
        ]
    )
    shared = layers.Dense(4, activation="tanh", name="shared")
    x, y = shared(inner(a)), shared(inner(b))
    outputs = {"sum": layers.Add()([x, y]), "both": layers.Concatenate()([x, y, x * y])}
    model = keras.Model([a, b], outputs)
    got = same(model, drawn(3, 8, 8, 3), drawn(3, 8, 8, 3), suffix=suffix)
    assert len(got.variables) == len(model.weights)
    assert {v.trainable for n, v in got.variables.items() if "moving" in n} == {False}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("wrap", ["lstm", "gru", "both ways", "average", "attention", "heads"])
def test_masks_of_an_embedding_travel(keras: Any, same: Any, wrap: str, suffix: str) -> None:
    layers = keras.layers
    ids = keras.Input((4,), dtype="int32")
    x = layers.Embedding(6, 5, mask_zero=True)(ids)
    y = {
        "lstm": lambda: layers.LSTM(3)(layers.LSTM(4, return_sequences=True)(x)),
        "gru": lambda: layers.GRU(3, return_sequences=True)(layers.Dense(4)(x)),
        "both ways": lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x),
        "average": lambda: layers.GlobalAveragePooling1D()(x),
        "attention": lambda: layers.Attention(use_scale=True)([x, x]),
        "heads": lambda: layers.MultiHeadAttention(2, 3)(x, x),
    }[wrap]()
    same(keras.Model(ids, y), IDS, suffix=suffix)


def test_attention(keras: Any, same: Any) -> None:
    layers = keras.layers
    q, v = keras.Input((4, 5)), keras.Input((6, 5))
    heads, scores = layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=7)(
        q, v, return_attention_scores=True
    )
    outputs = [
        heads,
        scores,
        layers.AdditiveAttention()([q, v]),
        layers.Attention(score_mode="concat")([q, v]),
        layers.Attention()([q, q], use_causal_mask=True),
        layers.MultiHeadAttention(2, 3)(q, q, use_causal_mask=True),
        layers.GroupQueryAttention(3, 4, 2)(q, v),
    ]
    same(keras.Model([q, v], outputs), drawn(2, 4, 5), drawn(2, 6, 5))


def test_merging(keras: Any, same: Any) -> None:
    layers = keras.layers
    a, b = keras.Input((4, 5)), keras.Input((4, 5))
    names = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate")
    outputs = [getattr(layers, name)()([a, b]) for name in names]
    outputs += [layers.Dot(axes=2)([a, b]), layers.Dot(axes=(1, 1), normalize=True)([a, b])]
    outputs += [layers.Concatenate(axis=1)([a, b])]
    same(keras.Model([a, b], outputs), drawn(2, 4, 5), drawn(2, 4, 5))


def test_states_of_one_layer_start_another(keras: Any, same: Any) -> None:
    layers = keras.layers
    a, b = keras.Input((None, 4), name="a"), keras.Input((None, 4), name="b")
    _, h, c = layers.LSTM(3, return_state=True)(a)
    y = layers.LSTM(3, return_sequences=True)(b, initial_state=[h, c])
    got = same(keras.Model([a, b], y), drawn(2, 5, 4), drawn(2, 7, 4))
    assert str(got.default).startswith("main(a: float32[batch, a_1, 4], b: float32[batch, b_1, 4])")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_functions_between_layers(keras: Any, same: Any, suffix: str) -> None:
    ops = keras.ops
    x, w = keras.Input((4, 6)), keras.Input((4, 6))
    outputs = [
        ops.mean(x, axis=-1, keepdims=True),
        ops.reshape(x, (-1, 24)),
        x[:, 1:3],
        ops.transpose(x, (0, 2, 1)),
        1.5 - x,
        ops.concatenate([x, w], axis=1),
        ops.stack([x, w], axis=1),
        ops.where(x > w, x, 0.0),
        ops.softmax(x, axis=1),
        ops.split(x, 2, axis=1)[1],
        ops.einsum("abc,abc->ab", x, w),
        ops.clip(x, 0.0, 1.0),
        ops.sum(x, axis=(1, 2)),
        x**2,
        ops.matmul(x, ops.transpose(w, (0, 2, 1))),
        ops.pad(x, ((0, 0), (1, 1), (0, 0))),
        ops.argmax(x, axis=1),
        ops.take(x, 1, axis=1),
        ops.gelu(x),
    ]
    same(keras.Model([x, w], outputs), drawn(2, 4, 6), drawn(2, 4, 6), suffix=suffix)


def test_a_model_can_be_trained_further(keras: Any, same: Any) -> None:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    got = same(model, drawn(4, 5))
    x = drawn(4, 5)
    with ps.GradientTape() as tape:
        loss = ps.mean(ps.square(got(x)))
    variables = got.trainable_variables
    gradients = tape.gradient(loss, variables)
    for v, g in zip(variables, gradients, strict=True):
        v.assign_sub(g * 0.01)
    assert float(ps.mean(ps.square(got(x)))) < float(loss)


def test_weights_alone_are_tensors_by_name(keras: Any, tmp_path: Any) -> None:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, name="last")])
    model.save_weights(tmp_path / "m.weights.h5")
    model.save(tmp_path / "m.keras")
    for name in ("m.weights.h5", "m.keras"):
        found = read(tmp_path / name, weights_only=True)
        assert not isinstance(found, GraphModel)
        np.testing.assert_array_equal(
            found["layers/dense/vars/0"].numpy(), keras.ops.convert_to_numpy(model.weights[0])
        )
