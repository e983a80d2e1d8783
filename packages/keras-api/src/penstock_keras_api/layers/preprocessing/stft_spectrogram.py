"""Sound as pictures: how strong each frequency is in each moment."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config, initializers
from penstock_keras_api.layers.layer import Layer

_MODES: Final = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
_LEAST: Final = 1e-7  # of what a logarithm is taken


class STFTSpectrogram(Layer):
    """Take the spectrum of each of many short frames of signals, by convolutions that can be trained.

    Args:
        mode: "log" and "magnitude" for the strength of each frequency, "psd" for its power density, "angle" for its
            phase, "real" and "imag" for parts, "stft" for both of these, one behind the other.
        frame_length: How many samples a frame has.
        frame_step: How many samples lie between the beginnings of frames; by default half a frame.
        fft_length: The length of the transform, at least that of a frame; by default the next power of 2.
        window: "hann", "hamming", an array of weights, or None for none.
        periodic: Whether the window is periodic.
        scaling: "density" divides by the root of the sum of squares of the window, "spectrum" by its sum; None does not.
        padding: "valid", or "same" with zeros at both ends.
        expand_dims: Return pictures [batch, frames, frequencies, channels], not sequences of all channels.
        data_format: The order of axes.
        kwargs: As in `Layer`.

    Raises:
        ValueError: An argument is not among those above, or a length does not fit; in a call: the signals are not
            [batch, samples, channels].

    >>> from penstock import keras
    >>> keras.layers.STFTSpectrogram("magnitude", 8)(np.ones((1, 16, 1))).shape
    (1, 3, 5)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self._step = frame_step or frame_length // 2
        self._points = fft_length or 1 << max(frame_length - 1, 0).bit_length()
        self._check()

    def _check(self) -> None:
        problems = {
            f"mode={self.mode!r}; use one of {', '.join(_MODES)}": self.mode not in _MODES,
            f"scaling={self.scaling!r}; use 'density', 'spectrum' or None": self.scaling
            not in ("density", "spectrum", None),
            f"padding={self.padding!r}; use 'valid' or 'same'": self.padding
            not in ("valid", "same"),
            f"frame_length={self.frame_length}; use 2 or more": self.frame_length < 2,
            f"frame_step={self.frame_step}; use a number from 1 to frame_length": not 1
            <= self._step
            <= self.frame_length,
            f"fft_length={self.fft_length}; use frame_length={self.frame_length} or more": self._points
            < self.frame_length,
        }
        for text, is_wrong in problems.items():
            if is_wrong:
                raise InvalidValueError(f"[STFTSpectrogram] got {text}")

    def _weights(self) -> Any:
        """Return what samples of a frame are multiplied with."""
        if self.window is None:
            return np.ones(self.frame_length)
        if isinstance(self.window, str):
            return _window(self.window, self.frame_length, self.periodic)
        given = np.asarray(self.window, np.float64)
        if given.shape != (self.frame_length,):
            raise ShapeError(
                f"[STFTSpectrogram] got a window of shape {given.shape}; expected ({self.frame_length},), one weight for "
                "each sample of a frame"
            )
        return given

    def build(self, input_shape: Any) -> None:
        """Make the kernels: cosines and sines under the window."""
        weights = self._weights()
        if self.window is not None and self.scaling is not None:
            total = (weights**2).sum() ** 0.5 if self.scaling == "density" else weights.sum()
            weights = weights / total
        bins = np.arange(self._points // 2 + 1)
        turns = np.arange(self.frame_length)[:, None] * bins / self._points
        kernel = weights[:, None] * np.exp(-2j * np.pi * turns)
        self.real_kernel = self.imag_kernel = None
        if self.mode != "imag":
            self.real_kernel = self._kernel(kernel.real, "real_kernel")
        if self.mode != "real":
            self.imag_kernel = self._kernel(kernel.imag, "imag_kernel")
        self.built = True

    def _kernel(self, values: Any, name: str) -> Any:
        array = values[:, None, :].astype(np.float32)
        return self.add_weight(array.shape, initializers.Constant(array), name=name)

    def call(self, inputs: Any) -> Any:
        """Return spectrograms."""
        x = ps.asarray(inputs)
        if x.ndim != 3:
            raise ShapeError(
                f"[{self.name}] got signals of shape {tuple(x.shape)}; expected [batch, samples, channels]"
            )
        if self.data_format == "channels_last":
            x = ps.swapaxes(x, 1, 2)
        batch, channels, samples = x.shape
        real, imag = self._parts(ps.reshape(x, (batch * channels, samples, 1)))
        made = self._combined(real, imag)
        return self._arranged(ps.reshape(made, (batch, channels, *made.shape[1:])))

    def _parts(self, x: Any) -> tuple[Any, Any]:
        """Return both parts of the spectra of signals [n, samples, 1]: [n, frames, frequencies]."""
        made = [
            None
            if kernel is None
            else ps.conv1d(x, ps.cast(kernel.value, x.dtype), self._step, self.padding)
            for kernel in (self.real_kernel, self.imag_kernel)
        ]
        return made[0], made[1]

    def _combined(self, real: Any, imag: Any) -> Any:
        if self.mode == "real":
            return real
        if self.mode == "imag":
            return imag
        if self.mode == "angle":
            return ps.atan2(imag, real)
        if self.mode == "stft":
            return ps.concat([real, imag], axis=-1)
        power = real * real + imag * imag
        if self.mode == "psd":
            return power * ps.cast(ps.asarray(self._sides()), power.dtype)
        strength = ps.sqrt(power)
        return ps.log(ps.maximum(strength, _LEAST)) if self.mode == "log" else strength

    def _sides(self) -> Any:
        """Return how many frequencies of the whole spectrum each one stands for."""
        sides = np.full(self._points // 2 + 1, 2.0, np.float32)
        sides[0] = 1.0
        if self._points % 2 == 0:
            sides[-1] = 1.0
        return sides

    def _arranged(self, x: Any) -> Any:
        """Put the axes [batch, channels, frames, frequencies] in order."""
        batch, channels, frames, size = x.shape
        first = self.data_format == "channels_first"
        if self.expand_dims:
            return x if first else ps.permute_dims(x, (0, 2, 3, 1))
        if first:
            return ps.reshape(ps.permute_dims(x, (0, 1, 3, 2)), (batch, channels * size, frames))
        return ps.reshape(ps.permute_dims(x, (0, 2, 1, 3)), (batch, frames, channels * size))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        first = self.data_format == "channels_first"
        batch = input_shape[0]
        channels, samples = input_shape[1:] if first else input_shape[:0:-1]
        size = (self._points // 2 + 1) * (2 if self.mode == "stft" else 1)
        frames = None
        if samples is not None and self.padding == "same":
            frames = -(-samples // self._step)
        elif samples is not None:
            frames = (samples - self.frame_length) // self._step + 1
        if self.expand_dims:
            return (batch, channels, frames, size) if first else (batch, frames, size, channels)
        whole = None if channels is None else channels * size
        return (batch, whole, frames) if first else (batch, frames, whole)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        window = self.window.tolist() if hasattr(self.window, "tolist") else self.window
        return {
            **super().get_config(),
            "mode": self.mode,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "window": window,
            "periodic": self.periodic,
            "scaling": self.scaling,
            "padding": self.padding,
            "data_format": self.data_format,
            "expand_dims": self.expand_dims,
        }


def _window(name: str, length: int, periodic: bool) -> Any:
    """Return the weights of a window by its name.

    Raises:
        ValueError: There is no such window.
    """
    shares = {"hann": 0.5, "hamming": 0.54, "boxcar": 1.0}
    if name not in shares:
        raise InvalidValueError(
            f"[STFTSpectrogram] got window={name!r}; use 'hann', 'hamming', None, or an array of weights"
        )
    turns = np.arange(length) / (length if periodic else max(length - 1, 1))
    return shares[name] - (1.0 - shares[name]) * np.cos(2.0 * np.pi * turns)
