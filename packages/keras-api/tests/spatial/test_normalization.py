"""Normalisation layers: the same weights, configurations, outputs and training as in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError

# Of Keras itself, which hands its variables to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(2)


@pytest.mark.parametrize(
    "given",
    [{}, {"axis": 1, "momentum": 0.8}, {"center": False}, {"scale": False, "epsilon": 0.1}],
)
def test_batch_normalization(same: Callable[..., Any], given: dict[str, Any]) -> None:
    same("BatchNormalization", shape=(4, 3, 5), step=True, **given)


def test_batch_normalization_of_masked_steps(real: Any) -> None:
    x = RNG.normal(size=(3, 4, 2)).astype(np.float32)
    mask = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [1, 1, 1, 0]], bool)
    mine, theirs = (k.layers.BatchNormalization(momentum=0.5) for k in (keras, real))
    wanted = real.ops.convert_to_numpy(theirs(x, training=True, mask=mask))
    np.testing.assert_allclose(mine(x, training=True, mask=mask), wanted, rtol=1e-5, atol=1e-5)
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    with pytest.raises(ShapeError, match="one axis less than the input has"):
        mine(x, training=True, mask=mask[0])


def test_a_frozen_batch_normalization_uses_and_keeps_its_averages() -> None:
    layer = keras.layers.BatchNormalization()
    layer.trainable = False
    x = RNG.normal(size=(8, 3)).astype(np.float32)
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    assert not layer.moving_mean.numpy().any()


def test_batch_normalization_in_half_precision_keeps_float32_averages() -> None:
    layer = keras.layers.BatchNormalization(dtype="mixed_float16")
    x = np.full((4, 2), 300.0, np.float32)  # whose square is no float16
    assert layer(x, training=True).dtype == "float16"
    np.testing.assert_allclose(layer.moving_mean.numpy(), 3.0, rtol=1e-3)


@pytest.mark.parametrize("eagerly", [True, False])
def test_moving_averages_move_in_training_only(eagerly: bool) -> None:
    layer = keras.layers.BatchNormalization(momentum=0.9)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile("sgd", "mse", run_eagerly=eagerly)
    x = RNG.normal(2.0, 1.0, size=(16, 3)).astype(np.float32)
    model.train_on_batch(x, x)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * x.var(0), rtol=1e-4)
    before = layer.moving_mean.numpy()
    model.predict(x, verbose=0)
    model.evaluate(x, x, verbose=0)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), before)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"axis": [1, 2]},
        {"axis": (-2, -1), "center": False},
        {"axis": [-1], "scale": False},
    ],
)
def test_layer_normalization(same: Callable[..., Any], given: dict[str, Any]) -> None:
    same("LayerNormalization", shape=(4, 3, 5), step=True, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"groups": 2},
        {"groups": -1},
        {"groups": 3, "axis": 1},
        {"groups": 2, "center": False, "scale": False},
    ],
)
def test_group_normalization(same: Callable[..., Any], given: dict[str, Any]) -> None:
    same("GroupNormalization", shape=(2, 6, 5, 4), step="scale" not in given, **given)


@pytest.mark.parametrize("given", [{}, {"epsilon": 0.1}, {"axis": [1, 2]}])
def test_rms_normalization(same: Callable[..., Any], given: dict[str, Any]) -> None:
    same("RMSNormalization", shape=(4, 3, 5), step=True, **given)


def test_an_axis_in_the_middle_against_numpy() -> None:
    x = RNG.normal(size=(4, 3, 5)).astype(np.float32)
    mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
    layer = keras.layers.LayerNormalization(axis=1)
    np.testing.assert_allclose(
        layer(x), (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5
    )
    wanted = x / np.sqrt((x * x).mean(1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(
        keras.layers.RMSNormalization(axis=1)(x), wanted, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("given", [{}, {"axis": 1}, {"axis": [1, 2]}])
def test_unit_normalization(same: Callable[..., Any], given: dict[str, Any]) -> None:
    same("UnitNormalization", shape=(4, 3, 5), **given)


def test_unit_normalization_leaves_zeros() -> None:
    np.testing.assert_array_equal(keras.layers.UnitNormalization()(np.zeros((2, 3))), 0.0)


@pytest.mark.parametrize("iterations", [1, 4])
def test_spectral_normalization(real: Any, iterations: int) -> None:
    x = RNG.normal(size=(2, 6, 6, 3)).astype(np.float32)
    layers = []
    for k in (keras, real):
        layer = k.layers.SpectralNormalization(k.layers.Conv2D(4, 3), iterations)
        layer.build((None, 6, 6, 3))
        layers.append(layer)
    mine, theirs = layers
    values = [RNG.normal(size=v.shape).astype(np.float32) for v in theirs.weights]
    for layer in layers:
        layer.set_weights(values)
    for training in (False, True, True):
        wanted = real.ops.convert_to_numpy(theirs(x, training=training))
        np.testing.assert_allclose(mine(x, training=training), wanted, rtol=1e-4, atol=1e-4)
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    again = keras.layers.SpectralNormalization.from_config(mine.get_config())
    assert (again.layer.filters, again.power_iterations) == (4, iterations)


def test_spectral_normalization_leaves_a_kernel_of_zeros() -> None:
    inner = keras.layers.Dense(2, kernel_initializer="zeros")
    layer = keras.layers.SpectralNormalization(inner)
    assert not np.asarray(layer(np.ones((1, 3)), training=True)).any()
    assert not inner.kernel.numpy().any()


def test_arguments_out_of_range() -> None:
    layers = keras.layers
    with pytest.raises(InvalidValueError, match="leave it out, or use LayerNormalization"):
        layers.BatchNormalization(renorm=True)
    with pytest.raises(InvalidTypeError, match="use a whole number, or a list of whole numbers"):
        layers.LayerNormalization(axis="last")
    with pytest.raises(InvalidValueError, match="use one from -2 to 1"):
        layers.LayerNormalization(axis=2)(keras.Input((3,)))
    with pytest.raises(InvalidValueError, match="give Input a shape that says it"):
        layers.BatchNormalization()(keras.Input((None,)))
    with pytest.raises(InvalidValueError, match="use another number of groups"):
        layers.GroupNormalization(4)(keras.Input((6,)))
    with pytest.raises(InvalidValueError, match="or -1 for a group for each"):
        layers.GroupNormalization(0)
    with pytest.raises(InvalidValueError, match="use at least 1"):
        layers.SpectralNormalization(layers.Dense(2), 0)
    with pytest.raises(InvalidTypeError, match=r"give it a keras\.layers\.Layer"):
        layers.SpectralNormalization("dense")
    with pytest.raises(InvalidTypeError, match="wrap a layer such as Dense"):
        layers.SpectralNormalization(layers.Flatten())(keras.Input((3,)))
    with pytest.warns(UserWarning, match="use RMSNormalization"):
        layers.LayerNormalization(rms_scaling=True)
