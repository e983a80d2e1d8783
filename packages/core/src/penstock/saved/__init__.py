"""Graphs that outlive the code that built them: models, and the folders and files that hold them."""

from penstock.saved.model import GraphFunction, GraphModel, TensorSpec
from penstock.saved.schema import schema
from penstock.saved.upgrade import register_upgrader

__all__ = ["GraphFunction", "GraphModel", "TensorSpec", "register_upgrader", "schema"]
