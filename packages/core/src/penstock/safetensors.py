"""Tensors in safetensors files, which every other library reads and writes too.

The format is a length of eight bytes, a JSON header with each tensor's dtype, shape and place, and the bytes.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from penstock import _native
from penstock._native import Tensor
from penstock.errors import DTypeError, FormatError, InvalidTypeError
from penstock.ops import asarray

_CODES: Final = {
    "bool": "BOOL",
    **{f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64", "complex64": "C64"},
}  # fmt: skip
_NAMES: Final = {code: name for name, code in _CODES.items()}
_MAX_HEADER: Final = 100_000_000  # what the format allows


@dataclass(frozen=True)
class Entry:
    """Where a file has a tensor: `begin` and `end` count from the first byte after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def save_file(
    tensors: Mapping[str, Any],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors to a safetensors file. The file is there whole or not at all.

    Args:
        tensors: Names, and tensors or arrays of any shape. Any dtype but complex128 and string.
        path: The file, which is replaced if it exists.
        metadata: Text by name, for whoever reads the file.

    Returns:
        Nothing.

    Raises:
        DTypeError: The format has no such dtype.
        InvalidTypeError: A name or a text of the metadata is no str.
        OSError: The file cannot be written.

    >>> import penstock as ps, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.safetensors")
    >>> save_file({"w": ps.ones((2, 3))}, path)
    >>> load_file(path)["w"].shape
    (2, 3)
    """
    values = {name: asarray(value) for name, value in tensors.items()}
    with replacing(Path(path)) as file:
        write(file, values, metadata)


def load_file(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file.

    Args:
        path: The file.

    Returns:
        Tensors by name, in the order of the file's header.

    Raises:
        FormatError: The file is damaged or no safetensors file.
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as file:
        start, entries, _ = read_header(file, str(path))
        return {name: read_tensor(file, start, entry, str(path)) for name, entry in entries.items()}


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the metadata of a safetensors file, and none of its tensors.

    Args:
        path: The file.

    Returns:
        Text by name; empty where the file has none.

    Raises:
        FormatError: The file is damaged or no safetensors file.
        OSError: The file cannot be read.
    """
    with Path(path).open("rb") as file:
        return read_header(file, str(path))[2]


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `path` when the block ends well, and vanishes when it does not.

    Raises:
        OSError: The folder or the disk does not take it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            sync(file)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync(file: IO[bytes]) -> None:
    """Wait until a file's bytes are on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; where a system cannot, nothing happens."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write(
    file: IO[bytes], tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> tuple[int, int]:
    """Write header and tensors.

    Args:
        file: Where to write, from its beginning.
        tensors: Tensors by name.
        metadata: Text by name.

    Returns:
        The number of bytes, and their crc32.

    Raises:
        DTypeError: The format has no such dtype.
        InvalidTypeError: A name or a text is no str.
        OSError: The disk does not take it.
    """
    # The widest first: so every tensor begins at a multiple of its own size.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header = _header(order, tensors, metadata or {})
    file.write(start := len(header).to_bytes(8, "little") + header)
    size, checksum = len(start), zlib.crc32(start)
    for name in order:
        data = bits(tensors[name])
        file.write(data)
        size += data.nbytes
        checksum = zlib.crc32(data, checksum)
    return size, checksum


def _header(order: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    for text in (*order, *metadata, *metadata.values()):
        if not isinstance(text, str):
            raise InvalidTypeError(
                f"[save_file] got {text!r} as a name or in the metadata; give text: str({text!r})"
            )
    rows: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name in order:
        t = tensors[name]
        if t.dtype.name not in _CODES or name == "__metadata__":
            raise DTypeError(
                f"[save_file] {name!r} is {t.dtype.name}; safetensors files hold {', '.join(_CODES)}: convert it, or "
                "save the real and the imaginary part"
            )
        rows[name] = {
            "dtype": _CODES[t.dtype.name],
            "shape": list(t.shape),
            "data_offsets": [at, at + t.nbytes],
        }
        at += t.nbytes
    header = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    return header + b" " * (-len(header) % 8)


def bits(t: Tensor) -> memoryview:
    """Give a tensor's bytes, without a copy where it lies on the host."""
    array: Any = t.numpy()  # bfloat16 comes as float32
    if t.dtype.name == "bfloat16":
        array = (array.reshape(-1).view(np.uint32) >> 16).astype(np.uint16)
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(flat).toreadonly()


def read_header(file: IO[bytes], what: str) -> tuple[int, dict[str, Entry], dict[str, str]]:
    """Read and check a header: afterwards every entry lies inside the file, and no two overlap.

    Args:
        file: The file, at its beginning.
        what: What to call it in messages.

    Returns:
        Where the tensors' bytes begin, the entries by name, and the metadata.

    Raises:
        FormatError: The header is damaged, or the file has another size than it says.
    """
    total = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if total < 8 or length > min(total - 8, _MAX_HEADER):
        raise _damaged(what, f"its {total} bytes are too few for a header of {length}")
    try:
        rows = json.loads(file.read(length).decode(), object_pairs_hook=_without_repeats)
        if not isinstance(rows, dict):
            raise ValueError("its header is no JSON object")
        metadata = rows.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise ValueError("its metadata is no JSON object")
        entries = {name: _entry(name, row) for name, row in rows.items()}
    except (ValueError, RecursionError) as error:
        raise _damaged(what, str(error) or "its header is nested too deep") from None
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != at:
            raise _damaged(
                what, f"{name!r} begins at byte {entry.begin}, the one before ends at {at}"
            )
        at = entry.end
    if 8 + length + at != total:
        raise _damaged(what, f"it has {total} bytes, its header speaks of {8 + length + at}")
    return 8 + length, entries, {str(k): str(v) for k, v in metadata.items()}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("its header has a name twice")
    return found


def _entry(name: str, row: Any) -> Entry:
    fields: dict[str, Any] = row if isinstance(row, dict) else {}
    shape: Any
    place: Any
    shape, place = fields.get("shape"), fields.get("data_offsets")
    if str(fields.get("dtype")) not in _NAMES:
        raise ValueError(
            f"{name!r} has dtype {fields.get('dtype')!r}, which is none of {', '.join(_NAMES)}"
        )
    if not (_are_sizes(shape) and _are_sizes(place) and len(place) == 2):
        raise ValueError(f"{name!r} has shape {shape!r} and data_offsets {place!r}")
    dtype = _NAMES[fields["dtype"]]
    entry = Entry(dtype, tuple(shape), *place)
    if entry.end - entry.begin != math.prod(shape) * _native.dtype(dtype).itemsize:
        raise ValueError(
            f"{name!r} of shape {shape} and dtype {dtype} takes {entry.end - entry.begin} bytes"
        )
    return entry


def _are_sizes(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 2**63 for n in numbers)


def read_tensor(file: IO[bytes], start: int, entry: Entry, what: str) -> Tensor:
    """Read one tensor.

    Args:
        file: The file.
        start: Where its tensors' bytes begin.
        entry: Which tensor.
        what: What to call the file in messages.

    Returns:
        The tensor, on the host.

    Raises:
        FormatError: The file is shorter than it was, or the tensor has more dimensions than one can have.
    """
    file.seek(start + entry.begin)
    count = entry.end - entry.begin
    raw = np.fromfile(file, np.uint8, count)
    if raw.size != count:
        raise _damaged(what, "it became shorter while it was read")
    narrow = entry.dtype == "bfloat16"
    array = raw.view(np.uint16 if narrow else np.dtype(entry.dtype))
    try:
        return _native.tensor_from_buffer(
            array.reshape(entry.shape), "bfloat16" if narrow else None
        )
    except ValueError as error:
        raise _damaged(what, str(error)) from None


def _damaged(what: str, why: str) -> FormatError:
    return FormatError(
        f"[load_file] {what} is no whole safetensors file: {why}; fetch or save it again"
    )


__all__ = ["load_file", "load_metadata", "save_file"]
