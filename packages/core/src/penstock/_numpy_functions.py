"""NumPy's elementwise functions of tensors: `np.exp(x)` is `penstock.exp(x)`.

NumPy carries out its arrays' operators by these functions, so `array * x` comes here too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock import _native, ops
from penstock.errors import InvalidTypeError

# Where the names differ; all other functions have the same in both.
_NAMES = {"absolute": "abs", "rint": "round", "invert": "bitwise_invert"}
_NAMES |= {"left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift"}
_NAMES |= {f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_NAMES |= {"arctan2": "atan2", "pow": "power", "conjugate": "conj"}


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Serve NumPy where a tensor or variable is among the arguments of one of its elementwise functions.

    Returns:
        A tensor. Where NumPy is told to write into an array, that array.

    Raises:
        InvalidTypeError: There is no such function here, or not with these arguments.
    """
    if kwargs.get("out") and method == "__call__" and not _belongs_to_graph(inputs):
        return ufunc(*(np.asarray(x) if _is_ours(x) else x for x in inputs), **kwargs)
    name = _NAMES.get(ufunc.__name__, ufunc.__name__)
    same = None if ufunc.__name__.startswith("_") else getattr(ops, name, None)
    if same is None or method != "__call__" or kwargs:
        called = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        instead = f"penstock.{name}(x), or " if same is not None and method == "__call__" else ""
        raise InvalidTypeError(
            f"[{ufunc.__name__}] np.{called} with these arguments takes no {type(self).__name__}; use {instead}"
            f"NumPy on the values, which have no gradient: np.{called}(x.numpy())"
        )
    return same(*inputs)


def _is_ours(x: Any) -> bool:
    return isinstance(x, _native.Tensor) or hasattr(x, "__penstock_tensor__")


def _belongs_to_graph(inputs: Any) -> bool:
    return any(isinstance(x, _native.Tensor) and x.is_symbolic for x in inputs)
