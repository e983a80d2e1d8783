"""Graphs that outlive the code that built them: models, and the folders and files that hold them."""

from penstock.saved._objects import graph_model
from penstock.saved.model import GraphFunction, GraphModel, TensorSpec
from penstock.saved.schema import schema
from penstock.saved.upgrade import register_upgrader
from penstock.saved.weights import WeightsReport, load_weights, read_tensors

__all__ = [
    "GraphFunction",
    "GraphModel",
    "TensorSpec",
    "WeightsReport",
    "graph_model",
    "load_weights",
    "read_tensors",
    "register_upgrader",
    "schema",
]
