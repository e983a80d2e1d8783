"""Weights: what published files call them, and strict loading."""

from penstock_models.weights.load import LoadReport, load_weights, path_of
from penstock_models.weights.names import OWN_NAMES, Names

__all__ = ["OWN_NAMES", "LoadReport", "Names", "load_weights", "path_of"]
