"""Where weights lie in a file: the layout of HDF5 models, and that of `.weights.h5` files of Keras 3."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from penstock_formats.keras import hdf5
from penstock_formats.keras._config import LayerSpec, Network
from penstock_formats.keras._problems import damaged
from penstock_formats.keras._weights import Report, in_order, is_operation, names_of

Arrays = dict[str, tuple[str, np.ndarray[Any, Any]]]

_IGNORED = ("seed_generator", "random_generator", "optimizer", "metrics")
"""What only training needs."""


def is_legacy(root: Any) -> bool:
    """Whether a group of weights has the layout of HDF5 models."""
    return hdf5.names_of(root, "layer_names") is not None


def legacy_arrays(root: Any, network: Network, report: Report) -> dict[int, Arrays]:
    """Read weights that lie in a list for each layer of the outermost model.

    Args:
        root: The group with `layer_names`.
        network: The model.
        report: Gets what does not fit.

    Returns:
        The arrays of each layer, also of those in inner models, by `id`.
    """
    found: dict[int, Arrays] = {}
    used: set[str] = set()
    for name in hdf5.names_of(root, "layer_names") or []:
        rows = _rows(root, name)
        layer = network.layers.get(name)
        if layer is None:
            report.extra += [row for row, _ in rows]
            continue
        wanted = in_order(layer)
        if not wanted and layer.network is None:
            rows = [row for row in rows if not any(word in row[0] for word in _IGNORED)]
        report.extra += [row for row, _ in rows[len(wanted) :]]
        for (leaf, path), (row, array) in zip(wanted, rows, strict=False):
            title = row if row not in used else f"{name}/{row}"
            used.add(title)
            found.setdefault(id(leaf), {})[path] = (title, array)
    return found


def legacy_tensors(root: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Read all weights of the layout of HDF5 models, by the names in the file."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name in hdf5.names_of(root, "layer_names") or []:
        for row, array in _rows(root, name):
            found[row if row not in found else f"{name}/{row}"] = array
    return found


def _rows(root: Any, layer: str) -> list[tuple[str, np.ndarray[Any, Any]]]:
    group = hdf5.child(root, layer)
    if group is None:
        raise damaged(f"the file lists the layer {layer!r} and does not hold it")
    rows = []
    for name in hdf5.names_of(group, "weight_names") or []:
        dataset = hdf5.child(group, name)
        if dataset is None:
            raise damaged(f"the file lists the weight {name!r} of {layer!r} and does not hold it")
        rows.append((name, hdf5.array_of(dataset)))
    return rows


def store_arrays(root: Any, network: Network, report: Report) -> dict[int, Arrays]:
    """Read weights that lie in a tree of groups like the layers.

    Args:
        root: The file.
        network: The model.
        report: Gets what does not fit.

    Returns:
        The arrays of each layer by `id`.
    """
    found: dict[int, Arrays] = {}
    used: set[str] = set()
    _of_network(root, "", "", network, found, used)
    report.extra += sorted(
        path
        for path, _ in hdf5.datasets(root)
        if path not in used and not any(word in path for word in _IGNORED)
    )
    return found


def store_tensors(root: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Read every tensor of a file, by its path."""
    return {path: hdf5.array_of(dataset) for path, dataset in hdf5.datasets(root)}


def _of_network(
    group: Any, path: str, title: str, network: Network, found: dict[int, Arrays], used: set[str]
) -> None:
    """Read the weights below a model's group; `title` is where the model is among models."""
    key = "layers"
    if hdf5.child(group, key) is None:
        key = "_layer_checkpoint_dependencies"  # Keras 2.12
    layers = hdf5.child(group, key)
    if layers is None:
        return
    places = _places(layers, network)
    for layer in network.layers.values():
        place = places.get(layer.name)
        if place is None:
            continue
        mine, here = hdf5.child(layers, place), f"{path}{key}/{place}/"
        if layer.network is not None:
            _of_network(mine, here, f"{title}{layer.name}/", layer.network, found, used)
        else:
            found[id(layer)] = _of_layer(mine, here, f"{title}{layer.name}", layer, used)


def _of_layer(group: Any, path: str, title: str, layer: LayerSpec, used: set[str]) -> Arrays:
    arrays: Arrays = {}
    counts: dict[str, int] = {}
    for name in names_of(layer):
        holder = name.rpartition("/")[0]
        number = counts.get(holder, 0)
        counts[holder] = number + 1
        # Some versions write the private names of what a layer holds.
        for place in (f"{holder}/vars/{number}".lstrip("/"), f"_{holder}/vars/{number}"):
            dataset = hdf5.child(group, place)
            if dataset is not None:
                used.add(f"{path}{place}")
                arrays[name] = (f"{title}/{name}", hdf5.array_of(dataset))
                break
    return arrays


def _places(layers: Any, network: Network) -> dict[str, str]:
    """Find each layer's group: by the name that newer files note, or by class name and number."""
    noted: dict[str, str] = {}
    for place in layers:
        inner = hdf5.child(layers, f"{place}/vars")
        if inner is not None and "name" in inner.attrs:
            noted[hdf5.text_of(inner.attrs["name"])] = place
    counts: dict[str, int] = {}
    numbered = {}
    for layer in network.layers.values():
        if is_operation(layer):
            continue
        stem = snake_case(layer.class_name)
        count = counts.get(stem, 0)
        counts[stem] = count + 1
        numbered[layer.name] = f"{stem}_{count}" if count else stem
    return {name: noted.get(name, place) for name, place in numbered.items()}


def snake_case(name: str) -> str:
    """Write a class name as Keras does in files: MaxPooling2D is max_pooling2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
