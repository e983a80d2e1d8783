"""`Metric`: a number that is gathered over batches."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import context, dtype_policies, initializers
from penstock_keras_api.naming import auto_name, snake_case
from penstock_keras_api.stateless import StatelessScope
from penstock_keras_api.variable import Variable


def _zeros(shape: tuple[int, ...], dtype: str) -> Any:
    return ps.zeros(shape, dtype) if ps.current_graph() else _kept_zeros(shape, dtype)


@functools.lru_cache(maxsize=64)
def _kept_zeros(shape: tuple[int, ...], dtype: str) -> Any:
    return ps.zeros(shape, dtype)


class Metric:
    """Gather a number over batches.

    Subclasses make variables with `add_variable`, change them in `update_state`, and compute in `result`.

    Args:
        dtype: The dtype of the variables and of the result.
        name: A name; it is made of the class's if there is none.

    >>> from penstock import keras
    >>> m = keras.metrics.Mean()
    >>> m.update_state([1.0, 3.0])
    >>> m.update_state([5.0])
    >>> float(m.result())
    3.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(snake_case(type(self).__name__))
        self._dtype_policy = dtype_policies.get(dtype)
        self._dtype = self._dtype_policy.compute_dtype
        self._variables: list[Variable] = []
        self._metrics: list[Metric] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Metric) and "_metrics" in self.__dict__:
            self._metrics.append(value)
        object.__setattr__(self, name, value)

    @property
    def dtype(self) -> str:
        """The dtype of the variables and of the result."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """What the metric remembers, of metrics inside too."""
        return self._variables + [v for m in self._metrics for v in m.variables]

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the metric."""
        with context.scope(self.name):
            v = Variable(
                initializers.get(initializer),
                tuple(shape),
                dtype or self.dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._variables.append(v)
        return v

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Make a variable that belongs to the metric; see `add_variable`."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def reset_state(self) -> None:
        """Forget all batches."""
        for v in self.variables:
            v.assign(_zeros(tuple(map(int, v.shape)), v.dtype.name))

    @property
    def resets_by_assigning(self) -> bool:
        """Whether `reset_state` is this class's: nothing but assignments, which can be a part of a plan."""
        return type(self).reset_state is Metric.reset_state

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no method update_state")

    def result(self) -> Any:
        """Return the number so far."""
        raise NotImplementedError(f"{type(self).__name__} has no method result")

    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """Return the variables' values after a batch, and leave the variables as they are.

        Args:
            metric_variables: The values before, in the order of `variables`.
            args: What `update_state` takes.
            kwargs: What it takes by name.

        Raises:
            ValueError: There is another number of values.
        """
        with self._scope(metric_variables) as scope:
            self.update_state(*args, **kwargs)
        return [self._value_in(scope, v) for v in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the number that values of the variables stand for.

        Args:
            metric_variables: The values, in the order of `variables`.

        Raises:
            ValueError: There is another number of values.
        """
        with self._scope(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Any]:
        """Return the variables' first values, and leave the variables as they are."""
        with StatelessScope() as scope:
            self.reset_state()
        return [self._value_in(scope, v) for v in self.variables]

    def _scope(self, values: Sequence[Any]) -> StatelessScope:
        if len(values) != len(self.variables):
            raise InvalidValueError(
                f"[{self.name}] got {len(values)} values for {len(self.variables)} variables; give one for each of "
                "metric.variables"
            )
        return StatelessScope(list(zip(self.variables, values, strict=True)))

    def _value_in(self, scope: StatelessScope, variable: Variable) -> Any:
        found = scope.get_current_value(variable)
        return variable.value if found is None else found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch, and return the number so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a metric of what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
