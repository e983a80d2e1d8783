"""Models as ONNX files."""

from penstock_formats.onnx.writing import _needs as _  # isort: skip  # noqa: F401 -- the others import onnx
from penstock_formats.onnx.writing.coverage import coverage, table
from penstock_formats.onnx.writing.write import ExportReport, to_proto, write

__all__ = ["ExportReport", "coverage", "table", "to_proto", "write"]
