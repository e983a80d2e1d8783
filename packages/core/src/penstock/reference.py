"""Runs kernels written in Python, the reference of every op among them, on NumPy views of the runtime's memory.

bfloat16, which NumPy lacks, is widened to float32 on the way in and rounded to nearest even on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock import _native
from penstock._native import DType
from penstock.ops import BLOCKS

Array = np.ndarray[Any, Any]
View = tuple[Array, str]  # the memory and its dtype's code


PRIORITY = -1000  # below every native kernel
_installed: set[str] = set()


def install() -> None:
    """Register the reference of every declared op as its last-resort kernel on the host."""
    for name, block in BLOCKS.items():
        if block.reference_fn is not None and name not in _installed:
            _installed.add(name)
            _native.register_python_kernel(
                name, "cpu", "*", block.reference_fn, PRIORITY, "reference"
            )


def run(
    fn: Callable[..., Any],
    inputs: Sequence[View],
    outputs: Sequence[View],
    attrs: dict[str, Any],
    rng: tuple[int, int] | None,
) -> list[bytes] | None:
    """Call a Python kernel and store what it returns.

    Args:
        fn: `fn(*arrays, **attributes)`; random ops get the Philox key and counter first.
        inputs: Read-only views.
        outputs: Views to write to.
        attrs: The op's attributes; dtypes become NumPy dtypes.
        rng: Key and counter of a random op.

    Returns:
        The elements of a string output, which the runtime stores; else None.

    Raises:
        ValueError: The kernel returned another number of arrays, or a shape that does not fit.
    """
    arrays = [_widen(array) if code == "bf16" else array for array, code in inputs]
    kwargs = {name: _numpy_dtype(v) if isinstance(v, DType) else v for name, v in attrs.items()}
    result = fn(*(rng or ()), *arrays, **kwargs)
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(outputs):
        raise ValueError(f"the kernel returned {len(results)} arrays, the op has {len(outputs)} outputs")
    if outputs and outputs[0][1] == "str":
        return [_as_bytes(item) for item in np.asarray(results[0], dtype=object).ravel()]
    for value, (out, code) in zip(results, outputs, strict=True):
        _store(np.asarray(value), out, code)
    return None


def _store(value: Array, out: Array, code: str) -> None:
    if value.shape != out.shape:
        raise ValueError(f"the kernel returned shape {value.shape}, the op's rule says {out.shape}")
    if code == "bf16":
        out[...] = _narrow(value)
        return
    with np.errstate(all="ignore"):
        np.copyto(out, value, casting="unsafe")


def _numpy_dtype(dtype: DType) -> np.dtype[Any]:
    names = {"bfloat16": "float32", "string": "O"}
    return np.dtype(names.get(dtype.name, dtype.name))


def _as_bytes(item: Any) -> bytes:
    return item.encode() if isinstance(item, str) else bytes(item)


def _widen(bits: Array) -> Array:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _narrow(value: Array) -> Array:
    bits = np.ascontiguousarray(value, dtype=np.float32).view(np.uint32).reshape(value.shape)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(value), (bits >> 16) | 0x40, rounded).astype(np.uint16)
