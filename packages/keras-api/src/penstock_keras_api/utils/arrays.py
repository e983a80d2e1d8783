"""Small changes of arrays: classes as vectors, rows of length 1, sequences of one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.keras_tensor import KerasTensor

Array = np.ndarray[Any, Any]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Make a vector of each class: 1 at its place, 0 elsewhere.

    Args:
        x: [...], whole numbers from 0 on; a last axis of size 1 is left out.
        num_classes: How many classes there are; by default one more than the largest number.

    Returns:
        [..., num_classes]: a tensor if x is one, otherwise a NumPy array of float64.

    Raises:
        ValueError: A number is below 0, or not below `num_classes`.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(x, KerasTensor | ps.Tensor | ps.Variable):
        ops = _ops()
        if num_classes is None:
            num_classes = int(ops.max(x)) + 1
        if len(x.shape) > 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        return ops.one_hot(x, num_classes)
    labels = np.array(x, dtype="int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    count = int(labels.max(initial=-1)) + 1 if num_classes is None else int(num_classes)
    if labels.size and not 0 <= labels.min() <= labels.max() < count:
        raise InvalidValueError(
            f"[to_categorical] got classes from {labels.min()} to {labels.max()} and num_classes={count}; number them "
            "from 0 on, and give a num_classes above the largest"
        )
    made = np.zeros((*labels.shape, count))
    np.put_along_axis(made, labels[..., None], 1.0, -1)
    return made


def normalize(x: Any, axis: int = -1, order: float = 2) -> Any:
    """Divide by a norm along an axis; rows of zeros stay.

    Args:
        x: [...].
        axis: Along which axis.
        order: 1 for sums of absolute values, 2 for roots of squares, and so on.

    Returns:
        [...]: a tensor if x is one, otherwise a NumPy array.

    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    if isinstance(x, KerasTensor | ps.Tensor | ps.Variable):
        ops = _ops()
        return ops.normalize(x, axis=axis, order=order)
    rows = np.atleast_1d(np.asarray(x))
    norm = np.atleast_1d(np.linalg.norm(rows, order, axis))
    norm[norm == 0] = 1
    return rows / np.expand_dims(norm, axis)


def pad_sequences(
    sequences: Sequence[Sequence[Any]],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> Array:
    """Give sequences one length, by filling up short ones and cutting long ones.

    Args:
        sequences: Lists, of numbers, strings or arrays of one shape.
        maxlen: The length; by default that of the longest.
        dtype: The dtype of the result; `object` for strings of any length.
        padding: Where to fill up: "pre" or "post".
        truncating: Where to cut: "pre" or "post".
        value: With what to fill up.

    Returns:
        [sequences, maxlen, ...].

    Raises:
        ValueError: An argument is not one of these, or the sequences' elements differ in shape.

    >>> pad_sequences([[1, 2, 3], [4]], maxlen=2)
    array([[2, 3],
           [0, 4]], dtype=int32)
    """
    for name, given in (("padding", padding), ("truncating", truncating)):
        if given not in ("pre", "post"):
            raise InvalidValueError(f"[pad_sequences] got {name}={given!r}; use 'pre' or 'post'")
    if not hasattr(sequences, "__len__") or not all(hasattr(s, "__len__") for s in sequences):
        raise InvalidValueError(
            "[pad_sequences] got something that is no list of sequences; give a list of lists, such as [[1, 2], [3]]"
        )
    length = max((len(s) for s in sequences), default=0) if maxlen is None else maxlen
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    if isinstance(value, str) and np.dtype(dtype).kind not in "OU":
        raise InvalidValueError(
            f"[pad_sequences] got value={value!r} and dtype={dtype!r}; use dtype=object for strings"
        )
    made = np.full((len(sequences), length, *inner), value, dtype=dtype)
    for n, sequence in enumerate(sequences):
        if not len(sequence) or not length:
            continue
        kept = np.asarray(
            sequence[-length:] if truncating == "pre" else sequence[:length], dtype=dtype
        )
        if kept.shape[1:] != inner:
            raise InvalidValueError(
                f"[pad_sequences] the elements of sequence {n} have shape {kept.shape[1:]}, those of others {inner}; "
                "give them one shape"
            )
        if padding == "post":
            made[n, : len(kept)] = kept
        else:
            made[n, length - len(kept) :] = kept
    return made


def _ops() -> Any:
    from penstock_keras_api import ops  # no checker sees what is made of tables

    return ops
