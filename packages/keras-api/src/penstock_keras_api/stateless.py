"""`StatelessScope`: a block in which variables have other values, and keep their own."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Self

import penstock as ps
from penstock.errors import InvalidTypeError, ShapeError

if TYPE_CHECKING:
    from penstock_keras_api.variable import Variable

_current: ContextVar[StatelessScope | None] = ContextVar("penstock_keras_stateless", default=None)


class StatelessScope:
    """Give variables other values in a block; what is assigned there stays in the scope.

    Args:
        state_mapping: Pairs of a variable and its value in the block.
        collect_losses: Whether to gather the terms of `add_loss`.
        initialize_variables: Kept for compatibility: variables made in the block have their values.

    Raises:
        TypeError: A pair begins with something else than a variable.
        ValueError: A value has another shape than its variable.

    >>> from penstock import keras
    >>> from penstock_keras_api.stateless import StatelessScope
    >>> v = keras.Variable([1.0])
    >>> with StatelessScope([(v, [5.0])]) as scope:
    ...     doubled = (v * 2.0).tolist()
    ...     _ = v.assign([7.0])
    >>> doubled, scope.get_current_value(v).tolist(), v.numpy().tolist()
    ([10.0], [7.0], [1.0])
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Any, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self._values: dict[int, tuple[Any, Any]] = {}
        self._tokens: list[Token[StatelessScope | None]] = []
        for variable, value in state_mapping or ():
            self._add(variable, value)

    def _add(self, variable: Any, value: Any) -> None:
        from penstock_keras_api.variable import Variable

        if not isinstance(variable, Variable):
            raise InvalidTypeError(
                f"[StatelessScope] got {type(variable).__name__} for a variable; give pairs (variable, value)"
            )
        t = ps.asarray(value)
        if tuple(t.shape) != tuple(variable.shape):
            raise ShapeError(
                f"[StatelessScope] got a value of shape {tuple(t.shape)} for {variable.path} of shape "
                f"{tuple(variable.shape)}; give it that shape"
            )
        self.add_update((variable, t if t.dtype == variable.dtype else ps.cast(t, variable.dtype)))

    def add_loss(self, loss: Any) -> None:
        """Keep a term of the loss."""
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Keep the new value of a variable: a pair of both."""
        variable, value = update
        self._values[id(variable)] = (variable, value)

    def get_current_value(self, variable: Variable) -> Any:
        """Return the value of a variable in the scope; None if it has its own."""
        found = self._values.get(id(variable))
        return None if found is None else found[1]

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *args: object) -> None:
        _current.reset(self._tokens.pop())


def in_stateless_scope() -> bool:
    """Whether a `StatelessScope` is around."""
    return _current.get() is not None


def get_stateless_scope() -> StatelessScope | None:
    """Return the `StatelessScope` around, or None."""
    return _current.get()
