"""`save`, `load`, `snapshot`: datasets as folders.

A folder holds `dataset.json` (the spec, and how many elements there are), which is written last, and shards of records
with checksums.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import FormatError, InvalidTypeError
from penstock.records import RecordReader, RecordWriter
from penstock_keras_api.data import codec, elements
from penstock_keras_api.data.node import UNKNOWN, Node
from penstock_keras_api.data.stream import Stream
from penstock_keras_api.data.user_function import called

INDEX = "dataset.json"


def save(
    node: Node,
    path: str | os.PathLike[str],
    compression: str | None = None,
    shard_func: Callable[..., Any] | None = None,
) -> None:
    """Write all elements into a folder, which appears when it is whole.

    Args:
        node: Whose elements.
        path: The folder; what stood in it is lost.
        compression: None or "GZIP".
        shard_func: Returns for an element the number of the file it goes into.

    Raises:
        InvalidTypeError: An element cannot be written.
        OSError: The folder cannot be written.
    """
    folder = Path(path).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(".part", folder.name, folder.parent))
    try:
        _write(node, temporary, compression or "", shard_func)
        if folder.is_dir():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _write(
    node: Node, folder: Path, compression: str, shard_func: Callable[..., Any] | None
) -> None:
    spec = codec.spec_to_json(node.element_spec)
    writers: dict[int, RecordWriter] = {}
    order: list[int] = []
    stream = node.stream()
    try:
        for element in stream:
            number = 0
            if shard_func is not None:
                number = int(np.asarray(elements.as_array(called(shard_func, element))))
                if number < 0:
                    raise InvalidTypeError(
                        f"[save] shard_func returned {number}; expected a number of at least 0"
                    )
            if number not in writers:
                writers[number] = RecordWriter(folder / _shard(number), compression)
            writers[number].write(codec.encode(element))
            order.append(number)
    finally:
        stream.close()
        for writer in writers.values():
            writer.close()
    index = {
        "version": 1,
        "count": len(order),
        "compression": compression,
        "shards": sorted(writers),
        "spec": spec,
    }
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def _shard(number: int) -> str:
    return f"elements-{number:05d}.tfrecord"


class SavedNode(Node):
    """The elements of a folder, shard after shard.

    Args:
        path: The folder.

    Raises:
        FormatError: It holds no dataset.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path)
        try:
            index = json.loads((self.path / INDEX).read_text(encoding="utf-8"))
            self.count, self.compression = int(index["count"]), index["compression"]
            self.shards, self.spec = list(index["shards"]), codec.spec_from_json(index["spec"])
        except (OSError, ValueError, KeyError) as error:
            raise FormatError(
                f"[Dataset.load] {self.path} holds no dataset: {error}; give a folder that Dataset.save wrote"
            ) from None

    def stream(self) -> SavedStream:
        """Begin a pass."""
        return SavedStream(self)

    def length(self) -> int:
        """Return how many elements there are."""
        return self.count

    def make_spec(self) -> Any:
        """Return the spec that was saved."""
        return self.spec

    def shard(self, number: int) -> SavedNode:
        """Return the elements of one file alone."""
        alone = SavedNode(self.path)
        alone.shards, alone.count = [number], UNKNOWN
        return alone


class SavedStream(Stream):
    """A pass over saved elements."""

    kind = "saved"

    def __init__(self, node: SavedNode) -> None:
        self._node = node
        self._shard, self._reader = 0, None

    _reader: RecordReader | None

    def __next__(self) -> Any:
        while self._shard < len(self._node.shards):
            if self._reader is None:
                self._open()
            assert self._reader is not None
            found = self._reader.read(1)
            if found.shape[0]:
                return codec.decode(found[0].item())
            self._reader.close()
            self._reader = None
            self._shard += 1
        raise StopIteration

    def _open(self) -> None:
        name = _shard(self._node.shards[self._shard])
        self._reader = RecordReader(self._node.path / name, self._node.compression)

    def state(self) -> dict[str, Any]:
        """Return the position: a byte of a file."""
        reader = self._reader
        where = None if reader is None else [reader.offset, reader.number]
        return {"kind": self.kind, "shard": self._shard, "where": where}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self.close()
        self._shard = int(self.check(state)["shard"])
        if state["where"] is not None:
            self._open()
            assert self._reader is not None
            self._reader.seek(*state["where"])

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None


class SnapshotNode(Node):
    """Elements that are saved by the first pass, and loaded by all others.

    Args:
        source: Whose elements.
        path: The folder.
        compression: None or "GZIP".
    """

    def __init__(self, source: Node, path: str | os.PathLike[str], compression: str | None) -> None:
        super().__init__(source)
        self.path, self.compression = Path(path), compression

    def stream(self) -> Stream:
        """Save the elements, if they are not, and begin a pass over what was saved."""
        if not (self.path / INDEX).exists():
            save(self.inputs[0], self.path, self.compression)
        return SavedNode(self.path).stream()
