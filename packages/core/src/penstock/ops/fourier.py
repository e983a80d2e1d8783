"""Discrete Fourier transforms. `penstock.fft` has the functions that users call; all are made of these three ops.

Half transforms use that the spectrum of real numbers is symmetric: y[-k] = conj(y[k]).
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import array

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import Ints, ShapeLike, TensorLike


@op(infer="fft:complex")
def fft_complex(
    x: TensorLike, axis: Ints, *, norm: str = "backward", inverse: bool = False
) -> Tensor:
    """Transform along axes: y[k] = Σⱼ x[j] e^(-2πi jk / n), and so on for each axis.

    Args:
        x: [...], any numeric dtype.
        axis: The axes.
        norm: Which direction is divided by n: "forward", "backward" (the inverse), or "ortho", each by √n.
        inverse: Take e^(+2πi jk / n).

    Returns:
        x's shape, complex128 for float64 and complex128, else complex64.

    Raises:
        IndexError: x has no such axis.
        ValueError: An axis is given twice or has no elements, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.ops.fft_complex([1.0, 0.0, 0.0, 0.0], 0)
        Tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], shape=(4,), dtype=complex64)
    """


@op(infer="fft:of_real")
def fft_of_real(x: TensorLike, axis: int, *, norm: str = "backward") -> Tensor:
    """Transform real numbers along an axis, to the first half of the spectrum: y[k] for k from 0 to n / 2.

    Args:
        x: [..., n, ...], any real dtype.
        axis: The axis.
        norm: As in `fft_complex`.

    Returns:
        [..., n // 2 + 1, ...], complex128 for float64, else complex64.

    Raises:
        IndexError: x has no such axis.
        ValueError: The axis has no elements, or `norm` is none of these.
        TypeError: x is complex or a string tensor.

    Example:
        >>> penstock.ops.fft_of_real([1.0, 2.0, 3.0, 4.0], 0)
        Tensor([10.+0.j, -2.+2.j, -2.+0.j], shape=(3,), dtype=complex64)
    """


@op(infer="fft:to_real")
def fft_to_real(x: TensorLike, size: ShapeLike, axis: int, *, norm: str = "backward") -> Tensor:
    """Transform the first half of a symmetric spectrum back to real numbers: the inverse of `fft_of_real`.

    Args:
        x: [..., m, ...], any numeric dtype. It is cut or filled with zeros to size // 2 + 1 elements; what the symmetry
            forbids, imaginary parts in the first and in the middle, is ignored.
        size: How many numbers to make, at least 1.
        axis: The axis.
        norm: As in `fft_complex`.

    Returns:
        [..., size, ...], float64 for float64 and complex128, else float32.

    Raises:
        IndexError: x has no such axis.
        ValueError: The axis has no elements, `size` is 0, or `norm` is none of these.
        TypeError: x is a string tensor.

    Example:
        >>> penstock.ops.fft_to_real([10, -2 + 2j, -2], 4, 0)
        Tensor([1., 2., 3., 4.], shape=(4,), dtype=float32)
    """


fft_complex.batch(_batch.one_axis)
fft_of_real.batch(_batch.one_axis)
fft_to_real.batch(_batch.one_axis)
fft_complex.jvp(_tangents.linear)
fft_of_real.jvp(_tangents.linear)
fft_to_real.jvp(_tangents.linear)


@fft_complex.reference
def _(x: Any, axis: Any, norm: Any, inverse: bool) -> Any:
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axis, norm=norm)


@fft_of_real.reference
def _(x: Any, axis: int, norm: Any) -> Any:
    return np.fft.rfft(x, axis=axis, norm=norm)


@fft_to_real.reference
def _(x: Any, size: Any, axis: int, norm: Any) -> Any:
    return np.fft.irfft(x, size[0], axis=axis, norm=norm)


@fft_complex.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    # The matrix of the transform is symmetric.
    return (fft_complex(dy, **_attrs(node, "axis", "norm", "inverse")),)


@fft_of_real.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    axis, norm = node.attrs["axis"], node.attrs["norm"]
    missing = x.shape[axis] - dy.shape[axis]
    whole = ops.pad_(dy, _after(dy.ndim, axis, missing), 0.0)
    return (ops.real(fft_complex(whole, axis, norm=norm)),)


@fft_to_real.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    axis, size = node.attrs["axis"], node.attrs["size"][0]
    # Each element but the first and the one in the middle stands for its mirror image too.
    half = fft_of_real(dy, axis, norm=_OPPOSITE[node.attrs["norm"]])
    place = _places(half.shape[axis])
    alone = (place == 0) | (place * 2 == size)
    counts = 2.0 - ops.cast(alone, dy.dtype)
    counts = ops.reshape(counts, [-1 if a == axis else 1 for a in range(x.ndim)])
    return (_resized(ops.conj(half * counts), axis, x.shape[axis]),)


_OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _attrs(node: Node, *names: str) -> dict[str, Any]:
    return {name: node.attrs[name] for name in names}


def _places(size: Any) -> Tensor:
    """0, 1, 2, ... as many as a size, which may be symbolic."""
    return ops.cumsum(ops.full((size,), 1, "int64"), 0) - 1


def _after(ndim: int, axis: int, count: Any) -> list[Any]:
    widths: list[Any] = [0] * (2 * ndim)
    widths[2 * axis + 1] = count
    return widths


def _resized(x: Tensor, axis: int, size: Any) -> Tensor:
    """Cut an axis at a size, or fill it up with zeros."""
    have = x.shape[axis]
    if have is size or bool(have == size):
        return x
    if have > size:
        return ops.slice(
            x,
            [0] * x.ndim,
            [size if a == axis else n for a, n in enumerate(x.shape)],
            [1] * x.ndim,
        )
    return ops.pad_(x, _after(x.ndim, axis, size - have), 0.0)


def resized(x: Tensor, axis: int, size: Any) -> Tensor:
    """Cut an axis at a size, or fill it up with zeros; None leaves it."""
    return x if size is None else _resized(x, axis, size)


_KINDS = ("float64", "complex128", "float32", "complex64", "float16", "int32")


@fft_complex.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in _KINDS:
        for n in (1, 6, 7):
            yield Sample((array(rng, (2, n), dtype), 1), label=f"{dtype} {n}")
    for norm in ("ortho", "forward", "backward"):
        for inverse in (False, True):
            flags = {"norm": norm, "inverse": inverse}
            yield Sample((array(rng, (3, 4)), -2), flags, label=f"{norm} {inverse}")
    yield Sample((array(rng, (2, 3, 4)), (0, 2)), label="two axes")
    yield Sample((array(rng, (2, 3)), ()), label="no axis")
    yield Sample((array(rng, (0, 4)), 1), label="empty")
    yield Sample((array(rng, (5, 4)).T, 1), label="strided")
    yield Sample((array(rng, (3, 4099), "float32"), 1), label="large")


@fft_of_real.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in ("float64", "float32", "float16", "int32", "bool"):
        for n in (1, 2, 6, 7):
            yield Sample((array(rng, (2, n), dtype), 1), label=f"{dtype} {n}")
    for norm in ("ortho", "forward"):
        yield Sample((array(rng, (4, 3)), -2), {"norm": norm}, label=norm)
    yield Sample((array(rng, (0, 4)), 1), label="empty")
    yield Sample((array(rng, (5, 4)).T, 1), label="strided")
    yield Sample((array(rng, (3, 4099), "float32"), 1), label="large")


@fft_to_real.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in _KINDS:
        for n in (1, 6, 7, 9):
            yield Sample((array(rng, (2, 4), dtype), n, 1), label=f"{dtype} {n}")
    for norm in ("ortho", "forward"):
        yield Sample((array(rng, (4, 3)), 6, -2), {"norm": norm}, label=norm)
    yield Sample((array(rng, (0, 4)), 6, 1), label="empty")
    yield Sample((array(rng, (5, 4)).T, 8, 1), label="strided")
    yield Sample((array(rng, (3, 2050), "complex64"), 4099, 1), label="large")


@fft_complex.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), 2), error=IndexError, match="use -2 to 1")
    yield Reject((np.ones((2, 3)), (0, -2)), match="name each axis once")
    yield Reject((np.ones((2, 0)), 1), match="no elements to transform; give n")
    yield Reject((np.ones(2), 0), {"norm": "none"}, match='use "backward", "ortho" or "forward"')


@fft_of_real.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), 2), error=IndexError, match="use -2 to 1")
    yield Reject((np.ones(2, "complex64"), 0), error=TypeError, match="take the real part")
    yield Reject((np.ones(0), 0), match="no elements to transform")


@fft_to_real.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones(3), 0, 0), match="expected one number, at least 1")
    yield Reject((np.ones(3), 4, 1), error=IndexError, match="use -1 to 0")
