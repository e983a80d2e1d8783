"""Normalization, Rescaling, Discretization: against Keras itself, NumPy, and their own configuration."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
layers = keras.layers
RNG = np.random.default_rng(9)
CASES = [
    ("Normalization()", (20, 5)),
    ("Normalization()", (7, 3, 4)),
    ("Normalization(axis=None)", (20, 5)),
    ("Normalization(axis=(1, 2))", (6, 3, 4)),
    ("Normalization(axis=1)", (6, 3, 4)),
    ("Normalization(invert=True)", (20, 5)),
    ("Normalization(mean=2.0, variance=3.0)", (4, 2)),
    ("Normalization(axis=1, mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])", (6, 3, 4)),
    ("Rescaling(0.5, offset=-1.0)", (3, 2)),
    ("Rescaling([0.5, 1.0, 2.0], offset=[1.0, 2.0, 3.0])", (2, 2, 2, 3)),
]


@pytest.mark.parametrize(("make", "shape"), CASES)
def test_layer_computes_as_keras(real: Any, make: str, shape: tuple[int, ...]) -> None:
    x = RNG.normal(3.0, 2.0, shape).astype("float32")
    pair = [eval(make, vars(m)) for m in (layers, real.layers)]  # noqa: S307 - our own text
    if "Normalization" in make and "mean" not in make:
        for layer in pair:
            layer.adapt(x)
    ours, theirs = pair
    want = real.ops.convert_to_numpy(theirs(x))
    np.testing.assert_allclose(ours(x).numpy(), want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ps.function(ours)(ps.asarray(x)).numpy(), want, rtol=1e-5, atol=1e-5)
    mine, yours = (json.loads(json.dumps(layer.get_config())) for layer in pair)
    assert {k: v for k, v in mine.items() if k not in ("name", "dtype")} == {
        k: v for k, v in yours.items() if k not in ("name", "dtype")
    }
    weights = [v.name for v in theirs.weights]
    assert [v.name for v in ours.weights] == weights
    again = type(ours).from_config(ours.get_config())
    if weights:
        again.build((None, *shape[1:]))
        again.set_weights(ours.get_weights())
    np.testing.assert_array_equal(again(x).numpy(), ours(x).numpy())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_batches_are_adapted_to_like_the_whole(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(1e4, 1.0, (n, 3)).astype("float32") for n in sizes]
    layer = layers.Normalization()
    layer.adapt(iter(parts))
    whole = np.concatenate(parts).astype("float64")
    np.testing.assert_allclose(layer.adapt_mean.numpy(), whole.mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.adapt_variance.numpy(), whole.var(0), rtol=1e-4, atol=1e-6)


def test_constant_features_stay_finite() -> None:
    layer = layers.Normalization()
    layer.adapt(np.full((4, 1), 7.0))
    assert layer([[7.0]]).tolist() == [[0.0]]


def test_bins_hold_about_as_many_numbers_each() -> None:
    x = RNG.normal(size=1000).astype("float32")
    layer = layers.Discretization(num_bins=5)
    layer.adapt(iter([x[:300], x[300:]]))
    counts = np.bincount(layer(x).numpy(), minlength=5)
    assert counts.min() >= 199
    assert counts.max() <= 201
    again = layers.Discretization.from_config(layer.get_config())
    np.testing.assert_array_equal(again(x).numpy(), np.digitize(x, layer.bin_boundaries))
    again.adapt(x[:10])
    assert len(again.bin_boundaries) == 4


ERRORS: list[tuple[Any, str]] = [
    (lambda: layers.Normalization(mean=1.0), "give both, or none and call adapt"),
    (lambda: layers.Normalization(mean=[1.0], variance=2.0), "give both the same shape"),
    (lambda: layers.Normalization()(np.ones((2, 2))), r"call adapt\(data\) first"),
    (lambda: layers.Normalization(axis=3).build((None, 2)), "use an axis from -2 to 1"),
    (lambda: layers.Normalization(axis=1).build((None, None)), "give it one, or use axis=None"),
    (
        lambda: layers.Normalization(mean=1.0, variance=1.0).adapt([1.0]),
        "make the layer without them",
    ),
    (lambda: layers.Normalization().adapt(iter([])), "is the dataset exhausted"),
    (
        lambda: layers.Normalization(mean=[1.0] * 3, variance=[1.0] * 3)(np.ones((1, 2))),
        "give a number, or one for each index",
    ),
    (lambda: layers.Discretization([1.0]).adapt([1.0]), "make the layer with num_bins"),
    (lambda: layers.Discretization([1.0], sparse=True), "use it with vectors"),
]


@pytest.mark.parametrize(("call", "remedy"), ERRORS)
def test_errors_name_the_remedy(call: Any, remedy: str) -> None:
    with pytest.raises((ValueError, TypeError), match=remedy):
        call()


def test_adapt_takes_data_only() -> None:
    with pytest.raises(TypeError, match="a dataset that gives batches"):
        layers.Normalization().adapt(object())
