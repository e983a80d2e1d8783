"""Functions of tensors, and of what stands for them: `keras.ops`.

This file only re-exports; the functions are made of the tables of the modules.
"""

from penstock_keras_api.ops import core, image, linalg, nn, numpy
from penstock_keras_api.ops.table import FunctionOperation, operations

for _module in (core, linalg, nn, numpy):
    globals().update({_name: getattr(_module, _name) for _name in _module.__all__})

__all__ = ["FunctionOperation", "core", "image", "linalg", "nn", "numpy", "operations"]
