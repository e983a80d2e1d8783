"""The files of a saved folder: written whole or not at all, and read without trusting them."""

from __future__ import annotations

import ctypes
import glob
import json
import math
import mmap
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from penstock import _native, ops, safetensors
from penstock._native import Tensor
from penstock.errors import FormatError, PenstockError

GRAPH: Final = "graph.json"
WEIGHTS: Final = "weights.safetensors"
GOLDEN: Final = "golden.safetensors"
_OURS: Final = {GRAPH, WEIGHTS, GOLDEN, "assets", "lowered"}
_EXCHANGE: Final = 2  # of Linux's renameat2
_HERE: Final = -100
_LARGEST_JSON: Final = 1 << 30


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder that takes the place of `folder` when the block ends well, and vanishes when it does not.

    Raises:
        FormatError: There is something else than a saved graph, or other files lie in it.
        OSError: The disk does not take it.
    """
    folder = folder.resolve()  # a link stays one
    _refuse_others(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_leftovers(folder)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    fresh.mkdir()
    try:
        yield fresh
        for inside in sorted(fresh.rglob("*")):
            if inside.is_dir():
                safetensors.sync_folder(inside)
        safetensors.sync_folder(fresh)
        if folder.exists():
            _exchange(fresh, folder)
        else:
            fresh.replace(folder)
        safetensors.sync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse_others(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FormatError(
            f"[save] {folder} is a file; a graph is saved as a folder: choose another name"
        )
    others = sorted(path.name for path in folder.iterdir() if path.name not in _OURS)
    if others:
        raise FormatError(
            f"[save] {folder} has {', '.join(others[:5])} in it, which is no part of a saved graph; choose another folder, "
            "or move it away"
        )


def _clear_leftovers(folder: Path) -> None:
    """Remove what processes left that were killed while they saved here; one at a time saves to a folder."""
    if os.name != "posix":
        return
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.tmp"):
        pid = left.name.split(".")[-3]
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except OSError:  # somebody else's process: it lives
            continue


def _exchange(fresh: Path, folder: Path) -> None:
    """Let two folders change names in one step, where the system can: a kill leaves the old one or the new one."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None, use_errno=True)
        rename = getattr(library, "renameat2", None)
        if rename is not None:
            names = os.fsencode(fresh), os.fsencode(folder)
            if rename(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
                return
    aside = fresh.with_name(fresh.name.removesuffix(".tmp") + ".old")
    folder.replace(aside)
    fresh.replace(folder)
    shutil.rmtree(aside, ignore_errors=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        safetensors.sync(file)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file and wait until it is on the disk."""
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:
        safetensors.write(file, tensors)
        safetensors.sync(file)


def read_json(path: Path) -> dict[str, Any]:
    """Read one of the folder's JSON files.

    Raises:
        FormatError: It is missing, or no JSON.
        OSError: It cannot be read.
    """
    return parse_json(read_bytes(path, _LARGEST_JSON), path)


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """Read JSON as strictly as other readers do: no name twice, no NaN.

    Raises:
        FormatError: It is no JSON object.
    """
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(
            f"[load] {path} is no whole JSON file: {str(error)[:200]}; save the model again"
        ) from None
    if not isinstance(found, dict):
        raise FormatError(f"[load] {path} is no JSON object; save the model again")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has the name {twice[:60]!r} twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def read_bytes(path: Path, most: int = 1 << 40) -> bytes:
    """Read a file that must be there.

    Raises:
        FormatError: It is missing, too large, or no file.
        OSError: It cannot be read.
    """
    try:
        if path.stat().st_size > most:
            raise FormatError(f"[load] {path} is too large: {path.stat().st_size} bytes")
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FormatError(
            f"[load] {path.parent} has no file {path.name}; give the folder that penstock.save wrote"
        ) from None


class StoredTensors(Mapping[str, Tensor]):
    """The tensors of a safetensors file, which lie in the file until they are used.

    Args:
        path: The file.

    Raises:
        FormatError: It is missing, or no whole safetensors file.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: dict[str, Tensor] = {}
        self.used: set[str] = set()
        try:
            with path.open("rb") as file:
                self._start, self._entries, _ = safetensors.read_header(file, str(path))
                # A copy of its own for whoever writes; the file itself stays as it is.
                self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise FormatError(
                f"[load] {path.parent} has no file {path.name}; give the folder that penstock.save wrote"
            ) from None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Tensor:
        self.used.add(name)
        if name not in self._made:
            self._made[name] = self._make(self._entries[name])
        return self._made[name]

    def _make(self, entry: safetensors.Entry) -> Tensor:
        try:
            if entry.begin == entry.end:
                return ops.zeros(entry.shape, entry.dtype)
            narrow = entry.dtype == "bfloat16"
            kind = np.dtype(np.uint16 if narrow else entry.dtype)
            array = np.frombuffer(
                self._memory, kind, math.prod(entry.shape), self._start + entry.begin
            ).reshape(entry.shape)
            if narrow:
                return _native.tensor_from_buffer(array, "bfloat16")
            return _native.from_dlpack_capsule(array.__dlpack__())
        except (ValueError, PenstockError) as error:
            raise FormatError(f"[load] {self._path}: {error}; save the model again") from error
