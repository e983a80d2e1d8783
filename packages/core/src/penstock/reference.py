"""Runs kernels written in Python, the reference of every op among them, on NumPy views of the runtime's memory.

bfloat16, which NumPy lacks, is widened to float32 on the way in and rounded to nearest even on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from penstock._dataclass import dataclass
from penstock._native import DType

Array = np.ndarray[Any, Any]
BFLOAT16 = np.dtype("float32", metadata={"stored_as": "bfloat16"})
"""What kernels see as bfloat16: float32, whose results are rounded when they are stored."""

View = tuple[Any, str]  # the memory, an array or a DeviceArray, and its dtype's code


@dataclass(frozen=True)
class DeviceArray:
    """A tensor on a device, as a Python kernel of that device gets it: only the device can read its memory.

    Args:
        memory: What the device's `allocate` returned; the address, for a device that is not written in Python.
        index: The number of the device.
        shape: The tensor's sizes.
        strides: In elements; 0 along a dimension that is broadcast.
        dtype: The tensor's dtype.
    """

    memory: Any
    index: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True)
class KernelContext:
    """What a kernel written in Python is told besides its arguments."""

    rng_key: int = 0  # of random ops: the Philox key
    rng_counter: int = 0  # and the first block


@dataclass(frozen=True)
class Destination:
    """A plugin's kernel, `fn(ctx, *inputs, out, **attrs)`: it writes into `out`, an array or a tuple of arrays."""

    fn: Callable[..., Any]

    def run(
        self,
        inputs: Sequence[View],
        outputs: Sequence[View],
        attrs: dict[str, Any],
        rng: tuple[int, int] | None,
    ) -> Any:
        """Call the kernel; on the host, bfloat16 outputs go through float32.

        Returns:
            A future, if a device's kernel is still at work: the call ends when that does.

        Raises:
            TypeError: A device's kernel returned something else than None or a future.
        """
        if any(isinstance(memory, DeviceArray) for memory, _ in outputs):
            return self._run_on_device(inputs, outputs, attrs, rng)
        targets = [
            np.empty(out.shape, np.float32) if code == "bf16" else out for out, code in outputs
        ]
        self.fn(
            KernelContext(*(rng or ())),
            *(_readable(array, code) for array, code in inputs),
            out=targets[0] if len(targets) == 1 else tuple(targets),
            **{k: numpy_dtype(v) if isinstance(v, DType) else v for k, v in attrs.items()},
        )
        for target, (out, code) in zip(targets, outputs, strict=True):
            if code == "bf16":
                out[...] = _narrow(target)
        return None

    def _run_on_device(
        self,
        inputs: Sequence[View],
        outputs: Sequence[View],
        attrs: dict[str, Any],
        rng: tuple[int, int] | None,
    ) -> Any:
        targets = tuple(memory for memory, _ in outputs)
        result = self.fn(
            KernelContext(*(rng or ())),
            *(memory for memory, _ in inputs),
            out=targets[0] if len(targets) == 1 else targets,
            **{k: numpy_dtype(v) if isinstance(v, DType) else v for k, v in attrs.items()},
        )
        if result is not None and not hasattr(result, "add_done_callback"):
            raise TypeError(
                f"the kernel returned {type(result).__name__}; a device's kernel writes into `out` and returns "
                "None, or a concurrent.futures.Future while it is at work"
            )
        return result


def run(
    fn: Callable[..., Any] | Destination,
    inputs: Sequence[View],
    outputs: Sequence[View],
    attrs: dict[str, Any],
    rng: tuple[int, int] | None,
) -> Any:
    """Call a Python kernel and store what it returns.

    Args:
        fn: `fn(*arrays, **attributes)`; random ops get the Philox key and counter first.
        inputs: Read-only views.
        outputs: Views to write to.
        attrs: The op's attributes; dtypes become NumPy dtypes.
        rng: Key and counter of a random op.

    Returns:
        For each output its elements, if it is of strings, which the runtime stores; the future of a device's kernel that is still at
        work; else None.

    Raises:
        ValueError: The kernel returned another number of arrays, or a shape that does not fit.
    """
    if isinstance(fn, Destination):
        return fn.run(inputs, outputs, attrs, rng)
    arrays = [_readable(array, code) for array, code in inputs]
    kwargs = {name: numpy_dtype(v) if isinstance(v, DType) else v for name, v in attrs.items()}
    result = fn(*(rng or ()), *arrays, **kwargs)
    results = result if isinstance(result, tuple) else (result,)
    if len(results) != len(outputs):
        raise ValueError(
            f"the kernel returned {len(results)} arrays, the op has {len(outputs)} outputs"
        )
    strings: list[list[bytes] | None] = []
    for value, (out, code) in zip(results, outputs, strict=True):
        strings.append(_strings(value, out) if code == "str" else None)
        if code != "str":
            _store(np.asarray(value), out, code)
    return strings if any(items is not None for items in strings) else None


def _strings(value: Any, out: Array) -> list[bytes]:
    elements = np.asarray(value, dtype=object)
    if elements.shape != out.shape:
        raise ValueError(
            f"the kernel returned shape {elements.shape}, the op's rule says {out.shape}"
        )
    return [_as_bytes(item) for item in elements.ravel()]


def _store(value: Array, out: Array, code: str) -> None:
    if value.shape != out.shape:
        raise ValueError(f"the kernel returned shape {value.shape}, the op's rule says {out.shape}")
    if code == "bf16":
        out[...] = _narrow(value)
        return
    with np.errstate(all="ignore"):
        np.copyto(out, value, casting="unsafe")


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """Return what stands for a dtype among a kernel's attributes."""
    if dtype.name == "bfloat16":
        return BFLOAT16
    return np.dtype("O" if dtype.name == "string" else dtype.name)


def _as_bytes(item: Any) -> bytes:
    return item.encode() if isinstance(item, str) else bytes(item)


def _readable(array: Array, code: str) -> Array:
    """The array as kernels see it. NumPy's products take other ways, with other last bits, for memory at odd bytes."""
    if code == "bf16":
        return _widen(array)
    return array if array.flags.aligned else array.copy("K")


def _widen(bits: Array) -> Array:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _narrow(value: Array) -> Array:
    bits = np.ascontiguousarray(value, dtype=np.float32).view(np.uint32).reshape(value.shape)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(value), (bits >> 16) | 0x40, rounded).astype(np.uint16)
