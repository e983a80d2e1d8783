"""Looking into files of weights, and changing them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock.safetensors import replacing
from penstock_keras_api.saving import archive, entries, files, hdf5
from penstock_keras_api.saving.problems import explained
from penstock_keras_api.saving.weights import told

if TYPE_CHECKING:
    from rich.tree import Tree


class KerasFileEditor:
    """Look into a file of weights, change it, and save it again.

    Args:
        filepath: A `.weights.h5` or a `.keras` file.

    Raises:
        FormatError: The file is damaged.
        OSError: The file cannot be read.

    >>> import tempfile, pathlib
    >>> from penstock import keras
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.weights.h5"
    >>> keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
    >>> editor = keras.saving.KerasFileEditor(path)
    >>> editor.summary()
    Keras model file 'net.weights.h5'
    Weights structure
    └── layers
        └── dense
            ├── 0: shape=(3, 2), dtype=float32
            └── 1: shape=(2,), dtype=float32
    """

    def __init__(self, filepath: str | os.PathLike[str]) -> None:
        self.filepath = Path(filepath)
        self.metadata: dict[str, Any] | None = None
        self.config: dict[str, Any] | None = None
        self._objects: dict[str, tuple[str, dict[str, Any]]] = {}
        with self.filepath.open("rb") as file:
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            if is_zip:
                found = archive.read(file, self.filepath.name)
                with explained(self.filepath.name):
                    self.metadata, self.config = (
                        json.loads(found.metadata),
                        json.loads(found.config),
                    )
                self._read(io.BytesIO(found.weights))
            else:
                self._read(file)

    def _read(self, file: Any) -> None:
        with hdf5.opened(file, self.filepath.name) as root:
            source = files.H5Source([root])
            for path in source.paths():
                owner = path.rpartition("/")[0].removesuffix("vars").rstrip("/")
                if owner not in self._objects:
                    group = root[f"{owner}/vars".lstrip("/")]
                    name = str(group.attrs.get("name", ""))
                    self._objects[owner] = (name, dict(source.arrays(owner)))

    @property
    def weights_dict(self) -> dict[str, Any]:
        """The weights as nested dictionaries, by the parts of their paths."""
        made: dict[str, Any] = {}
        for path, (_, arrays) in self._objects.items():
            place = made
            for part in path.split("/") if path else []:
                place = place.setdefault(part, {})
            place.update(arrays)
        return made

    def summary(self) -> None:
        """Print the objects and their weights."""
        from rich.console import Console  # takes its time to import
        from rich.tree import Tree

        console = Console(width=100, highlight=False)
        console.print(f"Keras model file '{self.filepath.name}'")
        if self.metadata is not None:
            version, date = (self.metadata.get(key) for key in ("keras_version", "date_saved"))
            console.print(f"Saved with Keras {version} - date: {date}")
        tree = Tree("Weights structure")
        _grow(tree, self.weights_dict)
        console.print(tree)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Compare the file with a model, and print what differs.

        Args:
            reference_model: A model that is built.

        Returns:
            A dictionary: "status" is "success" or "error", "error_count" counts what differs, "match_count" what fits.
        """
        from rich.console import Console

        console = Console(width=100, highlight=False)
        console.print("Running comparison")
        errors = matches = 0
        for path, (_, wanted) in entries.taken(reference_model).items():
            found = self._objects.get(path, ("", {}))[1]
            if wanted and not found:
                errors += 1
                console.print(
                    f"...Object /{path} is in the model, and not in the file; it has {sorted(wanted)}"
                )
                continue
            for key, value in wanted.items():
                shape = found[key].shape if key in found else None
                if shape == np.shape(value):
                    matches += 1
                else:
                    errors += 1
                    console.print(
                        f"...Weight /{path}/{key} is {np.shape(value)} in the model, {shape} in the file"
                    )
        said = (
            f"Found {errors} errors: the file does not fit the model"
            if errors
            else "The file fits the model"
        )
        console.print(said)
        return {
            "status": "error" if errors else "success",
            "error_count": errors,
            "match_count": matches,
        }

    def _path_of(self, name: str) -> str:
        """Find an object by its path, or by the last part of it."""
        if name.strip("/") in self._objects:
            return name.strip("/")
        found = [path for path in self._objects if path.rpartition("/")[2] == name]
        if len(found) != 1:
            what = f"{len(found)} objects" if found else "no object"
            raise InvalidValueError(
                f"[KerasFileEditor] the file has {what} {name!r}; give a path of {', '.join(sorted(self._objects))}"
            )
        return found[0]

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name.

        Args:
            object_name: Its name or path.
            new_name: Its new name, without a path.

        Raises:
            ValueError: There is no such object, or several.
        """
        old = self._path_of(object_name)
        new = f"{old.rpartition('/')[0]}/{new_name}".lstrip("/")
        self._objects = {
            new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path: value
            for path, value in self._objects.items()
        }

    def delete_object(self, object_name: str) -> None:
        """Take an object out of the file, with what is in it.

        Args:
            object_name: Its name or path.

        Raises:
            ValueError: There is no such object, or several.
        """
        gone = self._path_of(object_name)
        self._objects = {
            path: value
            for path, value in self._objects.items()
            if path != gone and not path.startswith(f"{gone}/")
        }

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Put an object into the file.

        Args:
            object_path: Its path: "layers/dense_2".
            weights: Arrays by name: {"0": kernel, "1": bias}.

        Raises:
            ValueError: There is one.
        """
        path = object_path.strip("/")
        if path in self._objects:
            raise InvalidValueError(
                f"[KerasFileEditor] the file has an object {path!r}; delete it first, or use add_weights"
            )
        self._objects[path] = ("", {key: np.asarray(value) for key, value in weights.items()})

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Give an object more weights.

        Args:
            object_name: Its name or path.
            weights: Arrays by name.

        Raises:
            ValueError: There is no such object, or several.
        """
        arrays = self._objects[self._path_of(object_name)][1]
        arrays.update({key: np.asarray(value) for key, value in weights.items()})

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Take a weight away from an object.

        Args:
            object_name: Its name or path.
            weight_name: The weight's name: "0".

        Raises:
            ValueError: There is no such object or weight.
        """
        path = self._path_of(object_name)
        arrays = self._objects[path][1]
        if weight_name not in arrays:
            raise InvalidValueError(
                f"[KerasFileEditor] {path} has no weight {weight_name!r}; it has {', '.join(arrays)}"
            )
        del arrays[weight_name]

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights into a file.

        Args:
            filepath: A name that ends with `.weights.h5`.

        Raises:
            ValueError: The name ends otherwise.
            OSError: The disk does not take it; what was there before stays.
        """
        path = Path(filepath)
        if not path.name.endswith(".weights.h5"):
            raise InvalidValueError(
                f"[KerasFileEditor] got the path {str(path)!r}; let it end with .weights.h5"
            )
        data = hdf5.written(self._objects)
        with told("KerasFileEditor.save", path), replacing(path) as file:
            file.write(data)

    resave_weights = save


def _grow(tree: Tree, weights: Mapping[str, Any]) -> None:
    for name, value in weights.items():
        if isinstance(value, Mapping):
            _grow(tree.add(name), value)
        else:
            tree.add(f"{name}: shape={tuple(value.shape)}, dtype={value.dtype}")
