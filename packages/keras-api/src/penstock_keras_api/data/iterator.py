"""`DatasetIterator`: what `iter(dataset)` returns."""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidValueError
from penstock_keras_api.data import elements

if TYPE_CHECKING:
    from penstock_keras_api.data.dataset import Dataset
    from penstock_keras_api.data.stream import Stream

VERSION = 1


class DatasetIterator:
    """Gives a dataset's elements as tensors, and knows its position.

    Args:
        dataset: Whose elements.

    >>> from penstock import keras
    >>> it = iter(keras.data.Dataset.range(5))
    >>> next(it).item(), next(it).item()
    (0, 1)
    >>> state = it.get_state()
    >>> again = iter(keras.data.Dataset.range(5))
    >>> again.set_state(state)
    >>> next(again).item()
    2
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._stream = dataset._stream()
        self._ended = False
        # A stream has threads that do not know of it: they end with the iterator.
        self._finalizer = weakref.finalize(self, _close, self._stream)

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        try:
            return elements.as_tensors(next(self._stream))
        except StopIteration:
            self._ended = True
            self.close()
            raise

    get_next = __next__

    @property
    def element_spec(self) -> Any:
        """The shapes and dtypes of the elements."""
        return self._dataset.element_spec

    def get_state(self) -> dict[str, Any]:
        """Return the position: a small dictionary of plain values, which JSON can hold."""
        return {
            "version": VERSION,
            "ended": self._ended,
            "dataset": self._dataset.get_state(),
            "stream": None if self._ended else self._stream.state(),
        }

    def set_state(self, state: Any) -> None:
        """Go to a position that `get_state` of an iterator over an equal dataset returned.

        Raises:
            InvalidValueError: It is a position in another dataset.
        """
        if not isinstance(state, dict) or state.get("version") != VERSION:
            raise InvalidValueError(
                f"[set_state] got {type(state).__name__}; expected what get_state() of an iterator returned"
            )
        self._ended = bool(state["ended"])
        if not self._ended:
            self._stream.restore(state["stream"])
        self._dataset.set_state(state["dataset"])

    def close(self) -> None:
        """End threads and close files; the end of the elements does so too."""
        self._finalizer()

    def __enter__(self) -> DatasetIterator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _close(stream: Stream) -> None:
    stream.close()


class NumpyIterator:
    """Gives a dataset's elements as NumPy arrays, scalars and bytes."""

    def __init__(self, dataset: Dataset) -> None:
        self._iterator = DatasetIterator(dataset)

    def __iter__(self) -> NumpyIterator:
        return self

    def __next__(self) -> Any:
        return elements.mapped(elements.as_numpy, next(self._iterator))

    def get_state(self) -> dict[str, Any]:
        """Return the position."""
        return self._iterator.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to a position."""
        self._iterator.set_state(state)

    def close(self) -> None:
        """End threads and close files."""
        self._iterator.close()
