"""What speech models hear: cosine transforms, mel bands, and cepstra."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import InvalidValueError
from penstock.ops.conversion import asarray
from penstock.ops.shaping import normalise_axis

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, TensorLike


def dct(
    x: TensorLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
) -> Tensor:
    """Take the discrete cosine transform along an axis, as a product with a matrix of cosines.

    Type 2, the usual one: y[k] = 2 Σ x[j] cos(πk(2j + 1) / 2n). Types 1, 3 and 4 are those of SciPy.

    Args:
        x: [...], any real dtype; integers are taken as float32. The axis has a known size.
        type: 1, 2, 3 or 4.
        n: Cut or fill the axis with zeros to this size first.
        axis: The axis.
        norm: None, or "ortho" for a matrix that is orthogonal (types 2, 3 and 4).

    Returns:
        x's shape, with n along the axis, of x's dtype or float32.

    Raises:
        ValueError: The type or norm is unknown, or the size is too small for the type.
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.signal.dct([1.0, 1.0], norm="ortho")
        Tensor([1.4142135, 0.       ], shape=(2,), dtype=float32)
    """
    return _transformed("dct", x, type, n, axis, norm)


def idct(
    x: TensorLike, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None
) -> Tensor:
    """Take the inverse of `dct`; without "ortho" the result is 2n times the original (2n - 2 times for type 1).

    Args:
        x: [...], any real dtype; integers are taken as float32. The axis has a known size.
        type: That of the transform which is undone: 1, 2, 3 or 4.
        n: Cut or fill the axis with zeros to this size first.
        axis: The axis.
        norm: None, or "ortho".

    Returns:
        x's shape, with n along the axis, of x's dtype or float32.

    Raises:
        ValueError: The type or norm is unknown, or the size is too small for the type.
        IndexError: x has no such axis.
        TypeError: x is complex or a string tensor.

    Example:
        >>> x = penstock.asarray([1.0, 2.0, 3.0])
        >>> y = penstock.signal.idct(penstock.signal.dct(x, norm="ortho"), norm="ortho")
        >>> bool(penstock.all(penstock.abs(x - y) < 1e-5))
        True
    """
    return _transformed("idct", x, {2: 3, 3: 2}.get(type, type), n, axis, norm)


def _transformed(name: str, x: Any, type: int, n: int | None, axis: int, norm: Any) -> Tensor:
    x = asarray(x)
    x = x if x.dtype.kind in ("float", "complex", "string") else ops.astype(x, "float32")
    axis = normalise_axis(name, axis, x.ndim)
    if norm not in (None, "ortho"):
        raise InvalidValueError(f'[{name}] got norm={norm!r}; use None or "ortho"')
    x = ops.moveaxis(x, axis, -1)
    size = int(x.shape[-1])
    if n is not None and n < size:
        x = x[..., :n]
    elif n is not None and n > size:
        x = ops.pad(x, (*((0, 0),) * (x.ndim - 1), (0, n - size)))
    matrix = asarray(_cosines(name, type, int(x.shape[-1]), norm == "ortho"), dtype=x.dtype)
    row = x if x.ndim > 1 else ops.expand_dims(x, 0)
    y = ops.matmul(row, matrix)
    return ops.moveaxis(y if x.ndim > 1 else ops.reshape(y, y.shape[1:]), -1, axis)


def _cosines(name: str, type: int, n: int, ortho: bool) -> Any:
    """Make the matrix [n, n] that a row is multiplied by."""
    if type not in (1, 2, 3, 4) or (type == 1 and ortho):
        raise InvalidValueError(
            f'[{name}] got type={type} with norm={"ortho" if ortho else None!r}; use 2, 3 or 4, or 1 without "ortho"'
        )
    if n < (2 if type == 1 else 1):
        raise InvalidValueError(
            f"[{name}] an axis of size {n} has no transform of type {type}; use n=..."
        )
    j, k = np.arange(n)[:, None], np.arange(n)
    if type == 1:
        ends = np.where((j == 0) | (j == n - 1), 1, 2)
        return ends * np.cos(math.pi * j * k / (n - 1))
    if type == 4:
        matrix = 2 * np.cos(math.pi * (2 * j + 1) * (2 * k + 1) / (4 * n))
        return matrix / math.sqrt(2 * n) if ortho else matrix
    second = 2 * np.cos(math.pi * k * (2 * j + 1) / (2 * n))
    if ortho:
        second = second * np.where(k == 0, math.sqrt(1 / (4 * n)), math.sqrt(1 / (2 * n)))
        return second if type == 2 else second.T
    return second if type == 2 else second.T * np.where(j == 0, 0.5, 1)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: DTypeLike = "float32",
) -> Tensor:
    """Make the matrix that sums a spectrum's bins into bands as wide as the ear hears: triangles even in mel.

    A frequency f has the mel 1127 ln(1 + f / 700); the bin of frequency 0 belongs to no band.

    Args:
        num_mel_bins: How many bands.
        num_spectrogram_bins: How many bins the spectrum has, from 0 to half the sample rate.
        sample_rate: Samples per second.
        lower_edge_hertz: Where the first band begins.
        upper_edge_hertz: Where the last band ends.
        dtype: A float dtype.

    Returns:
        [num_spectrogram_bins, num_mel_bins], of `dtype`.

    Raises:
        ValueError: A number is out of range.

    Example:
        >>> penstock.signal.linear_to_mel_weight_matrix(10, 65).shape
        (65, 10)
    """
    low, high, top = lower_edge_hertz, upper_edge_hertz, sample_rate / 2
    if num_mel_bins < 1 or num_spectrogram_bins < 2 or not 0 <= low < high <= top:
        raise InvalidValueError(
            f"[linear_to_mel_weight_matrix] got {num_mel_bins} bands of {num_spectrogram_bins} bins from {low} to "
            f"{high} Hz at {sample_rate} samples a second; use 1 band and 2 bins or more, and edges that rise from 0 "
            f"to {top}"
        )
    bins = _mel(np.linspace(0, top, num_spectrogram_bins)[1:, None])
    edges = np.linspace(_mel(low), _mel(high), num_mel_bins + 2)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (middle - left), (right - bins) / (right - middle)
    bands = np.maximum(np.minimum(rising, falling), 0)
    return asarray(np.pad(bands, ((1, 0), (0, 0))), dtype=dtype)


def _mel(hertz: Any) -> Any:
    return 1127 * np.log1p(hertz / 700)


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: TensorLike) -> Tensor:
    """Take the cepstral coefficients of log mel spectra: their cosine transform over √(2·bands).

    Args:
        log_mel_spectrograms: [..., bands], a float dtype; the bands are known.

    Returns:
        [..., bands]; speech models keep the first 13 or so.

    Raises:
        ValueError: There is no band.
        IndexError: The input is a single number.

    Example:
        >>> penstock.signal.mfccs_from_log_mel_spectrograms([1.0, 1.0])
        Tensor([2., 0.], shape=(2,), dtype=float32)
    """
    x = asarray(log_mel_spectrograms)
    cepstra = _transformed("mfccs_from_log_mel_spectrograms", x, 2, None, -1, None)
    return cepstra * (1 / math.sqrt(2 * int(x.shape[-1])))
