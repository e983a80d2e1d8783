"""Fourier transforms, with the names and meanings of the Python array API and NumPy: what `penstock.fft` offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import DTypeError, InvalidValueError
from penstock.ops.conversion import asarray, on_device
from penstock.ops.fourier import fft_complex, fft_of_real, fft_to_real, resized
from penstock.ops.shaping import normalise_axes, normalise_axis

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Axis, DTypeLike, Ints, TensorLike


def fft(
    x: TensorLike, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> Tensor:
    """Transform along an axis: y[k] = Σⱼ x[j] e^(-2πi jk / n).

    Args:
        x: [...], any numeric dtype.
        n: The number of points: the axis is cut, or filled with zeros; by default its size.
        axis: The axis.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with n points along the axis, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.fft([1.0, 0.0, 0.0, 0.0])
        Tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], shape=(4,), dtype=complex64)
    """
    return _along("fft", x, n, axis, norm, inverse=False)


def ifft(
    x: TensorLike, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> Tensor:
    """Transform back along an axis: x[j] = Σₖ y[k] e^(2πi jk / n) / n, the inverse of `fft`.

    Args:
        x: [...], any numeric dtype.
        n: The number of points: the axis is cut, or filled with zeros; by default its size.
        axis: The axis.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with n points along the axis, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.ifft([4.0, 0.0, 0.0, 0.0])
        Tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], shape=(4,), dtype=complex64)
    """
    return _along("ifft", x, n, axis, norm, inverse=True)


def fftn(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """Transform along several axes, one after the other.

    Args:
        x: [...], any numeric dtype.
        s: The number of points along each of the axes, as n in `fft`.
        axes: The axes; by default all, or with `s` the last ones.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` points along the axes, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, an axis is given twice, or `s` and `axes` differ in length.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.fftn([[1.0, 0.0], [0.0, 0.0]])
        Tensor([[1.+0.j, 1.+0.j],
                [1.+0.j, 1.+0.j]], shape=(2, 2), dtype=complex64)
    """
    x, where = _sized("fftn", x, s, axes)
    return fft_complex(x, where, norm=norm)


def ifftn(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """Transform back along several axes: the inverse of `fftn`.

    Args:
        x: [...], any numeric dtype.
        s: The number of points along each of the axes, as n in `fft`.
        axes: The axes; by default all, or with `s` the last ones.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` points along the axes, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, an axis is given twice, or `s` and `axes` differ in length.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.ifftn([[4.0, 0.0], [0.0, 0.0]])
        Tensor([[1.+0.j, 1.+0.j],
                [1.+0.j, 1.+0.j]], shape=(2, 2), dtype=complex64)
    """
    x, where = _sized("ifftn", x, s, axes)
    return fft_complex(x, where, norm=norm, inverse=True)


def rfft(
    x: TensorLike, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> Tensor:
    """Transform real numbers along an axis, to the first half of the spectrum; the rest is its mirror image.

    Args:
        x: [...], any real dtype.
        n: The number of points: the axis is cut, or filled with zeros; by default its size.
        axis: The axis.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with n // 2 + 1 points along the axis, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.fft.rfft([1.0, 2.0, 3.0, 4.0])
        Tensor([10.+0.j, -2.+2.j, -2.+0.j], shape=(3,), dtype=complex64)
    """
    x, at = _cut("rfft", x, n, axis)
    return fft_of_real(x, at, norm=norm)


def irfft(
    x: TensorLike, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> Tensor:
    """Transform the first half of a symmetric spectrum back to real numbers: the inverse of `rfft`.

    Args:
        x: [...], any numeric dtype.
        n: How many numbers to make; by default 2 (m - 1) for m elements along the axis, the even one of two.
        axis: The axis.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with n numbers along the axis, real.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.irfft([10, -2 + 2j, -2])
        Tensor([1., 2., 3., 4.], shape=(4,), dtype=float32)
    """
    x = asarray(x)
    at = normalise_axis("irfft", axis, x.ndim)
    return fft_to_real(x, 2 * (x.shape[at] - 1) if n is None else n, at, norm=norm)


def rfftn(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """Transform real numbers along several axes: `rfft` along the last of them, `fft` along the others.

    Args:
        x: [...], any real dtype.
        s: The number of points along each of the axes, as n in `rfft`.
        axes: The axes; by default all, or with `s` the last ones.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` points along the axes, n // 2 + 1 along the last of them, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points or no axes, an axis is given twice, or `s` and `axes` differ in length.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.fft.rfftn(penstock.ones((2, 4))).shape
        (2, 3)
    """
    x, where = _sized("rfftn", x, s, axes)
    last = _last_of("rfftn", where)
    return fft_complex(fft_of_real(x, last, norm=norm), where[:-1], norm=norm)


def irfftn(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    norm: str = "backward",
) -> Tensor:
    """Transform half a spectrum of several axes back to real numbers: the inverse of `rfftn`.

    Args:
        x: [...], any numeric dtype.
        s: How many numbers to make along each of the axes; by default x's sizes, and 2 (m - 1) along the last.
        axes: The axes; by default all, or with `s` the last ones.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` numbers along the axes, real.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points or no axes, an axis is given twice, or `s` and `axes` differ in length.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.irfftn(penstock.ones((2, 3))).shape
        (2, 4)
    """
    x = asarray(x)
    where = _axes("irfftn", x, s, axes)
    last = _last_of("irfftn", where)
    size = 2 * (x.shape[last] - 1) if s is None else s[-1]
    for at, points in zip(where[:-1], s or [], strict=False):
        x = resized(x, at, points)
    return fft_to_real(fft_complex(x, where[:-1], norm=norm, inverse=True), size, last, norm=norm)


def fft2(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str = "backward",
) -> Tensor:
    """Transform along two axes; see `fftn`.

    Args:
        x: [...], any numeric dtype.
        s: The number of points along each of the axes.
        axes: The axes.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` points along the axes, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.fft2(penstock.ones((2, 4))).shape
        (2, 4)
    """
    return fftn(x, s=s, axes=axes, norm=norm)


def ifft2(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str = "backward",
) -> Tensor:
    """Transform back along two axes; see `ifftn`.

    Args:
        x: [...], any numeric dtype.
        s: The number of points along each of the axes.
        axes: The axes.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` points along the axes, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.ifft2(penstock.ones((2, 4))).shape
        (2, 4)
    """
    return ifftn(x, s=s, axes=axes, norm=norm)


def rfft2(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str = "backward",
) -> Tensor:
    """Transform real numbers along two axes; see `rfftn`.

    Args:
        x: [...], any real dtype.
        s: The number of points along each of the axes.
        axes: The axes.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` points along the axes, n // 2 + 1 along the second, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.fft.rfft2(penstock.ones((2, 4))).shape
        (2, 3)
    """
    return rfftn(x, s=s, axes=axes, norm=norm)


def irfft2(
    x: TensorLike,
    /,
    *,
    s: Sequence[int] | None = None,
    axes: Sequence[int] = (-2, -1),
    norm: str = "backward",
) -> Tensor:
    """Transform half a spectrum of two axes back to real numbers; see `irfftn`.

    Args:
        x: [...], any numeric dtype.
        s: How many numbers to make along each of the axes.
        axes: The axes.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with `s` numbers along the axes, real.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.irfft2(penstock.ones((2, 3))).shape
        (2, 4)
    """
    return irfftn(x, s=s, axes=axes, norm=norm)


def hfft(
    x: TensorLike, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> Tensor:
    """Transform the first half of a symmetric signal, x[-j] = conj(x[j]), to its spectrum, which is real.

    Args:
        x: [...], any numeric dtype.
        n: How many numbers to make; by default 2 (m - 1) for m elements along the axis.
        axis: The axis.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with n numbers along the axis, real.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.fft.hfft([1.0, 2.0, 3.0])
        Tensor([ 8., -2.,  0., -2.], shape=(4,), dtype=float32)
    """
    return irfft(ops.conj(_number(x)), n=n, axis=axis, norm=_opposite("hfft", norm))


def ihfft(
    x: TensorLike, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
) -> Tensor:
    """Transform a real spectrum back to the first half of a symmetric signal: the inverse of `hfft`.

    Args:
        x: [...], any real dtype.
        n: The number of points: the axis is cut, or filled with zeros; by default its size.
        axis: The axis.
        norm: "backward", "ortho" or "forward".

    Returns:
        x's shape with n // 2 + 1 points along the axis, complex.

    Raises:
        IndexError: x has no such axis.
        ValueError: There are no points, or `norm` is none of these.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.fft.ihfft([8.0, -2.0, 0.0, -2.0])
        Tensor([1.-0.j, 2.-0.j, 3.-0.j], shape=(3,), dtype=complex64)
    """
    return ops.conj(rfft(x, n=n, axis=axis, norm=_opposite("ihfft", norm)))


def fftfreq(
    n: int, /, *, d: float = 1.0, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Make the frequencies of what `fft` returns: 0, 1, ..., then the negative ones, over n d.

    Args:
        n: The number of points.
        d: The time between points.
        dtype: Of the result, a float dtype; by default float32.
        device: Where it goes; by default the host.

    Returns:
        [n], of `dtype`.

    Raises:
        ValueError: n is less than 1.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> penstock.fft.fftfreq(4)
        Tensor([ 0.  ,  0.25, -0.5 , -0.25], shape=(4,), dtype=float32)
    """
    place = ops.arange(_at_least_one("fftfreq", n))
    turned = ops.where(place < (n + 1) // 2, place, place - n)
    return _frequencies("fftfreq", turned, n, d, dtype, device)


def rfftfreq(
    n: int, /, *, d: float = 1.0, dtype: DTypeLike | None = None, device: str | None = None
) -> Tensor:
    """Make the frequencies of what `rfft` returns: 0, 1, ..., n // 2, over n d.

    Args:
        n: The number of points of the signal.
        d: The time between points.
        dtype: Of the result, a float dtype; by default float32.
        device: Where it goes; by default the host.

    Returns:
        [n // 2 + 1], of `dtype`.

    Raises:
        ValueError: n is less than 1.
        TypeError: `dtype` is not a float dtype.

    Example:
        >>> penstock.fft.rfftfreq(4)
        Tensor([0.  , 0.25, 0.5 ], shape=(3,), dtype=float32)
    """
    place = ops.arange(_at_least_one("rfftfreq", n) // 2 + 1)
    return _frequencies("rfftfreq", place, n, d, dtype, device)


def fftshift(x: TensorLike, /, *, axes: Axis = None) -> Tensor:
    """Move the frequency 0 to the middle of axes.

    Args:
        x: [...], any dtype.
        axes: Which axes; None for all.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> penstock.fft.fftshift([0, 1, 2, -2, -1])
        Tensor([-2, -1,  0,  1,  2], shape=(5,), dtype=int64)
    """
    return _shifted("fftshift", x, axes, lambda size: size // 2)


def ifftshift(x: TensorLike, /, *, axes: Axis = None) -> Tensor:
    """Move the frequency 0 from the middle of axes to their beginning: the inverse of `fftshift`.

    Args:
        x: [...], any dtype.
        axes: Which axes; None for all.

    Returns:
        x's shape and dtype.

    Raises:
        IndexError: x has no such axis.

    Example:
        >>> penstock.fft.ifftshift([-2, -1, 0, 1, 2])
        Tensor([ 0,  1,  2, -2, -1], shape=(5,), dtype=int64)
    """
    return _shifted("ifftshift", x, axes, lambda size: -(size // 2))


# ---- what they share


def _along(name: str, x: TensorLike, n: int | None, axis: int, norm: str, inverse: bool) -> Tensor:
    tensor, at = _cut(name, x, n, axis)
    return fft_complex(tensor, at, norm=norm, inverse=inverse)


def _cut(name: str, x: TensorLike, n: int | None, axis: int) -> tuple[Tensor, int]:
    tensor = _number(x)
    at = normalise_axis(name, axis, tensor.ndim)
    return resized(tensor, at, _at_least_one(name, n) if isinstance(n, int) else n), at


def _sized(
    name: str, x: TensorLike, s: Sequence[int] | None, axes: Sequence[int] | None
) -> tuple[Tensor, list[int]]:
    tensor = _number(x)
    where = _axes(name, tensor, s, axes)
    for at, points in zip(where, s or [], strict=False):
        tensor = resized(tensor, at, points)
    return tensor, where


def _axes(name: str, x: Tensor, s: Sequence[int] | None, axes: Ints | None) -> list[int]:
    if axes is None:
        return list(range(x.ndim - (x.ndim if s is None else len(s)), x.ndim))
    where = normalise_axes(name, axes, x.ndim)
    if s is not None and len(s) != len(where):
        raise InvalidValueError(
            f"[{name}] got {len(s)} sizes in s and {len(where)} axes; give one size for each axis"
        )
    return where


def _last_of(name: str, axes: list[int]) -> int:
    if not axes:
        raise InvalidValueError(f"[{name}] got no axes; give at least one")
    return axes[-1]


def _number(x: TensorLike) -> Tensor:
    tensor = asarray(x)
    return ops.astype(tensor, "float32") if tensor.dtype == "bool" else tensor


def _opposite(name: str, norm: str) -> str:
    opposite = {"backward": "forward", "ortho": "ortho", "forward": "backward"}.get(norm)
    if opposite is None:
        raise InvalidValueError(f'[{name}] got norm={norm!r}; use "backward", "ortho" or "forward"')
    return opposite


def _at_least_one(name: str, n: int) -> int:
    if n < 1:
        raise InvalidValueError(f"[{name}] got n={n}; the number of points must be at least 1")
    return n


def _frequencies(
    name: str, place: Tensor, n: int, d: float, dtype: DTypeLike | None, device: str | None
) -> Tensor:
    made = ops.astype(ops.astype(place, "float64") / (n * d), "float32" if dtype is None else dtype)
    if made.dtype.kind != "float":
        raise DTypeError(f"[{name}] got dtype {made.dtype.name}; expected a float dtype")
    return on_device(made, device)


def _shifted(name: str, x: TensorLike, axes: Axis, how_far: Any) -> Tensor:
    x = asarray(x)
    where = list(range(x.ndim)) if axes is None else normalise_axes(name, axes, x.ndim)
    return ops.roll(x, [how_far(int(x.shape[a])) for a in where], where)
