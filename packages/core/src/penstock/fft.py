"""Fourier transforms, with the names and meanings of the Python array API and NumPy.

spectrum = penstock.fft.rfft(signal)

Everything is differentiable. `norm` says which direction is divided by the number of points: "backward", the default,
the inverse; "forward" the other; "ortho" both, by its root. float64 and complex128 give complex128, all else complex64.
"""

from penstock.ops.fourier_transforms import (
    fft,
    fft2,
    fftfreq,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftfreq,
    rfftn,
)

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
