"""Says what to install where the onnx package is missing."""

from __future__ import annotations

from penstock.errors import FormatError

try:
    import onnx  # noqa: F401
except ImportError as error:
    raise FormatError(
        '[onnx] the package onnx is missing; it writes the files: pip install "penstock-formats[onnx]"'
    ) from error
