"""`timeseries_dataset_from_array`: pieces of a series in time."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import InvalidValueError
from penstock_keras_api.data import elements
from penstock_keras_api.data import spec as specs
from penstock_keras_api.data.dataset import Dataset
from penstock_keras_api.data.node import Node
from penstock_keras_api.data.options import AUTOTUNE
from penstock_keras_api.data.sources.slices import TableStream


class SeriesNode(Node):
    """Pieces of a series, and a target for each.

    Args:
        data: [time, ...].
        targets: [pieces, ...], or None.
        begins: Where the pieces begin.
        offsets: Where a piece's values lie, counted from there.
    """

    def __init__(self, data: Any, targets: Any, begins: Any, offsets: Any) -> None:
        super().__init__()
        self.data, self.targets, self.begins, self.offsets = data, targets, begins, offsets

    def stream(self) -> TableStream:
        """Begin a pass."""
        return TableStream(self)

    def table(self) -> SeriesNode:
        """Return itself: pieces can be had in any order."""
        return self

    def length(self) -> int:
        """Return how many pieces there are."""
        return len(self.begins)

    def make_spec(self) -> Any:
        """Return the spec of a piece."""
        return specs.unbatched(specs.spec_of(self.gather(np.arange(min(1, len(self.begins))))))

    def __len__(self) -> int:
        return len(self.begins)

    def row(self, number: int) -> Any:
        """Return a piece."""
        return elements.row_of(self.gather(np.array([number])), 0)

    def rows(self, begin: int, end: int) -> Any:
        """Return pieces in a row."""
        return self.gather(np.arange(begin, end))

    def gather(self, indices: Any) -> Any:
        """Return pieces of any numbers, copied in one go."""
        begins = self.begins[indices]
        values = elements.gathered(self.data, begins[:, None] + self.offsets)
        if self.targets is None:
            return values
        return values, elements.gathered(self.targets, begins)


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Any:
    """Cut a series in time into pieces that may overlap.

    Args:
        data: [time, ...].
        targets: [time, ...]: target i is that of the piece that begins at i. None for no targets.
        sequence_length: How many values a piece has.
        sequence_stride: How far pieces begin from each other.
        sampling_rate: How far a piece's values lie from each other.
        batch_size: How many pieces a batch has; None for no batches.
        shuffle: Whether the pieces are shuffled; otherwise they are in the order of time.
        seed: Where the order comes from.
        start_index: Values before it are not used.
        end_index: Values from it on are not used.
        format: Kept for compatibility.

    Returns:
        A dataset of pieces [batch, sequence_length, ...], or pairs of them and targets.

    Raises:
        InvalidValueError: A number is out of range.

    >>> from penstock import keras
    >>> data = keras.utils.timeseries_dataset_from_array([0, 1, 2, 3, 4], [10, 11, 12, 13], 3)
    >>> [(x.tolist(), y.tolist()) for x, y in data]
    [([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [10, 11, 12])]
    """
    values = elements.as_array(elements.from_user(data))
    aims = None if targets is None else elements.as_array(elements.from_user(targets))
    count = len(values)
    for name, number in (("start_index", start_index), ("end_index", end_index)):
        if number is not None and (
            number < 0 or number > count or (number == count and name == "start_index")
        ):
            _refuse(name, number, f"use a number from 0, within the {count} values")
    begin, end = start_index or 0, count if end_index is None else end_index
    if end <= begin:
        _refuse("end_index", end, f"use a number above start_index={begin}")
    for name, number in (
        ("sampling_rate", sampling_rate),
        ("sequence_stride", sequence_stride),
        ("sequence_length", sequence_length),
    ):
        if not 0 < number <= max(1, count if name == "sequence_length" else count - 1):
            _refuse(name, number, f"use a number from 1, below the {count} values")
    pieces = end - begin - (sequence_length - 1) * sampling_rate
    if aims is not None:
        pieces = min(pieces, len(aims))
    begins = np.arange(0, max(0, pieces), sequence_stride)
    if shuffle:
        if seed is None:
            seed = int(np.random.randint(10**6))  # noqa: NPY002 - set_random_seed sets it
        np.random.RandomState(seed).shuffle(begins)
    node = SeriesNode(
        values[begin:end],
        None if aims is None else aims[begin:end],
        begins,
        np.arange(0, sequence_length * sampling_rate, sampling_rate),
    )
    made = Dataset(node)
    if shuffle:
        made = made.shuffle(max(1, len(begins)), seed=seed)
    if batch_size is not None:
        made = made.batch(batch_size)
    return made.prefetch(AUTOTUNE)


def _refuse(name: str, number: Any, remedy: str) -> None:
    raise InvalidValueError(f"[timeseries_dataset_from_array] got {name}={number}; {remedy}")
