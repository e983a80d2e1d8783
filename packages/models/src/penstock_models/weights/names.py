"""What a published file calls the weights of an architecture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Our last word of a weight's path, and the word that PyTorch's modules have for it.
ROLES = {
    "kernel": "weight",
    "embeddings": "weight",
    "gamma": "weight",
    "scale": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@dataclass(frozen=True)
class Names:
    """A table from our layers to a file's names; `{i}` stands for a number.

    Args:
        layers: Our layer's path, and the file's module, whose tensors have the names of `ROLES`.
        tensors: Our weight's whole path, and the file's whole name.
        prefix: What may stand before every name of a file.
        ignore: A pattern of names that no weight needs.
        linear: How the file has the matrix of a product: "out_in" or "in_out".
        as_it_is: Whether the file, or who read it, has axes in our order.
        parts: Our layer's path, and which part of how many it is of a tensor that the file has as one.

    Raises:
        KeyError: Never here; a weight without a name is told by `load_weights`.

    >>> names = Names({"block_{i}/query": "h.{i}.q"})
    >>> names.of("block_3/query/kernel")
    'h.3.q.weight'
    """

    layers: Mapping[str, str]
    tensors: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    ignore: str = r"num_batches_tracked$|position_ids$"
    linear: str = "out_in"
    as_it_is: bool = False
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, path: str) -> str | None:
        """Return the file's name of our weight's path; None if the table has none.

        Args:
            path: Such as "block_0/attention/query/kernel".
        """
        for pattern, name in self.tensors.items():
            if (numbers := _match(pattern, path)) is not None:
                return name.format(**numbers)
        layer, _, last = path.rpartition("/")
        for pattern, name in self.layers.items():
            if (numbers := _match(pattern, layer)) is not None and last in ROLES:
                return f"{name.format(**numbers)}.{ROLES[last]}"
        return None

    def part(self, path: str) -> tuple[int, int]:
        """Return which part of how many our weight is of the file's tensor."""
        layer = path.rpartition("/")[0]
        for pattern, part in self.parts.items():
            if _match(pattern, layer) is not None:
                return part
        return (0, 1)

    def ours(self, value: np.ndarray, path: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return a file's tensor as our weight has it: its part, its axes in our order.

        Args:
            value: The file's tensor.
            path: Our weight's path.
            shape: Our weight's shape, which tells kernels of one kind from the other.
        """
        if self.as_it_is:
            return value
        last = path.rpartition("/")[2]
        index, count = self.part(path)
        if count > 1:
            axis = -1 if self.linear == "in_out" or value.ndim == 1 else 0
            value = np.split(value, count, axis)[index]
        if last == "kernel":
            return _kernel(value, shape, self.linear)
        if value.ndim > len(shape) and value.size == int(np.prod(shape)):
            return value.reshape(shape)
        return value


class OwnNames(Names):
    """The names of files that this package writes: our weights' own paths."""

    def of(self, path: str) -> str | None:
        """Return the path itself."""
        return path

    def ours(self, value: np.ndarray, path: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the tensor as it is."""
        return value


class TensorFlowNames(Names):
    """The names of TensorFlow's old layers: "weights" and "biases", with axes as ours are."""

    def of(self, path: str) -> str | None:
        """Return the file's name of our weight's path; None if the table has none."""
        name = super().of(path)
        if name is None or path.rpartition("/")[2] in ("beta", "moving_mean", "moving_variance"):
            last = path.rpartition("/")[2]
            return name and f"{name.rpartition('.')[0]}/{last}"
        return name.replace(".weight", "/weights").replace(".bias", "/biases")


OWN_NAMES = OwnNames({}, ignore=r"(?!)")


def _kernel(value: np.ndarray, shape: tuple[int, ...], linear: str) -> np.ndarray:
    if value.ndim == 2:
        return value.T if linear == "out_in" else value
    if value.ndim == 4 and value.shape[1] == 1 and shape[2:] == (value.shape[0], 1):
        return value.transpose(2, 3, 0, 1)  # a filter for each channel
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    return value


def _match(pattern: str, text: str) -> dict[str, str] | None:
    found = _compiled(pattern)(text)
    return None if found is None else found.groupdict()


def _compiled(pattern: str) -> Callable[[str], Any]:
    if pattern not in _COMPILED:
        parts = re.split(r"\{(\w+)\}", pattern)
        regex = "".join(_piece(i, part) for i, part in enumerate(parts))
        _COMPILED[pattern] = re.compile(regex).fullmatch
    return _COMPILED[pattern]


def _piece(index: int, part: str) -> str:
    return f"(?P<{part}>[0-9]+)" if index % 2 else re.escape(part)


_COMPILED: dict[str, Callable[[str], Any]] = {}


def without_prefix(names: Iterator[str], prefix: str) -> dict[str, str]:
    """Return the file's names, by what is left of them without a prefix."""
    return {n.removeprefix(prefix): n for n in names}
