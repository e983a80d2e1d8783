"""Layers that make sequences, images and volumes smaller."""
