"""Why ONNX cannot express an op."""

from __future__ import annotations

import re
from typing import Final

_FACTORS: Final = "ONNX has no factorisations of matrices"
_COMPLEX: Final = (
    "complex numbers are written inside of a model only, for Fourier transforms and arithmetic"
)
_REASONS: Final[tuple[tuple[str, str], ...]] = (
    (r"(random|keyed)_.*|log_uniform_candidates", "it draws numbers, and ONNX's draws are others"),
    (r"assign_variable", "it assigns a variable, and an ONNX model keeps nothing between calls"),
    (r"host_call", "it calls a Python function"),
    (r"adam_update.*", "it trains; an ONNX model only computes"),
    (r"core\..*", "it is made by a pass, for the processor at hand"),
    (r"eig|eigvals", _FACTORS),
    (
        r"string_.*|wordpiece|unicode_.*|.*_base64|as_string|csv_fields|json_fields|regex_.*",
        "it works on strings; do this before the model",
    ),
    (r"(de|en)code_image", "it reads or writes files of images; do this before or after the model"),
    (r"draw_bounding_boxes", "it paints; do this after the model"),
    (r"(triangular_)?solve|p?inv|adjugate|slogdet|cholesky|qr|lu", _FACTORS),
    (r"eigh|eigvalsh|svd|svdvals|matrix_exp|sqrtm|logm", _FACTORS),
    (r"ctc_.*", "ONNX has nothing like it"),
    (r"nextafter|polygamma", "ONNX has nothing like it"),
    (r".*_grad", "it is a gradient; export the function and not its training step"),
)


def why_not(op: str, complex_numbers: bool = False) -> str:
    """Return the reason in words that complete "ONNX cannot express ...: "."""
    for pattern, reason in _REASONS:
        if re.fullmatch(pattern, op):
            return reason
    if complex_numbers:
        return _COMPLEX
    return "no formula for it is known here; write it with other ops"
