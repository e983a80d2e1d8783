"""Random numbers."""

from penstock_keras_api.random.seed import SeedGenerator

__all__ = ["SeedGenerator"]
