"""How near is near enough: the only table of tolerances. Exceptions are the author's, in `conformance.toml`."""

from __future__ import annotations

from typing import Final

Tolerance = tuple[float, float]

# (relative, absolute). The absolute part grows with the largest finite value of the result, because the terms of
# a sum cancel. Dtypes that are not here, such as integers, must be equal.
VALUES: Final[dict[str, Tolerance]] = {
    "bfloat16": (1.6e-2, 8e-3),
    "float16": (2e-3, 1e-3),
    "float32": (4e-6, 1e-6),
    "float64": (1e-13, 1e-14),
    "complex64": (4e-6, 2e-6),
    "complex128": (1e-13, 1e-14),
}

# A gradient passes through several ops, each with its own rounding.
GRADIENTS: Final[dict[str, Tolerance]] = {
    "bfloat16": (6e-2, 6e-2),
    "float16": (1e-2, 1e-2),
    "float32": (4e-5, 2e-5),
}

# Central differences in float64 with steps of 1e-6 are good to about nine digits; two are kept back.
DIFFERENCES: Final[Tolerance] = (1e-5, 1e-6)
