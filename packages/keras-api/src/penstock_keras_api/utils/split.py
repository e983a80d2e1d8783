"""`split_dataset`: two datasets of one."""

from __future__ import annotations

from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Split data into two datasets.

    Args:
        dataset: An array, a tuple or list of arrays, a `keras.data.Dataset`, a list of samples, or a `PyDataset`, of
            whose batches the samples are taken.
        left_size: How many samples the first has, or which part from 0 to 1.
        right_size: How many the second has, or which part; by default the rest.
        shuffle: Whether to mix the samples first.
        seed: Where the order comes from.
        preferred_backend: Kept for compatibility.

    Returns:
        Two `keras.data.Dataset`s of single samples.

    Raises:
        TypeError: There are no samples in it.
        ValueError: The sizes do not fit.

    >>> from penstock import keras
    >>> left, right = keras.utils.split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), len(right)
    (8, 2)
    """
    from penstock_keras_api.data import Dataset

    columns = _columns(dataset)
    total = len(tree.flatten(columns)[0])
    left, right = _sizes(left_size, right_size, total)
    order = np.arange(total)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)

    def part(rows: Any) -> Any:
        return Dataset.from_tensor_slices(tree.map_structure(lambda a: a[rows], columns))

    return part(order[:left]), part(order[left : left + right])


def _columns(dataset: Any) -> Any:
    """Return arrays with a sample in each row."""
    if isinstance(dataset, np.ndarray | ps.Tensor):
        return np.asarray(dataset if isinstance(dataset, np.ndarray) else dataset.numpy())
    many = isinstance(dataset, list | tuple) and dataset
    if many and all(isinstance(a, np.ndarray | ps.Tensor) for a in dataset):
        columns = tuple(np.asarray(a) for a in dataset)
        lengths = {len(a) for a in columns}
        if len(lengths) > 1:
            raise InvalidValueError(
                f"[split_dataset] got arrays of {sorted(lengths)} samples; give arrays of one length"
            )
        return columns
    rows = list(_samples(dataset))
    if not rows:
        raise InvalidValueError("[split_dataset] got no samples; give at least one")
    flat = [tree.flatten(row) for row in rows]
    stacked = [np.stack([_array(part) for part in column]) for column in zip(*flat, strict=True)]
    return tree.pack_sequence_as(rows[0], stacked)


def _samples(dataset: Any) -> Any:
    from penstock_keras_api.utils.py_dataset import PyDataset, batches_of

    if isinstance(dataset, PyDataset):
        for batch in batches_of(dataset, range(dataset.num_batches or 0)):
            leaves = [_array(leaf) for leaf in tree.flatten(batch)]
            for row in zip(*leaves, strict=True):
                yield tree.pack_sequence_as(batch, row)
    elif hasattr(dataset, "__iter__") and not isinstance(dataset, str | bytes):
        yield from dataset
    else:
        raise InvalidTypeError(
            f"[split_dataset] got {type(dataset).__name__}; give arrays, a list of samples or a dataset"
        )


def _array(leaf: Any) -> Any:
    return np.asarray(leaf.numpy() if hasattr(leaf, "numpy") else leaf)


def _sizes(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    if left is None and right is None:
        raise InvalidValueError(
            "[split_dataset] got neither left_size nor right_size; give one of them"
        )
    for name, size in (("left_size", left), ("right_size", right)):
        good = size is None or (
            0 <= size <= total if isinstance(size, int) else 0 < float(size) < 1
        )
        if not good:
            raise InvalidValueError(
                f"[split_dataset] got {name}={size} for {total} samples; use a whole number up to that, or a part "
                "between 0 and 1"
            )
    counts = [
        None if n is None else n if isinstance(n, int) else round(n * total) for n in (left, right)
    ]
    first = total - counts[1] if counts[0] is None else counts[0]  # type: ignore[operator]
    second = total - first if counts[1] is None else counts[1]
    if first + second > total:
        raise InvalidValueError(
            f"[split_dataset] got left_size={left} and right_size={right} for {total} samples; use less"
        )
    return first, second
