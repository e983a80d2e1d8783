"""`keras.Variable`: a variable with an initializer, a path and a constraint."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config, context
from penstock_keras_api.naming import auto_name
from penstock_keras_api.stateless import get_stateless_scope


class Variable(ps.Variable):
    """Hold a tensor that training changes.

    Args:
        initializer: The first value; or a function of a shape and a dtype that makes it.
        shape: The shape, for a function.
        dtype: The dtype; by default the value's, or `config.floatx()`.
        trainable: Whether optimizers change it.
        autocast: Whether layers read it in their compute dtype.
        aggregation: "none", "mean", "sum" or "only_first_replica": how replicas of it are joined.
        synchronization: When replicas are joined: "auto", "none", "on_write" or "on_read".
        name: Its name; its path is that of the layers around, then this.

    Raises:
        ValueError: A function is given and no shape.

    >>> from penstock import keras
    >>> v = keras.Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0]).tolist(), v.path
    ([2.0, 3.0], 'v')
    """

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        name = name or auto_name("variable")
        if "/" in name:
            raise InvalidValueError(f"[Variable] got the name {name!r}; a name has no '/' in it")
        path = context.current_path()
        with ps.graph.eagerly():
            value = _first_value(initializer, shape, dtype)
            super().__init__(value, f"{path}/{name}" if path else name, bool(trainable))
        self.autocast = autocast
        self.aggregation = aggregation
        self.synchronization = synchronization
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self.overwrite_with_gradient = False
        self._name = name
        self._is_trainable = bool(trainable)

    @property
    def name(self) -> str:
        """The name alone: "kernel"."""
        return self._name

    @property
    def path(self) -> str:
        """The names of the layers around it and its own: "dense/kernel"."""
        return self._handle.name

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it."""
        return self._is_trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._is_trainable = bool(value)

    @property
    def handle(self) -> Any:
        """What the graph refers to."""
        return self._handle

    @property
    def value(self) -> Any:
        """The value now: in a `StatelessScope` that gives one, the scope's."""
        scope = get_stateless_scope()
        found = None if scope is None else scope.get_current_value(self)
        return super().value if found is None else found

    def __penstock_tensor__(self) -> Any:
        return self.value

    def assign(self, value: Any) -> Any:
        """Replace the value; a value of another float dtype is cast."""
        t = value if type(value) is ps.Tensor and not value.weak else ps.asarray(value)
        dtype = self._handle.dtype
        t = t if t.dtype == dtype else ps.cast(t, dtype)
        scope = get_stateless_scope()
        if scope is None:
            return ps.ops.assign_variable(t, self._handle)
        scope.add_update((self, t))
        return t

    def assign_add(self, value: Any) -> Any:
        """Add to the value.

        Args:
            value: What to add.
        """
        return super().assign_add(value)

    def assign_sub(self, value: Any) -> Any:
        """Take away from the value.

        Args:
            value: What to take away.
        """
        return super().assign_sub(value)

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the value now as a NumPy array."""
        return np.array(self._handle.read().numpy())  # a copy, which may be written to

    def __repr__(self) -> str:
        facts = f"path={self.path}, shape={self.shape}, dtype={self.dtype.name}"
        return f"<Variable {facts}, value={self.numpy()}>"


def _first_value(initializer: Any, shape: Sequence[int] | None, dtype: Any) -> Any:
    if not callable(initializer) or isinstance(initializer, ps.Tensor | ps.Variable):
        value = ps.asarray(initializer)
        if dtype is None and value.dtype == "float64" and not hasattr(initializer, "dtype"):
            dtype = config.floatx()
        return value if dtype is None else ps.cast(value, dtype)
    if shape is None:
        raise InvalidValueError(
            "[Variable] got a function as initializer and no shape; give shape=(...) too"
        )
    name = ps.dtypes.as_dtype(dtype or config.floatx()).name
    context.take_room(math.prod(shape) * 4)
    return ps.cast(ps.asarray(initializer(tuple(shape), dtype=name)), name)
