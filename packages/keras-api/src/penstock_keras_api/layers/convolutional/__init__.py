"""Layers that slide filters over sequences, images and volumes."""
