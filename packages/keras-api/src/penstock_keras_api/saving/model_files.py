"""Whole models: `save_model` and `load_model`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import FormatError, InvalidValueError
from penstock.safetensors import replacing
from penstock_keras_api import context
from penstock_keras_api.saving import (
    archive,
    entries,
    files,
    hdf5,
    legacy,
    registry,
    serialization,
    sharing,
)
from penstock_keras_api.saving.problems import explained
from penstock_keras_api.saving.weights import need_built, refuse_existing, told

_ROOM: Final = 64 << 20
"""How many bytes of variables a file may ask for beside those that it holds."""
_LARGEST_CONFIG: Final = 1 << 28


def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """Save a model: its configuration, its weights, how it was compiled, and the state of its optimizer.

    The file is there whole or not at all; one that was there before stays until the new one is on the disk.

    Args:
        model: The model.
        filepath: A name that ends with `.keras`, or with `.h5` for the format of older versions of Keras.
        overwrite: Whether to replace a file that is there.
        zipped: Whether to write one file; False writes a folder.
        kwargs: `include_optimizer=False` leaves out how the model was compiled.

    Raises:
        ValueError: The name ends otherwise, or the file is there and is to stay.
        TypeError: A layer has no plain configuration.
        OSError: The disk does not take it; what was there before stays.

    >>> import tempfile, pathlib
    >>> from penstock import keras
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.keras"
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> keras.saving.save_model(model, path)
    >>> keras.saving.load_model(path).output_shape
    (None, 1)
    """
    with_optimizer = bool(kwargs.pop("include_optimizer", True))
    kwargs.pop("save_format", None)
    if kwargs:
        raise InvalidValueError(
            f"[save_model] got the arguments {', '.join(kwargs)}, which it does not know; leave them out"
        )
    path = Path(filepath)
    kind = _kind_to_write(path, zipped)
    refuse_existing(path, overwrite, "save_model")
    if kind == "h5":
        need_built(model, "save_model")
    config = config_of(model)
    if not with_optimizer:
        config.pop("compile_config", None)
    with told("save_model", path):
        if kind == "h5":
            data = legacy.written(model, config, dict(config.get("compile_config") or {}) or None)
            with replacing(path) as file:
                file.write(data)
        else:
            write = archive.write if kind == "keras" else archive.write_folder
            write(archive.members_of(model, config), path)


def _kind_to_write(path: Path, zipped: bool | None) -> str:
    ending = path.suffix.lower()
    if zipped is False:
        if ending:
            raise InvalidValueError(
                f"[save_model] got the path {str(path)!r} with zipped=False, which writes a folder; leave out the ending"
            )
        return "folder"
    if ending == ".keras":
        return "keras"
    if ending in (".h5", ".hdf5"):
        return "h5"
    raise InvalidValueError(
        f"[save_model] got the path {str(path)!r}; let it end with .keras, or with .h5 for older versions of Keras. A graph "
        "that runs without this code is written by model.export(path)"
    )


def config_of(model: Any) -> dict[str, Any]:
    """Return a model as plain data; layers that stand in several places have a number."""
    with sharing.writing() as seen:
        serialization.serialize_keras_object(model)
    shared = {number for number, count in seen.counts.items() if count > 1}
    with sharing.writing(shared):
        return dict(serialization.serialize_keras_object(model))


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model. No code that lies in the file is run, unless that is asked for.

    Args:
        filepath: A `.keras` file, the folder of one, an HDF5 file of an older version of Keras, or a folder that
            `model.export` wrote; of the latter, a model that can be trained if its classes are known, else one that runs.
        custom_objects: Classes and functions by name.
        compile: Whether the model is compiled as it was when it was saved.
        safe_mode: Whether lambdas, which files hold as code, are refused; False runs them.

    Returns:
        The model.

    Raises:
        FormatError: The file is damaged, or its weights do not fit.
        ValueError: There is no such file, it is of another kind, or it names a class that is not known.

    >>> from penstock import keras
    >>> keras.saving.load_model("nowhere.keras")
    Traceback (most recent call last):
        ...
    penstock.errors.InvalidValueError: [load_model] there is no file nowhere.keras; look at the path
    """
    path = Path(filepath)
    if not path.exists():
        raise InvalidValueError(f"[load_model] there is no file {path}; look at the path")
    with registry.custom_object_scope(dict(custom_objects or {})):
        if path.is_dir():
            return _of_folder(path, compile, safe_mode)
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(0)
            if head.startswith(b"PK"):
                found = archive.read(file, path.name)
                return _of_members(found, path.name, compile, safe_mode)
            if head == b"\x89HDF\r\n\x1a\n":
                with hdf5.opened(file, path.name) as root:
                    return _of_hdf5(root, path.name, compile, safe_mode)
    raise FormatError(
        f"[load_model] {path} is neither a .keras file nor an HDF5 file; give a file that model.save wrote"
    )


def _of_folder(folder: Path, compile: bool, safe_mode: bool) -> Any:
    if (folder / "graph.json").is_file():
        from penstock_keras_api.saving import graphs

        return graphs.load(folder, compile)
    if not (folder / archive.CONFIG).is_file():
        raise FormatError(
            f"[load_model] {folder} has no {archive.CONFIG} in it; give a folder that model.save(path, zipped=False) wrote. A "
            "graph that model.export wrote is loaded by penstock.load(path)"
        )
    if (folder / archive.CONFIG).stat().st_size > _LARGEST_CONFIG:
        raise FormatError(
            f"[load_model] {folder / archive.CONFIG} is too large; save the model again"
        )
    config = (folder / archive.CONFIG).read_bytes()
    assets = {
        place.relative_to(folder).as_posix(): place.read_bytes()
        for place in sorted((folder / "assets").rglob("*"))
        if place.is_file() and not place.is_symlink()
    }
    weights = folder / archive.WEIGHTS
    if not weights.is_file():
        raise FormatError(
            f"[load_model] {folder} has no {archive.WEIGHTS} in it; save the model again"
        )
    with weights.open("rb") as file:
        return _build(config, file, assets, str(folder), compile, safe_mode)


def _of_members(found: Any, what: str, compile: bool, safe_mode: bool) -> Any:
    file = archive.weights_file(found.weights)
    return _build(found.config, file, found.assets, what, compile, safe_mode)


def _build(
    text: bytes,
    weights: Any,
    assets: Mapping[str, bytes],
    what: str,
    compile: bool,
    safe_mode: bool,
) -> Any:
    with explained(f"{archive.CONFIG} in {what}"):
        config = json.loads(text)
    with hdf5.opened(weights, f"{archive.WEIGHTS} in {what}") as root:
        source = files.H5Source([root])
        model = _made(config, f"{archive.CONFIG} in {what}", source.nbytes, compile, safe_mode)
        entries.put(model, source, what)
        with explained(f"the assets in {what}"):
            archive.put_assets(model, assets)
    return model


def _of_hdf5(root: Any, what: str, compile: bool, safe_mode: bool) -> Any:
    with explained(what):
        config = legacy.model_config(root, what)
    group = legacy.weights_of(root)
    if group is None:
        raise FormatError(f"[load_model] {what} holds no model_weights; save the model again")
    with explained(what):
        nbytes = sum(int(getattr(d, "nbytes", 0)) for _, d in hdf5.guarded().datasets(root))
    model = _made(config, f"model_config in {what}", nbytes, False, safe_mode)
    legacy.put(model, group, what)
    with explained(f"training_config in {what}"):
        training = legacy.training_of(root) if compile else None
        if training is not None:
            model.compile_from_config(training)
    if training is not None:
        legacy.put_optimizer(model, root)
    return model


def _made(config: Any, where: str, nbytes: int, compile: bool, safe_mode: bool) -> Any:
    """Make a model of its configuration; its variables may not be more than the file holds."""
    from penstock_keras_api.layers.layer import Layer

    with explained(where):
        if not compile:
            config = {key: value for key, value in config.items() if key != "compile_config"}
        with context.room(2 * nbytes + _ROOM):
            model = serialization.deserialize_keras_object(config, safe_mode=safe_mode)
    if not isinstance(model, Layer):
        raise FormatError(f"[load_model] {where} describes no model; save the model again")
    return model
