"""Signals against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import fftpack, signal

import penstock as ps


def drawn(*shape: int) -> Any:
    return np.random.default_rng(9).normal(size=shape)


def test_frames_are_windows() -> None:
    x = drawn(2, 50)
    views = np.lib.stride_tricks.sliding_window_view(x, 7, -1)
    for step in (1, 3, 7, 10):
        np.testing.assert_array_equal(ps.signal.frame(x, 7, step).numpy(), views[:, ::step])
    padded = ps.signal.frame(x, 7, 20, pad_end=True, pad_value=5.0).numpy()
    expected = np.pad(x, ((0, 0), (0, 20)), constant_values=5)
    np.testing.assert_array_equal(padded[:, 2], expected[:, 40:47])
    assert padded.shape == (2, 3, 7)
    along = ps.signal.frame(x.T, 7, 3, axis=0).numpy()
    np.testing.assert_array_equal(along, views[:, ::3].transpose(1, 2, 0))
    assert ps.signal.frame(x, 60, 5).shape == (2, 0, 60)
    with pytest.raises(ValueError, match="frame_step=0; use 1 or more"):
        ps.signal.frame(x, 3, 0)


def test_frames_added_up() -> None:
    x = drawn(40)
    frames = ps.signal.frame(x, 8, 4)
    halves = ps.signal.overlap_and_add(frames, 4).numpy()
    np.testing.assert_allclose(halves[4:-4], 2 * x[4:-4])
    with pytest.raises(ValueError, match=r"expected \[..., frames, frame_length\]; reshape it"):
        ps.signal.overlap_and_add(x, 2)


def test_frames_of_unknown_length() -> None:
    doubled = ps.function(lambda x: ps.signal.overlap_and_add(ps.signal.frame(x, 8, 4), 4))
    slope = ps.function(ps.grad(lambda x: ps.sum(ps.signal.frame(x, 8, 4) * 3)))
    for n in (40, 41, 64):
        x = drawn(n)
        end = (n - 8) // 4 * 4 + 8
        np.testing.assert_allclose(doubled(x).numpy()[4:-4], 2 * x[4 : end - 4])
        counts = np.zeros(n)
        for first in range(0, n - 7, 4):
            counts[first : first + 8] += 3
        np.testing.assert_allclose(slope(x).numpy(), counts)


WINDOWS = {
    "hann": ps.signal.hann_window,
    "hamming": ps.signal.hamming_window,
    "blackman": ps.signal.blackman_window,
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_are_scipys(name: str) -> None:
    for n in (1, 2, 7, 16):
        for periodic in (False, True):
            got = WINDOWS[name](n, periodic, dtype="float64").numpy()
            np.testing.assert_allclose(
                got, signal.get_window(name, n, fftbins=periodic), atol=1e-15
            )


def test_kaiser_and_vorbis() -> None:
    for n in (1, 5, 12):
        got = ps.signal.kaiser_window(n, 7.0, dtype="float64").numpy()
        np.testing.assert_allclose(got, np.kaiser(n, 7.0), rtol=1e-12)
    vorbis = ps.signal.vorbis_window(16, "float64").numpy()
    np.testing.assert_allclose(vorbis[:8] ** 2 + vorbis[8:] ** 2, 1)
    with pytest.raises(ValueError, match="use 0 or more"):
        ps.signal.hann_window(-1)


@pytest.mark.parametrize("type", [1, 2, 3, 4])
def test_cosine_transforms_are_scipys(type: int) -> None:
    x = drawn(3, 9, 2)
    for norm in (None, "ortho") if type > 1 else (None,):
        for n in (None, 5, 12):
            got = ps.signal.dct(x, type, n, 1, norm).numpy()
            np.testing.assert_allclose(got, fftpack.dct(x, type, n, 1, norm), atol=1e-12)
            back = ps.signal.idct(x, type, n, 1, norm).numpy()
            np.testing.assert_allclose(back, fftpack.idct(x, type, n, 1, norm), atol=1e-12)
    with pytest.raises(ValueError, match="use 2, 3 or 4, or 1 without"):
        ps.signal.dct(x, 5)
    with pytest.raises(ValueError, match='use None or "ortho"'):
        ps.signal.dct(x, norm="forward")


def test_short_spectra_are_scipys() -> None:
    x = drawn(2, 200)
    for length, step, points in ((32, 16, 32), (30, 10, 64), (33, 7, 33)):
        window = signal.get_window("hann", length)
        got = ps.signal.stft(x, length, step, points).numpy()
        for i in range(got.shape[1]):
            frame = x[:, i * step : i * step + length] * window
            np.testing.assert_allclose(got[:, i], np.fft.rfft(frame, points), atol=1e-12)
    assert ps.signal.stft(x, 33, 10).shape == (2, 17, 33)


def test_spectra_there_and_back() -> None:
    x = drawn(2, 160).astype("float32")
    for step in (8, 12):
        weights = ps.signal.inverse_stft_window(step)
        back = ps.signal.istft(ps.signal.stft(x, 32, step), 32, step, window_fn=weights).numpy()
        np.testing.assert_allclose(back[:, 32:-32], x[:, 32 : back.shape[1] - 32], atol=1e-5)
    with pytest.raises(ValueError, match="one weight for each sample of a frame"):
        ps.signal.stft(x, 8, 4, window_fn=lambda n, dtype: ps.ones(3))


def test_gradient_of_a_spectrogram() -> None:
    x = drawn(40)

    def loudness(x: Any) -> Any:
        return ps.sum(ps.square(ps.abs(ps.signal.stft(x, 16, 8))))

    slope = ps.grad(loudness)(ps.asarray(x)).numpy()
    for i in (0, 7, 20, 39):
        step = np.zeros(40)
        step[i] = 1e-4
        difference = (float(loudness(x + step)) - float(loudness(x - step))) / 2e-4
        np.testing.assert_allclose(slope[i], difference, rtol=1e-5, atol=1e-6)


def test_mel_bands() -> None:
    bands = ps.signal.linear_to_mel_weight_matrix(20, 257, 16000, 125, 7600, "float64").numpy()
    assert bands.shape == (257, 20)
    assert not bands[0].any()
    hertz = np.linspace(0, 8000, 257)
    mel = 1127 * np.log(1 + hertz / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7600 / 700), 22)
    for band in range(20):
        triangle = np.interp(mel, edges[band : band + 3], [0, 1, 0])
        np.testing.assert_allclose(bands[1:, band], triangle[1:], atol=1e-12)
    with pytest.raises(ValueError, match="edges that rise from 0 to 4000"):
        ps.signal.linear_to_mel_weight_matrix(20, 129, 8000, 100, 5000)


def test_a_tone_sounds_in_its_band() -> None:
    time = np.arange(8000) / 16000
    for hertz in (440, 1000, 3000):
        sound = np.sin(2 * np.pi * hertz * time).astype("float32")
        features = ps.signal.log_mel_spectrogram(sound).numpy()
        middles = 700 * np.expm1(
            np.linspace(*(1127 * np.log1p(f / 700) for f in (80, 7600)), 82) / 1127
        )
        loudest = middles[1:-1][features.mean(0).argmax()]
        assert abs(loudest - hertz) < 0.06 * hertz


def test_cepstra_are_scaled_transforms() -> None:
    x = drawn(3, 40)
    got = ps.signal.mfccs_from_log_mel_spectrograms(x).numpy()
    np.testing.assert_allclose(got, fftpack.dct(x, 2) / np.sqrt(80), atol=1e-12)
