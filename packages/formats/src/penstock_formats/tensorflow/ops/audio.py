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
    points = 1 << (size - 1).bit_length()
    # A product with waves needs no complex numbers, which other formats and small devices have not got.
    turns = ops.remainder(
        ops.multiply(
            ops.expand_dims(ops.arange(size, dtype="int32"), 1),
            ops.arange(points // 2 + 1, dtype="int32"),
        ),
        points,
    )
    angles = ops.cast(turns, "float32") * (2 * math.pi / points)
    parts = [ops.square(ops.matmul(frames, wave)) for wave in (ops.cos(angles), ops.sin(angles))]
    power = ops.add(*parts)
    return power if node.flag("magnitude_squared") else ops.sqrt(power)


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
