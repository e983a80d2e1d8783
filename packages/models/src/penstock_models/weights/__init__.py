"""Weights: what published files call them, and strict loading."""

from penstock_models.weights.load import LoadReport, load_weights
from penstock_models.weights.names import Names

__all__ = ["LoadReport", "Names", "load_weights"]
