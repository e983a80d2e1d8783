"""More of `keras.ops.math`: Fourier transforms, and other functions of signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.ops.table import floating as _f
from penstock_keras_api.ops.table import tensor as _t

_SMALLEST: Final = 1e-10  # the least overlap of windows by which frames are divided


def _complex(x: Any, where: str) -> Any:
    if not isinstance(x, list | tuple) or len(x) != 2:
        raise InvalidTypeError(
            f"[{where}] got {type(x).__name__}; give the real and the imaginary part: (real, imag)"
        )
    return ps.complex(_f(x[0]), _f(x[1]))


def _parts(z: Any) -> tuple[Any, Any]:
    return ps.real(z), ps.imag(z)


def fft(x: Any) -> tuple[Any, Any]:
    """Transform the last axis of (real, imag) into frequencies."""
    return _parts(ps.fft.fft(_complex(x, "fft")))


def fft2(x: Any) -> tuple[Any, Any]:
    """Transform the last two axes of (real, imag) into frequencies."""
    return _parts(ps.fft.fft2(_complex(x, "fft2")))


def ifft2(x: Any) -> tuple[Any, Any]:
    """Transform the last two axes of (real, imag) back from frequencies."""
    return _parts(ps.fft.ifft2(_complex(x, "ifft2")))


def rfft(x: Any, fft_length: int | None = None) -> tuple[Any, Any]:
    """Transform the last axis of real numbers into frequencies: (real, imag)."""
    return _parts(ps.fft.rfft(_f(x), n=fft_length))


def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Transform the last axis of (real, imag) back to real numbers."""
    return ps.fft.irfft(_complex(x, "irfft"), n=fft_length)


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Cut the last axis into pieces that may overlap.

    Args:
        x: [..., time].
        sequence_length: The length of a piece.
        sequence_stride: How far pieces are apart.

    Returns:
        [..., pieces, sequence_length].
    """
    return ps.signal.frame(_t(x), sequence_length, sequence_stride)


def _window(window: Any, length: int, fft_length: int, dtype: Any) -> Any:
    """Make a window in the middle of `fft_length` places."""
    if fft_length < length:
        raise InvalidValueError(
            f"[stft] got fft_length={fft_length} and sequence_length={length}; use an fft_length of at least that"
        )
    if window is None:
        made = ps.ones((length,), dtype)
    elif isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise InvalidValueError(
                f"[stft] got window={window!r}; use 'hann', 'hamming', None or a tensor"
            )
        mean = 0.5 if window == "hann" else 0.54
        turn = ps.cast(ps.arange(0, length, 1), dtype) * (2 * math.pi / length)
        made = mean - (1 - mean) * ps.cos(turn)
    else:
        made = ps.cast(_t(window), dtype)
        if tuple(made.shape) != (length,):
            raise InvalidValueError(
                f"[stft] got a window of shape {tuple(made.shape)}; use one of shape ({length},), as sequence_length says"
            )
    before = (fft_length - length) // 2
    return ps.pad(made, ((before, fft_length - length - before),))


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Any, Any]:
    """Transform pieces of the last axis into frequencies.

    Args:
        x: [..., time].
        sequence_length: The length of a piece.
        sequence_stride: How far pieces are apart.
        fft_length: The length of a transform, at least that of a piece.
        window: "hann", "hamming", None or [sequence_length].
        center: Whether pieces have their middle, not their beginning, at multiples of the stride.

    Returns:
        The real and the imaginary part, both [..., pieces, fft_length // 2 + 1].

    Raises:
        ValueError: The window or `fft_length` does not fit.
    """
    x = _f(x)
    shape = _window(window, sequence_length, fft_length, x.dtype)
    if center:
        widths = [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)]
        x = ps.pad(x, widths, mode="reflect")
    frames = ps.signal.frame(x, fft_length, sequence_stride)
    return _parts(ps.fft.rfft(frames * shape, n=fft_length))


def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Put a signal together of the frequencies of its pieces; see `stft`.

    Args:
        x: The real and the imaginary part, both [..., pieces, fft_length // 2 + 1].
        sequence_length: The length of a piece.
        sequence_stride: How far pieces are apart.
        fft_length: The length of a transform.
        length: The length of the result; None for what the pieces give.
        window: As given to `stft`.
        center: As given to `stft`.

    Returns:
        [..., time].

    Raises:
        ValueError: The window or `fft_length` does not fit.
    """
    frames = ps.fft.irfft(_complex(x, "istft"), n=fft_length)
    shape = _window(window, sequence_length, fft_length, frames.dtype)
    made = ps.signal.overlap_and_add(frames * shape, sequence_stride)
    squares = ps.broadcast_to(ps.square(shape), (frames.shape[-2], fft_length))
    weight = ps.signal.overlap_and_add(squares, sequence_stride)
    made = made / ps.where(weight > _SMALLEST, weight, ps.ones_like(weight))
    start = fft_length // 2 if center else 0
    if length is not None:
        end = start + length
        short = end - made.shape[-1]
        if short > 0:
            made = ps.pad(made, [(0, 0)] * (made.ndim - 1) + [(0, short)])
        return made[..., start:end]
    return made[..., start : made.shape[-1] - start] if center else made


def view_as_complex(x: Any) -> Any:
    """Make complex numbers of pairs: [..., 2] becomes [...].

    Raises:
        ValueError: The last axis is no pair.
    """
    x = _f(x)
    if not x.ndim or x.shape[-1] != 2:
        raise InvalidValueError(
            f"[view_as_complex] got shape {tuple(x.shape)}; the last axis must have 2 numbers: real, imag"
        )
    return ps.complex(x[..., 0], x[..., 1])


def view_as_real(x: Any) -> Any:
    """Make pairs of complex numbers: [...] becomes [..., 2]."""
    return ps.stack(list(_parts(_t(x))), -1)


ROWS: dict[str, Callable[..., Any]] = {
    fn.__name__: fn
    for fn in (
        fft, fft2, ifft2, rfft, irfft, extract_sequences, stft, istft, view_as_complex, view_as_real,
    )
}  # fmt: skip
