"""Judges ops, kernels and devices by what their op blocks promise; `plugin.py` is the pytest plugin."""
