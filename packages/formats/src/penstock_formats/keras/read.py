"""Reads Keras models into graphs."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import penstock as ps
from penstock import Tensor
from penstock.saved import GraphFunction, GraphModel
from penstock_formats.keras import hdf5, layers
from penstock_formats.keras._config import LayerSpec, Network, need, read_network, refs_of
from penstock_formats.keras._network import Builders, Value, compute_dtype, scope_of
from penstock_formats.keras._problems import damaged, explained, problem
from penstock_formats.keras._sources import (
    Arrays,
    is_legacy,
    legacy_arrays,
    legacy_tensors,
    store_arrays,
    store_tensors,
)
from penstock_formats.keras._weights import Holder, Report, leaves
from penstock_formats.keras.archive import read_archive

layers.load()


def read(
    path: str | os.PathLike[str], *, weights_only: bool = False
) -> GraphModel | dict[str, Tensor]:
    """Read a Keras model for inference: dropout is off, batch norms use their moving averages.

    Args:
        path: A `.keras` archive, or an HDF5 file, `.h5`, of any version of Keras from 1 on.
        weights_only: Return the file's tensors alone, which also works for files without an architecture.

    Returns:
        The model, with its variables under the names that the file has for them; or tensors by name.

    Raises:
        FormatError: The file is damaged, holds code or a layer that is unknown, or its weights do not fit.
        OSError: The file cannot be read.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "not.keras"
    >>> _ = path.write_bytes(b"something else")
    >>> read(path)
    Traceback (most recent call last):
        ...
    penstock.errors.FormatError: [keras] not.keras is neither a zip archive nor an HDF5 file; give a file that Keras saved: model.keras or model.h5
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        if head.startswith(b"PK"):
            archive = read_archive(file, path.name)
            with _weights_of(archive.weights, path.name) as root:
                if weights_only:
                    return _tensors(root)
                metadata = _json(archive.metadata, "metadata.json")
                config = _json(archive.config, "config.json")
                return _build(config, root, _version(metadata.get("keras_version")), archive.assets)
        if head != b"\x89HDF\r\n\x1a\n":
            raise problem(
                f"{path.name} is neither a zip archive nor an HDF5 file",
                "give a file that Keras saved: model.keras or model.h5",
            )
        with hdf5.opened(file, path.name) as root:
            return _tensors(root) if weights_only else _of_hdf5(root, path)


@contextmanager
def _weights_of(data: bytes, what: str) -> Iterator[Any]:
    if not data:
        raise damaged(f"{what} holds no model.weights.h5")
    with hdf5.opened(io.BytesIO(data), f"model.weights.h5 in {what}") as root:
        yield root


def _of_hdf5(root: Any, path: Path) -> GraphModel:
    if "model_config" not in root.attrs:
        raise problem(
            f"{path.name} holds weights and no architecture",
            f"read its tensors, penstock.saved.read_tensors({path.name!r}), or put them into a model that you have: "
            f"penstock.saved.load_weights(model, {path.name!r}, rename=...)",
        )
    config = _json(root.attrs["model_config"], "model_config")
    weights = hdf5.child(root, "model_weights")
    if weights is None:
        raise damaged(f"{path.name} holds no model_weights")
    version = root.attrs.get("keras_version") or weights.attrs.get("keras_version")
    return _build(config, weights, _version(version), {})


def _tensors(root: Any) -> dict[str, Tensor]:
    weights = hdf5.child(root, "model_weights")
    weights = root if weights is None else weights
    found = legacy_tensors(weights) if is_legacy(weights) else store_tensors(weights)
    return {name: ps.asarray(array) for name, array in found.items()}


def _json(data: Any, what: str) -> dict[str, Any]:
    with explained(what):
        text = data if isinstance(data, str) else bytes(data).decode("utf-8")
        return dict(need(json.loads(text), dict, what))


def _version(text: Any) -> int:
    """Read the first number of a version; files of Keras 1.0 note none."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    first = str(text or "1").partition(".")[0]
    if first not in ("1", "2", "3"):
        raise problem(f"the file is of Keras {text!r:.20}", "save it with Keras 1, 2 or 3")
    return int(first)


def _build(
    config: Mapping[str, Any], root: Any, version: int, assets: Mapping[str, bytes]
) -> GraphModel:
    def arrays_of(network: Network, report: Report) -> dict[int, Arrays]:
        return (legacy_arrays if is_legacy(root) else store_arrays)(root, network, report)

    return build(config, arrays_of, version, assets)


def build(
    config: Mapping[str, Any],
    arrays_of: Callable[[Network, Report], dict[int, Arrays]],
    version: int,
    assets: Mapping[str, bytes],
) -> GraphModel:
    """Build a model from its configuration and its weights, wherever these lie.

    Args:
        config: The configuration of the outermost model.
        arrays_of: Finds the weights of each layer, by `id`, and reports what does not fit.
        version: The first number of Keras' version.
        assets: Other files by name.

    Returns:
        The model.

    Raises:
        FormatError: A layer is unknown, or the weights do not fit.
    """
    network = read_network(config)
    report = Report()
    arrays = arrays_of(network, report)
    holders: dict[int, Holder] = {}

    def holder(layer: LayerSpec) -> Holder:
        mine: Arrays = arrays.get(id(layer), {})
        return holders.setdefault(
            id(layer), Holder(layer.name, mine, layer.trainable, report, _assets_of(layer, assets))
        )

    with explained(f"the model {network.name!r}"):
        function = _function(network, Builders(holder, version))
    report.check()
    used = [v for leaf in leaves(network) for v in holder(leaf).made.items()]
    variables = {v.name: v for _, v in used}
    return GraphModel(
        {"main": function},
        variables,
        {"format": "keras", "keras_version": version, "name": network.name},
    )


def _assets_of(layer: LayerSpec, assets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Find the files of a layer: those in a folder of its name."""
    return {
        name.rpartition("/")[2]: data
        for name, data in assets.items()
        if layer.name in name.split("/")[:-1]
    }


def _function(network: Network, builders: Builders) -> GraphFunction:
    refs = list(refs_of(network.inputs))
    with ps.Graph(scope_of(network.name)).as_default() as graph:
        inputs = [_input(network.layers.get(ref.layer)) for ref in refs]
        outputs = builders.run(network, [Value(t) for t in inputs])
        rows = _named(network, outputs)
        # An output may be an input, which a graph's output may not be.
        results = [ps.identity(value.tensor) for _, value in rows]
    graph.inputs, graph.outputs = inputs, results
    return GraphFunction(
        graph, "main", _unique([r.layer for r in refs]), _unique([n for n, _ in rows])
    )


def _input(layer: LayerSpec | None) -> Tensor:
    if layer is None or layer.class_name != "InputLayer":
        raise damaged("an input of the model is no InputLayer")
    shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    shape = need(shape, list | tuple, f"the shape of the input {layer.name!r}")  # type: ignore[arg-type]
    if not shape or any(n is not None and (type(n) is not int or n < 0) for n in shape):
        raise damaged(f"the shape of the input {layer.name!r} is {shape!r:.80}")
    sizes = [f"{layer.name}_{axis}" if n is None else n for axis, n in enumerate(shape)]
    if shape[0] is None:
        sizes[0] = "batch"
    name = scope_of(layer.name)
    return ps.placeholder(
        compute_dtype(layer.config), [scope_of(s) if isinstance(s, str) else s for s in sizes], name
    )


def _named(network: Network, outputs: Any) -> list[tuple[str, Value]]:
    """Name the outputs: as the model's dictionary does, else after the layers that make them."""
    if isinstance(outputs, Mapping) and all(isinstance(v, Value) for v in outputs.values()):
        return [(str(name), value) for name, value in outputs.items()]
    refs = list(refs_of(network.outputs))
    values = list(_flat(outputs))
    return [(ref.layer, value) for ref, value in zip(refs, values, strict=True)]


def _flat(tree: Any) -> Iterator[Value]:
    if isinstance(tree, Value):
        yield tree
    else:
        for item in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _flat(item)


def _unique(names: list[str]) -> list[str]:
    made: list[str] = []
    for name in names:
        fresh, count = name, 1
        while fresh in made:
            fresh, count = f"{name}_{count}", count + 1
        made.append(fresh)
    return made
