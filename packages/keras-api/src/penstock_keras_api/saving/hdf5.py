"""HDF5 files in Keras's layout: written whole, and read without trusting them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np

from penstock.errors import FormatError

INSTALL: Final = 'pip install "penstock-keras-api[h5py]"'
_MOST_ATTRIBUTE: Final = 64_000
"""HDF5 keeps no longer attribute beside its object."""

Entries = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Objects by path: each with its name, and its arrays."""


def guarded() -> Any:
    """Return the reader that does not trust files.

    Raises:
        FormatError: A package is missing.
    """
    try:
        import h5py  # noqa: F401 - only whether it is there

        from penstock_formats.keras import hdf5
    except ImportError as e:
        raise FormatError(
            f"[saving] Keras's weights are HDF5 files, and {e.name or 'h5py'} is not installed; install it: {INSTALL}"
        ) from e
    return hdf5


@contextmanager
def opened(file: IO[bytes], what: str) -> Iterator[Any]:
    """Open a file for reading.

    Args:
        file: Where its bytes are.
        what: What messages call it.

    Raises:
        FormatError: It is damaged, or h5py is missing.
    """
    inside: Exception | None = None
    with guarded().opened(file, what) as root:
        try:
            yield root
        except OSError:
            raise
        except Exception as error:  # of the model, which the reader would take for the file's
            inside = error
    if inside is not None:
        raise inside


def written(entries: Entries) -> bytes:
    """Return a file of weights in the layout of `.weights.h5`.

    Args:
        entries: Objects by path.

    Raises:
        FormatError: h5py is missing.
    """
    guarded()
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as root:
        for path, (name, arrays) in entries.items():
            group = root.require_group(f"{path}/vars".lstrip("/"))
            if name:
                group.attrs["name"] = name
            for key, array in arrays.items():
                group.create_dataset(key, data=np.asarray(array))
    return memory.getvalue()


def put_names(group: Any, key: str, names: list[str]) -> None:
    """Write names as an attribute; long ones are cut into pieces."""
    rows = np.array([name.encode() for name in names], dtype=bytes) if names else np.zeros(0, "S1")
    if rows.nbytes <= _MOST_ATTRIBUTE:
        group.attrs[key] = rows
        return
    count = -(-rows.nbytes // _MOST_ATTRIBUTE)
    for number, piece in enumerate(np.array_split(rows, count)):
        group.attrs[f"{key}{number}"] = piece
