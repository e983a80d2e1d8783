"""Tensors from Python values, nested lists, NumPy arrays and other libraries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import _native, dtypes, ops
from penstock.errors import InvalidTypeError, InvalidValueError

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike


def asarray(
    x: Any,
    dtype: DTypeLike | None = None,
    *,
    device: str | None = None,
    copy: bool | None = None,
) -> Tensor:
    """Convert to a tensor. A tensor of the right dtype is returned as it is.

    Args:
        x: A tensor, a Python number, nested lists of numbers or tensors, strings, a NumPy array, anything with
            `__dlpack__` or the buffer protocol.
        dtype: Of the result; by default that of x. Python's floats become float32 and its integers int64.
        device: Where the result goes; by default a tensor stays where it is, and anything else goes to the host.
        copy: True returns another tensor also where x is one, so that assigning to an element of one leaves the other
            alone. False refuses to copy: then x must be a tensor of that dtype, there already.

    Returns:
        [...], of `dtype`.

    Raises:
        TypeError: x is none of these.
        ValueError: The nested lists have no regular shape, or `copy` is False and a copy is needed.
        DeviceError: There is no such device.

    Example:
        >>> penstock.asarray([[1, 2], [3, 4]], dtype="float32")
        Tensor([[1., 2.],
                [3., 4.]], shape=(2, 2), dtype=float32)
    """
    if device is not None or copy is not None:
        return _placed(x, dtype, device, copy)
    if isinstance(x, _native.Tensor):
        # A number among a traced function's arguments takes the dtype that it has outside.
        tensor = _settled(x) if x.weak and dtype is None else x
    elif hasattr(x, "__penstock_tensor__"):  # a variable
        tensor = x.__penstock_tensor__()
    elif isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic):
        return _from_number(x, dtype)
    elif isinstance(x, _native.Dim):
        tensor = ops.size_of(x, "int64")
    elif isinstance(x, str | bytes):
        tensor = _native.string_tensor([x], ())
    elif isinstance(x, list | tuple):
        tensor = _from_nested(x, dtype)
    else:
        tensor = _from_array(x)
    return tensor if dtype is None else ops.astype(tensor, dtype, copy=False)


def on_device(x: Tensor, device: str | None) -> Tensor:
    """Move a new tensor to where its maker was asked to put it; None means that it stays."""
    return x if device is None or x.device == device else ops.to_device(x, device)


def _placed(x: Any, dtype: DTypeLike | None, device: str | None, copy: bool | None) -> Tensor:
    tensor = on_device(asarray(x, dtype), device)
    if copy is False and tensor is not x:
        raise InvalidValueError(
            f"[asarray] got copy=False, but this {type(x).__name__} has to be copied; leave copy out, or use "
            "penstock.from_dlpack(x, copy=False) to share another library's memory"
        )
    return tensor._strong() if copy else tensor


def _settled(x: Tensor) -> Tensor:
    return ops.cast(x, "float32" if x.dtype.kind == "float" else x.dtype)


def _from_number(x: Any, dtype: DTypeLike | None) -> Tensor:
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if not isinstance(x, int) or -(2**63) <= x < 2**63:
        return _native.scalar_tensor(x, wanted)
    if wanted == "uint64" and 0 <= x < 2**64:
        return _native.tensor_from_buffer(np.array(x, np.uint64))
    raise InvalidValueError(
        f"[asarray] the number {x} does not fit {'int64' if wanted is None else wanted.name}; "
        "give dtype='uint64' up to 2**64 - 1, or a float"
    )


def _from_nested(x: Any, dtype: DTypeLike | None) -> Tensor:
    if _holds_tensor(x):
        return ops.stack([asarray(item, dtype) for item in x])
    leaves = list(_leaves(x))
    _check_leaves(leaves, dtype)
    arrays = (v for v in leaves if isinstance(v, np.generic | np.ndarray))
    leaf = next((v for v in arrays if v.dtype in _DOUBLE), None)
    # As objects, because NumPy's own strings end at their last byte that is not zero.
    is_text = any(isinstance(v, str | bytes) for v in leaves)
    try:
        array = np.asarray(x, object if is_text else None)
    except ValueError:
        raise _ragged() from None
    if is_text and any(isinstance(item, list | tuple) for item in array.flat):
        raise _ragged()
    if array.dtype == np.float64 and not isinstance(leaf, np.generic | np.ndarray):
        # Straight to the dtype asked for: the digits of a Python float are not lost on the way.
        wanted = np.dtype(np.float32) if dtype is None else dtypes.to_numpy(dtype)
        array = array.astype(wanted if wanted.kind == "f" else np.float64)
    elif array.dtype == np.complex128 and dtype is None and not isinstance(leaf, np.generic):
        array = array.astype(np.complex64)
    return _from_array(array)


def check_range(name: str, low: int, high: int, dtype: DTypeLike | None) -> None:
    """Refuse whole numbers that the dtype, by default int64, cannot hold."""
    kind = dtypes.as_dtype("int64" if dtype is None else dtype)
    if "signed" not in kind.kind:
        return
    held = np.iinfo(kind.name)
    if low < held.min or high > held.max:
        raise InvalidValueError(
            f"[{name}] {low if low < held.min else high} does not fit {kind.name}, which holds {held.min} to "
            f"{held.max}; give another dtype, such as dtype='float64'"
        )


_DOUBLE = (np.dtype(np.float64), np.dtype(np.complex128))  # wide by intent, unlike Python's own


def _leaves(x: Any) -> Iterator[Any]:
    for item in x:
        if isinstance(item, list | tuple):
            yield from _leaves(item)
        else:
            yield item


def _check_leaves(leaves: Sequence[Any], dtype: DTypeLike | None) -> None:
    """Refuse strings among numbers, and whole numbers out of range."""
    kinds = {type(leaf) for leaf in leaves}
    other = next((kind for kind in kinds if issubclass(kind, bool | int | float | complex)), None)
    if other is not None and any(issubclass(kind, str | bytes) for kind in kinds):
        raise InvalidTypeError(
            f"[asarray] the list mixes strings with {other.__name__}; give strings only or numbers only: convert "
            "with str(x) or float(x)"
        )
    if kinds and kinds <= {int, bool}:
        check_range("asarray", min(leaves), max(leaves), dtype)


def _ragged() -> InvalidValueError:
    return InvalidValueError(
        "[asarray] the nested lists have no regular shape: all lists at one depth must be equally long; "
        "pad the shorter ones"
    )


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_holds_tensor, x))
    return isinstance(x, _native.Tensor | _native.Dim) or hasattr(x, "__penstock_tensor__")


def _from_array(x: Any) -> Tensor:
    if not isinstance(x, np.ndarray):
        if hasattr(x, "__dlpack__") and not isinstance(x, np.generic):
            return from_dlpack(x)
        try:
            x = np.asarray(x)
        except (TypeError, ValueError, RuntimeError):
            x = np.empty((), object)
    if x.dtype.kind == "O":
        wrong = next((item for item in x.flat if not isinstance(item, str | bytes)), "")
        if not isinstance(wrong, str):
            raise InvalidTypeError(
                f"[asarray] got {type(wrong).__name__}, which does not become a tensor; "
                "give numbers, strings, nested lists of these, or an array"
            )
    if x.dtype.kind in "OSU":
        return _native.string_tensor(x.ravel().tolist(), x.shape)
    if x.dtype.name == "bfloat16":  # of the package ml_dtypes
        return _native.tensor_from_buffer(x.view(np.uint16), dtypes.bfloat16)
    if x.dtype.kind not in "biufc" or x.dtype.itemsize > _WIDEST.get(x.dtype.kind, 8):
        raise InvalidTypeError(
            f"[asarray] NumPy's dtype {x.dtype} has no counterpart here; convert the array first, "
            "for example with x.astype('float64')"
        )
    return _native.tensor_from_buffer(x.astype(x.dtype.newbyteorder("="), copy=False))


_WIDEST = {"c": 16}  # bytes of an element; 8 where nothing is said


def from_dlpack(x: Any, /, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """Take over a tensor of another library by DLPack.

    Args:
        x: Anything with `__dlpack__`, such as a PyTorch, JAX or CuPy array.
        device: Where the result goes; by default it stays where it is.
        copy: False shares x's memory, which must not be written to from then on. By default memory of the host is
            copied, and memory of a device is shared.

    Returns:
        A tensor of x's shape and dtype.

    Raises:
        TypeError: x has no `__dlpack__`, or its dtype is unknown here.
        ValueError: `copy` is False, and x is on another device.
        DeviceError: There is no such device.

    Example:
        >>> penstock.from_dlpack(np.arange(3))
        Tensor([0, 1, 2], shape=(3,), dtype=int64)
    """
    if not hasattr(x, "__dlpack__"):
        raise InvalidTypeError(
            f"[from_dlpack] {type(x).__name__} has no __dlpack__; use penstock.asarray instead"
        )
    try:
        capsule = x.__dlpack__(max_version=(1, 0))
    except TypeError:  # an older library, which cannot say that memory is read-only
        capsule = x.__dlpack__()
    shared = _native.from_dlpack_capsule(capsule)
    if device is not None and device != shared.device:
        if copy is False:
            raise InvalidValueError(
                f"[from_dlpack] got copy=False, but x is on {shared.device} and has to be copied to {device}; "
                "leave one of the two out"
            )
        return on_device(shared, device)
    if copy or (copy is None and shared.device.startswith("cpu")):
        return _native.from_dlpack_capsule(shared.__dlpack__(copy=True))
    return shared
