"""Quantisation of trained models; `penstock.quantization` is this module."""

from penstock_quantization.quantizing import QuantizationWarning, quantize
from penstock_quantization.report import LayerReport, Report, Result
from penstock_quantization.training import convert, prepare_training

__all__ = [
    "LayerReport",
    "QuantizationWarning",
    "Report",
    "Result",
    "convert",
    "prepare_training",
    "quantize",
]
