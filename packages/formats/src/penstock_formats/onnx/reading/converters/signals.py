"""Fourier transforms. Complex numbers of the file are pairs in a last axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import penstock as ps
from penstock import Tensor
from penstock_formats.onnx.reading.converters.shaping import padded
from penstock_formats.onnx.reading.file import dtype_of_code
from penstock_formats.onnx.reading.table import Call, converts
from penstock_formats.onnx.reading.values import Value


@converts("DFT")
def _dft(call: Call, x: Value, length: Value | None = None, axis: Value | None = None) -> Tensor:
    place = call.attr("axis", 1) if call.opset < 20 else -2
    if axis is not None:
        place = int(call.ints(axis, "axis")[0])
    size = None if length is None else int(call.ints(length, "length")[0])
    return _transformed(call, x.tensor, place % x.ndim, size)


def _transformed(call: Call, t: Tensor, place: int, size: int | None) -> Tensor:
    inverse, half = bool(call.attr("inverse", 0)), bool(call.attr("onesided", 0))
    if half and inverse:
        return ps.expand_dims(_real_inverse(t, place, size), axis=-1)
    numbers = ps.complex(t[..., 0], t[..., 1] if t.shape[-1] == 2 else ps.zeros_like(t[..., 0]))
    count: Any = numbers.shape[place] if size is None else size
    numbers = _fitted(numbers, place, count)
    made = (ps.fft.ifft if inverse else ps.fft.fft)(numbers, axis=place)
    if half:
        made = made[(slice(None),) * place + (slice(0, count // 2 + 1),)]
    return ps.stack([ps.real(made), ps.imag(made)], -1)


def _real_inverse(t: Tensor, place: int, size: int | None) -> Tensor:
    """Return the real signal of the half of a spectrum; the other half is its mirror image."""
    numbers = ps.complex(t[..., 0], t[..., 1])
    count: Any = 2 * (numbers.shape[place] - 1) if size is None else size
    made: Tensor = ps.fft.irfft(numbers, n=count, axis=place)
    return made


def _fitted(t: Tensor, place: int, count: Any) -> Tensor:
    """Cut an axis, or add zeros, to a number of elements."""
    have = t.shape[place]
    if isinstance(have, int) and isinstance(count, int) and have < count:
        widths = [(0, 0)] * t.ndim
        widths[place] = (0, count - have)
        return ps.complex(*(padded(part, widths) for part in (ps.real(t), ps.imag(t))))
    return t[(slice(None),) * place + (slice(0, count),)]


@converts("STFT")
def _stft(
    call: Call, signal: Value, step: Value, window: Value | None = None, length: Value | None = None
) -> Tensor:
    t, hop = signal.tensor, int(call.ints(step, "step")[0])
    size = t.shape[1]
    if length is not None:
        size = int(call.ints(length, "length")[0])
    elif window is not None:
        size = window.shape[0]
    if hop < 1 or not isinstance(size, int) or not isinstance(t.shape[1], int):
        raise call.unsupported(
            "frames of a signal whose length is not known (give it: sizes={...})"
        )
    count = (t.shape[1] - size) // hop + 1
    places = np.arange(count)[:, None] * hop + np.arange(size)
    call.walk.keep_small(places.shape)
    frames = ps.take(t, places, 1)
    if window is not None:
        frames = frames * ps.reshape(window.tensor, (-1, 1))
    return _transformed(call, frames, 2, None)


@converts("MelWeightMatrix")
def _mel_weights(call: Call, *values: Value) -> Tensor:
    names = ("number of bins", "length", "rate", "lower edge", "upper edge")
    given = [float(call.known(v, n).reshape(-1)[0]) for v, n in zip(values, names, strict=True)]
    bins, length, rate, low, high = int(given[0]), int(given[1]), given[2], given[3], given[4]
    spectrum = length // 2 + 1
    call.walk.keep_small([bins, spectrum])
    ends = [2595 * math.log10(1 + f / 700) for f in (low, high)]
    mels = ends[0] + np.arange(bins + 2) * (ends[1] - ends[0]) / (bins + 2)
    edges = ((length + 1) * (700 * (10 ** (mels / 2595) - 1)) // rate).astype(int)
    made = np.zeros((spectrum, bins))
    for i in range(bins):
        left, top, right = edges[i : i + 3]
        for j in range(left, min(top + 1, spectrum)):
            made[j, i] = (j - left) / (top - left) if top > left else 1.0
        for j in range(top, min(right, spectrum)):
            made[j, i] = (right - j) / (right - top)
    return ps.cast(ps.asarray(made), dtype_of_code(call.attr("output_datatype", 1), call.where))
