"""Batches: how they are taken apart and put together, and arrays out of whatever holds numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config, tree


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Take a batch apart: x, (x,), (x, y) or (x, y, sample_weight).

    Args:
        data: A batch.

    Returns:
        x, y and sample_weight; None for what is not there.

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
    """Put a batch together, as `unpack_x_y_sample_weight` takes it apart.

    Args:
        x: Inputs.
        y: Labels, or None.
        sample_weight: Weights, or None.

    Returns:
        A batch.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def as_array(leaf: Any) -> Any:
    """Make an array of what has values; float64 becomes the default float.

    Raises:
        ValueError: It has no axis.
    """
    if isinstance(leaf, ps.Tensor):
        array: Any = leaf
    else:
        array = leaf.to_numpy() if hasattr(leaf, "to_numpy") else np.asarray(leaf)
    if array.ndim == 0:
        raise InvalidValueError(
            "[fit] got a single value as data; expected arrays with a sample in each row: put the samples of a dataset "
            "into batches, dataset.batch(32), and make an array of a list, numpy.asarray(x)"
        )
    if not isinstance(leaf, ps.Tensor) and array.dtype == np.float64:
        name = config.floatx()
        array = array.astype("float32" if name == "bfloat16" else name)
    return array


def as_arrays(structure: Any) -> Any:
    """Make arrays of all leaves of a structure; None stays."""
    if structure is None:
        return None
    if isinstance(structure, ps.Tensor | np.ndarray):
        return as_array(structure)
    return tree.map_structure(as_array, structure, none_is_leaf=False)


def is_shareable(array: Any) -> bool:
    """Whether a tensor can lie over an array's memory."""
    is_plain = type(array) is np.ndarray and array.dtype.kind in "biuf"
    return is_plain and array.flags.c_contiguous and array.flags.writeable


def shared(array: Any) -> Any:
    """Make a tensor over an array's memory where that is possible, and of a copy elsewhere.

    The tensor lives no longer than the call that it is made for, so that nobody sees the array change.
    """
    return ps.from_dlpack(array, copy=False) if is_shareable(array) else ps.asarray(array)


def all_shared(structure: Any) -> Any:
    """Make tensors of all arrays of a structure, without copies where possible; None stays."""
    if structure is None or isinstance(structure, ps.Tensor):
        return structure
    if isinstance(structure, np.ndarray):
        return shared(structure)
    return tree.map_structure(shared, structure, none_is_leaf=False)


def count_of(structure: Any) -> int:
    """Return how many samples a batch has."""
    return int(tree.flatten(structure)[0].shape[0])


def split(parts: tuple[Any, Any, Any], fraction: float) -> tuple[Any, Any]:
    """Split arrays: the last part of the samples is for validation.

    Args:
        parts: x, y and sample_weight.
        fraction: The part that is for validation, between 0 and 1.

    Returns:
        The first and the last part, each as x, y and sample_weight.

    Raises:
        ValueError: One part would be empty.
    """
    arrays = as_arrays(parts)
    sizes = [len(a) for a in tree.flatten(arrays) if a is not None]
    at = int(sizes[0] * (1.0 - fraction))
    if at <= 0 or at >= sizes[0]:
        raise InvalidValueError(
            f"[fit] validation_split={fraction} of {sizes[0]} samples leaves one part empty; use another number"
        )
    first = tree.map_structure(lambda a: a[:at], arrays, none_is_leaf=False)
    second = tree.map_structure(lambda a: a[at:], arrays, none_is_leaf=False)
    return first, second


def weights_of_classes(
    y: Any, class_weight: Mapping[Any, float], sample_weight: Any, method: str = "fit"
) -> Any:
    """Make a weight for each sample of one for each class.

    Args:
        y: Labels: whole numbers, or one-hot rows.
        class_weight: A weight for each label; 1 for those that are not in it.
        sample_weight: A weight for each sample, which is multiplied in; or None.
        method: Who asks, for messages.

    Returns:
        A weight for each sample.

    Raises:
        ValueError: There is no single array of labels, or a key is no label.
    """
    leaves = [leaf for leaf in tree.flatten(y) if leaf is not None]
    if len(leaves) != 1:
        raise InvalidValueError(
            f"[{method}] got class_weight for {len(leaves)} arrays of labels; it needs one: with several outputs give "
            "sample_weight"
        )
    unknown = [key for key in class_weight if not isinstance(key, int | np.integer)]
    if unknown:
        raise InvalidValueError(
            f"[{method}] class_weight has the key {unknown[0]!r}; give a weight for whole numbers, the labels: "
            "class_weight={0: 1.0, 1: 2.5}"
        )
    labels = np.asarray(leaves[0])
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(-1)
    labels = labels.reshape(len(labels), -1)[:, 0].astype(int)
    weights = np.asarray([class_weight.get(label, 1.0) for label in labels.tolist()], np.float32)
    return weights if sample_weight is None else weights * np.asarray(sample_weight, np.float32)
