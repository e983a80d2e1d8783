"""Reading HDF5 files without trusting them: no links out of the file, no sizes that the file does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np

from penstock_formats.keras._hdf5_guard import guard
from penstock_formats.keras._problems import damaged, explained, problem

_MOST_OBJECTS: Final = 200_000
_DEEPEST: Final = 40
_MOST_PACKED: Final = 1100
"""Deflate makes nothing smaller than by this factor."""


@contextmanager
def opened(file: IO[bytes], what: str) -> Iterator[Any]:
    """Open an HDF5 file.

    Args:
        file: Where its bytes are.
        what: What messages call it.

    Raises:
        FormatError: It is none, it is damaged, or h5py is missing.
    """
    try:
        import h5py
    except ImportError as e:
        raise problem(
            f"{what} is an HDF5 file, and h5py is not installed",
            'install it: pip install "penstock-formats[keras]"',
        ) from e
    file.seek(0)
    if not guard.survives(file.read()):
        raise damaged(f"{what} crashes the HDF5 library, or keeps it busy without an end")
    file.seek(0)
    with explained(what):
        try:
            root = h5py.File(file, "r")
        except OSError as e:
            raise damaged(f"{what} is no HDF5 file that can be read ({e})") from e
        with root:
            try:
                yield root
            except OSError as e:
                raise damaged(f"{what} cannot be read to its end ({e})") from e


def child(group: Any, path: str) -> Any:
    """Find what a group holds; None where it is missing.

    Raises:
        FormatError: A link leads somewhere else.
    """
    import h5py

    for name in path.strip("/").split("/"):
        if not isinstance(group, h5py.Group):
            return None
        link = group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise problem(
                f"{name!r} in the file is a link to somewhere else",
                "save the weights into one file; links are not followed",
            )
        group = group[name]
    return group


def array_of(dataset: Any) -> np.ndarray[Any, Any]:
    """Read the numbers of a dataset.

    Raises:
        FormatError: It holds no numbers, they lie in another file, or they are more than the file can hold.
    """
    import h5py

    name = getattr(dataset, "name", None)
    is_bfloat16 = isinstance(dataset, h5py.Dataset) and _is_bfloat16(dataset)
    if not isinstance(dataset, h5py.Dataset) or not (is_bfloat16 or dataset.dtype.kind in "fiub"):
        raise damaged(f"{name!r} holds no numbers")
    if dataset.is_virtual or dataset.external:
        raise problem(f"the numbers of {name!r} lie in another file", "save them into one file")
    held = dataset.id.get_storage_size()
    if dataset.nbytes > max(held, 0) * _MOST_PACKED:
        raise damaged(f"{name!r} claims {dataset.nbytes:,} bytes, and the file has {held:,} for it")
    array = np.asarray(dataset[()])
    if is_bfloat16:  # the upper half of a float32
        array = (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array


def _is_bfloat16(dataset: Any) -> bool:
    """Whether bytes are numbers of a dtype that HDF5 lacks, as Keras notes."""
    is_pair = dataset.dtype.kind == "V" and dataset.dtype.itemsize == 2
    return is_pair and text_of(dataset.attrs.get("dtype", "")) == "bfloat16"


def text_of(value: Any) -> str:
    """Read text, which some versions write as bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if not isinstance(value, str):
        raise damaged(f"{type(value).__name__} stands where text should be")
    return value


def names_of(group: Any, key: str) -> list[str] | None:
    """Read a list of names among a group's attributes; long ones are cut into pieces."""
    if key in group.attrs:
        return [text_of(name) for name in np.asarray(group.attrs[key]).tolist()]
    names: list[str] = []
    pieces = 0
    while f"{key}{pieces}" in group.attrs:
        names += [text_of(name) for name in np.asarray(group.attrs[f"{key}{pieces}"]).tolist()]
        pieces += 1
    return names if pieces else None


def datasets(root: Any) -> Iterator[tuple[str, Any]]:
    """Go through all datasets below a group, with their paths.

    Raises:
        FormatError: Groups hold each other, or there are too many.
    """
    import h5py

    waiting = [("", root)]
    seen = 0
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            seen += 1
            path = f"{prefix}{name}"
            if seen > _MOST_OBJECTS or path.count("/") > _DEEPEST:
                raise damaged("its groups hold each other, or far too many")
            found = child(group, name)
            if isinstance(found, h5py.Dataset):
                yield path, found
            elif isinstance(found, h5py.Group):
                waiting.append((f"{path}/", found))
