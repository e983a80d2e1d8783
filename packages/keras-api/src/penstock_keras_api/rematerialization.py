"""Rematerialisation: results inside of layers are computed again for the gradient, which spares memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, NamedTuple, Self

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import tree

_MODES = (None, "full", "activations", "larger_than", "list_of_layers")


class RematMode(NamedTuple):
    """What the innermost `RematScope` says."""

    mode: str | None
    output_size_threshold: int
    layer_names: tuple[str, ...]


_current: ContextVar[RematMode | None] = ContextVar("penstock_keras_remat", default=None)


class RematScope:
    """Compute the inner results of layers that are called in a block again for the gradient.

    Args:
        mode: "full" for every layer; "activations" for activations alone; "larger_than" for layers with large outputs;
            "list_of_layers" for those named; None for none.
        output_size_threshold: How many numbers an output has at least, for "larger_than".
        layer_names: The layers, for "list_of_layers".

    Raises:
        ValueError: There is no such mode.

    >>> import penstock as ps
    >>> from penstock import keras
    >>> layer = keras.layers.Dense(2, activation="tanh")
    >>> with keras.RematScope("full"), ps.GradientTape() as tape:
    ...     loss = ps.sum(layer([[1.0, 2.0]]))
    >>> [g.shape for g in tape.gradient(loss, layer.trainable_weights)]
    [(2, 2), (2,)]
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: Sequence[str] | None = None,
    ) -> None:
        if mode not in _MODES:
            raise InvalidValueError(
                f"[RematScope] got mode={mode!r}; use one of {', '.join(map(repr, _MODES))}"
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = tuple(layer_names or ())
        self._tokens: list[Token[RematMode | None]] = []

    def __enter__(self) -> Self:
        now = RematMode(self.mode, self.output_size_threshold, self.layer_names)
        self._tokens.append(_current.set(now))
        return self

    def __exit__(self, *args: object) -> None:
        _current.reset(self._tokens.pop())


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same, and computes it again for the gradient.

    Args:
        f: A function of tensors.

    >>> import penstock as ps
    >>> from penstock import keras
    >>> x = ps.asarray([0.0])
    >>> with ps.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = keras.remat(ps.exp)(x)
    >>> tape.gradient(y, x).tolist()
    [1.0]
    """
    return functools.wraps(f)(ps.recompute_grad(f))


def current() -> RematMode | None:
    """Return what the innermost `RematScope` says; None outside of any."""
    return _current.get()


def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a layer's call as the scope around says.

    Args:
        name: The layer's name.
        call: Its call.
    """
    now = _current.get()
    if now is None or now.mode in (None, "activations"):
        return call
    if now.mode == "list_of_layers" and name not in now.layer_names:
        return call
    again = _again(call)
    if now.mode != "larger_than":
        return again
    most = now.output_size_threshold

    def by_size(*args: Any, **kwargs: Any) -> Any:
        outputs = call(*args, **kwargs)
        large = any(_size(t) > most for t in tree.flatten(outputs) if isinstance(t, ps.Tensor))
        return again(*args, **kwargs) if large else outputs

    return by_size


def _size(t: Any) -> int:
    return math.prod(size for size in t.shape if isinstance(size, int))


def _again(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a call whose arguments are tensors among other things."""

    def run(*args: Any, **kwargs: Any) -> Any:
        leaves = tree.flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, ps.Tensor)]

        def inner(*given: Any) -> Any:
            fresh = iter(given)
            filled = [next(fresh) if isinstance(leaf, ps.Tensor) else leaf for leaf in leaves]
            again, named = tree.pack_sequence_as((args, kwargs), filled)
            return call(*again, **named)

        return ps.recompute_grad(inner)(*tensors)

    return run
