"""Weights of TensorFlow.js: numbers in files without structure, and a list of what lies in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError

Tensors = dict[str, np.ndarray[Any, Any]]

_DTYPES = ("float32", "float16", "int32", "uint16", "uint8", "bool")
_MOST_AXES = 8


def damaged(what: str) -> FormatError:
    """Make the error for a file that does not hold what it should."""
    return FormatError(f"[tfjs] {what}; the file is damaged: get it and the files beside it again")


def beside(folder: Path, name: Any) -> bytes:
    """Read a file that another one names: it must lie in the same folder, or below.

    Args:
        folder: The folder.
        name: The file's name.

    Raises:
        FormatError: The name leads elsewhere, or there is no such file.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise damaged(f"{name!r:.80} stands for a file's name")
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise FormatError(
            f"[tfjs] the model names the file {name!r:.80}, outside its folder; expected files beside it: do not use it"
        )
    if not path.is_file():
        raise FormatError(
            f"[tfjs] there is no {path}; expected the weights beside the model: get them too"
        )
    return path.read_bytes()


def grouped(groups: Any, folder: Path) -> Tensors:
    """Read the weights of a `weightsManifest`.

    Args:
        groups: Each with `paths`, whose files follow each other, and `weights`, one after the other in them.
        folder: Where the files lie.

    Returns:
        Arrays by name.

    Raises:
        FormatError: A file is missing, too short or too long, or an entry is no good.
    """
    found: Tensors = {}
    for group in _list(groups, "weightsManifest"):
        if not isinstance(group, Mapping):
            raise damaged(f"weightsManifest has the entry {group!r:.80}")
        data = b"".join(beside(folder, name) for name in _list(group.get("paths"), "paths"))
        at = 0
        for entry in _list(group.get("weights"), "weights"):
            name, array, size = _tensor(entry, data, at)
            if name in found:
                raise damaged(f"the weight {name!r:.80} is listed twice")
            found[name] = array
            at += size
        if at != len(data):
            raise damaged(
                f"{group['paths']!r:.80} have {len(data):,} bytes and the weights in them {at:,}"
            )
    return found


def named(entries: Mapping[str, Any], folder: Path) -> Tensors:
    """Read a manifest of the first releases: for each variable a file of float32 and a shape.

    Args:
        entries: `filename` and `shape` by name.
        folder: Where the files lie.

    Returns:
        Arrays by name.

    Raises:
        FormatError: A file is missing or has another size.
    """
    found: Tensors = {}
    for name, entry in entries.items():
        if not isinstance(entry, Mapping):
            raise damaged(f"the entry of {name!r:.80} is {entry!r:.80}")
        shape, data = _shape(entry.get("shape"), name), beside(folder, entry.get("filename"))
        if len(data) != 4 * math.prod(shape):
            raise damaged(f"{name!r:.80} of shape {list(shape)} has {len(data):,} bytes")
        found[name] = np.frombuffer(data, "<f4").reshape(shape)
    return found


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise damaged(f"{what} is {value!r:.80}, not a list")
    return value


def _shape(value: Any, name: str) -> tuple[int, ...]:
    sizes = _list(value, f"the shape of {name!r:.80}")
    if len(sizes) > _MOST_AXES or not all(type(n) is int and 0 <= n < 2**40 for n in sizes):
        raise damaged(f"the shape of {name!r:.80} is {sizes!r:.80}")
    return tuple(sizes)


def _tensor(entry: Any, data: bytes, at: int) -> tuple[str, np.ndarray[Any, Any], int]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise damaged(f"a weight is described by {entry!r:.80}")
    name, rule = entry["name"], entry.get("quantization") or {}
    if not isinstance(rule, Mapping):
        raise damaged(f"the quantization of {name!r:.80} is {rule!r:.80}")
    shape, dtype, stored = _shape(entry.get("shape"), name), entry.get("dtype"), rule.get("dtype")
    for kind in (dtype, stored or dtype):
        if kind not in _DTYPES:
            raise FormatError(
                f"[tfjs] the weight {name!r:.80} is of {kind!r:.40}; expected one of {', '.join(_DTYPES)}; convert the model "
                "again"
            )
    wire = np.dtype(stored or dtype).newbyteorder("<")
    size = math.prod(shape) * wire.itemsize
    if at + size > len(data):
        raise damaged(f"the weight {name!r:.80} of shape {list(shape)} goes beyond its file")
    raw: Any = np.frombuffer(data, wire, math.prod(shape), at).reshape(shape)
    if "scale" in rule:
        scale, least = rule["scale"], rule.get("min", 0.0)
        if not all(isinstance(v, int | float) for v in (scale, least)):
            raise damaged(f"the quantization of {name!r:.80} is {rule!r:.80}")
        raw = raw.astype(np.float32) * np.float32(scale) + np.float32(least)
    return name, raw.astype(dtype), size
