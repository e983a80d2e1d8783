"""Models as graphs, which run without the code that made them: Penstock's own format, and those of its writers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import FormatError, InvalidValueError, PenstockError
from penstock_keras_api import tree
from penstock_keras_api.keras_tensor import KerasTensor
from penstock_keras_api.saving import lambdas, model_files, serialization
from penstock_keras_api.saving.problems import explained
from penstock_keras_api.saving.weights import need_built

_KEY: Final = "keras"
_UNKNOWN_SIZE: Final = 8
"""How long an axis of unknown size is in the golden pair."""


def parts_of(
    model: Any, signature: Any = None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return what `penstock.save` makes a saved graph of.

    Args:
        model: A model that is built.
        signature: What the model takes, where that is not known: (dtype, shape) for each input, in the structure of
            the input.

    Returns:
        Functions and variables by name; the signatures of the functions; and what to note about the model.

    Raises:
        ValueError: The model is not built, or it is not known what it takes.
    """
    need_built(model, "save")
    inputs = _specs_of(model, signature)
    named = _named_inputs(inputs)
    weights = _named_weights(model)
    parts: dict[str, Any] = {"main": _main(model, inputs, list(named)), **weights}
    signatures: dict[str, Any] = {"main": {name: _signature(name, t) for name, t in named.items()}}
    noted: dict[str, Any] = {"weights": list(weights)}
    try:
        with lambdas.capturing() as captured:
            noted["config"] = model_files.config_of(model)
    except (TypeError, NotImplementedError, PenstockError):
        captured = {}  # without a configuration it is a graph all the same
    for key, layer in captured.items():
        parts[key], signatures[key] = lambdas.traced(layer, key)
    return parts, signatures, {_KEY: noted}


def golden_of(model: Any, signature: Any = None) -> Any:
    """Return the inputs of a call whose outputs are kept with the model, by name."""
    rng = np.random.default_rng(0)
    return {
        name: _example(t, rng) for name, t in _named_inputs(_specs_of(model, signature)).items()
    }


def _example(t: KerasTensor, rng: Any) -> Any:
    shape = [
        2 if axis == 0 and size is None else size or _UNKNOWN_SIZE
        for axis, size in enumerate(t.shape)
    ]
    if t.dtype == "string":
        return ps.asarray(np.full(shape, "a"))
    if "float" in t.dtype:
        return ps.cast(ps.asarray(rng.uniform(-1, 1, shape).astype(np.float32)), t.dtype)
    return ps.zeros(shape, t.dtype)


def _specs_of(model: Any, signature: Any) -> Any:
    """Say what a model takes, in the structure of its input."""
    if signature is not None:
        return _of_signature(signature)
    inner = getattr(model, "_functional", None) or model
    if hasattr(inner, "_inputs_struct"):
        return inner._inputs_struct
    specs = getattr(model, "_input_specs", None)
    if specs is None:
        raise InvalidValueError(
            f"[save] it is not known what {model.name!r} takes; call it on data once, or say it: "
            "model.export(path, input_signature=[keras.InputSpec(shape=(None, 3))])"
        )
    return specs


def _of_signature(signature: Any) -> Any:
    if isinstance(signature, list | tuple) and len(signature) == 1:
        signature = signature[0]  # the arguments of a call
    if _is_pair(signature):
        dtype, shape = signature
        return KerasTensor([s if isinstance(s, int) else None for s in shape], dtype, name="inputs")
    if hasattr(signature, "shape"):
        dtype = getattr(signature, "dtype", None) or "float32"
        shape = [s if isinstance(s, int) else None for s in signature.shape]
        return KerasTensor(
            shape, getattr(dtype, "name", dtype), name=getattr(signature, "name", None) or "inputs"
        )
    if isinstance(signature, Mapping):
        return {key: _of_signature(value) for key, value in signature.items()}
    if isinstance(signature, list | tuple):
        return [_of_signature(item) for item in signature]
    raise InvalidValueError(
        f"[save] got {type(signature).__name__} in the signature; give what has a shape and a dtype: keras.InputSpec, "
        "keras.Input, or a pair ('float32', (None, 3))"
    )


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], list | tuple)
    )


def _named_inputs(inputs: Any) -> dict[str, KerasTensor]:
    """Give each input a name that a function's argument can have: its own, if it can."""
    named: dict[str, KerasTensor] = {}
    for path, t in tree.flatten_with_path(inputs):
        key = path[-1] if path and isinstance(path[-1], str) else t.name
        stem = re.sub(r"\W", "_", str(key)) or "input"
        stem = f"input_{stem}" if stem[0].isdigit() else stem
        name, number = stem, 1
        while name in named:
            name, number = f"{stem}_{number}", number + 1
        named[name] = t
    return named


def _signature(name: str, t: KerasTensor) -> tuple[str, tuple[Any, ...]]:
    sizes = [
        ("batch" if axis == 0 else f"{name}_{axis}") if size is None else size
        for axis, size in enumerate(t.shape)
    ]
    return t.dtype, tuple(sizes)


def _main(model: Any, inputs: Any, names: list[str]) -> Any:
    def main(**given: Any) -> Any:
        filled = tree.pack_sequence_as(inputs, [given[name] for name in names])
        return model(filled, training=False)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return lambdas.as_function(main, [inspect.Parameter(name, kind) for name in names])


def _named_weights(model: Any) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for v in model.weights:
        name, number = v.path, 1
        while name in named or name == "main":
            name, number = f"{v.path}_{number}", number + 1
        named[name] = v
    return named


def export(model: Any, filepath: Any, format: str | None, signature: Any, **options: Any) -> Path:
    """Write a model as a graph; see `Model.export`."""
    path = Path(filepath)
    if format is None and (not path.suffix or path.is_dir()):
        format = "penstock"
    return ps.save(model, path, signature, format=format, **options)


def load(folder: Path, compile: bool) -> Any:
    """Load a saved graph as a model: with its classes one that can be trained, without them one that runs.

    Raises:
        FormatError: The folder is damaged, or a golden pair does not hold.
    """
    graph = ps.load(folder)
    noted = graph.metadata.get(_KEY)
    if not isinstance(noted, dict) or "config" not in noted:
        return _run_only(graph, folder, "it was saved without a configuration")
    config = noted["config"]
    if not compile:
        config = {key: value for key, value in config.items() if key != "compile_config"}
    try:
        with lambdas.functions(graph.functions), explained(f"the configuration in {folder}"):
            model = serialization.deserialize_keras_object(config)
    except PenstockError as error:
        return _run_only(graph, folder, str(error))
    _put(model, graph, noted.get("weights"), folder)
    return model


def _put(model: Any, graph: Any, names: Any, folder: Path) -> None:
    weights = model.weights
    known = isinstance(names, list) and all(name in graph.variables for name in names)
    values = [graph.variables[name] for name in names] if known else []
    if [tuple(v.shape) for v in values] != [tuple(v.shape) for v in weights]:
        raise FormatError(
            f"[load_model] the weights in {folder} are not those of the model that it describes; save the model again"
        )
    for v, value in zip(weights, values, strict=True):
        v.assign(value.value)


def _run_only(graph: Any, folder: Path, why: str) -> Any:
    from penstock_keras_api.models.run_only import RunOnlyModel

    return RunOnlyModel(graph, why, name=re.sub(r"\W", "_", folder.name) or "model")
