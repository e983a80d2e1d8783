"""Spectrograms, against Keras itself and NumPy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import keras

pytestmark = [  # of PyTorch and of Keras
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*recommended to be a power of two:UserWarning"),
]
layers = keras.layers
RNG = np.random.default_rng(0)
SIGNALS = RNG.normal(size=(2, 4000, 2)).astype("float32")
SETTINGS = [
    "",
    "padding='same', fft_length=300, window='hamming'",
    "scaling=None, frame_step=60, periodic=True",
    "scaling='spectrum', expand_dims=True, window=None",
]
MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
MELS = [
    "MelSpectrogram(512, 128, num_mel_bins=40, sampling_rate=8000)",
    "MelSpectrogram(512, 128, 400, 'hamming', 8000, 40, power_to_db=False, mag_exp=1.0)",
    "MelSpectrogram(256, window=None, num_mel_bins=20, top_db=20.0, ref_power=2.0, max_freq=3000)",
]


def pair(make: str, real: Any) -> list[Any]:
    return [eval(make, vars(m)) for m in (layers, real.layers)]  # noqa: S307 - our own text


def same_config(ours: Any, theirs: Any) -> None:
    mine, yours = (json.loads(json.dumps(layer.get_config())) for layer in (ours, theirs))
    assert mine | {"name": "", "dtype": ""} == yours | {"name": "", "dtype": ""}
    again = type(ours).from_config(mine)
    assert json.loads(json.dumps(again.get_config())) == mine


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("mode", MODES)
def test_spectra_are_keras_s(real: Any, mode: str, settings: str) -> None:
    pytest.importorskip("scipy")  # which Keras needs for windows
    ours, theirs = pair(f"STFTSpectrogram('{mode}', {settings})", real)
    want = real.ops.convert_to_numpy(theirs(SIGNALS))
    got = ours(SIGNALS).numpy()
    if mode == "angle":  # where a number is near zero its angle is anything
        turned = np.abs((got - want + np.pi) % (2 * np.pi) - np.pi)
        assert np.quantile(turned, 0.99) < 1e-2
    else:
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-3)
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]
    assert ours.compute_output_shape((2, 4000, 2)) == want.shape
    np.testing.assert_allclose(ps.function(ours)(ps.asarray(SIGNALS)).numpy(), got, atol=1e-4)
    same_config(ours, theirs)


def test_channels_first_is_the_same_moved() -> None:
    x = SIGNALS.transpose(0, 2, 1)
    last = layers.STFTSpectrogram(expand_dims=True)(SIGNALS).numpy()
    first = layers.STFTSpectrogram(expand_dims=True, data_format="channels_first")(x).numpy()
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, atol=1e-5)
    flat = layers.STFTSpectrogram(data_format="channels_first")
    assert flat(x).shape == flat.compute_output_shape(x.shape) == (2, 258, 30)


def test_a_tone_is_strongest_at_its_frequency() -> None:
    x = np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000).reshape(1, -1, 1)
    spectrum = layers.STFTSpectrogram("magnitude")(x).numpy()
    assert set(spectrum.argmax(-1).ravel()) == {32}  # 1000 · 256 / 8000


def test_kernels_are_trained() -> None:
    model = keras.Sequential([keras.Input((512, 1)), layers.STFTSpectrogram("magnitude", 64)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(SIGNALS[:, :512, :1], np.zeros((2, 15, 33)), verbose=0)
    assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("make", MELS)
def test_mel_spectra_are_keras_s(real: Any, make: str) -> None:
    ours, theirs = pair(make, real)
    x = SIGNALS[..., 0] * np.array([[1.0], [1e-3]], np.float32)
    want = real.ops.convert_to_numpy(theirs(x))
    got = ours(x).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-2)
    assert ours.compute_output_shape(x.shape) == want.shape
    np.testing.assert_allclose(ps.function(ours)(ps.asarray(x)).numpy(), got, atol=1e-3)
    np.testing.assert_allclose(ours(x[0]).numpy(), ours(x[:1])[0].numpy(), atol=1e-4)
    same_config(ours, theirs)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: layers.STFTSpectrogram("db"), "use one of log, magnitude"),
        (lambda: layers.STFTSpectrogram(scaling="x"), "use 'density', 'spectrum' or None"),
        (lambda: layers.STFTSpectrogram(padding="causal"), "use 'valid' or 'same'"),
        (lambda: layers.STFTSpectrogram(frame_length=1), "use 2 or more"),
        (lambda: layers.STFTSpectrogram(frame_step=300), "use a number from 1 to frame_length"),
        (lambda: layers.STFTSpectrogram(fft_length=8), "use frame_length=256 or more"),
        (lambda: layers.STFTSpectrogram(window="x")(SIGNALS), "an array of weights"),
        (lambda: layers.STFTSpectrogram(window=np.ones(3))(SIGNALS), "one weight for each sample"),
        (lambda: layers.STFTSpectrogram()(SIGNALS[0]), r"expected \[batch, samples, channels\]"),
        (lambda: layers.MelSpectrogram(64, sequence_length=65), "or a larger fft_length"),
        (lambda: layers.MelSpectrogram(window="x"), "an array of weights"),
        (lambda: layers.MelSpectrogram(window=np.ones(3)), r"expected \(2048,\)"),
        (lambda: layers.MelSpectrogram()(SIGNALS), r"expected \[samples\] or \[batch, samples\]"),
    ],
)
def test_errors_name_the_remedy(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()
