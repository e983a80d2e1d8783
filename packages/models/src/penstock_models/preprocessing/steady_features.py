"""Sound made ready for a network on a small device: steady noise is taken away, loudness is evened out."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.layers import Layer
from penstock_models.presets.schema import Features

# How fast the estimate of noise follows, in even and odd bands, and what is left of a band in any case.
FOLLOWS, LEFT = (0.025, 0.06), 0.05
# Of the gain: (noise + OFFSET)^-STRENGTH, in the units of the integers that the published network was trained with.
STRENGTH, OFFSET = 0.95, 80.0
LOUDEST = 32768.0
# Natural logarithms are counted in parts of 1/64, and 25.6 of these are 1 for the network.
PARTS = 64.0 / 25.6


class SteadyFeatures(Layer):
    """Make a picture of sound: energies in bands of pitch over time, without steady noise, of even loudness.

    For a band's amplitude s: noise n ← n + f · (s - n); what is left of s is divided by (n + 80)^0.95, squeezed where
    it is small, and its logarithm taken.

    Args:
        rate: Samples in a second.
        window: How many samples a frame has.
        step: How many samples one frame begins after another.
        bands: How many bands of equal width on the mel scale there are.
        low: The lowest pitch, in hertz.
        high: The highest.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    Source:
        Wang et al., 2016, "Trainable Frontend For Robust and Far-Field Keyword Spotting",
        https://arxiv.org/abs/1607.05666, with the numbers of TensorFlow Lite for Microcontrollers.

    >>> SteadyFeatures(16000, 480, 320)(ps.zeros((1, 16000))).shape
    (1, 49, 40, 1)
    """

    def __init__(
        self,
        rate: int,
        window: int,
        step: int,
        bands: int = 40,
        low: float = 125.0,
        high: float = 7500.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.rate, self.window, self.step = rate, window, step
        self.bands, self.low, self.high = bands, low, high
        self.built = True

    @classmethod
    def of(cls, rate: int, spec: Features) -> SteadyFeatures:
        """Return the layer that a preset's input asks for."""
        return cls(rate, spec.window, spec.step, spec.bands, spec.low, spec.high)

    def call(self, sounds: Any) -> Any:
        """Return [batch, frames, bands, 1] for samples between -1 and 1, [batch, samples]."""
        if len(sounds.shape) != 2 or sounds.shape[1] < self.window:
            raise ShapeError(
                f"[SteadyFeatures] got sounds of shape {tuple(sounds.shape)}; give [batch, samples], at least {self.window} "
                "samples long"
            )
        amplitudes = self._amplitudes(ps.cast(sounds, "float32") * LOUDEST)
        by_time = ps.permute_dims(amplitudes, (1, 0, 2))
        follows = ps.asarray(np.resize(np.array(FOLLOWS, np.float32), self.bands))

        def hear(noise: Any, now: Any) -> Any:
            noise = noise + follows * (now - noise)
            return noise, noise

        _, noise = ps.scan(hear, ps.zeros_like(by_time[0]), by_time)
        left = ps.floor(ps.maximum(by_time * LEFT, by_time - noise))
        even = _squeezed(left * 8.0 * (noise * 8.0 + OFFSET) ** -STRENGTH)
        logs = ps.log(ps.maximum(ps.floor(even * 64.0) * 8.0, 1.0)) * PARTS
        return ps.permute_dims(logs, (1, 0, 2))[..., None]

    def _amplitudes(self, x: Any) -> Any:
        """Return the root of each band's energy: [batch, frames, bands]."""
        points = 1 << (self.window - 1).bit_length()
        turns = (np.arange(self.window) + 0.5) * (2 * np.pi / self.window)
        shape = ps.asarray((0.5 - 0.5 * np.cos(turns)).astype(np.float32))
        frames = ps.floor(ps.signal.frame(x, self.window, self.step) * shape)
        spectrum = ps.abs(ps.fft.rfft(frames, n=points))
        energies = ps.matmul(spectrum * spectrum, ps.asarray(self._to_bands(points)))
        return ps.floor(ps.sqrt(energies) / 8.0)

    def _to_bands(self, points: int) -> np.ndarray[Any, Any]:
        """Return how much of each frequency is in each band: [frequencies, bands]."""
        edges = np.linspace(_mel(self.low), _mel(self.high), self.bands + 2)
        places = _mel(np.arange(points // 2 + 1) * self.rate / points)[:, None]
        width = edges[1] - edges[0]
        near = 1.0 - np.abs(places - edges[1:-1]) / width
        found: np.ndarray[Any, Any] = np.maximum(0.0, near).astype(np.float32)
        return found

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return [batch, frames, bands, 1]."""
        samples = input_shape[1]
        frames = None if samples is None else 1 + (samples - self.window) // self.step
        return (input_shape[0], frames, self.bands, 1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        names = ("rate", "window", "step", "bands", "low", "high")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _squeezed(ratio: Any) -> Any:
    """Return r² / 4 below 2, and r - 1 above."""
    return ps.where(ratio < 2.0, ratio * ratio / 4.0, ratio - 1.0)
