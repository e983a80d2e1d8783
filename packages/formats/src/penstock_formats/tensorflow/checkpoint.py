"""Checkpoints: an index that names tensors, and shards with their numbers."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from penstock_formats.tensorflow._messages import parse
from penstock_formats.tensorflow._problems import damaged, explained, problem
from penstock_formats.tensorflow._table import read_table
from penstock_formats.tensorflow._tensors import dtype_of, whole_shape

_OBJECTS: Final = "_CHECKPOINTABLE_OBJECT_GRAPH"
_MOST_INDEX: Final = 256 << 20


class Checkpoint:
    """The tensors of a checkpoint, read when they are asked for.

    Args:
        index: The file whose name ends with ".index".

    Raises:
        FormatError: It is damaged.
        OSError: It cannot be read.
    """

    def __init__(self, index: str | os.PathLike[str]) -> None:
        self._path = Path(index)
        if self._path.stat().st_size > _MOST_INDEX:
            raise damaged(f"{self._path.name} is too large for an index")
        with explained(self._path.name):
            rows = read_table(self._path.read_bytes(), self._path.name)
            header = parse("BundleHeader", rows.pop(b"", b""), self._path.name)
            if header.endianness:
                raise problem("the checkpoint is of a big-endian machine", "save it on another one")
            self._shards = max(header.num_shards, 1)
            self._entries = {
                key.decode("utf-8"): parse("BundleEntry", value, self._path.name)
                for key, value in rows.items()
            }

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        """List the tensors that hold numbers."""
        return [name for name, entry in self._entries.items() if dtype_of(entry.dtype) != "string"]

    def read(self, name: str) -> np.ndarray[Any, Any]:
        """Read one tensor.

        Raises:
            FormatError: The shard does not hold it.
        """
        entry = self._entries[name]
        with explained(f"{name!r} in {self._path.name}"):
            dtype, shape = np.dtype(dtype_of(entry.dtype)), whole_shape(entry.shape)
            if entry.slices:
                raise problem(f"the tensor {name!r} is saved in slices", "save it unpartitioned")
            if entry.size != math.prod(shape) * dtype.itemsize:
                raise damaged(f"{name!r} of shape {shape} has {entry.size:,} bytes")
            return np.frombuffer(self._bytes(entry, name), dtype).reshape(shape)

    def keys_by_variable(self) -> dict[str, list[str]]:
        """Read which keys the variables of each name have, in checkpoints of TensorFlow 2."""
        if _OBJECTS not in self._entries:
            return {}
        with explained(_OBJECTS):
            data = self._bytes(self._entries[_OBJECTS], _OBJECTS)
            # A string tensor: the length of its one string, a checksum, the string.
            length, at = 0, 0
            while data[at] & 128:
                length |= (data[at] & 127) << (7 * at)
                at += 1
            length |= data[at] << (7 * at)
            graph = parse("ObjectGraph", data[at + 5 : at + 5 + length], _OBJECTS)
        found: dict[str, list[str]] = {}
        for node in graph.nodes:
            for row in node.attributes:
                if row.checkpoint_key in self._entries:
                    keys = found.setdefault(row.full_name, [])
                    if row.checkpoint_key not in keys:
                        keys.append(row.checkpoint_key)
        return found

    def _bytes(self, entry: Any, name: str) -> bytes:
        if not 0 <= entry.shard_id < self._shards or entry.offset < 0 or entry.size < 0:
            raise damaged(f"{name!r} lies in shard {entry.shard_id} of {self._shards}")
        shard = self._path.with_name(
            f"{self._path.stem}.data-{entry.shard_id:05d}-of-{self._shards:05d}"
        )
        try:
            size = shard.stat().st_size
        except OSError as e:
            raise problem(f"{shard.name} is missing", f"put it beside {self._path.name}") from e
        if entry.offset + entry.size > size:
            raise damaged(f"{name!r} ends behind the end of {shard.name}")
        with shard.open("rb") as file:
            file.seek(entry.offset)
            return file.read(entry.size)
