"""Core, merging, reshaping, activation, regularisation and attention layers, against NumPy and Keras itself."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

RNG = np.random.default_rng(5)
# Each makes a layer in both libraries: `layers` is the module.
MADE = [
    "layers.Embedding(7, 4, mask_zero=True)",
    "layers.EinsumDense('abc,cde->abde', output_shape=(None, 2, 3), bias_axes='de')",
    "layers.Activation('relu')",
    "layers.Identity()",
    "layers.Masking(2.0)",
    "layers.TimeDistributed(layers.Flatten())",
    "layers.Add()",
    "layers.Concatenate(axis=1)",
    "layers.Dot(axes=(1, 2), normalize=True)",
    "layers.Reshape((-1, 2))",
    "layers.Permute((2, 1))",
    "layers.RepeatVector(3)",
    "layers.Cropping1D(1)",
    "layers.Cropping2D((1, 2))",
    "layers.Cropping3D(1)",
    "layers.ZeroPadding1D(2)",
    "layers.ZeroPadding2D(2)",
    "layers.ZeroPadding3D()",
    "layers.UpSampling1D(3)",
    "layers.UpSampling2D(3, interpolation='bilinear')",
    "layers.UpSampling3D(3)",
    "layers.ReLU(6.0)",
    "layers.LeakyReLU()",
    "layers.PReLU(shared_axes=[1])",
    "layers.ELU(0.5)",
    "layers.Softmax(axis=1)",
    "layers.Dropout(0.5, noise_shape=(None, 1))",
    "layers.SpatialDropout1D(0.5)",
    "layers.SpatialDropout2D(0.5)",
    "layers.SpatialDropout3D(0.5)",
    "layers.GaussianNoise(0.5, seed=1)",
    "layers.GaussianDropout(0.5)",
    "layers.AlphaDropout(0.5)",
    "layers.ActivityRegularization(l2=0.1)",
    "layers.Attention(use_scale=True)",
    "layers.AdditiveAttention()",
    "layers.MultiHeadAttention(2, 3)",
    "layers.GroupQueryAttention(3, 4, 2)",
]
ASK = """
import json, sys
import keras
from keras import layers
print(json.dumps([eval(e).get_config() for e in json.loads(sys.argv[1])]))
"""


def random(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def without_names(config: Any) -> Any:
    """Leave out names, which count how many layers there are."""
    if isinstance(config, dict):
        return {key: without_names(value) for key, value in config.items() if key != "name"}
    return [without_names(item) for item in config] if isinstance(config, list) else config


def test_configurations_are_those_of_keras() -> None:
    if importlib.util.find_spec("keras") is None:
        pytest.skip("needs keras")
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(MADE)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        check=False,
    )
    if done.returncode:
        pytest.skip(f"Keras does not run here: {done.stderr[-200:]}")
    theirs = json.loads(done.stdout.splitlines()[-1])
    for text, want in zip(MADE, theirs, strict=True):
        layer = eval(text, {"layers": keras.layers})  # noqa: S307 - our own text above
        have = json.loads(json.dumps(layer.get_config()))
        assert without_names(have) == without_names(want), text
        again = type(layer).from_config(layer.get_config())
        assert json.loads(json.dumps(again.get_config())) == have, text


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("with_scores", [False, True])
def test_multi_head_attention_by_hand(with_scores: bool) -> None:
    layer = keras.layers.MultiHeadAttention(2, 3)
    query, value = random(2, 4, 6), random(2, 5, 6)
    seen = RNG.random((2, 4, 5)) > 0.3
    seen[:, :, 0] = True
    made = layer(query, value, attention_mask=seen, return_attention_scores=with_scores)
    wq, bq, wk, bk, wv, bv, wo, bo = layer.get_weights()
    q, k, v = (
        np.einsum("btf,fhd->bhtd", x, w) + b[:, None]
        for x, w, b in [(query, wq, bq), (value, wk, bk), (value, wv, bv)]
    )
    scores = np.where(seen[:, None], q @ k.swapaxes(2, 3) / np.sqrt(3), -np.inf)
    weights = softmax(scores)
    want = np.einsum("bhtd,hdf->btf", weights @ v, wo) + bo
    np.testing.assert_allclose(made[0] if with_scores else made, want, rtol=1e-4, atol=1e-5)
    if with_scores:
        np.testing.assert_allclose(made[1], weights, rtol=1e-4, atol=1e-6)


def test_the_kernel_of_an_equation_is_scaled_by_the_axes_it_sums_over() -> None:
    layer = keras.layers.EinsumDense("abc,cde->abde", output_shape=(None, 20, 30))
    layer.build((None, 5, 40))
    limit = np.sqrt(6 / (40 + 20 * 30))  # Glorot's, for 40 inputs and 600 outputs
    assert 0.98 * limit < np.abs(layer.get_weights()[0]).max() <= limit


def test_masks_go_on() -> None:
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    begin = keras.Input((3,), dtype="int32")
    x = keras.layers.Embedding(5, 4, mask_zero=True)(begin)
    y = keras.layers.MultiHeadAttention(1, 2)(x, x)
    model = keras.Model(begin, keras.layers.Add()([x, y]))
    changed = np.array([[1, 2, 0], [3, 0, 0]])
    made = model(ids).numpy()
    table = model.layers[1].get_weights()[0].copy()
    table[0] += 100.0  # what is masked does not count
    model.layers[1].set_weights([table])
    np.testing.assert_allclose(model(changed).numpy()[ids > 0], made[ids > 0], rtol=1e-5, atol=1e-6)


def test_maximum_leaves_masked_steps_out() -> None:
    a, b = random(1, 3, 2) + 10, random(1, 3, 2)
    a[0, 1] = 0
    b[0, 2] = 0
    left, right = keras.Input((3, 2)), keras.Input((3, 2))
    masked = [keras.layers.Masking()(left), keras.layers.Masking()(right)]
    model = keras.Model([left, right], keras.layers.Maximum()(masked))
    np.testing.assert_array_equal(model([a, b])[0], [a[0, 0], b[0, 1], a[0, 2]])


def test_time_distributed_is_the_layer_at_each_step() -> None:
    x = random(2, 5, 3)
    inner = keras.layers.Dense(4)
    layer = keras.layers.TimeDistributed(inner)
    kernel, bias = (layer(x), layer.get_weights())[1]
    np.testing.assert_allclose(layer(x), x @ kernel + bias, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "mean", "variance"),
    [
        (lambda: keras.layers.Dropout(0.25, seed=3), 1.0, 1 / 3),
        (lambda: keras.layers.GaussianDropout(0.25, seed=3), 1.0, 1 / 3),
        (lambda: keras.layers.GaussianNoise(0.5, seed=3), 1.0, 0.25),
    ],
)
def test_noise_has_the_mean_and_variance_it_should(
    layer: Any, mean: float, variance: float
) -> None:
    one = layer()
    x = np.ones((200, 200), np.float32)
    y = one(x, training=True).numpy()
    assert y.mean() == pytest.approx(mean, abs=0.02)
    assert y.var() == pytest.approx(variance, rel=0.05)
    assert not np.array_equal(one(x, training=True), y)  # each call draws anew
    np.testing.assert_array_equal(layer()(x, training=True), y)  # and a seed begins anew
    np.testing.assert_array_equal(one(x), x)
    assert one.weights == []
    assert len(one.variables) == 1


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    y = keras.layers.AlphaDropout(0.3, seed=2)(random(300, 300), training=True).numpy()
    assert y.mean() == pytest.approx(0.0, abs=0.02)
    assert y.var() == pytest.approx(1.0, abs=0.05)


def test_spatial_dropout_drops_whole_channels() -> None:
    y = keras.layers.SpatialDropout2D(0.5, seed=1)(
        np.ones((4, 3, 3, 20), np.float32), training=True
    )
    assert set(np.unique(y.numpy().sum((1, 2)))) == {0.0, 18.0}


def test_layers_work_in_training() -> None:
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            keras.layers.Embedding(9, 4),
            keras.layers.SpatialDropout1D(0.2),
            keras.layers.Reshape((-1,)),
            keras.layers.PReLU(),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse")
    x = RNG.integers(0, 9, (64, 6))
    y = (x[:, :1] > 4).astype(np.float32)
    losses = model.fit(x, y, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: keras.layers.Embedding(0, 3), "use a whole number above 0"),
        (lambda: keras.layers.EinsumDense("ab,bc", 3)(random(2, 3)), "write it as"),
        (lambda: keras.layers.EinsumDense("abc,cd->abd", 64)(random(2, 3, 4)), "a size for each axis"),
        (lambda: keras.layers.Add()(random(2, 3)), "call it on a list"),
        (lambda: keras.layers.Add()([random(2, 3), random(2, 4)]), "sizes must be equal, or 1"),
        (lambda: keras.layers.Subtract()([random(2, 3)] * 3), "give it two"),
        (lambda: keras.layers.Concatenate()([random(2, 3), random(3, 3)]), "must be equal"),
        (lambda: keras.layers.Dot(1)([random(2, 3), random(2, 4)]), "name axes of one size"),
        (lambda: keras.layers.Dot("a"), "use a number or a pair"),
        (lambda: keras.layers.Reshape((5,))(random(2, 3)), "make them equal, or one size -1"),
        (lambda: keras.layers.Permute((0, 1)), "each axis behind the batch once"),
        (lambda: keras.layers.Cropping1D(3)(random(2, 4, 1)), "crop less"),
        (lambda: keras.layers.ZeroPadding2D((1, 2, 3)), "2 pairs"),
        (lambda: keras.layers.UpSampling2D(2, interpolation="cubic"), "use one of nearest"),
        (lambda: keras.layers.ReLU(max_value=-1), "use a number of at least 0"),
        (lambda: keras.layers.Dropout(1.5), "use a number from 0 to 1"),
        (lambda: keras.layers.PReLU()(keras.Input((None, 3))), "share the axes that vary"),
        (lambda: keras.layers.Attention()(random(2, 3, 4)), "is called on a list"),
        (lambda: keras.layers.Attention(score_mode="sum"), "use 'dot' or 'concat'"),
        (lambda: keras.layers.MultiHeadAttention(0, 2), "use a whole number above 0"),
        (lambda: keras.layers.GroupQueryAttention(2, 3, 2), "a multiple of the second"),
        (lambda: keras.layers.TimeDistributed(ps.add), "give it a keras.layers.Layer"),
        (lambda: keras.layers.TimeDistributed(keras.layers.Flatten())(random(2, 3)), "batch, steps, features"),
        (lambda: keras.layers.Lambda(lambda x, w=ps.float32: ps.cast(x, w)).get_config(), "name the function with def"),
        (lambda: keras.layers.Softmax()(random(2, 3), mask=np.ones((2, 2), bool)), "or 1"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(call: Any, match: str) -> None:
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=match):
        call()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize(
    "options", [{}, {"tie_weights": False}, {"logit_soft_cap": 2.0}, {"mask_zero": True}]
)
def test_reversible_embedding(real: Any, options: dict[str, Any]) -> None:
    ours, theirs = (k.layers.ReversibleEmbedding(5, 3, **options) for k in (keras, real))
    tokens, vectors = (
        np.array([[1, 0]]),
        np.random.default_rng(0).normal(size=(1, 2, 3)).astype("f"),
    )
    theirs(tokens)
    ours(tokens)
    ours.set_weights(theirs.get_weights())
    for x, reverse in ((tokens, False), (vectors, True)):
        expected = real.ops.convert_to_numpy(theirs(x, reverse=reverse))
        np.testing.assert_allclose(ours(x, reverse=reverse).numpy(), expected, rtol=1e-5, atol=1e-6)
        assert tuple(ours.compute_output_shape(x.shape, reverse=reverse)) == expected.shape
    assert set(ours.get_config()) == set(theirs.get_config())
    stores: list[dict[str, Any]] = [{}, {}]
    ours.save_own_variables(stores[0])
    theirs.save_own_variables(stores[1])
    assert [np.shape(v) for v in stores[0].values()] == [tuple(v.shape) for v in stores[1].values()]


@pytest.mark.parametrize("by_name", [False, True])
def test_a_layer_of_two_tensors_says_its_shape_by_their_names(real: Any, by_name: bool) -> None:
    for k in (keras, real):

        class Pairs(k.layers.Layer):  # type: ignore[name-defined,misc]
            def call(self, rows: Any, columns: Any, mask: Any = None) -> Any:
                raise NotImplementedError("only the shape is asked for")

            def compute_output_shape(self, rows_shape: Any, columns_shape: Any) -> Any:
                return (rows_shape[0], rows_shape[1], columns_shape[1])

        one, other = k.Input((5, 2)), k.Input((7, 2))
        made = Pairs()(one, columns=other) if by_name else Pairs()(one, other)
        assert tuple(made.shape) == (None, 5, 7)
