"""What helps around models."""

from penstock_keras_api.utils.random_seed import set_random_seed

__all__ = [
    "set_random_seed",
]
