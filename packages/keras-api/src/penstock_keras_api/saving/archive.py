"""`.keras` files: zip archives, or folders, with a configuration, weights and assets."""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

from penstock.errors import FormatError
from penstock.safetensors import replacing
from penstock_keras_api.saving import entries, hdf5

CONFIG: Final = "config.json"
METADATA: Final = "metadata.json"
WEIGHTS: Final = "model.weights.h5"
KERAS_VERSION: Final = "3.15.1"
"""The version of Keras whose layout files have."""


def read(file: IO[bytes], what: str) -> Any:
    """Read the members of an archive, without trusting it.

    Args:
        file: The archive.
        what: What messages call it.

    Returns:
        An object with `config`, `metadata`, `weights` and `assets`.

    Raises:
        FormatError: It is damaged, or a package is missing.
    """
    hdf5.guarded()
    from penstock_formats.keras.archive import read_archive

    return read_archive(file, what)


def members_of(model: Any, config: Any) -> dict[str, bytes]:
    """Make what an archive holds.

    Args:
        model: The model.
        config: Its configuration as plain data.

    Returns:
        Bytes by name.

    Raises:
        FormatError: h5py is missing.
    """
    from penstock import __version__

    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": time.strftime("%Y-%m-%d@%H:%M:%S"),
        "penstock_version": __version__,
    }
    return {
        METADATA: json.dumps(metadata).encode(),
        CONFIG: json.dumps(config).encode(),
        WEIGHTS: hdf5.written(entries.taken(model)),
        **_assets_of(model),
    }


def write(members: Mapping[str, bytes], path: Path) -> None:
    """Write an archive; it is there whole or not at all.

    Raises:
        OSError: The disk does not take it.
    """
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)


def write_folder(members: Mapping[str, bytes], folder: Path) -> None:
    """Write the members of an archive into a folder, the configuration last.

    Raises:
        OSError: The disk does not take it.
    """
    for name, data in sorted(members.items(), key=lambda row: row[0] == CONFIG):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as file:
            file.write(data)


def _assets_of(model: Any) -> dict[str, bytes]:
    """Let layers write files of their own, and read these."""
    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        for path, item in entries.named(model):
            place = Path(name, "assets", path)
            place.mkdir(parents=True, exist_ok=True)
            item.save_assets(str(place))
        for file in sorted(Path(name).rglob("*")):
            if file.is_file():
                found[file.relative_to(name).as_posix()] = file.read_bytes()
    return found


def put_assets(model: Any, assets: Mapping[str, bytes]) -> None:
    """Let layers read their files.

    Args:
        model: The model.
        assets: Bytes by name in the archive.

    Raises:
        FormatError: A layer cannot use its file.
    """
    owners = list(entries.named(model))
    if not owners or not assets:
        return
    with tempfile.TemporaryDirectory() as name:
        for asset, data in assets.items():
            place = Path(name, asset)  # the archive's names were checked
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        for path, item in owners:
            place = Path(name, "assets", path)
            if place.is_dir() and any(child.is_file() for child in place.iterdir()):
                item.load_assets(str(place))


def weights_file(data: bytes) -> IO[bytes]:
    """Return the weights of an archive as a file.

    Raises:
        FormatError: There are none.
    """
    if not data:
        raise FormatError(f"[load_model] the file holds no {WEIGHTS}; save the model again")
    return io.BytesIO(data)
