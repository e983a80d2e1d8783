"""`keras.backend`: the default dtypes, and questions about them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config, context, naming
from penstock_keras_api.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from penstock_keras_api.keras_tensor import is_keras_tensor

_uids: Counter[str] = Counter()


def clear_session(free_memory: bool = True) -> None:
    """Forget what programs collect: names that were given, masks, and the stream of random numbers without a seed.

    Args:
        free_memory: Whether to collect garbage too.

    >>> from penstock import keras
    >>> keras.utils.clear_session()
    >>> keras.layers.Dense(1).name
    'dense'
    """
    from penstock_keras_api.random import draws

    naming.reset_names()
    _uids.clear()
    context.clear_masks()
    draws.forget_shared_generator()
    if free_memory:
        import gc

        gc.collect()


def get_uid(prefix: str = "") -> int:
    """Count: return 1 for the first call with a prefix, then 2, and so on.

    Args:
        prefix: What is counted.

    >>> get_uid("an example"), get_uid("an example")
    (1, 2)
    """
    _uids[prefix] += 1
    return _uids[prefix]


def standardize_dtype(dtype: Any) -> str:
    """Return a dtype's name: of a name, a NumPy dtype, or one of Python's types; the default float for None.

    Args:
        dtype: Any of these.

    Raises:
        ValueError: It is none.

    >>> standardize_dtype(int), standardize_dtype(None)
    ('int32', 'float32')
    """
    if dtype is None:
        return config.floatx()
    if dtype in (int, float, bool, str):
        return {int: "int32", float: "float32", bool: "bool", str: "string"}[dtype]
    text = str(dtype).removeprefix("torch.")
    name = text if "torch" in str(type(dtype)) else getattr(dtype, "name", dtype)
    if isinstance(name, str) and name.startswith("float8_"):
        return name
    try:
        return ps.dtypes.as_dtype(name).name
    except (TypeError, ValueError):
        raise InvalidValueError(
            f"[standardize_dtype] got {dtype!r}; use a dtype's name, such as 'float32'"
        ) from None


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is one of floats.

    Args:
        dtype: A dtype, or its name.

    >>> is_float_dtype("bfloat16"), is_float_dtype("int8")
    (True, False)
    """
    name = standardize_dtype(dtype)
    return name.startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is one of whole numbers.

    Args:
        dtype: A dtype, or its name.

    >>> is_int_dtype("uint8"), is_int_dtype("bool")
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))


def result_type(*dtypes: Any) -> str:
    """Return the dtype that a result of several has.

    Args:
        dtypes: Dtypes; `int` and `float` for numbers of Python, whose dtype gives way.

    Raises:
        ValueError: One is no dtype of numbers.

    >>> result_type("int32", float), result_type("int8", "uint8"), result_type("bfloat16", "float16")
    ('float32', 'int16', 'float32')
    """
    if not dtypes:
        return config.floatx()
    operands = [_operand(dtype) for dtype in dtypes]
    names = [name for name, _ in operands]
    if "string" in names:
        raise InvalidValueError(
            f"[result_type] got {dtypes!r}; use dtypes of numbers, since strings cannot be computed with"
        )
    strong = [name for name, weak in operands if not weak]
    if "uint64" in strong and any(name.startswith("int") for name in strong):
        return config.floatx()
    kinds = [name for name, weak in operands if weak]
    if not strong:
        return "float32" if "float" in kinds else "int32" if "int" in kinds else "bool"
    made = ps.result_type(*(ps.dtypes.as_dtype(name) for name in strong))
    if "float" in kinds and made.kind not in ("float", "complex"):
        return config.floatx()
    if "int" in kinds and made.kind == "bool":
        return "int32"
    return made.name


def _operand(dtype: Any) -> tuple[str, bool]:
    if dtype in (int, "int"):
        return "int", True
    if dtype in (float, "float"):
        return "float", True
    if hasattr(dtype, "dtype"):
        dtype = dtype.dtype
    return standardize_dtype(dtype), False


__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
