"""Signals: [..., time]. Frames, windows, spectra, and the features that speech models hear.

spectrogram = penstock.abs(penstock.signal.stft(waves, frame_length=400, frame_step=160))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock import fft, ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray
from penstock.ops.signal_frames import frame, overlap_and_add
from penstock.ops.signal_mel import (
    dct,
    idct,
    linear_to_mel_weight_matrix,
    mfccs_from_log_mel_spectrograms,
)
from penstock.ops.signal_windows import (
    blackman_window,
    hamming_window,
    hann_window,
    kaiser_window,
    vorbis_window,
)

if TYPE_CHECKING:
    from penstock._native import DType, Tensor
    from penstock.annotations import DTypeLike, TensorLike

    Window = Callable[..., TensorLike]

__all__ = [
    "blackman_window",
    "dct",
    "frame",
    "hamming_window",
    "hann_window",
    "idct",
    "inverse_stft_window",
    "istft",
    "kaiser_window",
    "linear_to_mel_weight_matrix",
    "log_mel_spectrogram",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "stft",
    "vorbis_window",
]


def stft(
    signals: TensorLike,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
) -> Tensor:
    """Take the spectrum of each of many short frames: the short-time Fourier transform.

    Args:
        signals: [..., samples], a float dtype; integers are taken as float32.
        frame_length: Samples in a frame.
        frame_step: Samples from the beginning of one frame to that of the next.
        fft_length: Points of the transform; frames are filled with zeros. None for the smallest power of 2 that
            holds a frame.
        window_fn: `fn(frame_length, dtype=...)` makes the weights of a frame; None for no weights.
        pad_end: Make a frame wherever one begins, with zeros beyond the end.

    Returns:
        [..., frames, fft_length / 2 + 1], complex.

    Raises:
        ValueError: A number is out of range.
        TypeError: The signals are complex or strings.

    Example:
        >>> penstock.signal.stft(penstock.ones(16), 8, 4).shape
        (3, 5)
    """
    signals = asarray(signals)
    if signals.dtype.kind not in ("float", "complex", "string"):
        signals = ops.astype(signals, "float32")
    frames = frame(signals, frame_length, frame_step, pad_end)
    window = _window(window_fn, frame_length, frames.dtype)
    return fft.rfft(
        frames if window is None else frames * window, n=_points(fft_length, frame_length)
    )


def istft(
    stfts: TensorLike,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Window | None = hann_window,
) -> Tensor:
    """Make signals of the spectra of their frames: each is transformed back, weighed, and added at its place.

    With `inverse_stft_window` for the weights this undoes `stft`, but for the ends, which few frames cover.

    Args:
        stfts: [..., frames, fft_length / 2 + 1], complex.
        frame_length: As given to `stft`.
        frame_step: As given to `stft`.
        fft_length: As given to `stft`.
        window_fn: `fn(frame_length, dtype=...)` makes the weights of a frame; None for no weights.

    Returns:
        [..., (frames - 1)·frame_step + frame_length], real.

    Raises:
        ValueError: The spectra have fewer than 2 axes, or a number is out of range.

    Example:
        >>> spectra = penstock.signal.stft(penstock.ones(16), 8, 4)
        >>> weights = penstock.signal.inverse_stft_window(4)
        >>> ones = penstock.signal.istft(spectra, 8, 4, window_fn=weights)[4:12]
        >>> bool(penstock.all(penstock.abs(ones - 1) < 1e-5))
        True
    """
    points = _points(fft_length, frame_length)
    frames = fft.irfft(stfts, n=points)
    if points > frame_length:
        frames = frames[..., :frame_length]
    elif points < frame_length:
        frames = ops.pad(frames, (*((0, 0),) * (frames.ndim - 1), (0, frame_length - points)))
    window = _window(window_fn, frame_length, frames.dtype)
    return overlap_and_add(frames if window is None else frames * window, frame_step)


def _points(fft_length: int | None, frame_length: int) -> int:
    return (1 << max(frame_length - 1, 0).bit_length()) if fft_length is None else fft_length


def _window(window_fn: Window | None, frame_length: int, dtype: DType) -> Tensor | None:
    if window_fn is None:
        return None
    weights = asarray(window_fn(frame_length, dtype=dtype))
    if weights.shape != (frame_length,):
        raise InvalidValueError(
            f"[stft] what window_fn makes for {frame_length} has shape {weights.shape}; expected ({frame_length},); return one "
            "weight for each sample of a frame"
        )
    return weights


def inverse_stft_window(
    frame_step: int, forward_window_fn: Window = hann_window
) -> Callable[..., Tensor]:
    """Make the weights with which `istft` undoes `stft`: the window over the sum of its squares wherever frames overlap.

    Args:
        frame_step: As given to `stft`.
        forward_window_fn: As given to `stft`.

    Returns:
        A function `fn(frame_length, dtype="float32")` that makes the weights, for `istft`.

    Raises:
        ValueError: The step is not positive.

    Example:
        >>> penstock.signal.inverse_stft_window(2, penstock.ones)(4)
        Tensor([0.5, 0.5, 0.5, 0.5], shape=(4,), dtype=float32)
    """
    if frame_step < 1:
        raise InvalidValueError(f"[inverse_stft_window] got frame_step={frame_step}; use 1 or more")

    def weights(frame_length: int, dtype: DTypeLike = "float32") -> Tensor:
        window = asarray(forward_window_fn(frame_length, dtype=dtype))
        overlaps = -(-frame_length // frame_step)
        squares = ops.pad(ops.square(window), ((0, overlaps * frame_step - frame_length),))
        total = ops.sum(ops.reshape(squares, (overlaps, frame_step)), 0)
        return window / ops.tile(total, (overlaps,))[:frame_length]

    return weights


def log_mel_spectrogram(
    signals: TensorLike,
    sample_rate: float = 16000,
    frame_length: int = 400,
    frame_step: int = 160,
    fft_length: int | None = None,
    num_mel_bins: int = 80,
    lower_edge_hertz: float = 80.0,
    upper_edge_hertz: float = 7600.0,
    floor: float = 1e-6,
) -> Tensor:
    """Take the logarithm of how loud each mel band is in each frame: log(floor + |stft|·bands).

    Args:
        signals: [..., samples], a float dtype; integers are taken as float32.
        sample_rate: Samples per second.
        frame_length: Samples in a frame.
        frame_step: Samples from the beginning of one frame to that of the next.
        fft_length: Points of the transform; None for the smallest power of 2 that holds a frame.
        num_mel_bins: How many bands.
        lower_edge_hertz: Where the first band begins.
        upper_edge_hertz: Where the last band ends.
        floor: Added before the logarithm, which silence has not got.

    Returns:
        [..., frames, num_mel_bins], of the dtype of the signals or float32.

    Raises:
        ValueError: A number is out of range.
        TypeError: The signals are complex or strings.

    Example:
        >>> penstock.signal.log_mel_spectrogram(penstock.ones(800)).shape
        (3, 80)
    """
    spectra = ops.abs(stft(signals, frame_length, frame_step, fft_length))
    bins = _points(fft_length, frame_length) // 2 + 1
    bands = linear_to_mel_weight_matrix(
        num_mel_bins, bins, sample_rate, lower_edge_hertz, upper_edge_hertz, spectra.dtype
    )
    return ops.log(ops.matmul(spectra, bands) + floor)
