"""Functions of tensors, and of what stands for them: `keras.ops`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.operation import Operation


class FunctionOperation(Operation):
    """One call of a function, as a part of a model.

    Args:
        fn: The function.
        name: A name.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None) -> None:
        super().__init__(name)
        self.fn = fn

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.fn(*args, **kwargs)


def _function(name: str, fn: Callable[..., Any], line: str) -> Callable[..., Any]:
    """Make a function that also takes what stands for tensors."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs))):
            return FunctionOperation(fn)(*args, **kwargs)
        return fn(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = line
    return call


add = _function("add", ps.add, "Add: x + y.")
subtract = _function("subtract", ps.subtract, "Subtract: x - y.")
multiply = _function("multiply", ps.multiply, "Multiply: x · y.")
divide = _function("divide", ps.divide, "Divide: x / y.")
floor_divide = _function("floor_divide", ps.floor_divide, "Divide and round down.")
mod = _function("mod", ps.remainder, "Take the rest of a division.")
power = _function("power", ps.pow, "Raise to a power.")
matmul = _function("matmul", ps.matmul, "Multiply matrices.")
negative = _function("negative", ps.negative, "Change the sign.")
absolute = _function("absolute", ps.abs, "Leave the sign out.")
logical_and = _function("logical_and", ps.logical_and, "Whether both hold.")
logical_or = _function("logical_or", ps.logical_or, "Whether one holds.")
logical_xor = _function("logical_xor", ps.logical_xor, "Whether just one holds.")
logical_not = _function("logical_not", ps.logical_not, "Whether it does not hold.")
less = _function("less", ps.less, "Whether x < y.")
less_equal = _function("less_equal", ps.less_equal, "Whether x <= y.")
greater = _function("greater", ps.greater, "Whether x > y.")
greater_equal = _function("greater_equal", ps.greater_equal, "Whether x >= y.")
not_equal = _function("not_equal", ps.not_equal, "Whether x and y differ.")
round = _function("round", lambda x, decimals=0: ps.round(x), "Round to whole numbers.")
reshape = _function("reshape", ps.reshape, "Give other sizes.")
squeeze = _function("squeeze", ps.squeeze, "Leave out axes of size 1.")
get_item = _function("get_item", lambda x, key: x[key], "Take a part: x[key].")
