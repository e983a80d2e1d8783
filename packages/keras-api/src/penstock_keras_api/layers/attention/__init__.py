"""Layers that let a query choose among values."""
