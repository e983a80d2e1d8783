"""Tensors in a saved folder: a few numbers stand in the JSON, others in safetensors files, strings in assets."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from penstock import _native, dtypes, ops
from penstock._native import Tensor
from penstock.errors import FormatError, PenstockError

MOST_INLINE: Final = 16
ASSET: Final = re.compile(r"assets/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")
_STRANGE: Final = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_ESCAPES: Final = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


class TensorWriter:
    """Turns tensors into JSON, and keeps those that belong into other files.

    Args:
        file: The safetensors file, unless it is weights.safetensors.
        taken: Tensors that are in that file already, by name.
        base: A writer whose tensors need not be kept again.
    """

    def __init__(
        self,
        file: str = "",
        taken: Mapping[str, Tensor] | None = None,
        base: TensorWriter | None = None,
    ) -> None:
        self.stored: dict[str, Tensor] = dict(taken or {})
        self.assets: dict[str, Tensor] = {}
        self._others = base.assets if base else {}
        self._file = file
        self._known: dict[Any, dict[str, Any]] = dict(base._known) if base else {}

    def write(self, t: Tensor, name: str, *, inline: bool = True) -> dict[str, Any]:
        """Return what stands for a tensor.

        Args:
            t: A tensor with a value.
            name: What to call it in a file, if it goes there.
            inline: Whether it may stand in the JSON.
        """
        about: dict[str, Any] = {"dtype": t.dtype.name, "shape": list(t.shape)}
        if inline and (values := _inline(t)) is not None:
            return {**about, "values": values}
        key = (t._data_pointer(), t.dtype.name, tuple(t.shape))
        if key not in self._known:
            self._known[key] = {**about, **self._keep(t, name)}
        return self._known[key]

    def _keep(self, t: Tensor, name: str) -> dict[str, str]:
        if t.dtype == "string":
            plain = re.sub(r"[^A-Za-z0-9_-]+", ".", name).strip(".")[-100:].lstrip(".") or "strings"
            path = _fresh(f"assets/{plain}", {**self._others, **self.assets}, ".txt")
            self.assets[path] = t
            return {"asset": path}
        fresh = _fresh(name, self.stored)
        self.stored[fresh] = storable(t._strong())
        return {"stored": fresh, **({"file": self._file} if self._file else {})}


def _fresh(name: str, taken: Mapping[str, Any], suffix: str = "") -> str:
    made, count = name + suffix, 1
    while made in taken:
        made, count = f"{name}_{count}{suffix}", count + 1
    return made


def _inline(t: Tensor) -> list[Any] | None:
    if int(t.size) > MOST_INLINE or t.dtype.kind == "complex":
        return None
    if t.dtype == "string":
        try:
            texts = [item.decode() for item in _native.strings_of(t)]
        except UnicodeDecodeError:
            return None
        return texts if sum(map(len, texts)) <= 200 else None
    values = [t.item()] if t.ndim == 0 else t.numpy().reshape(-1).tolist()
    if t.dtype == "uint64" and any(v >= 2**63 for v in values):
        return None  # not every reader has such integers
    return [number(v) for v in values] if t.dtype.kind == "float" else values


def number(value: float) -> float | str:
    """Write a float: JSON has no infinity and no NaN."""
    return value if math.isfinite(value) else str(value)


def float_of(value: Any) -> float:
    """Read what `number` wrote.

    Raises:
        KeyError: It is something else.
    """
    return _STRANGE[value] if isinstance(value, str) else float(value)


def storable(t: Tensor) -> Tensor:
    """Make a tensor that a safetensors file can hold: complex128 becomes pairs of float64."""
    if t.dtype != "complex128":
        return t
    array: Any = np.ascontiguousarray(t.numpy())
    return ops.asarray(array.view(np.float64).reshape(*t.shape, 2))


def restored(t: Tensor, dtype: str, shape: tuple[int, ...], what: str) -> Tensor:
    """Check a tensor of a safetensors file against what graph.json says; undo `storable`.

    Raises:
        FormatError: They differ.
    """
    pairs = dtype == "complex128"
    have = (t.dtype.name, tuple(t.shape))
    if have != ("float64" if pairs else dtype, (*shape, 2) if pairs else shape):
        raise FormatError(
            f"[load] {what} is {have[0]}{list(have[1])} in its file; graph.json says {dtype}{list(shape)}: the files do "
            "not belong together; save the model again"
        )
    if not pairs:
        return t
    return ops.asarray(t.numpy().view(np.complex128).reshape(shape))


class TensorReader:
    """Makes tensors of what `TensorWriter` wrote.

    Args:
        stored: Gives the tensors of a safetensors file of the folder by its name.
        asset: Gives the bytes of an asset.
    """

    def __init__(
        self, stored: Callable[[str], Mapping[str, Tensor]], asset: Callable[[str], bytes]
    ) -> None:
        self._stored = stored
        self._asset = asset

    def read(self, told: Any) -> Tensor:
        """Make a tensor.

        Raises:
            FormatError: Its file is missing, or has something else.
            KeyError: The description is damaged; or TypeError, ValueError.
        """
        dtype, shape = told["dtype"], sizes(told["shape"])
        where = set(told) - {"dtype", "shape"}
        if where == {"values"}:
            return _from_values(told["values"], dtype, shape)
        if where == {"asset"} and dtype == "string":
            return self._strings(told["asset"], shape)
        if where <= {"stored", "file"} and "stored" in where:
            name, file = told["stored"], told.get("file", "weights.safetensors")
            held = self._stored(file)
            if name not in held:
                raise FormatError(
                    f"[load] {file} has no tensor {name!r}, which graph.json mentions; save the model again"
                )
            return restored(held[name], dtype, shape, f"tensor {name!r}")
        raise KeyError(f"a tensor with {sorted(where)}")

    def _strings(self, path: str, shape: tuple[int, ...]) -> Tensor:
        if not ASSET.fullmatch(path):
            raise FormatError(
                f"[load] an asset is called {path!r}; assets lie in the folder: assets/words.txt"
            )
        items = lines_of(self._asset(path), path)
        if math.prod(shape) != len(items):
            raise FormatError(
                f"[load] {path} has {len(items)} lines; graph.json wants strings of shape {shape}: save the model again"
            )
        return _native.string_tensor(items, shape)


def sizes(shape: Any) -> tuple[int, ...]:
    """Read a shape of whole numbers.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(shape, list) or any(type(n) is not int or not 0 <= n < 2**63 for n in shape):
        raise ValueError(f"a shape is {str(shape)[:100]}")
    return tuple(shape)


def _from_values(values: Any, dtype: str, shape: tuple[int, ...]) -> Tensor:
    kind = dtypes.as_dtype(dtype)
    if not isinstance(values, list) or len(values) != math.prod(shape) or kind.kind == "complex":
        raise ValueError(f"a tensor of shape {shape} and dtype {dtype} with other values")
    wanted: tuple[type, ...] = (int,)
    if kind == "string":
        wanted = (str,)
    elif kind == "bool":
        wanted = (bool,)
    elif kind.kind == "float":
        values, wanted = [float_of(v) for v in values], (float,)
    if any(type(v) not in wanted for v in values):
        raise ValueError(f"a tensor of dtype {dtype} with the values {str(values)[:100]}")
    if kind == "string":
        return _native.string_tensor(values, shape)
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, np.float32 if dtype == "bfloat16" else dtype).reshape(shape)
        return ops.cast(_native.tensor_from_buffer(array), kind)
    except (OverflowError, PenstockError) as error:
        raise ValueError(str(error)) from error


def asset_bytes(t: Tensor) -> bytes:
    """Write strings, a line each."""
    lines = (
        item.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r") + b"\n"
        for item in _native.strings_of(t)
    )
    return b"".join(lines)


def lines_of(data: bytes, path: str) -> list[bytes]:
    """Read what `asset_bytes` wrote.

    Raises:
        FormatError: The last line has no end, or an escape is unknown.
    """
    if data and not data.endswith(b"\n"):
        raise FormatError(f"[load] {path} ends in the middle of a line; save the model again")
    lines = data.split(b"\n")[:-1]
    if b"\\" not in data and b"\r" not in data:
        return lines
    try:
        return [re.sub(rb"\\.?|\r", lambda m: _ESCAPES[m[0]], line) for line in lines]
    except KeyError as error:
        raise FormatError(
            f"[load] {path} has {error.args[0]!r} in a line; an asset knows \\\\, \\n and \\r: save the model again"
        ) from None
