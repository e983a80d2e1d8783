"""Layers that bring numbers to one scale."""
