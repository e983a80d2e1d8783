"""HDF5 files of older versions of Keras: whole models, and weights in a list for each layer."""

from __future__ import annotations

import importlib
import io
import json
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from penstock.errors import FormatError, InvalidValueError
from penstock_keras_api.saving import hdf5
from penstock_keras_api.saving.archive import KERAS_VERSION
from penstock_keras_api.saving.problems import explained

_TOP: Final = "top_level_model_weights"
_MODULES: Final = {
    "loss": "losses",
    "metrics": "metrics",
    "weighted_metrics": "metrics",
    "optimizer": "optimizers",
}
"""Where the classes are that a training configuration names without a module."""
_NEW_KEYS: Final = (
    "module",
    "registered_name",
    "build_config",
    "compile_config",
    "shared_object_id",
)


def written(model: Any, config: dict[str, Any], training: dict[str, Any] | None) -> bytes:
    """Return a whole model as an HDF5 file.

    Args:
        model: The model.
        config: Its configuration as plain data.
        training: How it was compiled; None if it was not.

    Raises:
        FormatError: h5py is missing.
    """
    hdf5.guarded()
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as root:
        _put_versions(root)
        root.attrs["model_config"] = json.dumps(config_of(config))
        weights = root.create_group("model_weights")
        _put_versions(weights)
        layers = list(model.layers)
        hdf5.put_names(weights, "layer_names", [layer.name for layer in layers])
        for layer in layers:
            _put_weights(weights.create_group(layer.name), weights_in_order(layer))
        _put_weights(weights.create_group(_TOP), model._own_weights())
        if training is not None:
            optimizer = training.pop("optimizer", None) or {}
            plain = {key: optimizer.get(key) for key in ("class_name", "config")}
            root.attrs["training_config"] = json.dumps({**training, "optimizer_config": plain})
            _put_weights(root.create_group("optimizer_weights"), model.optimizer.variables)
    return memory.getvalue()


def _put_versions(group: Any) -> None:
    group.attrs["keras_version"] = KERAS_VERSION
    group.attrs["backend"] = "penstock"


def _put_weights(group: Any, variables: list[Any]) -> None:
    names: list[str] = []
    for v in variables:
        name, number = v.path, 1
        while name in names:
            name, number = f"{v.path}_{number}", number + 1
        names.append(name)
        group.create_dataset(name, data=v.numpy())
    hdf5.put_names(group, "weight_names", names)


def config_of(config: dict[str, Any]) -> dict[str, Any]:
    """Write a configuration as older versions did: layers without module and shapes."""
    made = {key: value for key, value in config.items() if key not in _NEW_KEYS}
    if ">" in str(config.get("registered_name")):  # somebody's own class, with its package
        made["class_name"] = config["registered_name"]
    inner = made.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        made["config"] = {**inner, "layers": [config_of(layer) for layer in inner["layers"]]}
    return made


def weights_in_order(layer: Any) -> list[Any]:
    """List the weights of a layer as these files have them: what is trained comes first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def weights_of(root: Any) -> Any:
    """Return the group of weights of an open file; None if it has another layout."""
    reader = hdf5.guarded()
    with explained("the HDF5 file"):
        inner = reader.child(root, "model_weights")
        group = root if inner is None else inner
        return group if reader.names_of(group, "layer_names") is not None else None


def _rows(group: Any, layer: str) -> list[tuple[str, np.ndarray[Any, Any]]]:
    reader = hdf5.guarded()
    mine = reader.child(group, layer)
    if mine is None:
        raise FormatError(
            f"[load_weights] the file lists the layer {layer!r} and does not hold it; save it again"
        )
    return [
        (name, reader.array_of(reader.child(mine, name)))
        for name in reader.names_of(mine, "weight_names") or []
    ]


def put(
    model: Any, group: Any, what: str, *, by_name: bool = False, skip_mismatch: bool = False
) -> None:
    """Put the weights of an older file into a model.

    Args:
        model: The model.
        group: From `weights_of`.
        what: What messages call the file.
        by_name: Whether layers are found by their names, not by their order; others stay as they are.
        skip_mismatch: Whether what does not fit is left out, with a warning.

    Raises:
        FormatError: The weights do not fit.
    """
    with explained(what):
        names = hdf5.guarded().names_of(group, "layer_names") or []
        saved = [(name, rows) for name in names if (rows := _rows(group, name))]
    pairs = list(_pairs(model, saved, what, by_name))
    jobs: list[tuple[Any, Any]] = []
    problems: list[str] = []
    for layer, (name, rows) in pairs:
        _match(layer, name, rows, jobs, problems)
    if problems and not skip_mismatch:
        raise FormatError(
            f"[load_weights] the weights in {what} do not fit the model: {'; '.join(problems)}; make the model as it was, "
            "or load what fits with skip_mismatch=True"
        )
    for v, array in jobs:
        v.assign(array)
    if problems:
        warnings.warn(f"[load_weights] left out of {what}: {'; '.join(problems)}", stacklevel=3)


def _pairs(model: Any, saved: list[tuple[str, Any]], what: str, by_name: bool) -> Iterator[Any]:
    layers = [layer for layer in model.layers if weights_in_order(layer)]
    if by_name:
        by_names = {layer.name: layer for layer in layers}
        yield from ((by_names[name], (name, rows)) for name, rows in saved if name in by_names)
        return
    if len(layers) != len(saved):
        raise FormatError(
            f"[load_weights] the model has {len(layers)} layers with weights ({', '.join(x.name for x in layers)}), and "
            f"{what} has {len(saved)} ({', '.join(name for name, _ in saved)}); make the model as it was, or match layers "
            "by their names with by_name=True"
        )
    yield from zip(layers, saved, strict=True)


def _match(
    layer: Any, name: str, rows: list[Any], jobs: list[tuple[Any, Any]], problems: list[str]
) -> None:
    variables = weights_in_order(layer)
    if len(variables) != len(rows):
        problems.append(
            f"layer {layer.name} has {len(variables)} weights ({', '.join(v.path for v in variables)}), {name} in the file "
            f"{len(rows)} ({', '.join(row for row, _ in rows)})"
        )
        return
    for v, (row, array) in zip(variables, rows, strict=True):
        if tuple(v.shape) != tuple(array.shape):
            problems.append(f"{v.path} is {tuple(v.shape)}, {row} in the file {tuple(array.shape)}")
        else:
            jobs.append((v, array))


def put_optimizer(model: Any, root: Any) -> None:
    """Put the state of the optimizer of an older file into a compiled model; one that does not fit is left out."""
    if model.optimizer is None:
        return
    with explained("optimizer_weights"):
        reader = hdf5.guarded()
        group = reader.child(root, "optimizer_weights")
        names = [] if group is None else reader.names_of(group, "weight_names") or []
        rows = [reader.array_of(reader.child(group, name)) for name in names]
    mine = model.optimizer.variables
    if [tuple(a.shape) for a in rows] == [tuple(v.shape) for v in mine]:
        for v, array in zip(mine, rows, strict=True):
            v.assign(array)
    elif len(rows) > 2:
        warnings.warn(
            "[load_model] the state of the optimizer in the file does not fit; training begins with a fresh one",
            stacklevel=3,
        )


def training_of(root: Any) -> dict[str, Any] | None:
    """Read how a model was compiled, in the form of newer files; None if it was not.

    Raises:
        FormatError: It is damaged.
    """
    text = root.attrs.get("training_config")
    if text is None:
        return None
    try:
        found = json.loads(text)
        found["optimizer"] = found.pop("optimizer_config")
        return {key: _with_modules(value, _MODULES.get(key)) for key, value in found.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            f"[load_model] training_config is damaged ({error}); save the model again"
        ) from error


def _with_modules(data: Any, module: str | None) -> Any:
    """Say of losses and metrics which they are: some have one name."""
    if isinstance(data, list):
        return [_with_modules(item, module) for item in data]
    if not isinstance(data, dict) or module is None:
        return data
    if "class_name" not in data:
        return {key: _with_modules(value, module) for key, value in data.items()}
    public = importlib.import_module(f"penstock_keras_api.{module}")
    known = isinstance(data["class_name"], str) and hasattr(public, data["class_name"])
    return {"module": f"keras.{module}", **data} if known else data


def model_config(root: Any, what: str) -> Any:
    """Read the configuration of the model in an older file.

    Raises:
        InvalidValueError: There is none.
        FormatError: It is damaged.
    """
    text = root.attrs.get("model_config")
    if text is None:
        raise InvalidValueError(
            f"[load_model] {what} holds weights and no model; make the model, and call model.load_weights({what!r})"
        )
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(
            f"[load_model] model_config is damaged ({error}); save the model again"
        ) from error
