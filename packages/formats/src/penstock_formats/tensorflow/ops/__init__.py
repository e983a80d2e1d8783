"""The ops of TensorFlow, each family in its own file."""

from importlib import import_module
from typing import Final

_FAMILIES: Final = (
    "arrays",
    "audio",
    "calls",
    "elementwise",
    "networks",
    "shapes",
    "tensor_arrays",
    "tensor_lists",
)


def load() -> None:
    """Fill the table of ops."""
    for family in _FAMILIES:
        import_module(f"penstock_formats.tensorflow.ops.{family}")
