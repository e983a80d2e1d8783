"""What a tensor can do in Python: conversion, printing, subscripts, and methods that call ops.

`Tensor` is the native class. Importing this module attaches the methods below to it; arithmetic, comparison and
the buffer protocol are native.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from penstock import _native, ops
from penstock._migration import missing_method
from penstock._native import Tensor, strings_of
from penstock._numpy_functions import array_ufunc
from penstock.array_namespace import VERSION
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock.graph import eagerly
from penstock.ops._subscript import getitem, setitem

__all__ = ["Tensor"]


# ---- to Python and NumPy


def _value_of(self: Tensor) -> Tensor:
    """Return the tensor on the host."""
    if self.is_symbolic:
        raise InvalidTypeError(
            f"[numpy] {self!r} belongs to a graph and has no value yet; return it from the traced function, "
            "or fetch it with Session.run"
        )
    return self if self.device == "cpu:0" else _native.to_device(self, "cpu:0")


def numpy(self: Tensor) -> np.ndarray[Any, Any]:
    """Look at the values as a NumPy array, without a copy and read-only.

    Returns:
        [...], of NumPy's dtype of the same name. bfloat16 and string, which NumPy lacks, are copied to float32
        and to objects of type bytes.

    Raises:
        TypeError: The tensor is symbolic: it has no value yet.

    Example:
        >>> penstock.asarray([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
    """
    value = _value_of(self)
    if value.dtype == "string":
        array = np.empty(value.shape, object)
        array.reshape(-1)[:] = strings_of(value)
    elif value.dtype == "bfloat16":
        with eagerly():  # the value is there, also while a graph is being built
            array = np.asarray(memoryview(ops.cast(value, "float32")))
    else:
        return np.asarray(memoryview(value))
    array.flags.writeable = False
    return array


def tolist(self: Tensor) -> Any:
    """Convert to nested lists of Python numbers, or of bytes; a single element to itself.

    Returns:
        The lists.

    Raises:
        TypeError: The tensor is symbolic: it has no value yet.

    Example:
        >>> penstock.asarray([[1.5, 2.0]]).tolist()
        [[1.5, 2.0]]
    """
    return numpy(self).tolist()


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """Serve `np.asarray` where the buffer protocol does not: bfloat16, strings, another dtype."""
    values = numpy(self)
    if dtype is not None and values.dtype != dtype:
        if copy is False:
            raise InvalidValueError(
                f"[numpy] a {self.dtype.name} tensor cannot become {dtype} without a copy; leave out copy=False"
            )
        return values.astype(dtype)
    return values.copy() if copy else values


_share = Tensor.__dlpack__


def export(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Serve `from_dlpack` of other libraries; with a copy unless they say `copy=False`.

    Tensors are values, and not every library keeps to what it is told, that the memory is read-only.
    """
    on_host = not self.is_symbolic and self.device.startswith("cpu")
    copy = True if copy is None and on_host else copy
    return _share(self, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


def reduced(self: Tensor) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
    """Serve `pickle` and `copy.deepcopy`: the values, wherever they are, which come back on the host."""
    if self.is_symbolic:
        raise InvalidTypeError(
            f"[pickle] {self!r} belongs to a graph and has no value to pickle or copy; "
            "return it from the traced function first"
        )
    values = numpy(self).tolist() if self.dtype == "string" else numpy(self).copy()
    return _restored, (values, self.shape, self.dtype.name)


def _restored(values: Any, shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype == "string":
        values = np.array([values], object)
    with eagerly():  # what is copied while a graph is built is a value all the same
        return ops.reshape(ops.asarray(values, dtype), shape)


def iterate(self: Tensor) -> Iterator[Tensor]:
    """Yield the slices along the first axis."""
    if not self.ndim:
        raise InvalidTypeError(
            "[iter] a tensor of rank 0 has nothing to iterate over; use .item() for its value"
        )
    return (getitem(self, i) for i in range(int(self.shape[0])))


# ---- printing


def represent(self: Tensor) -> str:
    """Show the values, summarised as NumPy would, with shape and dtype; for a symbolic tensor its name."""
    end = f"shape={_shape_text(self)}, dtype={self.dtype.name}"
    if self.is_symbolic:
        return f"Tensor(<{self.name}>, {end})"
    if not self.device.startswith("cpu"):
        end += f", device={self.device!r}"
    body = np.array2string(numpy(self), separator=", ", prefix="Tensor(")
    return f"Tensor({body}, {end})"


def _shape_text(self: Tensor) -> str:
    sizes = ", ".join(map(str, self.shape))
    return f"({sizes},)" if self.ndim == 1 else f"({sizes})"


def formatted(self: Tensor, spec: str) -> str:
    """Format a single number as Python would, `f"{loss:.3f}"`; other tensors take no format."""
    if not spec:
        return represent(self)
    if self.ndim:
        raise InvalidTypeError(
            f"[format] the format {spec!r} needs a single number, but the tensor has shape {_shape_text(self)}; "
            "format its elements, from .tolist()"
        )
    return format(tolist(self), spec)


_EDGE = 6  # rows and columns shown at each end of a large matrix


def _escaped(text: str) -> str:
    import html  # only notebooks need it

    return html.escape(text)


def represent_html(self: Tensor) -> str:
    """Show a matrix as a table, shaded by value; other tensors as text. For notebooks."""
    if (
        self.is_symbolic
        or self.ndim != 2
        or not self.size
        or self.dtype.kind in ("string", "complex")
    ):
        return f"<pre>{_escaped(represent(self))}</pre>"
    values = numpy(self)
    rows, columns = (_shown(n) for n in values.shape)
    caption = _escaped(f"shape={_shape_text(self)}, dtype={self.dtype.name}")
    shade = _shades(values)
    body = "".join(f"<tr>{''.join(_cell(values, r, c, shade) for c in columns)}</tr>" for r in rows)
    return f"<table><caption>Tensor {caption}</caption>{body}</table>"


def _shown(n: int) -> list[int | None]:
    """The positions to show along an axis; None stands for those left out."""
    if n <= 2 * _EDGE:
        return list(range(n))
    return [*range(_EDGE), None, *range(n - _EDGE, n)]


def _shades(values: np.ndarray[Any, Any]) -> Callable[[Any], float]:
    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    return lambda v: 0.6 * float((v - low) / (high - low)) if high > low and np.isfinite(v) else 0.0


def _cell(values: Any, row: int | None, column: int | None, shade: Callable[[Any], float]) -> str:
    if row is None or column is None:
        return "<td>…</td>"
    value = values[row, column]
    text = str(value) if values.dtype.kind in "biu" else f"{value:.4g}"
    colour = f"rgba(66, 133, 244, {shade(value):.2f})"
    return f'<td style="background: {colour}">{_escaped(text)}</td>'


# ---- subscripts


def assign(self: Tensor, key: Any, value: Any) -> None:
    """Give this handle a new value, `x[key] = value`; no other tensor changes, whatever x was made from."""
    self._replace(setitem(self, key, value))


# ---- the array API


def namespace(self: Tensor, /, *, api_version: str | None = None) -> Any:
    """Return the namespace of the Python array API that serves this tensor: `penstock`."""
    known = ("2021.12", "2022.12", "2023.12", VERSION)
    if api_version is not None and api_version not in known:
        raise InvalidValueError(
            f"[__array_namespace__] got api_version={api_version!r}; expected one of {', '.join(known)}"
        )
    return sys.modules["penstock"]


def to_device(self: Tensor, device: str, /, *, stream: Any = None) -> Tensor:
    """Return the tensor on a device; see `penstock.to_device`. A stream is for devices that have them: pass None."""
    if stream is not None:
        raise InvalidValueError(
            f"[to_device] got stream={stream!r}; devices order their work themselves: leave it out"
        )
    return ops.to_device(self, device)


def as_complex(self: Tensor) -> complex:
    """Convert a single number to Python's complex."""
    return complex(_value_of(self).item())


# ---- methods that are not simply an op


def reshape(self: Tensor, *shape: Any) -> Tensor:
    """Give the elements another shape, `x.reshape(2, -1)` or `x.reshape((2, -1))`; see `penstock.reshape`."""
    return ops.reshape(self, shape[0] if len(shape) == 1 else shape)


def transpose(self: Tensor, *axes: Any) -> Tensor:
    """Reorder the axes, `x.transpose(1, 0)` or `x.transpose((1, 0))`; see `penstock.transpose`."""
    if not axes:
        return ops.transpose(self)
    return ops.transpose(self, axes[0] if len(axes) == 1 else axes)


def argument_free_transpose(self: Tensor) -> Tensor:
    """The tensor with its axes reversed."""
    return ops.transpose(self)


_METHODS: dict[str, Any] = {
    "numpy": numpy,
    "tolist": tolist,
    "reshape": reshape,
    "transpose": transpose,
    "to_device": to_device,
    "__array__": array,
    "__array_namespace__": namespace,
    "__complex__": as_complex,
    "__dlpack__": export,
    "__reduce__": reduced,
    "__iter__": iterate,
    "__repr__": represent,
    "__format__": formatted,
    "_repr_html_": represent_html,
    "__getitem__": getitem,
    "__setitem__": assign,
    "T": property(argument_free_transpose),
    "mT": property(ops.matrix_transpose),
    "__array_ufunc__": array_ufunc,
    "__getattr__": missing_method,
}

# The functions that are methods under their own name, with the tensor as first argument.
_OP_METHODS = (
    *("abs", "all", "any", "argmax", "argmin", "astype", "broadcast_to", "clip", "cos", "exp"),
    *("flatten", "floor", "log", "max", "mean", "min", "prod", "sigmoid", "sign", "sin", "split"),
    *("sqrt", "square", "squeeze", "std", "sum", "swapaxes", "take", "tanh", "var"),
)


def attach() -> None:
    """Give the native class its Python methods."""
    for name, member in _METHODS.items():
        setattr(Tensor, name, member)
    for name in _OP_METHODS:
        setattr(Tensor, name, getattr(ops, name))


attach()
