"""Input functions of arrays and of tables, as TensorFlow 1 had them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from penstock.errors import InvalidValueError


def numpy_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
    seed: int | None = None,
) -> Callable[[], Any]:
    """Make an input function of arrays.

    Args:
        x: An array, or arrays by name.
        y: Labels, likewise, or None.
        batch_size: How many rows a batch has.
        num_epochs: How often to go through the rows; None for ever.
        shuffle: Whether the order changes every time; it must be said.
        queue_capacity: Kept for compatibility.
        num_threads: Kept for compatibility.
        seed: Where the orders come from; 0 by default.

    Returns:
        A function for `train`, `evaluate` and `predict`.

    Raises:
        ValueError: `shuffle` is not said, there is no row, or the arrays have different numbers of rows.

    >>> make = numpy_input_fn({"a": np.arange(3)}, np.arange(3), batch_size=2, shuffle=False)
    >>> [labels.tolist() for features, labels in make()]
    [[0, 1], [2]]
    """
    if not isinstance(shuffle, bool):
        raise InvalidValueError(
            "[input_fn] say whether rows are shuffled: shuffle=True to train, shuffle=False to evaluate and to predict"
        )
    features = {k: np.asarray(v) for k, v in x.items()} if isinstance(x, Mapping) else np.asarray(x)
    labels = {k: np.asarray(v) for k, v in y.items()} if isinstance(y, Mapping) else y
    labels = np.asarray(labels) if labels is not None and not isinstance(labels, dict) else labels
    sizes = {len(a) for a in (*_arrays(features), *_arrays(labels))}
    if len(sizes) != 1 or sizes == {0}:
        raise InvalidValueError(
            f"[input_fn] the arrays have {sorted(sizes)} rows; give as many of each, and at least one"
        )
    count = sizes.pop()

    def batches() -> Iterator[Any]:
        random = np.random.default_rng(seed or 0)
        epoch = 0
        while num_epochs is None or epoch < num_epochs:
            order = random.permutation(count) if shuffle else np.arange(count)
            for begin in range(0, count, batch_size):
                rows = order[begin : begin + batch_size]
                part = _taken(features, rows)
                yield part if labels is None else (part, _taken(labels, rows))
            epoch += 1

    return batches


def _arrays(value: Any) -> list[Any]:
    return [] if value is None else list(value.values()) if isinstance(value, dict) else [value]


def _taken(value: Any, rows: Any) -> Any:
    return {k: v[rows] for k, v in value.items()} if isinstance(value, dict) else value[rows]


def pandas_input_fn(
    x: Any,
    y: Any = None,
    batch_size: int = 128,
    num_epochs: int | None = 1,
    shuffle: bool | None = None,
    queue_capacity: int = 1000,
    num_threads: int = 1,
    target_column: str = "target",
) -> Callable[[], Any]:
    """Make an input function of a table of pandas.

    Args:
        x: A DataFrame.
        y: A Series or a DataFrame of labels, or None.
        batch_size: As in `numpy_input_fn`.
        num_epochs: As there.
        shuffle: As there.
        queue_capacity: Kept for compatibility.
        num_threads: Kept for compatibility.
        target_column: Kept for compatibility.

    Returns:
        A function for `train`, `evaluate` and `predict`.

    Raises:
        ValueError: As there.
    """
    columns = {str(name): x[name].to_numpy() for name in x.columns}
    labels = None if y is None else y.to_numpy()
    return numpy_input_fn(columns, labels, batch_size, num_epochs, shuffle)
