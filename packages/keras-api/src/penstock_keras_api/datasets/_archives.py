"""Read the files in which data sets come: IDX, NPZ, and CIFAR's archives of pickles.

Pickles can call anything. Ours may only make arrays and plain values, so a forged file can do no harm.
"""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from penstock.errors import FormatError

_ALLOWED = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


def read_idx(path: Path, ndim: int) -> np.ndarray[Any, Any]:
    """Read a gzip'ed IDX file of bytes.

    Args:
        path: The file.
        ndim: How many dimensions it must have.

    Returns:
        uint8 of the shape that the file says.

    Raises:
        FormatError: It is damaged, or of another kind.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(
            f"[keras.datasets] {path} cannot be read: {error}; fetch the file again"
        ) from None
    header = 4 + 4 * ndim
    if len(content) < header or struct.unpack(">i", content[:4])[0] != 2048 + ndim:
        raise FormatError(
            f"[keras.datasets] {path} is no IDX file of {ndim} dimensions; fetch the file again"
        )
    shape = struct.unpack(f">{ndim}i", content[4:header])
    if len(content) - header != int(np.prod(shape)):
        raise FormatError(
            f"[keras.datasets] {path} says {shape} and holds {len(content) - header} bytes; fetch the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


def read_npz(path: Path, *names: str) -> list[np.ndarray[Any, Any]]:
    """Read arrays out of an NPZ file; those of Python objects too.

    Args:
        path: The file.
        names: The arrays.

    Returns:
        The arrays, in the order of their names.

    Raises:
        FormatError: The file is damaged, or lacks one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [_read_npy(io.BytesIO(archive.read(f"{name}.npy"))) for name in names]
    except KeyError:
        with zipfile.ZipFile(path) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
        raise FormatError(
            f"[keras.datasets] {path} has the arrays {', '.join(found)}; expected {', '.join(names)}; "
            "fetch the file again"
        ) from None
    except (zipfile.BadZipFile, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise FormatError(
            f"[keras.datasets] {path} cannot be read: {error}; fetch the file again"
        ) from None


def read_pickles(path: Path, *names: str) -> list[dict[bytes, Any]]:
    """Read pickled dictionaries out of a tar archive, by the names of its files.

    Args:
        path: The archive.
        names: The files, without their folder.

    Returns:
        The dictionaries, in the order of their names.

    Raises:
        FormatError: The archive is damaged, or lacks one.
    """
    found: dict[str, dict[bytes, Any]] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                file = archive.extractfile(member) if name in names else None
                if file is not None:
                    found[name] = _Unpickler(file, encoding="bytes").load()
    except (OSError, EOFError, tarfile.TarError, zlib.error, pickle.UnpicklingError) as error:
        raise FormatError(
            f"[keras.datasets] {path} cannot be read: {error}; fetch the file again"
        ) from None
    missing = [name for name in names if name not in found]
    if missing:
        raise FormatError(
            f"[keras.datasets] {path} has no {', '.join(missing)}; fetch the file again"
        )
    return [found[name] for name in names]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no data set needs")
        return super().find_class(module, name)


def _read_npy(file: IO[bytes]) -> np.ndarray[Any, Any]:
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    if dtype.hasobject:
        return np.asarray(_Unpickler(file).load(), dtype=object).reshape(shape)
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))
