"""Sound made ready for a network, in its graph."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.layers import Layer
from penstock_models.presets.schema import Features


class SoundFeatures(Layer):
    """Make a picture of sound: the logarithms of energies in bands of pitch, over time, or their cosine transform.

    Args:
        rate: Samples in a second.
        window: How many samples a frame has.
        step: How many samples one frame begins after another.
        bands: How many bands of equal width on the mel scale there are.
        low: The lowest pitch, in hertz.
        high: The highest.
        coefficients: How many coefficients of the cosine transform are kept; None keeps the bands.
        floor: The least energy.
        offset: What is added to energies.
        loudest: Whether samples are divided by the largest first.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    Source:
        Davis and Mermelstein, 1980, "Comparison of parametric representations for monosyllabic word recognition".

    >>> SoundFeatures(16000, 640, 320)(ps.zeros((1, 16000))).shape
    (1, 49, 10, 1)
    """

    def __init__(
        self,
        rate: int,
        window: int,
        step: int,
        bands: int = 40,
        low: float = 20.0,
        high: float = 4000.0,
        coefficients: int | None = 10,
        floor: float = 1e-12,
        offset: float = 0.0,
        loudest: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.rate, self.window, self.step, self.bands = rate, window, step, bands
        self.low, self.high, self.coefficients = low, high, coefficients
        self.floor, self.offset, self.loudest = floor, offset, loudest
        self.built = True

    @classmethod
    def of(cls, rate: int, spec: Features) -> SoundFeatures:
        """Return the layer that a preset's input asks for."""
        return cls(rate, **spec.model_dump(exclude={"kind"}))

    def call(self, sounds: Any) -> Any:
        """Return [batch, frames, coefficients or bands, 1] for samples between -1 and 1, [batch, samples]."""
        if len(sounds.shape) != 2 or sounds.shape[1] < self.window:
            raise ShapeError(
                f"[SoundFeatures] got sounds of shape {tuple(sounds.shape)}; give [batch, samples], at least {self.window} "
                "samples long"
            )
        x = ps.cast(sounds, "float32")
        if self.loudest:
            x = x / ps.max(x, axis=1, keepdims=True)
        points = 1 << (self.window - 1).bit_length()
        waves = ps.signal.stft(x, self.window, self.step, points)
        to_bands = ps.signal.linear_to_mel_weight_matrix(
            self.bands, points // 2 + 1, self.rate, self.low, self.high
        )
        energies = ps.matmul(ps.abs(waves), to_bands) + self.offset
        logs = ps.log(ps.maximum(energies, self.floor))
        if self.coefficients is not None:
            logs = ps.signal.mfccs_from_log_mel_spectrograms(logs)[..., : self.coefficients]
        return logs[..., None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return [batch, frames, coefficients or bands, 1]."""
        samples = input_shape[1]
        frames = None if samples is None else 1 + (samples - self.window) // self.step
        return (input_shape[0], frames, self.coefficients or self.bands, 1)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        names = (
            "rate",
            "window",
            "step",
            "bands",
            "low",
            "high",
            "coefficients",
            "floor",
            "offset",
            "loudest",
        )
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}
