"""Event files, which TensorBoard reads: an observer of `penstock.summary`.

A file is a row of TFRecords, each a protocol buffer `Event` with one summary. Only the few fields that are needed are
written, by their numbers in TensorFlow's published definitions.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.records import RecordWriter
from penstock.summary import Record

_FLOAT, _STRING = 1, 7  # of the enumeration DataType
_BINS: Final = 30
_number = itertools.count()


class EventFile:
    """Writes records into a file that TensorBoard reads.

    Args:
        folder: Where the file is made.

    Raises:
        OSError: The file cannot be made.

    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.mkdtemp()
    >>> file = EventFile(folder)
    >>> file.scalar("loss", 0.5, step=3)
    >>> file.close()
    >>> [path.name[:20] for path in Path(folder).iterdir()]
    ['events.out.tfevents.']
    """

    def __init__(self, folder: Any) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = f"{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_number)}"
        self._file: RecordWriter | None = RecordWriter(self.folder / f"events.out.tfevents.{stamp}")
        self._event(_bytes(3, b"brain.Event:2"), None, time.time())
        self.flush()

    # ---- an observer

    def record(self, record: Record) -> None:
        """Write what `penstock.summary` tells; runs of programs are left out."""
        name, step = record.name, record.step or 0
        if record.kind == "scalar":
            self.scalar(name, record.value, step, record.time, record.description)
        elif record.kind == "histogram":
            self.histogram(name, record.value, step, record.time, record.description)
        elif record.kind == "image":
            self.images(name, record.value, step, record.time, record.description)
        elif record.kind == "text":
            self.text(name, record.value, step, record.time, record.description)
        elif record.kind == "graph":
            self.graph(record.value, step, record.time)

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def flush(self) -> None:
        """Hand what was written to the system, for a TensorBoard that looks on."""
        if self._file is not None:
            self._file.flush()

    # ---- kinds of values

    def scalar(
        self, name: str, value: Any, step: int, at: float | None = None, told: str = ""
    ) -> None:
        """Write a single number."""
        number = np.asarray(value, np.float32).reshape(())
        self._value(name, _tensor(number), "scalars", step, at, told)

    def histogram(
        self, name: str, value: Any, step: int, at: float | None = None, told: str = ""
    ) -> None:
        """Write how values are spread: rows of left end, right end and count."""
        values = np.asarray(value, np.float64).ravel()
        values = values[np.isfinite(values)]
        if values.size:
            counts, edges = np.histogram(values, bins=_BINS)
            rows = np.stack([edges[:-1], edges[1:], counts], axis=1)
        else:
            rows = np.zeros((0, 3))
        self._value(name, _tensor(rows.astype(np.float32)), "histograms", step, at, told)

    def images(
        self, name: str, value: Any, step: int, at: float | None = None, told: str = ""
    ) -> None:
        """Write images [count, height, width, channels]: uint8, or floats from 0 to 1."""
        pixels = np.asarray(value)
        if pixels.dtype.kind == "f":
            pixels = (np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
        _, height, width, _ = pixels.shape
        coded = [ps.image.encode_png(ps.asarray(image)).item() for image in pixels]
        texts = [str(width).encode(), str(height).encode(), *coded]
        self._value(name, _strings(texts), "images", step, at, told)

    def text(
        self, name: str, value: Iterable[str], step: int, at: float | None = None, told: str = ""
    ) -> None:
        """Write texts."""
        self._value(name, _strings([t.encode() for t in value]), "text", step, at, told)

    def graph(self, graph: Any, step: int = 0, at: float | None = None) -> None:
        """Write a graph: its nodes, and what they take."""
        nodes = [_bytes(1, _text(1, t.name) + _text(2, "Placeholder")) for t in graph.inputs]
        for node in graph.nodes:
            fields = _text(1, node.name) + _text(2, node.op)
            for t in node.inputs:
                fields += _text(3, t.name if t.node is None else t.node.name)
            nodes.append(_bytes(1, fields))
        versions = _bytes(4, _varint_field(1, 22))
        self._event(_bytes(4, b"".join(nodes) + versions), step, at)

    def _value(
        self, name: str, tensor: bytes, plugin: str, step: int, at: float | None, told: str
    ) -> None:
        metadata = _bytes(1, _text(1, plugin)) + (_text(3, told) if told else b"")
        value = _text(1, name) + _bytes(9, metadata) + _bytes(8, tensor)
        self._event(_bytes(5, _bytes(1, value)), step, at)

    def _event(self, content: bytes, step: int | None, at: float | None) -> None:
        if self._file is not None:
            when = struct.pack("<Bd", 1 << 3 | 1, time.time() if at is None else at)
            which = b"" if step is None else _varint_field(2, step)
            self._file.write(when + which + content)


# ---- protocol buffers: fields by number


def _varint(value: int) -> bytes:
    """Write a whole number in groups of seven bits.

    >>> list(_varint(300))
    [172, 2]
    """
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, content: str) -> bytes:
    return _bytes(number, content.encode())


def _shape(sizes: Iterable[int]) -> bytes:
    return _bytes(2, b"".join(_bytes(2, _varint_field(1, size)) for size in sizes))


def _tensor(values: np.ndarray[Any, Any]) -> bytes:
    return _varint_field(1, _FLOAT) + _shape(values.shape) + _bytes(4, values.tobytes())


def _strings(texts: list[bytes]) -> bytes:
    return _varint_field(1, _STRING) + _shape([len(texts)]) + b"".join(_bytes(8, t) for t in texts)
