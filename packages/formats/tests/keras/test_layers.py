"""Every layer, alone in a model with random weights, against Keras itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import FormatError
from penstock_formats.keras.read import read

# Keras itself and what it runs on warn of their own doings.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

IMAGE = (9, 8, 6)
CASES: dict[str, tuple[tuple[int | None, ...], Callable[[Any], Any]]] = {
    "dense": ((5,), lambda L: L.Dense(4, activation="relu")),
    "dense without bias": ((3, 5), lambda L: L.Dense(4, use_bias=False)),
    "dense with a layer as activation": (
        (5,),
        lambda L: L.Dense(4, activation=L.ReLU(max_value=0.3, negative_slope=0.1)),
    ),
    "activation of a layer": ((3, 5), lambda L: L.Activation(L.Softmax(axis=1))),
    "einsum dense": (
        (4, 6),
        lambda L: L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"),
    ),
    "dropout": ((5,), lambda L: L.Dropout(0.5)),
    "masking": ((4, 3), lambda L: L.Masking()),
    "conv1d causal": ((9, 4), lambda L: L.Conv1D(3, 3, padding="causal", dilation_rate=2)),
    "conv1d same": ((9, 4), lambda L: L.Conv1D(3, 3, strides=2, padding="same")),
    "conv2d": (IMAGE, lambda L: L.Conv2D(4, (3, 2), strides=2, padding="same")),
    "conv2d groups": (IMAGE, lambda L: L.Conv2D(4, 3, groups=2, activation="elu")),
    "conv2d dilated": (IMAGE, lambda L: L.Conv2D(4, 3, dilation_rate=(2, 1), use_bias=False)),
    "conv2d channels first": (
        (6, 9, 8),
        lambda L: L.Conv2D(4, 3, data_format="channels_first", padding="same"),
    ),
    "conv3d": ((5, 6, 5, 2), lambda L: L.Conv3D(3, 2, strides=(1, 2, 1), padding="same")),
    "depthwise": (IMAGE, lambda L: L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")),
    "depthwise1d": ((9, 4), lambda L: L.DepthwiseConv1D(3, strides=2)),
    "separable": (IMAGE, lambda L: L.SeparableConv2D(5, 3, strides=2, depth_multiplier=2)),
    "separable1d": ((9, 4), lambda L: L.SeparableConv1D(5, 3, padding="same")),
    "conv1d transpose": ((5, 4), lambda L: L.Conv1DTranspose(3, 3, strides=2, padding="same")),
    "conv2d transpose": ((4, 5, 3), lambda L: L.Conv2DTranspose(2, 3, strides=2)),
    "conv2d transpose same": (
        (4, 5, 3),
        lambda L: L.Conv2DTranspose(2, 3, strides=2, padding="same"),
    ),
    "conv2d transpose output padding": (
        (4, 5, 3),
        lambda L: L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1),
    ),
    "conv3d transpose": ((3, 3, 2, 2), lambda L: L.Conv3DTranspose(2, 2, strides=2)),
    "max pool": (IMAGE, lambda L: L.MaxPooling2D(3, strides=2, padding="same")),
    "max pool1d": ((9, 4), lambda L: L.MaxPooling1D(2)),
    "max pool3d": ((5, 6, 5, 2), lambda L: L.MaxPooling3D(2)),
    "average pool": (IMAGE, lambda L: L.AveragePooling2D((2, 3))),
    "average pool1d": ((9, 4), lambda L: L.AveragePooling1D(3, strides=2)),
    "average pool3d": ((5, 6, 5, 2), lambda L: L.AveragePooling3D(2)),
    "global average": (IMAGE, lambda L: L.GlobalAveragePooling2D(keepdims=True)),
    "global average first": (
        IMAGE,
        lambda L: L.GlobalAveragePooling2D(data_format="channels_first"),
    ),
    "global max": ((9, 4), lambda L: L.GlobalMaxPooling1D()),
    "adaptive average": (IMAGE, lambda L: L.AdaptiveAveragePooling2D((3, 5))),
    "adaptive max": (IMAGE, lambda L: L.AdaptiveMaxPooling2D(4)),
    "batch norm": (IMAGE, lambda L: L.BatchNormalization(epsilon=0.01)),
    "batch norm axis": (IMAGE, lambda L: L.BatchNormalization(axis=1, scale=False)),
    "layer norm": ((4, 6), lambda L: L.LayerNormalization()),
    "layer norm axes": ((4, 6), lambda L: L.LayerNormalization(axis=[1, 2], center=False)),
    "rms norm": ((4, 6), lambda L: L.RMSNormalization()),
    "group norm": (IMAGE, lambda L: L.GroupNormalization(3)),
    "group norm axis": (IMAGE, lambda L: L.GroupNormalization(-1, axis=2)),
    "unit norm": ((4, 6), lambda L: L.UnitNormalization(axis=-1)),
    "relu": ((5,), lambda L: L.ReLU(max_value=0.7, negative_slope=0.1, threshold=0.2)),
    "leaky relu": ((5,), lambda L: L.LeakyReLU(0.2)),
    "prelu": ((4, 5), lambda L: L.PReLU(shared_axes=[1])),
    "elu": ((5,), lambda L: L.ELU(0.5)),
    "softmax": ((4, 5), lambda L: L.Softmax(axis=1)),
    "flatten": (IMAGE, lambda L: L.Flatten()),
    "flatten first": (IMAGE, lambda L: L.Flatten(data_format="channels_first")),
    "reshape": (IMAGE, lambda L: L.Reshape((-1, 12))),
    "permute": ((4, 5), lambda L: L.Permute((2, 1))),
    "repeat vector": ((5,), lambda L: L.RepeatVector(3)),
    "zero padding": (IMAGE, lambda L: L.ZeroPadding2D(((1, 2), (0, 3)))),
    "zero padding1d": ((4, 5), lambda L: L.ZeroPadding1D(2)),
    "cropping": (IMAGE, lambda L: L.Cropping2D(((1, 2), (0, 3)))),
    "cropping1d": ((4, 5), lambda L: L.Cropping1D((1, 2))),
    "upsampling": (IMAGE, lambda L: L.UpSampling2D((2, 3))),
    "upsampling bilinear": (IMAGE, lambda L: L.UpSampling2D(2, interpolation="bilinear")),
    "upsampling1d": ((4, 5), lambda L: L.UpSampling1D(2)),
    "lstm": ((6, 4), lambda L: L.LSTM(3)),
    "lstm sequences": ((6, 4), lambda L: L.LSTM(3, return_sequences=True, go_backwards=True)),
    "lstm hard sigmoid": (
        (6, 4),
        lambda L: L.LSTM(3, recurrent_activation="hard_sigmoid", activation="relu"),
    ),
    "gru": ((6, 4), lambda L: L.GRU(3)),
    "gru reset before": ((6, 4), lambda L: L.GRU(3, reset_after=False, return_sequences=True)),
    "gru other activations": ((6, 4), lambda L: L.GRU(3, activation="elu", use_bias=False)),
    "gru reset before, other": (
        (6, 4),
        lambda L: L.GRU(3, activation="elu", reset_after=False, go_backwards=True),
    ),
    "simple rnn": ((6, 4), lambda L: L.SimpleRNN(3, activation="relu")),
    "simple rnn other": ((6, 4), lambda L: L.SimpleRNN(3, activation="softsign")),
    "bidirectional": (
        (6, 4),
        lambda L: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
    ),
    "bidirectional last": ((6, 4), lambda L: L.Bidirectional(L.LSTM(3))),
    "rnn of cells": (
        (6, 4),
        lambda L: L.RNN([L.LSTMCell(3), L.LSTMCell(2)], return_sequences=True),
    ),
    "rnn of a cell": ((6, 4), lambda L: L.RNN(L.GRUCell(3))),
    "conv lstm": (
        (3, 6, 5, 2),
        lambda L: L.ConvLSTM2D(3, 2, padding="same", return_sequences=True),
    ),
    "conv lstm1d": ((3, 6, 2), lambda L: L.ConvLSTM1D(3, 2, strides=2)),
    "time distributed": ((4, 6, 6, 2), lambda L: L.TimeDistributed(L.Conv2D(3, 2))),
    "rescaling": ((5,), lambda L: L.Rescaling(0.5, offset=-1.0)),
    "random flip": (IMAGE, lambda L: L.RandomFlip()),
    "normalization given": ((3,), lambda L: L.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 9])),
    "resizing": (IMAGE, lambda L: L.Resizing(5, 11)),
    "resizing nearest": (IMAGE, lambda L: L.Resizing(18, 4, interpolation="nearest")),
    "center crop": (IMAGE, lambda L: L.CenterCrop(4, 5)),
    "discretization": ((5,), lambda L: L.Discretization(bin_boundaries=[-0.5, 0.0, 1.0])),
}  # fmt: skip
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]


def model_of(keras: Any, shape: tuple[int | None, ...], make: Callable[[Any], Any]) -> Any:
    return keras.Sequential([keras.Input(shape), make(keras.layers)])


@pytest.mark.parametrize("case", list(CASES))
def test_layer(keras: Any, same: Any, case: str) -> None:
    shape, make = CASES[case]
    x = np.random.default_rng(3).normal(size=(2, *shape)).astype(np.float32)
    same(model_of(keras, shape, make), x)


@pytest.mark.parametrize(
    "case", ["dense", "conv2d", "batch norm", "bidirectional", "rnn of cells", "prelu"]
)
def test_layer_in_hdf5(keras: Any, same: Any, case: str) -> None:
    shape, make = CASES[case]
    x = np.random.default_rng(3).normal(size=(2, *shape)).astype(np.float32)
    same(model_of(keras, shape, make), x, suffix=".h5")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(keras: Any, same: Any, name: str) -> None:
    x = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32) * 3
    same(model_of(keras, (6,), lambda L: L.Activation(name)), x)


def test_category_encoding(keras: Any, same: Any) -> None:
    for mode in ("multi_hot", "count", "one_hot"):
        shape = (1,) if mode == "one_hot" else (4,)
        model = keras.Sequential(
            [
                keras.Input(shape, dtype="int32"),
                keras.layers.CategoryEncoding(num_tokens=5, output_mode=mode),
            ]
        )
        same(model, np.array([[1, 3, 3, 0], [2, 2, 2, 4]], np.int32)[:, : shape[0]])


def test_normalization_that_was_adapted(keras: Any, same: Any) -> None:
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(2.0, 3.0, size=(50, 3)))
    x = np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)
    same(keras.Sequential([keras.Input((3,)), layer]), x, draw=False)


def test_settings_of_functions_are_used(keras: Any, same: Any) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.max(x, axis=-1, initial=0.3))
    same(model, np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32))


@pytest.mark.parametrize(
    ("name", "settings"), [("round", {"decimals": 1}), ("cumsum", {"axis": 1, "dtype": "int32"})]
)
def test_settings_of_functions_that_are_not_known_are_refused(
    keras: Any, tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    x = keras.Input((4,))
    keras.Model(x, getattr(keras.ops, name)(x, **settings)).save(tmp_path / "m.keras")
    told = f"{list(settings)[-1]}=.*which cannot be imported"
    with pytest.raises(FormatError, match=told):
        read(tmp_path / "m.keras")


def test_layers_with_weights_are_no_activations(keras: Any, tmp_path: Path) -> None:
    layer = keras.layers.Dense(4, activation=keras.layers.PReLU())
    keras.Sequential([keras.Input((5,)), layer]).save(tmp_path / "m.keras")
    with pytest.raises(FormatError, match="PReLU"):
        read(tmp_path / "m.keras")
