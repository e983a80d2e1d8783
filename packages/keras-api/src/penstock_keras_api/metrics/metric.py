"""`Metric`: a number that is gathered over batches."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock_keras_api import context, dtype_policies, initializers
from penstock_keras_api.naming import auto_name, snake_case
from penstock_keras_api.variable import Variable


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
            v.assign(ps.zeros(v.shape, v.dtype))

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no method update_state")

    def result(self) -> Any:
        """Return the number so far."""
        raise NotImplementedError(f"{type(self).__name__} has no method result")

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
