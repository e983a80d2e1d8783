"""Where batches come from: arrays in memory, sequences of batches, and whatever can be iterated over.

A source gives the arguments of a step, epoch after epoch, and can say and be told where it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api import tree
from penstock_keras_api.random.seed import make_default_seed
from penstock_keras_api.trainers import data
from penstock_keras_api.utils.py_dataset import batches_of

Batch = tuple[Any, ...]
"""x, y and sample_weight, without what is missing at the end; or, with `by_rows`, row numbers and whole arrays."""


class Source:
    """Gives batches; subclasses say which."""

    by_rows: bool = False
    """Whether a batch is row numbers and whole arrays, from which the compiled step takes the rows."""

    steps: int | None = None
    """How many batches an epoch has, if that is known."""

    def __iter__(self) -> Iterator[Batch]:
        """Go on with the batches; after the last one the next call begins an epoch."""
        raise NotImplementedError

    def get_state(self) -> dict[str, Any]:
        """Return where the next batch comes from."""
        raise NotImplementedError

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another source was."""
        raise NotImplementedError

    def end_epoch(self) -> None:
        """Be told that an epoch of training is over."""

    def rewind(self) -> None:
        """Begin anew, where batches lie in memory; what is iterated over does so by itself."""

    def peek(self) -> Batch | None:
        """Return the next batch without going on; None if there is none."""
        state = self.get_state()
        batch = next(iter(self), None)
        self.set_state(state)
        return batch


class ArraySource(Source):
    """Batches of arrays that lie in memory.

    Args:
        parts: x, y and sample_weight: arrays in any structure, or None.
        batch_size: How many samples a batch has; the last one may be smaller.
        shuffle: Whether every epoch has another order; "batch" keeps the samples of a batch together.
        method: Who asks, for messages.

    Raises:
        ValueError: The arrays have different numbers of samples, or none.
    """

    def __init__(
        self,
        parts: tuple[Any, Any, Any],
        batch_size: int | None = None,
        shuffle: bool | str = False,
        method: str = "fit",
    ) -> None:
        arrays = data.as_arrays(parts)
        self.num_samples = _common_length(arrays, method)
        self.batch_size = int(batch_size or 32)
        if self.batch_size < 1:
            raise InvalidValueError(f"[{method}] got batch_size={batch_size}; use at least 1")
        self.steps = (self.num_samples - 1) // self.batch_size + 1
        self.by_rows = bool(shuffle)
        self._parts = _without_end(arrays)
        self._whole: Batch | None = None  # as tensors, once they are needed
        self._shuffle = shuffle
        self._state = {"seed": make_default_seed() if shuffle else 0, "epoch": 0, "batch": 0}

    def __iter__(self) -> Iterator[Batch]:
        state, size, count = self._state, self.batch_size, self.num_samples
        order = self._order() if self._shuffle else None
        if self._shuffle and self._whole is None:
            self._whole = tuple(data.all_shared(part) for part in self._parts)
        whole = self._whole or ()
        cuts = [_cutter(part) for part in self._parts]
        begin = state["batch"] * size
        while begin < count:
            end = begin + size
            state["batch"] += 1
            if order is not None:
                yield (ps.from_dlpack(order[begin:end], copy=False), *whole)
            else:
                yield tuple([cut(begin, end) for cut in cuts])
            begin = end
        state["epoch"] += 1
        state["batch"] = 0

    def rewind(self) -> None:
        """Begin with the first batch."""
        self._state["batch"] = 0

    def _order(self) -> np.ndarray[Any, Any]:
        """Return the samples' order in this epoch; it depends on the seed and on the epoch's number alone."""
        random = np.random.Generator(
            np.random.Philox(key=self._state["seed"], counter=self._state["epoch"])
        )
        if self._shuffle != "batch":
            return random.permutation(self.num_samples)
        full = self.num_samples // self.batch_size
        starts = random.permutation(full)[:, None] * self.batch_size
        rows = (starts + np.arange(self.batch_size)).ravel()
        rest = np.arange(full * self.batch_size, self.num_samples)
        return np.concatenate([rows, rest])

    def get_state(self) -> dict[str, Any]:
        """Return the seed, the epoch's number and the next batch's."""
        return dict(self._state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another source was."""
        self._state.update(state)


class SequenceSource(Source):
    """Batches that an object gives by number, as `keras.utils.PyDataset` does.

    Args:
        sequence: It has `__len__` and `__getitem__`, and may have `on_epoch_end`.
        shuffle: Whether every epoch has the batches in another order.
        convert: Makes x, y and sample_weight of a batch.
    """

    def __init__(self, sequence: Any, shuffle: bool, convert: Callable[[Any], Batch]) -> None:
        self._sequence = sequence
        self._shuffle = bool(shuffle)
        self._convert = convert
        count = getattr(sequence, "num_batches", None)
        self.steps = count if isinstance(count, int) else _length(sequence)
        self._state = {"seed": make_default_seed() if shuffle else 0, "epoch": 0, "batch": 0}

    def __iter__(self) -> Iterator[Batch]:
        state = self._state
        steps = self.steps
        order = None
        if self._shuffle and steps is not None:
            key, counter = state["seed"], state["epoch"]
            order = np.random.Generator(np.random.Philox(key=key, counter=counter)).permutation(
                steps
            )
        first = state["batch"]
        numbers = itertools.count(first) if steps is None else range(first, steps)
        for item in batches_of(
            self._sequence, (n if order is None else int(order[n]) for n in numbers)
        ):
            state["batch"] += 1
            yield self._convert(item)
        state["epoch"] += 1
        state["batch"] = 0

    def rewind(self) -> None:
        """Begin with the first batch."""
        self._state["batch"] = 0

    def get_state(self) -> dict[str, Any]:
        """Return the seed, the epoch's number and the next batch's."""
        return dict(self._state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another source was."""
        self._state.update(state)

    def end_epoch(self) -> None:
        """Tell the object that an epoch is over."""
        if hasattr(self._sequence, "on_epoch_end"):
            self._sequence.on_epoch_end()


class IterableSource(Source):
    """Batches that something else makes: a generator, a list of batches, a data set.

    What can be iterated over again begins anew after its last batch. What has `get_state` and `set_state`, or has
    iterators with them, is asked for its position; anything else is asked again for the batches that were seen, to go
    on behind them.

    Args:
        iterable: What is iterated over.
        convert: Makes x, y and sample_weight of a batch.
    """

    def __init__(self, iterable: Iterable[Any], convert: Callable[[Any], Batch]) -> None:
        self._iterable = iterable
        self._convert = convert
        self.steps = _length(iterable)
        self._is_once = isinstance(iterable, Iterator)
        self._iterator: Iterator[Any] | None = None
        self._state: dict[str, Any] = {"batches": 0}
        self._restored: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Batch]:
        self._iterator = self._begin()
        for batch in self._iterator:
            self._state["batches"] += 1
            yield self._convert(batch)
        self._iterator = None
        if not self._is_once:
            self._state = {"batches": 0}

    def _begin(self) -> Iterator[Any]:
        restored, self._restored = self._restored, None
        if restored is not None and "position" in restored:
            self._iterable.set_state(restored["position"])  # type: ignore[attr-defined]
            return iter(self._iterable)
        iterator = iter(self._iterable)
        if restored is not None and "iterator" in restored:
            iterator.set_state(restored["iterator"])  # type: ignore[attr-defined]
            return iterator
        for _ in range(restored["batches"] if restored is not None else 0):
            next(iterator, None)
        return iterator

    def peek(self) -> Batch | None:
        """Return the next batch without going on; None if there is none."""
        if not self._is_once:
            return super().peek()
        first = next(iter(self._iterable), None)
        if first is None:
            return None
        self._iterable = itertools.chain([first], self._iterable)
        return self._convert(first)

    def get_state(self) -> dict[str, Any]:
        """Return how many batches were seen, and the position if the data set tells one."""
        if self._restored is not None:
            return dict(self._restored)
        state = dict(self._state)
        if self._iterator is not None and hasattr(self._iterator, "get_state"):
            state["iterator"] = self._iterator.get_state()
        elif hasattr(self._iterable, "get_state"):
            state["position"] = self._iterable.get_state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on where another source was."""
        self._state = {"batches": state["batches"]}
        self._restored, self._iterator = state, None


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
    method: str = "fit",
) -> Source:
    """Make a source of what `fit`, `evaluate` and `predict` are given.

    Args:
        x: Arrays, or something that gives batches.
        y: Labels, for arrays.
        sample_weight: Weights, for arrays.
        batch_size: How many samples a batch has, for arrays.
        shuffle: Whether every epoch has another order.
        class_weight: A weight for each label, or None.
        method: Who asks, for messages.

    Returns:
        A source.

    Raises:
        ValueError: Labels are given beside something that gives its own.
        TypeError: There are no batches in it.
    """
    if isinstance(x, Source):
        return x
    if are_arrays(x):
        if class_weight is not None:
            sample_weight = data.weights_of_classes(y, class_weight, sample_weight, method)
        return ArraySource((x, y, sample_weight), batch_size, shuffle, method)
    for name, given in (("y", y), ("sample_weight", sample_weight)):
        if given is not None:
            raise InvalidValueError(
                f"[{method}] got {name} beside x={type(x).__name__}, which gives batches of its own; let it give "
                "(x, y) or (x, y, sample_weight)"
            )
    convert = _converter(class_weight, method)
    if _gives_by_number(x):
        return SequenceSource(x, bool(shuffle) and hasattr(x, "on_epoch_end"), convert)
    if not isinstance(x, Iterable) or isinstance(x, str | bytes):
        raise InvalidTypeError(
            f"[{method}] got {type(x).__name__} as data; give arrays, a data set, or a generator of batches"
        )
    return IterableSource(x, convert)


def _gives_by_number(x: Any) -> bool:
    is_plain = isinstance(x, Mapping | list | tuple) or hasattr(x, "get_state")
    return hasattr(x, "__getitem__") and hasattr(x, "__len__") and not is_plain


def _converter(class_weight: dict[int, float] | None, method: str) -> Callable[[Any], Batch]:
    def convert(batch: Any) -> Batch:
        x, y, weight = data.unpack_x_y_sample_weight(batch)
        if class_weight is not None:
            weight = data.weights_of_classes(y, class_weight, weight, method)
        return tuple(data.all_shared(data.as_arrays(part)) for part in _without_end((x, y, weight)))

    return convert


def _without_end(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out what is None at the end: calls with fewer arguments are faster."""
    while len(parts) > 1 and parts[-1] is None:
        parts = parts[:-1]
    return parts


def _cutter(part: Any) -> Callable[[int, int], Any]:
    """Return a function that takes samples out of arrays: a tensor over their memory, where that is possible."""
    if part is None:
        return lambda begin, end: None
    if data.is_shareable(part):
        return lambda begin, end: ps.from_dlpack(part[begin:end], copy=False)
    if isinstance(part, np.ndarray | ps.Tensor):
        return lambda begin, end: ps.asarray(part[begin:end])
    cuts = tree.map_structure(_cutter, part, none_is_leaf=False)
    return lambda begin, end: tree.map_structure(
        lambda cut: cut(begin, end), cuts, none_is_leaf=False
    )


def _common_length(arrays: Any, method: str) -> int:
    leaves = [leaf for leaf in tree.flatten(arrays) if leaf is not None]
    sizes = sorted({int(leaf.shape[0]) for leaf in leaves})
    if len(sizes) != 1 or not sizes[0]:
        raise InvalidValueError(
            f"[{method}] got arrays of {', '.join(map(str, sizes)) or 'no'} samples; x, y and sample_weight need as many "
            "as each other, and at least one"
        )
    return sizes[0]


def _length(data_set: Any) -> int | None:
    """Return how many batches something has, if it says so."""
    try:
        return len(data_set)
    except (TypeError, ValueError):  # none, endless, or not known
        return None


_PLAIN: Final = (int, float)


def are_arrays(x: Any) -> bool:
    """Whether data are arrays, from which samples can be taken, and not something that gives batches."""
    leaves = tree.flatten(x)
    if isinstance(x, list) and leaves and all(isinstance(leaf, _PLAIN) for leaf in leaves):
        return True
    return bool(leaves) and all(
        (hasattr(leaf, "shape") and hasattr(leaf, "dtype")) or hasattr(leaf, "iloc")
        for leaf in leaves
    )
