"""Tell observers, such as a board, how a program gets on: numbers, histograms, images, text, graphs, runs.

Core knows no board. Whoever wants to know is an `Observer`: an object of yours, or what a plugin makes. While nobody
observes, these functions cost next to nothing. In a graph they are steps, which tell at every run.

    with penstock.summary.observe(MyObserver()):
        penstock.summary.scalar("loss", loss, step=3)
"""

from __future__ import annotations

import threading
import time as clock
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

import numpy as np

from penstock import _native, host_functions
from penstock._native import Graph, Tensor
from penstock.errors import InvalidTypeError, ObserverWarning, PluginError, ShapeError
from penstock.graph import Operation
from penstock.ops import asarray

if TYPE_CHECKING:
    from penstock.annotations import TensorLike
    from penstock.profiler import profile

Kind = Literal["scalar", "histogram", "image", "text", "graph", "run"]


@dataclass(frozen=True)
class Record:
    """One thing that observers are told.

    Args:
        kind: What `value` is.
        name: What it is called.
        step: Which step of the program it belongs to; None where none was said.
        time: Seconds since 1970.
        value: An array: of a scalar [], of a histogram any values, of images [count, height, width, channels] in
            uint8 or floats from 0 to 1; for text a list of str; for a graph a `penstock.Graph`; for a run a
            `penstock.profile`.
        description: What a reader may want to know.
    """

    kind: Kind
    name: str
    step: int | None
    time: float
    value: Any
    description: str = ""


@runtime_checkable
class Observer(Protocol):
    """What takes records. An observer that raises is told nothing more, and a warning says so."""

    def record(self, record: Record) -> None:
        """Take a record; called by whatever thread made it."""

    def close(self) -> None:
        """Put away what is left; nothing comes afterwards."""


_observers: list[Observer] = []
_lock: Final = threading.RLock()
_step: list[int | None] = [None]


@contextmanager
def observe(observer: Observer | str, target: str = "", **options: Any) -> Iterator[Observer]:
    """Tell an observer everything until the block ends; then close it.

    Args:
        observer: An observer, or the name of one that an installed plugin makes.
        target: What the plugin's observer writes to, such as a folder.
        options: What else it takes.

    Yields:
        The observer.

    Raises:
        InvalidTypeError: It has no methods `record` and `close`.
        PluginError: No usable plugin makes an observer of that name.

    >>> import penstock as ps
    >>> class Keep:
    ...     def __init__(self):
    ...         self.seen = []
    ...     def record(self, record):
    ...         self.seen.append((record.kind, record.name, record.step, float(record.value)))
    ...     def close(self):
    ...         print(self.seen)
    >>> with observe(Keep()):
    ...     scalar("loss", 0.5, step=3)
    [('scalar', 'loss', 3, 0.5)]
    """
    made = _from_plugin(observer, target, options) if isinstance(observer, str) else observer
    if not isinstance(made, Observer):
        raise InvalidTypeError(
            f"[summary.observe] got {type(made).__name__}; an observer has the methods record(record) and close()"
        )
    with _lock:
        _observers.append(made)
    try:
        yield made
    finally:
        with _lock:
            active = made in _observers
            if active:
                _observers.remove(made)
        if active:  # one that failed was closed then
            made.close()


def _from_plugin(name: str, target: str, options: dict[str, Any]) -> Any:
    from penstock.plugins import loader

    make = loader.activate_for_observer(name)
    if make is None:
        raise PluginError(
            f"[summary.observe] no installed plugin makes an observer {name!r}; install one, or see `penstock doctor` for "
            "why it was refused"
        )
    return make(target, **options)


def set_step(step: int | None) -> None:
    """Say which step records belong to that name none themselves.

    Args:
        step: Its number; None for none.

    Raises:
        InvalidTypeError: It is no whole number.
    """
    _step[0] = None if step is None else _whole(step)


def scalar(
    name: str, value: TensorLike, step: Any = None, description: str = ""
) -> Operation | None:
    """Tell a single number.

    Args:
        name: What it is called, such as "train/loss".
        value: [] or one element, any kind of number.
        step: A whole number, or a tensor of one; by default what `set_step` said.
        description: What a reader may want to know.

    Returns:
        In a graph the operation that tells it, for sessions; in a traced function it runs by itself.

    Raises:
        ShapeError: The value has several elements.
    """
    t = asarray(value)
    if isinstance(t.size, int) and t.size != 1:
        raise ShapeError(
            f"[summary.scalar] {name!r} has shape {t.shape}; give a single number: penstock.mean(value)"
        )
    return _tell("scalar", name, t, step, description, lambda a: a.reshape(()))


def histogram(
    name: str, value: TensorLike, step: Any = None, description: str = ""
) -> Operation | None:
    """Tell how values are spread, such as those of weights or gradients.

    Args:
        name: What they are called.
        value: [...], any kind of number.
        step: A whole number, or a tensor of one; by default what `set_step` said.
        description: What a reader may want to know.

    Returns:
        In a graph the operation that tells it.

    Raises:
        InvalidTypeError: The values are strings.
    """
    t = asarray(value)
    if t.dtype == "string":
        raise InvalidTypeError(
            f"[summary.histogram] {name!r} has strings; tell them with summary.text"
        )
    return _tell("histogram", name, t, step, description)


def image(
    name: str, value: TensorLike, step: Any = None, description: str = ""
) -> Operation | None:
    """Tell images.

    Args:
        name: What they are called.
        value: [count, height, width, channels] or [height, width, channels]; uint8, or floats from 0 to 1; 1, 3 or 4
            channels.
        step: A whole number, or a tensor of one; by default what `set_step` said.
        description: What a reader may want to know.

    Returns:
        In a graph the operation that tells it.

    Raises:
        ShapeError: The shape is another.
        InvalidTypeError: The dtype is another.
    """
    t = asarray(value)
    channels = t.shape[-1] if t.ndim else 0
    if t.ndim not in (3, 4) or (isinstance(channels, int) and channels not in (1, 3, 4)):
        raise ShapeError(
            f"[summary.image] {name!r} has shape {t.shape}; give [count, height, width, channels] with 1, 3 or 4 channels"
        )
    if t.dtype != "uint8" and t.dtype.kind != "float":
        raise InvalidTypeError(
            f"[summary.image] {name!r} is {t.dtype.name}; give uint8, or floats from 0 to 1"
        )
    single = t.ndim == 3
    return _tell("image", name, t, step, description, lambda a: a[None] if single else a)


def text(name: str, value: TensorLike, step: Any = None, description: str = "") -> Operation | None:
    """Tell text.

    Args:
        name: What it is called.
        value: A str, or a tensor of strings.
        step: A whole number, or a tensor of one; by default what `set_step` said.
        description: What a reader may want to know.

    Returns:
        In a graph the operation that tells it.

    Raises:
        InvalidTypeError: It is no text.
    """
    t = asarray(value)
    if t.dtype != "string":
        raise InvalidTypeError(
            f"[summary.text] {name!r} is {t.dtype.name}; give text: str(value), or tell it with summary.scalar"
        )
    return _tell("text", name, t, step, description, _texts)


def _texts(array: Any) -> list[str]:
    flat = np.asarray(array, dtype=object).ravel()
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in flat]


def graph(name: str, value: Any, step: Any = None, description: str = "") -> None:
    """Tell a graph.

    Args:
        name: What it is called.
        value: A `penstock.Graph`, or a function with one trace.
        step: A whole number; by default what `set_step` said.
        description: What a reader may want to know.

    Raises:
        InvalidTypeError: It is neither.
        GraphError: The function has no trace yet, or several.
    """
    found = getattr(value, "graph", value)
    if not isinstance(found, Graph):
        raise InvalidTypeError(
            f"[summary.graph] got {type(value).__name__}; give a penstock.Graph, or a function that was called once"
        )
    _tell_now("graph", name, found, step, description)


def run(name: str, value: profile, step: Any = None, description: str = "") -> None:
    """Tell how a run went: what ran, when, for how long.

    Args:
        name: What it is called.
        value: A profile whose block has ended.
        step: A whole number; by default what `set_step` said.
        description: What a reader may want to know.

    Raises:
        InvalidTypeError: It is no profile.
    """
    from penstock.profiler import profile

    if not isinstance(value, profile):
        raise InvalidTypeError(
            f"[summary.run] got {type(value).__name__}; give what `with penstock.profile() as p:` made"
        )
    _tell_now("run", name, value, step, description)


def _tell(
    kind: Kind, name: str, t: Tensor, step: Any, description: str, shaped: Any = lambda a: a
) -> Operation | None:
    """Tell a tensor's value: now, or whenever the graph runs."""
    tensors = [t]
    if isinstance(step, Tensor) or hasattr(step, "__penstock_tensor__"):
        tensors.append(asarray(step))

    def tell(array: Any, *steps: Any) -> Any:
        _tell_now(kind, name, shaped(array), steps[0] if steps else step, description)
        return np.asarray(0)

    if _native.current_graph() is None and not any(x.is_symbolic for x in tensors):
        if _observers:
            tell(*(x.numpy() for x in tensors))
        return None
    return Operation(host_functions.call(tell, tensors, ["i64"], [()]), name)


def _tell_now(kind: Kind, name: str, value: Any, step: Any, description: str) -> None:
    number = _step[0] if step is None else _whole(step)
    record = Record(kind, name, number, clock.time(), value, description)
    for observer in _current():
        try:
            observer.record(record)
        except Exception as error:
            _dismiss(observer, record, error)


def _current() -> Sequence[Observer]:
    with _lock:
        return tuple(_observers)


def _dismiss(observer: Observer, record: Record, error: Exception) -> None:
    with _lock:
        if observer not in _observers:
            return
        _observers.remove(observer)
    warnings.warn(
        f"the observer {type(observer).__name__} is told nothing more: it raised {type(error).__name__}: {error} for "
        f"{record.kind} {record.name!r}",
        ObserverWarning,
        stacklevel=4,
    )


def _whole(step: Any) -> int:
    try:
        return int(np.asarray(step).astype(np.int64, casting="same_kind").reshape(()))
    except (TypeError, ValueError):
        raise InvalidTypeError(
            f"[summary] step is {step!r}; give one whole number: step=int(step)"
        ) from None


__all__ = [
    "Observer",
    "Record",
    "graph",
    "histogram",
    "image",
    "observe",
    "run",
    "scalar",
    "set_step",
    "text",
]
