"""Saved models out of estimators: from raw rows to predictions, in a folder that runs without the code."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.estimator.model_graph import ModelGraph
from penstock_keras_api.feature_column.specs import FixedLenFeature, VarLenFeature

DEFAULT: Final = "serving_default"


class PredictOutput:
    """What a saved model gives: tensors by name.

    Args:
        outputs: A tensor, or tensors by name.

    Raises:
        TypeError: It is neither.
    """

    def __init__(self, outputs: Any) -> None:
        found = outputs if isinstance(outputs, Mapping) else {"output": outputs}
        wrong = [name for name, t in found.items() if not isinstance(t, ps.Tensor)]
        if wrong or not found:
            raise InvalidTypeError(
                f"[{type(self).__name__}] got {outputs!r}; expected tensors of the graph by name"
            )
        self.outputs = dict(found)


ExportOutput = PredictOutput  # the base of all kinds, as TensorFlow calls it


class ClassificationOutput(PredictOutput):
    """Scores and classes.

    Args:
        scores: [rows, classes], or None.
        classes: [rows, classes], text, or None.

    Raises:
        ValueError: Both are None.
    """

    def __init__(self, scores: Any = None, classes: Any = None) -> None:
        given = {"scores": scores, "classes": classes}
        super().__init__({name: t for name, t in given.items() if t is not None})
        self.scores, self.classes = scores, classes


class RegressionOutput(PredictOutput):
    """Numbers.

    Args:
        value: [rows, ...].

    Raises:
        TypeError: It is no tensor.
    """

    def __init__(self, value: Any) -> None:
        super().__init__({"outputs": value})
        self.value = value


class ServingInputReceiver(NamedTuple):
    """What a saved model takes: features, and the placeholders that they come from."""

    features: Any
    receiver_tensors: Any
    receiver_tensors_alternatives: Any = None


class TensorServingInputReceiver(NamedTuple):
    """The same, for a model function whose features are one tensor."""

    features: Any
    receiver_tensors: Any
    receiver_tensors_alternatives: Any = None


def build_raw_serving_input_receiver_fn(
    features: Mapping[str, Any] | Any, default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """Make a function that makes placeholders for raw rows.

    Args:
        features: What each feature is like, by name: a tensor or array as an example, a KerasTensor, a
            `penstock.saved.TensorSpec`, or a pair (dtype, shape). The first size is the number of rows, which may differ.
        default_batch_size: The number of rows, if it is always the same.

    Returns:
        A function for `export_saved_model`.

    Raises:
        TypeError: Something says nothing about dtype and shape.

    >>> import numpy as np
    >>> from penstock.keras import estimator
    >>> make = estimator.build_raw_serving_input_receiver_fn({"age": ("float32", (None, 1))})
    >>> callable(make)
    True
    """
    single = not isinstance(features, Mapping)
    named = {"features": features} if single else features
    facts = {name: _facts(name, value) for name, value in named.items()}

    def receive() -> ServingInputReceiver:
        rows = "batch" if default_batch_size is None else default_batch_size
        places = {
            name: ps.placeholder(dtype, (rows, *shape[1:]), name=name)
            for name, (dtype, shape) in facts.items()
        }
        return ServingInputReceiver(places["features"] if single else dict(places), places)

    return receive


def build_parsing_serving_input_receiver_fn(
    feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """Make a function that makes placeholders for the features of a parsing specification.

    The saved model takes the features themselves, as arrays by name, and no serialized examples: a feature of any length
    is [rows, values], where "", -1 or NaN stands for no value.

    Args:
        feature_spec: As `feature_column.make_parse_example_spec` makes.
        default_batch_size: The number of rows, if it is always the same.

    Returns:
        A function for `export_saved_model`.

    Raises:
        TypeError: A feature is neither FixedLenFeature nor VarLenFeature.
    """
    shapes: dict[str, Any] = {}
    for name, spec in feature_spec.items():
        if isinstance(spec, FixedLenFeature):
            shapes[name] = (spec.dtype, (None, *spec.shape))
        elif isinstance(spec, VarLenFeature):
            shapes[name] = (spec.dtype, (None, None))
        else:
            raise InvalidTypeError(
                f"[build_parsing_serving_input_receiver_fn] the feature {name!r} is {type(spec).__name__}; expected "
                "FixedLenFeature or VarLenFeature: feature_column.make_parse_example_spec(columns)"
            )
    return build_raw_serving_input_receiver_fn(shapes, default_batch_size)


def _facts(name: str, value: Any) -> tuple[Any, tuple[Any, ...]]:
    if isinstance(value, tuple) and len(value) == 2:
        dtype, shape = value
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype, shape = value.dtype, tuple(value.shape)
        if getattr(dtype, "kind", "") in ("U", "O", "S"):
            dtype = "string"
    else:
        raise InvalidTypeError(
            f"[build_raw_serving_input_receiver_fn] the feature {name!r} is {value!r}; give an example of it, or "
            "(dtype, shape): ('float32', (None, 1))"
        )
    return dtype, tuple(s if isinstance(s, int) else None for s in shape) or (None,)


def export(
    model_fn: Callable[..., Any],
    arguments: Mapping[str, Any],
    path: str,
    base: Path,
    receive: Callable[[], Any],
    assets: Mapping[str, str],
    mode: str,
) -> str:
    """Save a model function with the values of a checkpoint; see `Estimator.export_saved_model`."""
    model = ModelGraph(mode)
    try:
        with model.building():
            receiver = receive()
            if not hasattr(receiver, "receiver_tensors"):
                raise InvalidTypeError(
                    f"[export_saved_model] serving_input_receiver_fn returned {type(receiver).__name__}; expected "
                    "ServingInputReceiver(features, receiver_tensors)"
                )
        model.build(model_fn, (receiver.features, None), arguments)
        model.initialize(path)
        inputs = receiver.receiver_tensors
        if not isinstance(inputs, Mapping):
            inputs = {"input": inputs}
        folder = _fresh_folder(base)
        ps.save(_saved(model, inputs), folder)
    finally:
        model.forget()
    for name, source in assets.items():
        target = folder / "assets.extra" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return str(folder)


def _saved(model: ModelGraph, inputs: Mapping[str, Any]) -> Any:
    """Make a function of each signature; that of serving comes first."""
    outputs = model.spec.export_outputs
    if outputs is None:
        outputs = {DEFAULT: PredictOutput(_named(model.spec.predictions))}
    for name, output in outputs.items():
        if not isinstance(output, PredictOutput):
            raise InvalidTypeError(
                f"[export_saved_model] the export output {name!r} is {type(output).__name__}; expected PredictOutput, "
                "ClassificationOutput or RegressionOutput"
            )
    if len(outputs) == 1:
        outputs = {DEFAULT: next(iter(outputs.values()))}
    if DEFAULT not in outputs:
        raise InvalidValueError(
            f"[export_saved_model] the export outputs are {', '.join(outputs)}; call the one that serves {DEFAULT!r}"
        )
    graph = model.graph
    graph.inputs = list(inputs.values())
    tensors = {id(t): t for o in outputs.values() for t in o.outputs.values()}
    graph.outputs = list(tensors.values())
    names = [f"output_{n}" for n in range(len(tensors))]
    whole = ps.saved.GraphFunction(graph, "whole", list(inputs), names)
    made = {}
    for name in sorted(outputs, key=lambda name: name != DEFAULT):
        wanted = {key: t.name for key, t in outputs[name].outputs.items()}
        made[name] = whole.fetch(wanted).renamed(name)
    reads = {h for f in made.values() for h in _read(f.graph)}
    kept = {n: v for n, v in model.variables.items() if v._handle in reads}
    return ps.saved.GraphModel(made, kept)


def _read(graph: ps.Graph) -> Any:
    from penstock_keras_api.estimator.model_graph import _used

    return set(_used(graph))


def _named(predictions: Any) -> dict[str, Any]:
    if isinstance(predictions, Mapping):
        return dict(predictions)
    leaves = tree.flatten(predictions)
    return {"output" if len(leaves) == 1 else f"output_{n}": t for n, t in enumerate(leaves)}


def _fresh_folder(base: Path) -> Path:
    """Name a folder after the time, later than those that are there."""
    base.mkdir(parents=True, exist_ok=True)
    known = [int(path.name) for path in base.iterdir() if path.name.isdecimal()]
    return base / str(max([int(time.time()) - 1, *known]) + 1)
