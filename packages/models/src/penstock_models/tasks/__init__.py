"""Heads on backbones: what a model is for."""

from penstock_models.tasks.classifier import classifier

__all__ = ["classifier"]
