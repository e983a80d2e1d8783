"""What an input function gives: batches of features and labels, and placeholders that they are fed to."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

import penstock as ps
from penstock import _native, v1
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api import tree
from penstock_keras_api.feature_column.base import as_dense

_MASK: Final = (1 << 64) - 1


class RandomStream:
    """Random numbers of the input's own, so that they do not depend on what a model draws.

    Args:
        state: Where the program's random numbers are.
        step: Which step begins; other steps give other numbers.
        seeds: Whether seeds that data sets draw, from Python's random numbers, come from here too.
    """

    def __init__(self, state: tuple[int, int], step: int, seeds: bool = False) -> None:
        self._state = ((state[0] ^ (0x9E3779B97F4A7C15 * (step + 1))) & _MASK, state[1])
        self._seeds = random.Random(f"{self._state}").getstate() if seeds else None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Draw from this stream in the block."""
        outer = _native.random_state()
        _native.set_random_state(*self._state)
        seeds = random.getstate() if self._seeds is not None else None
        if self._seeds is not None:
            random.setstate(self._seeds)
        try:
            yield
        finally:
            self._state = _native.random_state()
            _native.set_random_state(*outer)
            if seeds is not None:
                self._seeds = random.getstate()
                random.setstate(seeds)


@contextmanager
def random_kept() -> Iterator[None]:
    """Leave the program's random numbers as they were before the block."""
    state = _native.random_state()
    try:
        yield
    finally:
        _native.set_random_state(*state)


class Batches:
    """The batches of an input function, as (features, labels); features of a graph come with no batch to feed.

    Args:
        input_fn: A function whose result is a data set or another iterable of (features, labels), or (features, labels)
            themselves: arrays are one batch; tensors of a graph are used as they are.
        arguments: What the function may ask for: mode, params, config.
        graph: Where functions of `penstock.v1` append to.
        repeats: Whether a single batch comes again and again.
        stream: Where the random numbers come from.

    Raises:
        TypeError: The result is none of these.
    """

    def __init__(
        self,
        input_fn: Callable[..., Any],
        arguments: dict[str, Any],
        graph: ps.Graph,
        *,
        repeats: bool,
        stream: RandomStream,
    ) -> None:
        self._random = stream
        self._waiting: list[Any] = []
        self.symbolic: Any = None
        self.taken = 0
        with stream.active(), v1._graph.default_graph(graph), ps.graph.eagerly():
            made = input_fn(**_accepted(input_fn, arguments))
            self.symbolic = self._in_graph(made)
            self._source = self._iterator(made, repeats)
            self._begin = _position_of(self._source)
            self._specs = _specs_of(made)
        self._example: Any = None if self.symbolic else self._draw()
        if self._example is not None:
            self._waiting.append(self._example)

    def _in_graph(self, made: Any) -> Any:
        """Return features and labels if they are tensors of the graph."""
        leaves = tree.flatten(made) if isinstance(made, tuple | dict) else [made]
        if any(isinstance(leaf, ps.Tensor) and leaf.is_symbolic for leaf in leaves):
            return self._pair(made)
        return None

    def _iterator(self, made: Any, repeats: bool) -> Iterator[Any]:
        if self.symbolic is not None:
            return iter(())
        if isinstance(made, tuple | dict | np.ndarray | ps.Tensor):
            return _again(made) if repeats else iter([made])
        if not isinstance(made, Iterable):
            raise InvalidTypeError(
                f"[input_fn] returned {type(made).__name__}; expected a data set of (features, labels), or (features, "
                "labels) themselves"
            )
        return iter(made)

    def _pair(self, batch: Any) -> tuple[Any, Any]:
        if isinstance(batch, list):
            batch = tuple(batch)
        if isinstance(batch, tuple) and len(batch) == 2:
            return batch[0], batch[1]
        if isinstance(batch, tuple) and len(batch) == 1:
            batch = batch[0]
        if isinstance(batch, tuple):
            raise InvalidValueError(
                f"[input_fn] gave {len(batch)} parts; expected (features, labels): put weights among the features"
            )
        return batch, None

    def _draw(self) -> Any:
        with self._random.active(), ps.graph.eagerly():
            for batch in self._source:
                return tree.map_structure(_as_fed, self._pair(batch), none_is_leaf=False)
        return None

    @property
    def first(self) -> tuple[Any, Any]:
        """The first batch, which says what all are like.

        Raises:
            ValueError: There is none.
        """
        if self._example is None:
            raise InvalidValueError(
                "[input_fn] gave no batch; is the data set empty, or its generator used up? Make it inside input_fn"
            )
        found: tuple[Any, Any] = self._example
        return found

    @property
    def position(self) -> Any:
        """Where the data are, if they know: before the next batch."""
        return self._begin if self._waiting else _position_of(self._source)

    def skip(self, count: int, position: Any) -> None:
        """Leave out batches that an interrupted training has seen.

        Args:
            count: How many.
            position: Where the data were then; without it the batches are gone through.

        Raises:
            ValueError: There are fewer, or the data are others.
        """
        if position is not None and hasattr(self._source, "set_state"):
            with self._random.active(), ps.graph.eagerly():
                self._source.set_state(position)
            self._waiting, self._begin, self.taken = [], position, count
            return
        for number in range(count if self.symbolic is None else 0):
            if self.next() is None:
                raise InvalidValueError(
                    f"[input_fn] gave {number} batches, and the training that was interrupted had seen {count}; give it the "
                    "same data, or begin in another model_dir"
                )

    def next(self) -> Any:
        """Return the next batch, or None after the last."""
        batch = self._waiting.pop() if self._waiting else self._draw()
        if batch is not None:
            self.taken += 1
        return batch

    def drop_labels(self) -> None:
        """Leave labels out of what all batches are like."""
        self._example = (self.first[0], None)

    def placeholders(self) -> tuple[Any, Any]:
        """Make a placeholder for every feature and label, in the current graph."""
        shapes = self._specs

        def make(path: tuple[Any, ...], leaf: Any) -> Any:
            name = "/".join(_plain(part) for part in path) or "features"
            sizes = shapes.get(path, tuple(leaf.shape))
            return ps.placeholder(leaf.dtype, _batched(sizes, leaf), name=name)

        features, labels = self.first
        return _mapped(features, ("features",), make), _mapped(labels, ("labels",), make)


def _plain(part: Any) -> str:
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in str(part)) or "_"


def _mapped(value: Any, path: tuple[Any, ...], make: Callable[..., Any]) -> Any:
    """Call a function on the leaves of a structure and on their paths."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: _mapped(item, (*path, key), make) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, (*path, n), make) for n, item in enumerate(value))
    return make(path, value)


def _batched(sizes: tuple[Any, ...], leaf: Any) -> tuple[Any, ...]:
    if not sizes:
        return ()
    return ("batch", *(None if s is None else int(s) for s in sizes[1:]))


def _specs_of(made: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Ask a data set for the shapes of its batches, if it knows; sizes that differ are None."""
    found = getattr(made, "element_spec", None)
    shapes: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    if not isinstance(found, tuple) or len(found) != 2:
        return shapes

    def note(path: tuple[Any, ...], spec: Any) -> None:
        sizes = getattr(spec, "shape", None)
        if sizes is not None:
            shapes[path] = tuple(s if isinstance(s, int) else None for s in sizes)

    _mapped(found[0], ("features",), note)
    _mapped(found[1], ("labels",), note)
    return shapes


def _position_of(source: Any) -> Any:
    """Ask an iterator where it is, if it knows."""
    return source.get_state() if hasattr(source, "get_state") else None


def _again(batch: Any) -> Iterator[Any]:
    while True:
        yield batch


def _accepted(fn: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a function does not ask for."""
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in arguments.items() if name in parameters}


def _as_fed(leaf: Any) -> Any:
    """Make a dense tensor of what a batch has; float64 becomes float32."""
    t = ps.asarray(_whole(leaf))
    return ps.cast(t, "float32") if t.dtype == "float64" else t


def _whole(leaf: Any) -> Any:
    found = as_dense(leaf)
    return found.to_numpy() if hasattr(found, "to_numpy") else found


def feeds(places: Any, batch: Any) -> dict[Any, Any]:
    """Pair placeholders with a batch.

    Raises:
        ValueError: The batch has other features than the first.
        ShapeError: A shape differs.
    """
    found: dict[Any, Any] = {}
    _pair_up(places[0], batch[0], "features", found)
    _pair_up(places[1], batch[1], "labels", found)
    return found


def _pair_up(place: Any, value: Any, path: str, found: dict[Any, Any]) -> None:
    if isinstance(place, dict) and isinstance(value, dict) and set(place) == set(value):
        for key in place:
            _pair_up(place[key], value[key], f"{path}[{key!r}]", found)
    elif (
        isinstance(place, list | tuple)
        and isinstance(value, list | tuple)
        and len(place) == len(value)
    ):
        for number, (p, v) in enumerate(zip(place, value, strict=True)):
            _pair_up(p, v, f"{path}[{number}]", found)
    elif isinstance(place, ps.Tensor) and isinstance(value, ps.Tensor):
        fits = place.ndim == value.ndim and all(
            not isinstance(p, int) or p == v for p, v in zip(place.shape, value.shape, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"[input_fn] a batch has {path} of shape {value.shape}, the first had {place.shape}; only the number of rows "
                "may differ: pad the rest to one length, or give a data set whose element_spec has None there"
            )
        found[place] = value
    elif place is not None or value is not None:
        raise InvalidValueError(
            f"[input_fn] a batch has other {path} than the first: {_facts(value)} instead of {_facts(place)}; give the same "
            "ones in all batches"
        )


def _facts(value: Any) -> str:
    return f"{sorted(value)}" if isinstance(value, dict) else type(value).__name__
