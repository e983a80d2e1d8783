"""Reads HDF5 files that come on standard input, in a process of its own, which a damaged one may stop or crash."""

from __future__ import annotations

import io
import os
import struct
from contextlib import suppress
from typing import Any

_MOST_PACKED = 1100


def probe(data: bytes) -> None:
    """Read every attribute, and every dataset whose size is credible. What h5py can report is no matter here."""
    import h5py

    def visit(name: str, found: Any) -> None:
        del name
        with suppress(Exception):
            dict(found.attrs)
        with suppress(Exception):
            if isinstance(found, h5py.Dataset) and not (found.is_virtual or found.external):
                credible = found.nbytes <= found.id.get_storage_size() * _MOST_PACKED
                _ = found[()] if credible else None

    with suppress(Exception), h5py.File(io.BytesIO(data), "r") as root:
        visit("/", root)
        root.visititems(visit)


def serve() -> None:
    """Answer each file, which follows its size, with one byte, until there are no more."""
    with os.fdopen(0, "rb") as given, os.fdopen(1, "wb", 0) as answers:
        while head := given.read(8):
            (size,) = struct.unpack("<q", head)
            probe(given.read(size))
            answers.write(b"1")


if __name__ == "__main__":
    serve()
