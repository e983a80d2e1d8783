"""Sound as pictures whose frequencies lie as the ear hears them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api.layers.layer import Layer


class MelSpectrogram(Layer):
    """Turn signals [samples] or [batch, samples] into spectrograms in mel: [..., num_mel_bins, frames].

    Args:
        fft_length: The length of a frame, and of its transform.
        sequence_stride: How many samples lie between the beginnings of frames.
        sequence_length: The length of the window; by default that of a frame.
        window: "hann", "hamming", an array of weights, or None for none.
        sampling_rate: Samples per second.
        num_mel_bins: How many bands there are.
        min_freq: Where the first band begins, in hertz.
        max_freq: Where the last one ends; by default half the sampling rate.
        power_to_db: Return decibels.
        top_db: How many decibels below the largest value the smallest is.
        mag_exp: The power of the magnitude that is added up: 1 for magnitudes, 2 for powers.
        min_power: What is smaller counts as this, for decibels.
        ref_power: What 0 decibels are.
        kwargs: As in `Layer`.

    Raises:
        ValueError: A length does not fit, or there is no such window; in a call: the signals have another shape.

    >>> from penstock import keras
    >>> layer = keras.layers.MelSpectrogram(64, 16, num_mel_bins=10, sampling_rate=800)
    >>> layer(np.ones(160)).shape
    (10, 11)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        if self.sequence_length > fft_length:
            raise InvalidValueError(
                f"[MelSpectrogram] got sequence_length={sequence_length}; use {fft_length} at most, or a larger fft_length"
            )
        self._frame_weights = self._window_values()
        self.built = True

    def _window_values(self) -> Any:
        """Return the window with zeros at both ends, as long as a frame."""
        if self.window is None:
            values = np.ones(self.sequence_length)
        elif isinstance(self.window, str):
            shares = {"hann": 0.5, "hamming": 0.54}
            if self.window not in shares:
                raise InvalidValueError(
                    f"[MelSpectrogram] got window={self.window!r}; use 'hann', 'hamming', None, or an array of weights"
                )
            share = shares[self.window]
            turns = np.arange(self.sequence_length) / self.sequence_length
            values = share - (1.0 - share) * np.cos(2.0 * np.pi * turns)
        else:
            values = np.asarray(self.window, np.float64)
        if values.shape != (self.sequence_length,):
            raise ShapeError(
                f"[MelSpectrogram] got a window of shape {values.shape}; expected ({self.sequence_length},)"
            )
        left = (self.fft_length - self.sequence_length) // 2
        return np.pad(values, (left, self.fft_length - self.sequence_length - left))

    def call(self, inputs: Any) -> Any:
        """Return spectrograms."""
        x = ps.cast(ps.asarray(inputs), self.compute_dtype)
        if x.ndim not in (1, 2):
            raise ShapeError(
                f"[{self.name}] got signals of shape {tuple(x.shape)}; expected [samples] or [batch, samples]"
            )
        signals = ps.expand_dims(x, 0) if x.ndim == 1 else x
        power = self._spectrogram(signals)
        bands = ps.matmul(power, ps.cast(self._mel_weights(), power.dtype))
        made = ps.swapaxes(self._decibels(bands) if self.power_to_db else bands, 1, 2)
        made = ps.cast(made, self.compute_dtype)
        return ps.squeeze(made, 0) if x.ndim == 1 else made

    def _spectrogram(self, signals: Any) -> Any:
        """Return powers of magnitudes, [batch, frames, frequencies], with mirrored ends."""
        half = self.fft_length // 2
        wide = ps.pad(ps.cast(signals, "float32"), [(0, 0), (half, half)], mode="reflect")
        weights = ps.asarray(self._frame_weights.astype(np.float32))
        spectra = ps.signal.stft(
            wide,
            self.fft_length,
            self.sequence_stride,
            self.fft_length,
            window_fn=lambda length, dtype: ps.cast(weights, dtype),
        )
        real, imag = ps.real(spectra), ps.imag(spectra)
        power = real * real + imag * imag
        return power if self.mag_exp == 2.0 else ps.maximum(power, 1e-38) ** (self.mag_exp / 2.0)

    def _mel_weights(self) -> Any:
        return self.linear_to_mel_weight_matrix(
            self.num_mel_bins,
            self.fft_length // 2 + 1,
            self.sampling_rate,
            self.min_freq,
            self.max_freq,
        )

    def _decibels(self, bands: Any) -> Any:
        reference = 10.0 * math.log10(max(self.min_power, self.ref_power))
        made = ps.log10(ps.maximum(bands, self.min_power)) * 10.0 - reference
        return ps.maximum(made, ps.max(made) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> Any:
        """Make the matrix that sums frequencies into bands.

        Args:
            num_mel_bins: How many bands.
            num_spectrogram_bins: How many frequencies, from 0 to half the sampling rate.
            sampling_rate: Samples per second.
            lower_edge_hertz: Where the first band begins.
            upper_edge_hertz: Where the last one ends.
            dtype: Of the result.

        Returns:
            [num_spectrogram_bins, num_mel_bins].

        Raises:
            ValueError: A number is out of range.
        """
        return ps.signal.linear_to_mel_weight_matrix(
            num_mel_bins,
            num_spectrogram_bins,
            sampling_rate,
            lower_edge_hertz,
            upper_edge_hertz,
            dtype,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        samples = input_shape[-1]
        frames = None
        if samples is not None:
            padded = samples + 2 * (self.fft_length // 2)
            frames = (padded - self.fft_length) // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, frames)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "fft_length": self.fft_length,
            "sequence_stride": self.sequence_stride,
            "sequence_length": self.sequence_length,
            "window": self.window.tolist() if hasattr(self.window, "tolist") else self.window,
            "sampling_rate": self.sampling_rate,
            "num_mel_bins": self.num_mel_bins,
            "min_freq": self.min_freq,
            "max_freq": self.max_freq,
            "power_to_db": self.power_to_db,
            "top_db": self.top_db,
            "mag_exp": self.mag_exp,
            "min_power": self.min_power,
            "ref_power": self.ref_power,
        }
