"""Batches out of arrays, tensors, generators and whatever else `fit` is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import config, tree


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Take a batch apart: x, (x,), (x, y) or (x, y, sample_weight).

    Raises:
        ValueError: It has more parts.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3 or not data:
        raise InvalidValueError(
            f"[fit] got a batch of {len(data)} parts; expected x, (x, y) or (x, y, sample_weight)"
        )
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Put a batch together, as `unpack_x_y_sample_weight` takes it apart."""
    if y is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


class ArrayBatches:
    """Batches of arrays that lie in memory.

    Args:
        x: Arrays, in any structure.
        y: Labels, likewise, or None.
        sample_weight: A weight for each sample, or None.
        batch_size: How many samples a batch has; the last one may be smaller.
        shuffle: Whether every epoch has another order.
        seed: Where the orders come from.

    Raises:
        ValueError: The arrays have different numbers of samples, or none.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        shuffle: bool = False,
        seed: int | None = None,
    ) -> None:
        self._parts = tree.map_structure(as_array, (x, y, sample_weight), none_is_leaf=False)
        leaves = [leaf for leaf in tree.flatten(self._parts) if leaf is not None]
        sizes = sorted({len(leaf) for leaf in leaves})
        if len(sizes) != 1 or not sizes[0]:
            raise InvalidValueError(
                f"[fit] got arrays of {', '.join(map(str, sizes)) or 'no'} samples; x, y and sample_weight need as many as "
                "each other, and at least one"
            )
        self.num_samples = sizes[0]
        self.batch_size = int(batch_size or 32)
        self.shuffle = bool(shuffle)
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return (self.num_samples - 1) // self.batch_size + 1

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        order = self._random.permutation(self.num_samples) if self.shuffle else None
        for begin in range(0, self.num_samples, self.batch_size):
            part: Any = slice(begin, begin + self.batch_size)
            if order is not None:
                part = order[part]
            yield tree.map_structure(lambda a, part=part: a[part], self._parts, none_is_leaf=False)


class IterableBatches:
    """Batches that something else makes: a generator, a list of batches, a data set.

    Args:
        source: What is iterated over; if it can be only once, epochs go on where the last one stopped.
        steps: How many batches an epoch has; None for all.
    """

    def __init__(self, source: Any, steps: int | None = None) -> None:
        if not isinstance(source, Iterable) and not hasattr(source, "__getitem__"):
            raise InvalidTypeError(
                f"[fit] got {type(source).__name__} as data; give arrays, a data set, or a generator of batches"
            )
        self._source = source
        self._steps = steps
        self._going: Iterator[Any] | None = None

    def __len__(self) -> int:
        return self._steps if self._steps is not None else len(self._source)

    @property
    def has_length(self) -> bool:
        """Whether it is known how many batches an epoch has."""
        return self._steps is not None or hasattr(self._source, "__len__")

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        if self._steps is None:
            batches = iter(self._source)
        else:
            if self._going is None:
                self._going = iter(self._source)
            batches = self._going
        for number, batch in enumerate(batches, 1):
            x, y, weight = unpack_x_y_sample_weight(batch)
            yield tuple(
                tree.map_structure(as_array, part, none_is_leaf=False) for part in (x, y, weight)
            )
            if number == self._steps:
                return


def batches_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> ArrayBatches | IterableBatches:
    """Make batches of what `fit`, `evaluate` and `predict` are given.

    Raises:
        ValueError: Labels are given beside something that gives its own.
    """
    if _are_arrays(x):
        return ArrayBatches(x, y, sample_weight, batch_size, shuffle, seed)
    if y is not None:
        raise InvalidValueError(
            f"[fit] got y beside x={type(x).__name__}, which gives batches of its own; let it give pairs (x, y)"
        )
    return IterableBatches(x, steps)


def _are_arrays(x: Any) -> bool:
    leaves = tree.flatten(x)
    return (
        bool(leaves)
        and all(
            (hasattr(leaf, "shape") and hasattr(leaf, "dtype")) or hasattr(leaf, "iloc")
            for leaf in leaves
        )
    ) or (isinstance(x, list) and all(isinstance(leaf, int | float) for leaf in leaves))


def as_array(leaf: Any) -> Any:
    """Make an array of what has values; float64 becomes the default float.

    Raises:
        ValueError: It has no axis.
    """
    if isinstance(leaf, ps.Tensor):
        return leaf
    array = leaf.to_numpy() if hasattr(leaf, "to_numpy") else np.asarray(leaf)
    if array.dtype == np.float64:
        array = (
            array.astype(config.floatx())
            if config.floatx() != "bfloat16"
            else array.astype(np.float32)
        )
    if array.ndim == 0:
        raise InvalidValueError(
            "[fit] got a single number as data; expected arrays with a sample in each row"
        )
    return array


def split(parts: tuple[Any, Any, Any], fraction: float) -> tuple[Any, Any]:
    """Split arrays: the last part of the samples is for validation.

    Raises:
        ValueError: One part would be empty.
    """
    arrays = tree.map_structure(as_array, parts, none_is_leaf=False)
    sizes = [len(a) for a in tree.flatten(arrays) if a is not None]
    at = int(sizes[0] * (1.0 - fraction))
    if at <= 0 or at >= sizes[0]:
        raise InvalidValueError(
            f"[fit] validation_split={fraction} of {sizes[0]} samples leaves one part empty; use another number"
        )
    first = tree.map_structure(lambda a: a[:at], arrays, none_is_leaf=False)
    second = tree.map_structure(lambda a: a[at:], arrays, none_is_leaf=False)
    return first, second
