"""Several optimizers, each for some of the variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Self

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.optimizers.optimizer import Optimizer
from penstock_keras_api.saving import serialization


class OptimizerMap(MutableMapping[str, Any]):
    """Optimizers by patterns of variables' paths.

    Args:
        default_optimizer: The optimizer of variables whose path matches no pattern.
        optimizer_map: Optimizers by regular expressions, each for whole paths.

    Raises:
        TypeError: Something is no optimizer.

    >>> from penstock import keras
    >>> by_path = keras.optimizers.OptimizerMap(keras.optimizers.SGD(), {"encoder/.*": keras.optimizers.Adam()})
    >>> type(by_path["encoder/dense/kernel"]).__name__, type(by_path["head/kernel"]).__name__
    ('Adam', 'SGD')
    """

    def __init__(
        self, default_optimizer: Any, optimizer_map: Mapping[str, Any] | None = None
    ) -> None:
        self.default_optimizer = _as_optimizer(default_optimizer)
        self._by_pattern: dict[str, Any] = {}
        self.update(optimizer_map or {})

    def __getitem__(self, key: str) -> Any:
        """Return the optimizer for a path, or that of a pattern.

        Raises:
            ValueError: Several patterns match.
        """
        if key in self._by_pattern:
            return self._by_pattern[key]
        found = [pattern for pattern in self._by_pattern if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise InvalidValueError(
                f"[OptimizerMap] {key!r} matches {', '.join(map(repr, found))}; let one pattern match"
            )
        return self._by_pattern[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise InvalidTypeError(
                f"[OptimizerMap] got the key {key!r}; use a regular expression for variables' paths"
            )
        self._by_pattern[key] = _as_optimizer(value)

    def __delitem__(self, key: str) -> None:
        del self._by_pattern[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_pattern)

    def __len__(self) -> int:
        return len(self._by_pattern)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal map of."""
        serialize = serialization.serialize_keras_object
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": {pattern: serialize(o) for pattern, o in self._by_pattern.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make a map of what `get_config` returned."""
        made = serialization.deserialize_keras_object(config["default_optimizer"], custom_objects)
        others = {
            pattern: serialization.deserialize_keras_object(o, custom_objects)
            for pattern, o in config["optimizer_map"].items()
        }
        return cls(made, others)


class MultiOptimizer(Optimizer):
    """Several optimizers, each for some of the variables; each has a learning rate of its own.

    Args:
        optimizer_map: An `OptimizerMap`, or a function of a variable that returns its optimizer.
        loss_scale_factor: As in `Optimizer`.
        name: A name.

    Raises:
        TypeError: The first argument is neither.

    >>> from penstock import keras
    >>> a, b = keras.Variable([1.0], name="a"), keras.Variable([1.0], name="b")
    >>> by_path = keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1), {"b": keras.optimizers.SGD(0.5)})
    >>> keras.optimizers.MultiOptimizer(by_path).apply([[1.0], [1.0]], [a, b])
    >>> [round(float(v.numpy()[0]), 2) for v in (a, b)]
    [0.9, 0.5]
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Any], Any],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(optimizer_map, OptimizerMap) and not callable(optimizer_map):
            raise InvalidTypeError(
                f"[MultiOptimizer] got {type(optimizer_map).__name__}; give an OptimizerMap, or a function of a variable"
            )
        self.optimizers: list[Any] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        self._chosen: dict[int, Any] = {}

    @property
    def learning_rate(self) -> Any:
        """Refuse: each optimizer has one of its own."""
        raise AttributeError(
            f"[{self.name}] each of the optimizers has a learning rate of its own: see optimizer.optimizers"
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            f"[{self.name}] each of the optimizers has a learning rate of its own: set optimizer.optimizers[i].learning_rate"
        )

    @property
    def variables(self) -> list[Any]:
        """What this optimizer remembers, then what the others do."""
        return [*self._variables, *(v for inner in self.optimizers for v in inner.variables)]

    def _choose(self, variable: Any) -> Any:
        if isinstance(self.optimizer_map, OptimizerMap):
            return self.optimizer_map[variable.path]
        return _as_optimizer(self.optimizer_map(variable))

    def build(self, variables: Sequence[Any]) -> None:
        """Choose an optimizer for each variable, and build them."""
        if self.built:
            return
        groups: dict[int, tuple[Any, list[Any]]] = {}
        for v in variables:
            inner = self._choose(v)
            self._chosen[id(v)] = inner
            groups.setdefault(id(inner), (inner, []))[1].append(v)
        if isinstance(self.optimizer_map, OptimizerMap):
            order = [*self.optimizer_map.values(), self.optimizer_map.default_optimizer]
            groups = {id(o): groups[id(o)] for o in order if id(o) in groups}
        for inner, its in groups.values():
            self.optimizers.append(inner)
            inner.build(its)
        super().build(variables)

    def _apply(self, pairs: list[tuple[Any, Any]]) -> None:
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        for inner in self.optimizers:
            own = [(g, v) for g, v in pairs if self._chosen[id(v)] is inner]
            if own:
                inner.apply([g for g, _ in own], [v for _, v in own])
        self._iterations.assign(self._iterations + 1)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Put running means in the place of variables, for optimizers that keep them."""
        for inner in self.optimizers:
            inner.finalize_variable_values([v for v in var_list if self._chosen[id(v)] is inner])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal optimizer of, without its state."""
        return {
            "optimizer_map": _as_data(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Make an optimizer of what `get_config` returned."""
        given = config["optimizer_map"]
        if isinstance(given, dict) and given.get("class_name") == "OptimizerMap":
            made: Any = OptimizerMap.from_config(given["config"], custom_objects)
        else:
            made = serialization.deserialize_keras_object(given, custom_objects)
        return cls(**{**config, "optimizer_map": made})


def _as_data(by_path: Any) -> Any:
    """Make plain data of a map, which is a class of its own in Keras's files, or of a function."""
    if not isinstance(by_path, OptimizerMap):
        return serialization.serialize_keras_object(by_path)
    return {
        "module": "keras.optimizers",
        "class_name": "OptimizerMap",
        "config": by_path.get_config(),
        "registered_name": None,
    }


def _as_optimizer(given: Any) -> Any:
    if not isinstance(given, Optimizer):
        raise InvalidTypeError(
            f"[OptimizerMap] got {given!r}; give an optimizer, such as keras.optimizers.Adam()"
        )
    return given
