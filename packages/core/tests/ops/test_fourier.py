"""Fourier transforms against SciPy's and PyTorch's, values and gradients, and what is refused."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import penstock as ps

scipy_fft = pytest.importorskip("scipy.fft")

NORMS = ("backward", "ortho", "forward")


def signal(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(7)
    x = rng.standard_normal(shape)
    return np.asarray(x + 1j * rng.standard_normal(shape) if "complex" in dtype else x, dtype)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 1, 4, 5, 8, 11])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(("fft", "complex128"), ("ifft", "complex64"), ("fft", "float64")),
        *(("rfft", "float64"), ("rfft", "float32"), ("irfft", "complex128")),
        *(("hfft", "complex128"), ("hfft", "complex64"), ("ihfft", "float64")),
    ],
)
def test_one_axis_equals_scipy(name: str, dtype: str, n: int | None, norm: str, close: Any) -> None:
    x = signal((3, 7, 2), dtype)
    actual = getattr(ps.fft, name)(x, n=n, axis=1, norm=norm)
    expected = getattr(scipy_fft, name)(x, n=n, axis=1, norm=norm)
    assert actual.dtype == expected.dtype.name
    close(actual, expected)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("s", "axes"), [(None, None), ((4, 6), None), (None, (0, 2)), ((5, 2), (-1, 0))]
)
@pytest.mark.parametrize("name", ["fftn", "ifftn", "rfftn", "irfftn"])
def test_several_axes_equal_scipy(name: str, s: Any, axes: Any, norm: str, close: Any) -> None:
    x = signal((3, 5, 4), "float64" if name == "rfftn" else "complex128")
    actual = getattr(ps.fft, name)(x, s=s, axes=axes, norm=norm)
    close(actual, getattr(scipy_fft, name)(x, s=s, axes=axes, norm=norm))


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2"])
def test_two_axes_equal_scipy(name: str, close: Any) -> None:
    x = signal((2, 5, 4), "float64" if name == "rfft2" else "complex128")
    close(getattr(ps.fft, name)(x), getattr(scipy_fft, name)(x))


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts_equal_numpy(n: int) -> None:
    np.testing.assert_array_equal(ps.fft.fftfreq(n, d=0.5, dtype="float64"), np.fft.fftfreq(n, 0.5))
    np.testing.assert_array_equal(ps.fft.rfftfreq(n, dtype="float64"), np.fft.rfftfreq(n))
    x = np.arange(6 * n).reshape(n, 6)
    for axes in (None, 0, (0, 1)):
        np.testing.assert_array_equal(ps.fft.fftshift(x, axes=axes), np.fft.fftshift(x, axes))
        np.testing.assert_array_equal(ps.fft.ifftshift(x, axes=axes), np.fft.ifftshift(x, axes))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [None, 3, 8, 9])
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_gradients_equal_torch(name: str, n: int | None, norm: str) -> None:
    torch = pytest.importorskip("torch")
    real = name in ("rfft", "ihfft")
    x = signal((2, 6), "float64" if real else "complex128")
    weight = np.random.default_rng(3).standard_normal((2, 50))

    def ours(z: Any) -> Any:
        y = getattr(ps.fft, name)(z, n=n, norm=norm)
        cut = weight[:, : y.shape[-1]]
        return ps.sum(ps.real(y) * cut) + ps.sum(ps.square(ps.imag(y)))

    z = torch.tensor(x, requires_grad=True)
    y = getattr(torch.fft, name)(z, n=n, norm=norm).resolve_conj()
    cut = torch.tensor(weight[:, : y.shape[-1]])
    parts = torch.view_as_real(y) if y.is_complex() else torch.stack([y, 0 * y], -1)
    ((parts[..., 0] * cut).sum() + (parts[..., 1] ** 2).sum()).backward()
    # PyTorch's gradient of a complex tensor is the conjugate of ours.
    expected = z.grad.resolve_conj().numpy().conj()
    np.testing.assert_allclose(ps.grad(ours)(ps.asarray(x)), expected, rtol=1e-10, atol=1e-10)


def test_a_traced_transform_serves_every_size() -> None:
    run = ps.function(lambda x: ps.fft.irfft(ps.fft.rfft(x), n=x.shape[-1]))
    for n in (8, 9, 12):
        x = signal((2, n), "float64")
        np.testing.assert_allclose(run(ps.asarray(x)), x, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda: ps.fft.fft([1.0], n=0), "got n=0.*at least 1"),
        (lambda: ps.fft.fftn([[1.0]], s=(1, 1), axes=(0,)), "one size for each axis"),
        (lambda: ps.fft.rfftn([[1.0]], axes=()), "give at least one"),
        (lambda: ps.fft.hfft([1.0], norm="no"), 'use "backward", "ortho" or "forward"'),
        (lambda: ps.fft.fftfreq(0), "at least 1"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call()


def test_frequencies_are_floats() -> None:
    with pytest.raises(TypeError, match="expected a float dtype"):
        ps.fft.fftfreq(4, dtype="int32")


@pytest.mark.parametrize("name", ps.fft.__all__)
def test_manual_is_complete(name: str, run_examples: Any) -> None:
    doc = inspect.getdoc(getattr(ps.fft, name)) or ""
    assert all(section in doc for section in ("Args:", "Returns:", "Raises:", "Example:"))
    run_examples(name, doc)
