"""Weights alone: `save_weights` and `load_weights`."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.errors import InvalidValueError
from penstock.safetensors import replacing
from penstock_keras_api.saving import archive, entries, files, hdf5, legacy


def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    **kwargs: Any,
) -> None:
    """Save the weights of a model, and the state of its optimizer, in Keras's layout.

    The file is there whole or not at all; one that was there before stays until the new one is on the disk.

    Args:
        model: A model that is built.
        filepath: A name that ends with `.weights.h5`; with `max_shard_size`, one that ends with `.weights.json`.
        overwrite: Whether to replace a file that is there.
        max_shard_size: How many GiB a file may have; the weights go to several if they need it.
        kwargs: None is known.

    Raises:
        ValueError: The model is not built, the name ends otherwise, or the file is there and is to stay.
        OSError: The disk does not take it; what was there before stays.

    >>> import tempfile, pathlib
    >>> from penstock import keras
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.weights.h5"
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> keras.saving.save_weights(model, path)
    >>> keras.saving.load_weights(model, path)
    """
    _refuse(kwargs, "save_weights")
    path = Path(filepath)
    ending = ".weights.h5" if max_shard_size is None else ".weights.json"
    if not path.name.endswith(ending):
        hint = "" if max_shard_size is None else ", since max_shard_size makes several files"
        raise InvalidValueError(
            f"[save_weights] got the path {str(path)!r}; let it end with {ending}{hint}"
        )
    need_built(model, "save_weights")
    refuse_existing(path, overwrite, "save_weights")
    found = entries.taken(model)
    with told("save_weights", path):
        if max_shard_size is not None:
            files.write_shards(found, path, max_shard_size)
            return
        data = hdf5.written(found)
        with replacing(path) as file:
            file.write(data)


def load_weights(
    model: Any, filepath: str | os.PathLike[str], skip_mismatch: bool = False, **kwargs: Any
) -> None:
    """Put weights from a file into a model.

    Every array must fit: what is missing, extra or of another shape is listed, and nothing changes.

    Args:
        model: A model that is built.
        filepath: A `.weights.h5` or `.weights.json` file, a `.keras` file, or an HDF5 file of an older Keras.
        skip_mismatch: Whether what does not fit is left out, with a warning.
        kwargs: `by_name=True` sorts layers of an old HDF5 file by their names; `objects_to_skip` is a list of layers
            that stay as they are.

    Raises:
        FormatError: The file is damaged, or its weights do not fit.
        ValueError: The model is not built, or the file is of another kind.
        OSError: The file cannot be read.

    >>> from penstock import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> keras.saving.load_weights(model, "weights.txt")
    Traceback (most recent call last):
        ...
    penstock.errors.InvalidValueError: [load_weights] got the path 'weights.txt'; give a file that ends with .weights.h5, .weights.json, .keras or .h5
    """
    path = Path(filepath)
    by_name = bool(kwargs.pop("by_name", False))
    skipped = kwargs.pop("objects_to_skip", None) or []
    _refuse(kwargs, "load_weights")
    if not path.name.lower().endswith((".h5", ".hdf5", ".weights.json", ".keras")):
        raise InvalidValueError(
            f"[load_weights] got the path {str(filepath)!r}; give a file that ends with .weights.h5, .weights.json, "
            ".keras or .h5"
        )
    need_built(model, "load_weights")
    with _source(path) as found:
        if isinstance(found, files.H5Source):
            if by_name:
                raise InvalidValueError(
                    f"[load_weights] got by_name=True for {path.name}, which sorts weights by their place in the model; "
                    "leave by_name out, or give an HDF5 file that an older Keras wrote"
                )
            entries.put(model, found, path.name, skip_mismatch=skip_mismatch, skipped=skipped)
        else:
            legacy.put(model, found, path.name, by_name=by_name, skip_mismatch=skip_mismatch)


@contextmanager
def _source(path: Path) -> Iterator[Any]:
    """Open a file of weights: as a source, or as the group of an older layout."""
    if path.name.lower().endswith(".weights.json"):
        with files.open_shards(path) as source:
            yield source
        return
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        if is_zip:
            data = archive.read(file, path.name).weights
            with hdf5.opened(io.BytesIO(data), f"model.weights.h5 in {path.name}") as root:
                yield files.H5Source([root])
            return
        with hdf5.opened(file, path.name) as root:
            old = legacy.weights_of(root)
            yield files.H5Source([root]) if old is None else old


def need_built(model: Any, what: str) -> None:
    """Refuse a model whose weights are not there yet.

    Raises:
        ValueError: It is not built.
    """
    if not model.built:
        raise InvalidValueError(
            f"[{what}] the model {model.name!r} has no weights yet; call it on data once, or model.build(input_shape)"
        )


def refuse_existing(path: Path, overwrite: bool, what: str) -> None:
    """Refuse to replace a file that is to stay.

    Raises:
        ValueError: It is there.
    """
    if not overwrite and path.exists():
        raise InvalidValueError(
            f"[{what}] {path} is there; choose another name, or let it be replaced: overwrite=True"
        )


@contextmanager
def told(what: str, path: Path) -> Iterator[None]:
    """Say in an error of the disk that what was there before is still there.

    Raises:
        OSError: The disk does not take it.
    """
    try:
        yield
    except OSError as error:
        stays = (
            "the file that was there before is as it was"
            if path.exists()
            else "nothing was written"
        )
        raise OSError(
            error.errno,
            f"[{what}] {error.strerror or error}; {stays}: free some space, or save elsewhere",
            str(path),
        ) from error


def _refuse(kwargs: dict[str, Any], what: str) -> None:
    if kwargs:
        raise InvalidValueError(
            f"[{what}] got the arguments {', '.join(kwargs)}, which it does not know; leave them out"
        )
