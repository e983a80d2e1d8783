"""A layer's weights: which arrays of the file they are, and the variables they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock_formats.keras._problems import problem
from penstock_formats.keras._registry import BUILDERS, NOT_TRAINED, OPERATIONS

if TYPE_CHECKING:
    from penstock import Tensor, Variable
    from penstock_formats.keras._config import LayerSpec, Network


@dataclass
class Report:
    """What does not fit between a model and its weights; listed in one error."""

    missing: list[str] = field(default_factory=list)
    shaped: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise one error about everything that was found.

        Raises:
            FormatError: Something does not fit.
        """
        parts = [
            f"{title}: {', '.join(rows[:20])}{f' and {len(rows) - 20} more' if len(rows) > 20 else ''}"
            for title, rows in (
                ("missing", self.missing),
                ("of another shape", self.shaped),
                ("extra", self.extra),
            )
            if rows
        ]
        if parts:
            raise problem(
                f"the weights do not fit the model ({'; '.join(parts)})",
                "save the model and its weights together",
            )


@dataclass
class Holder:
    """The weights of one layer, by their name in it."""

    layer: str
    arrays: dict[str, tuple[str, np.ndarray[Any, Any]]]
    trainable: bool
    report: Report
    assets: Mapping[str, bytes] = field(default_factory=dict)
    made: dict[str, Variable] = field(default_factory=dict)

    def __contains__(self, path: str) -> bool:
        return path in self.arrays

    def read(self, path: str, shape: Sequence[int | None]) -> Tensor:
        """Read a weight in the graph that is being built; what is wrong is noted and raised at the end."""
        if path not in self.arrays:
            self.report.missing.append(f"{self.layer}/{path}")
            return ps.placeholder("float32", [n or 1 for n in shape])
        name, array = self.arrays[path]
        fits = len(shape) == array.ndim and all(
            want is None or want == have for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits:
            self.report.shaped.append(f"{name} is {array.shape}, the layer has {tuple(shape)}")
            return ps.placeholder("float32", [n or 1 for n in shape])
        return self._variable(path).value

    def array(self, path: str) -> np.ndarray[Any, Any] | None:
        """Return the numbers of a weight that is not to be a variable."""
        return self.arrays[path][1] if path in self.arrays else None

    def _variable(self, path: str) -> Variable:
        if path not in self.made:
            name, array = self.arrays[path]
            trained = self.trainable and path.rpartition("/")[2] not in NOT_TRAINED
            self.made[path] = ps.Variable(ps.asarray(array), name, trainable=trained)
        return self.made[path]


def names_of(layer: LayerSpec) -> list[str]:
    """List a layer's weights in the order in which Keras makes them."""
    builder = BUILDERS.get(layer.class_name)
    return [] if builder is None or is_operation(layer) else list(builder.weights(layer.config))


def is_operation(layer: LayerSpec) -> bool:
    """Whether a layer is a function of `keras.ops`. HDF5 files note no module; there it lacks what layers have."""
    if layer.module:
        return ".ops." in f".{layer.module}."
    return layer.class_name in OPERATIONS and "trainable" not in layer.config


def leaves(network: Network) -> Iterator[LayerSpec]:
    """Go through the layers of a model and of the models in it."""
    for layer in network.layers.values():
        if layer.network is None:
            yield layer
        else:
            yield from leaves(layer.network)


def in_order(layer: LayerSpec) -> list[tuple[LayerSpec, str]]:
    """List all weights of a layer as HDF5 files have them: what is trained comes first."""
    inner = [layer] if layer.network is None else list(leaves(layer.network))
    weights = [(leaf, path) for leaf in inner for path in names_of(leaf)]

    def trained(row: tuple[LayerSpec, str]) -> bool:
        return row[0].trainable and row[1].rpartition("/")[2] not in NOT_TRAINED

    return [row for row in weights if trained(row)] + [row for row in weights if not trained(row)]
