"""Layers that prepare and vary images."""
