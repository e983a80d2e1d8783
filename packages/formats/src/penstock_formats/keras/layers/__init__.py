"""The layers of Keras, each family in its own file."""

from importlib import import_module
from typing import Final

_FAMILIES: Final = (
    "activation",
    "attention",
    "convolution",
    "core",
    "merging",
    "normalization",
    "operations",
    "pooling",
    "preprocessing",
    "recurrent",
    "reshaping",
    "text",
    "wrappers",
)


def load() -> None:
    """Fill the table of layers."""
    for family in _FAMILIES:
        import_module(f"penstock_formats.keras.layers.{family}")
