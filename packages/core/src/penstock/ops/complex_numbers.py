"""Complex numbers: made of parts, taken apart, conjugated.

Gradients follow `grad`: the gradient g of a complex input z is what makes Re(Σ g · dz) the change of the loss.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.ops import _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._gradients import sum_to
from penstock.ops._samples import NUMERIC, array, binary, unary

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _not_truth() -> Iterator[Reject]:
    yield Reject((np.array([True]),), error=TypeError, match="got bool; expected .*astype")


@op(infer="real_part", broadcasts=True)
def real(x: TensorLike, /) -> Tensor:
    """Take the real part of each element.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], float32 for complex64, float64 for complex128; a real x as it is.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.real([1 + 2j, 3 - 4j])
        Tensor([1., 3.], shape=(2,), dtype=float32)
    """


real.reference(np.real)
real.samples(unary(("float64", *NUMERIC)))
real.rejects(_not_truth)
real.jvp(_tangents.linear)


@real.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (complex(dy, 0.0) if node.inputs[0].dtype.kind == "complex" else dy,)


@op(infer="real_part", broadcasts=True)
def imag(x: TensorLike, /) -> Tensor:
    """Take the imaginary part of each element; that of real numbers is 0.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], float32 for complex64, float64 for complex128, else x's dtype.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.imag([1 + 2j, 3 - 4j])
        Tensor([ 2., -4.], shape=(2,), dtype=float32)
    """


imag.reference(np.imag)
imag.samples(unary(("float64", *NUMERIC)))
imag.rejects(_not_truth)
imag.jvp(_tangents.linear)


@imag.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (complex(0.0, -dy) if node.inputs[0].dtype.kind == "complex" else dy * 0.0,)


@op(infer="elementwise:numeric", broadcasts=True)
def conj(x: TensorLike, /) -> Tensor:
    """Change the sign of each imaginary part.

    Args:
        x: [...], any numeric dtype.

    Returns:
        [...], of x's dtype; a real x as it is.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.conj([1 + 2j, 3 - 4j])
        Tensor([1.-2.j, 3.+4.j], shape=(2,), dtype=complex64)
    """


conj.reference(np.conj)
conj.samples(unary(("float64", *NUMERIC)))
conj.rejects(_not_truth)
conj.jvp(_tangents.linear)


@conj.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    return (conj(dy),)


@op(infer="complex_of", broadcasts=True)
def complex(real: TensorLike, imag: TensorLike, /) -> Tensor:
    """Make complex numbers of real and imaginary parts: z = x + i y.

    Args:
        real: [...], any real dtype.
        imag: [...], any real dtype; the shapes must broadcast.

    Returns:
        [...], the broadcast shape, complex128 if the parts promote to float64, else complex64.

    Raises:
        ValueError: The shapes do not broadcast.
        TypeError: A part is complex or a string tensor.

    Example:
        >>> penstock.complex([1.0, 3.0], [2.0, -4.0])
        Tensor([1.+2.j, 3.-4.j], shape=(2,), dtype=complex64)
    """


@complex.reference
def _(real: Any, imag: Any) -> Any:
    shape = np.broadcast_shapes(real.shape, imag.shape)
    z = np.empty(shape, "complex128" if real.dtype == "float64" else "complex64")
    z.real, z.imag = real, imag  # apart: arithmetic would make NaN of infinity
    return z


complex.jvp(_tangents.linear)


@complex.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    x, y = node.inputs
    return sum_to(real(dz), x), sum_to(-imag(dz), y)


@complex.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from binary(("float64", "float32", "float16", "int64", "int8"))(rng)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])
    yield Sample((special, special[::-1].copy()), label="special", differentiable=False)


@complex.rejects
def _() -> Iterator[Reject]:
    yield Reject((np.ones((2, 3)), np.ones(4)), match="do not broadcast")
    yield Reject((np.ones(2, "complex64"), 1.0), error=TypeError, match="take the real part")


@op(infer="real_part", broadcasts=True)
def angle(x: TensorLike, /) -> Tensor:
    """Take the angle of each element: φ in z = |z| e^(iφ), from -π to π.

    Args:
        x: [...], a float or complex dtype.

    Returns:
        [...], the dtype of the real part. For real numbers 0, or π where the sign is negative.

    Raises:
        TypeError: x is boolean or a string tensor.

    Example:
        >>> penstock.angle([1j, -2])
        Tensor([1.5707964, 3.1415927], shape=(2,), dtype=float32)
    """


@angle.reference
def _(x: Any) -> Any:
    return np.arctan2(np.imag(x), np.real(x))


angle.rejects(_not_truth)


@angle.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    (x,) = node.inputs
    if x.dtype.kind != "complex":
        return (dy * 0.0,)
    # φ = Im log z.
    return (complex(0.0, -dy) / x,)


@angle.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from unary(("complex128", "complex64", "float64", "float32", "float16"))(rng)
    yield Sample((array(rng, (3, 4), "float64"),), label="real")
