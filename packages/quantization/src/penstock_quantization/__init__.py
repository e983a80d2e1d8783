"""Quantisation of trained models; `penstock.quantization` is this module."""

from penstock_quantization.quantizing import QuantizationWarning, quantize
from penstock_quantization.report import LayerReport, Report, Result

__all__ = ["LayerReport", "QuantizationWarning", "Report", "Result", "quantize"]
