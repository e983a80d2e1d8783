"""Spectra and mel cepstra, as TensorFlow's audio ops compute them."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import Tensor, ops, signal
from penstock_formats.tensorflow._node import Array, Node, known, tensor
from penstock_formats.tensorflow._problems import damaged, problem
from penstock_formats.tensorflow._registry import tf_op

_LONGEST: Final = 1 << 14
"""So many samples a window has at most."""


@tf_op("DecodeWav")
def _(node: Node, data: Any) -> Any:
    raise problem(
        f"{node} decodes a file inside the graph",
        f"give the samples as an input instead: read(path, inputs=[{node.name!r}])",
    )


@tf_op("AudioSpectrogram")
def _(node: Node, samples: Any) -> Tensor:
    x = ops.transpose(tensor(samples), (1, 0))
    size, step = node.integer("window_size"), node.integer("stride")
    if not 1 < size <= _LONGEST or not 0 < step <= _LONGEST:
        raise damaged(f"{node} has windows of {size} samples every {step}")
    frames = signal.frame(x, size, step) * signal.hann_window(size)
    power = _power(ops.pad(frames, ((0, 0), (0, 0), (0, (1 << (size - 1).bit_length()) - size))))
    return power if node.flag("magnitude_squared") else ops.sqrt(power)


def _power(x: Tensor) -> Tensor:
    """Compute |Fourier transform|² of each frame: [channels, frames, points] to [..., points / 2 + 1].

    Sample b·n₁ + n₂ goes into frequency k₁ + a·k₂ by a transform over n₁, a turn by n₂·k₁ and a transform over n₂. So
    it needs small tables, and no complex numbers, which other formats and small devices have not got.
    """
    points = int(x.shape[-1])
    a = 1 << (points.bit_length() // 2)
    b = points // a
    x = ops.reshape(x, (*x.shape[:-1], a, b))
    cos, sin = _waves(a, a, a)
    re, im = ops.matmul(cos, x), -ops.matmul(sin, x)
    cos, sin = _waves(a, b, points)
    re, im = re * cos + im * sin, im * cos - re * sin
    cos, sin = _waves(b, b, b)
    re, im = re @ cos + im @ sin, im @ cos - re @ sin
    power = ops.matrix_transpose(ops.square(re) + ops.square(im))
    return ops.reshape(power, (*power.shape[:-2], points))[..., : points // 2 + 1]


def _waves(rows: int, columns: int, period: int) -> tuple[Tensor, Tensor]:
    """Make the cosines and sines of the turns i·j / period: [rows, columns] each."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % period * (2 * np.pi / period)
    return ps.asarray(np.cos(turns).astype(np.float32)), ps.asarray(
        np.sin(turns).astype(np.float32)
    )


@tf_op("Mfcc")
def _(node: Node, spectrogram: Any, rate: Any) -> Tensor:
    x = tensor(spectrogram)
    channels, coefficients = (
        node.integer("filterbank_channel_count", 40),
        node.integer("dct_coefficient_count", 13),
    )
    if not 0 < channels <= 10_000 or not 0 < coefficients <= 10_000:
        raise damaged(f"{node} has {channels} channels and {coefficients} coefficients")
    bands = _mel_bands(
        int(x.shape[-1]),
        float(known(node, rate)),
        channels,
        node.number("lower_frequency_limit", 20.0),
        node.number("upper_frequency_limit", 4000.0),
    )
    energies = ops.matmul(ops.sqrt(x), ps.asarray(bands.astype(np.float32)))
    logs = ops.log(ops.maximum(energies, 1e-12))
    return ops.matmul(logs, ps.asarray(_cosines(channels, coefficients).astype(np.float32)))


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(hertz / 700.0)


def _mel_bands(bins: int, rate: float, channels: int, low: float, high: float) -> Array:
    """Make triangles that overlap, each over some bins of a spectrum: [bins, channels]."""
    width = 0.5 * rate / (bins - 1)
    first, last = int(1.5 + low / width), int(high / width)
    centres = _mel(low) + (_mel(high) - _mel(low)) / (channels + 1) * np.arange(1, channels + 2)
    bands = np.zeros((bins, channels))
    for i in range(first, min(last, bins - 1) + 1):
        place = _mel(i * width)
        channel = int(np.searchsorted(centres[:channels], place)) - 1
        below = centres[channel] if channel >= 0 else _mel(low)
        share = (centres[channel + 1] - place) / (centres[channel + 1] - below)
        if channel >= 0:
            bands[i, channel] += share
        if channel + 1 < channels:
            bands[i, channel + 1] += 1.0 - share
    return bands


def _cosines(channels: int, coefficients: int) -> Array:
    """Make a cosine transform of the second kind: [channels, coefficients]."""
    i, j = np.arange(coefficients), np.arange(channels)[:, None]
    return math.sqrt(2.0 / channels) * np.cos(i * np.pi / channels * (j + 0.5))
