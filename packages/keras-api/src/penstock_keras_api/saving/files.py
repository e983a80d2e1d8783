"""Files of weights as sources of arrays: one file, or several shards."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock.safetensors import replacing
from penstock_keras_api.saving import hdf5
from penstock_keras_api.saving.problems import explained

_GIB: Final = 1024**3
_LARGEST_INDEX: Final = 64 << 20


class H5Source:
    """Open files with the layout of `.weights.h5`.

    Args:
        roots: The open files; arrays of one object may lie in several.
    """

    def __init__(self, roots: list[Any]) -> None:
        reader = hdf5.guarded()
        self._read = reader.array_of
        self._found: dict[str, Any] = {}
        with explained("the HDF5 file"):
            for root in roots:
                self._found.update(reader.datasets(root))
        self._by_object: dict[str, dict[str, Any]] = {}
        for path, dataset in self._found.items():
            owner, _, key = path.rpartition("/")
            self._by_object.setdefault(owner, {})[key] = dataset

    def arrays(self, path: str) -> Mapping[str, np.ndarray[Any, Any]]:
        """Read what belongs to an object."""
        rows = self._by_object.get(f"{path}/vars".lstrip("/"), {})
        with explained(f"the array {path} in the HDF5 file"):
            return {key: self._read(dataset) for key, dataset in rows.items()}

    def paths(self) -> Collection[str]:
        """List the paths of all arrays."""
        return self._found.keys()

    @property
    def nbytes(self) -> int:
        """How many bytes the arrays have."""
        return sum(int(getattr(dataset, "nbytes", 0)) for dataset in self._found.values())


def write_shards(entries: hdf5.Entries, path: Path, gibibytes: float) -> None:
    """Write weights into several files, and a list of them.

    Args:
        entries: Objects by path.
        path: The list: a name that ends with `.weights.json`.
        gibibytes: How large a file may be; a larger array is alone in one.

    Raises:
        ValueError: The size is none.
        OSError: The disk does not take it.
    """
    if not gibibytes > 0:
        raise InvalidValueError(
            f"[save_weights] got max_shard_size={gibibytes!r}; give a size in GiB: 2.0"
        )
    shards = _split(entries, gibibytes * _GIB)
    stem = path.name.removesuffix(".weights.json")
    places: dict[str, list[str]] = {}
    total = 0
    for number, shard in enumerate(shards):
        name = f"{stem}_{number:05}.weights.h5"
        for owner, (_, arrays) in shard.items():
            total += sum(int(np.asarray(a).nbytes) for a in arrays.values())
            if arrays:
                places.setdefault(f"/{owner}/vars" if owner else "/vars", []).append(name)
        with replacing(path.with_name(name)) as file:
            file.write(hdf5.written(shard))
    index = {"metadata": {"total_size": float(total)}, "weight_map": places}
    with replacing(path) as file:
        file.write(json.dumps(index, indent=4).encode())


def _split(entries: hdf5.Entries, most: float) -> list[dict[str, tuple[str, dict[str, Any]]]]:
    shards: list[dict[str, tuple[str, dict[str, Any]]]] = [{}]
    size = 0
    for owner, (name, arrays) in entries.items():
        shards[-1][owner] = (name, {})
        for key, array in arrays.items():
            nbytes = int(np.asarray(array).nbytes)
            if size and size + nbytes > most:
                shards.append({owner: ("", {})})
                size = 0
            shards[-1][owner][1][key] = array
            size += nbytes
    return shards


@contextmanager
def open_shards(path: Path) -> Iterator[H5Source]:
    """Open the files that a list names; they lie beside it.

    Raises:
        FormatError: The list is damaged, or names a file that is not there.
    """
    names = _shard_names(path)
    with ExitStack() as stack:
        roots = []
        for name in names:
            place = path.with_name(name)
            if not place.is_file():
                raise FormatError(
                    f"[load_weights] {path} names {name}, which is not beside it; put all shards into one folder"
                )
            file = stack.enter_context(place.open("rb"))
            roots.append(stack.enter_context(hdf5.opened(file, name)))
        yield H5Source(roots)


def _shard_names(path: Path) -> list[str]:
    if path.stat().st_size > _LARGEST_INDEX:
        raise FormatError(f"[load_weights] {path} is too large for a list of shards; save again")
    try:
        places = json.loads(path.read_bytes())["weight_map"]
        rows = [
            row
            for names in places.values()
            for row in ([names] if isinstance(names, str) else names)
        ]
        names = list(dict.fromkeys(rows))
        good = all(isinstance(name, str) and Path(name).name == name for name in names)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"[load_weights] {path} is no list of shards ({error}); save again"
        ) from error
    if not good or not names:
        raise FormatError(
            f"[load_weights] {path} names files that do not lie beside it; save again"
        )
    return names
