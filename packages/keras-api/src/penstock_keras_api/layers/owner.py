"""What belongs to a layer: variables, layers and metrics that are its attributes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import context
from penstock_keras_api.layers.containers import joined_to
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.operation import Operation
from penstock_keras_api.random.seed import SeedGenerator
from penstock_keras_api.variable import Variable

if TYPE_CHECKING:
    from penstock_keras_api.layers.layer import Layer


class Owner(Operation):
    """Keeps the variables, layers and metrics that become its attributes."""

    _variables: list[Any]
    _layers: list[Layer]
    _metrics: list[Any]
    _trainable: bool
    variable_dtype: Any
    built: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if "_metrics" in self.__dict__:
            value = joined_to(self, value)
            self._track(name, value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        object.__delattr__(self, name)
        for kept in (self._variables, self._layers, self._metrics):
            kept[:] = [item for item in kept if item is not value]

    def _track(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        if isinstance(old, Owner | Variable) and old is not value:
            for kept in (self._variables, self._layers):
                kept[:] = [item for item in kept if item is not old]
        self._own(value)

    def _own(self, value: Any) -> None:
        """Keep what belongs to the layer of a value that came."""
        for leaf in _owned(value):
            self._add_owned(leaf)

    def _disown(self, value: Any) -> None:
        """Forget what is in a value that was taken away, unless another attribute has it too."""
        gone = {id(leaf) for leaf in _owned(value)}
        if not gone:
            return
        own: tuple[list[Any], ...] = (self._variables, self._layers, self._metrics)
        others = [v for v in self.__dict__.values() if not any(v is kept for kept in own)]
        gone -= {id(leaf) for leaf in _owned(others)}
        for kept in own:
            kept[:] = [item for item in kept if id(item) not in gone]

    def _add_owned(self, leaf: Any) -> None:
        if isinstance(leaf, Variable):
            kept: list[Any] = self._variables
        elif isinstance(leaf, Metric):
            kept = self._metrics
        else:
            kept = self._layers
        if not any(item is leaf for item in kept):
            kept.append(leaf)

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the layer.

        Args:
            shape: Its shape.
            initializer: A name, an initializer or a function of a shape; by default "glorot_uniform", or "zeros" for
                what is no float.
            dtype: Its dtype; by default the layer's.
            trainable: Whether training changes it.
            autocast: Whether it is read in the compute dtype.
            regularizer: A function of it, whose value is added to the loss.
            constraint: A function of it, whose value it takes after each step.
            aggregation: How replicas are joined.
            overwrite_with_gradient: Whether the optimizer puts the gradient in its place.
            name: Its name.

        Returns:
            The variable.

        Raises:
            ValueError: An argument is not understood.
        """
        from penstock_keras_api import constraints, initializers, regularizers

        name_of_dtype = self.variable_dtype if dtype is None else ps.dtypes.as_dtype(dtype).name
        if initializer is None:
            initializer = "glorot_uniform" if "float" in name_of_dtype else "zeros"
        inside = context.current_path().rpartition("/")[2] == self.name
        with nullcontext() if inside else context.scope(self.name):
            v = Variable(
                initializers.get(initializer),
                tuple(int(d) for d in (shape or ())),
                name_of_dtype,
                trainable,
                autocast,
                aggregation,
                name=name,
            )
        v.regularizer = regularizers.get(regularizer)
        v.constraint = constraints.get(constraint)
        v.overwrite_with_gradient = overwrite_with_gradient
        self._add_owned(v)
        return v

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, **kwargs: Any
    ) -> Variable:
        """Make a variable that belongs to the layer; see `add_weight`."""
        return self.add_weight(shape, initializer, dtype, **kwargs)

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> Iterator[Layer]:
        """Go through the layers inside, each once."""
        seen: set[int] = set()
        stack: list[Any] = [self] if include_self else list(self._layers)[::-1]
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            yield layer
            if recursive and layer._layers:
                stack += layer._layers[::-1]

    @property
    def variables(self) -> list[Variable]:
        """All variables, of inner layers and metrics too."""
        return unique(
            v
            for layer in self._flatten_layers()
            for v in (*layer._variables, *(v for m in layer._metrics for v in m.variables))
        )

    @property
    def weights(self) -> list[Variable]:
        """The variables that make up the layer: no state of metrics or of random numbers."""
        return unique(v for layer in self._flatten_layers() for v in layer._own_weights())

    def _own_weights(self) -> list[Any]:
        return [v for v in self._variables if not getattr(v, "is_seed", False)]

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it sets it for the layers inside too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        object.__setattr__(self, "_trainable", value)
        for layer in self._layers:
            layer.trainable = value

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        return unique(
            v
            for layer, trains in self._with_trainable()
            for v in layer._variables
            if trains and v.trainable
        )

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return self.trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that training does not change."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trained]

    def _with_trainable(self) -> Iterator[tuple[Layer, bool]]:
        """Go through the layers inside, each with whether it and all around it are trainable."""
        seen: set[int] = set()
        stack: list[tuple[Any, bool]] = [(self, self._trainable)]
        while stack:
            layer, trains = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            yield layer, trains
            stack += [(inner, trains and inner._trainable) for inner in layer._layers[::-1]]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The state of the metrics inside."""
        return unique(v for m in self.metrics for v in m.variables)

    @property
    def metrics(self) -> list[Any]:
        """The metrics inside."""
        found: list[Any] = []
        for layer in self._flatten_layers():
            found += layer._metrics
        return unique(found) if found else found

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return the values of the weights."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the values of the weights.

        Args:
            weights: Arrays, in the order of `weights`.

        Raises:
            ValueError: There is another number of arrays, or one has another shape.
        """
        mine = self.weights
        if len(weights) != len(mine):
            raise InvalidValueError(
                f"[{self.name}] got {len(weights)} arrays for {len(mine)} weights: "
                f"{', '.join(f'{v.path} {v.shape}' for v in mine) or 'none; call the layer once, or build it, first'}"
            )
        for v, value in zip(mine, weights, strict=True):
            if tuple(np.shape(value)) != tuple(v.shape):
                raise ShapeError(
                    f"[{self.name}] got an array of shape {np.shape(value)} for {v.path} of shape {v.shape}; give the "
                    "arrays in the order of layer.weights"
                )
        for v, value in zip(mine, weights, strict=True):
            v.assign(np.asarray(value))

    def count_params(self) -> int:
        """Return how many numbers the weights hold.

        Raises:
            ValueError: The layer has no weights yet.
        """
        if not self.built:
            raise InvalidValueError(
                f"[{self.name}] has no weights yet; call it once, or build(input_shape)"
            )
        return sum(math.prod(int(d) for d in v.shape) for v in self.weights)


def _owned(value: Any) -> Iterator[Any]:
    """Find variables, layers and metrics in an attribute: itself, or inside lists, tuples and dictionaries."""
    if isinstance(value, Variable | Owner | Metric):
        yield value
    elif isinstance(value, SeedGenerator):
        yield value.state
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _owned(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _owned(item)


def unique(items: Any) -> list[Any]:
    """List objects, each once, in the order in which they first come."""
    found: dict[int, Any] = {}
    for item in items:
        found.setdefault(id(item), item)
    return list(found.values())
