"""Constraints: what weights are made to fulfil after each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import penstock as ps
from penstock_keras_api import _lookup, config
from penstock_keras_api.saving import serialization


class Constraint:
    """Make weights fulfil something."""

    def __call__(self, w: Any) -> Any:
        """Return weights that do."""
        raise NotImplementedError(f"{type(self).__name__} has no method __call__(w)")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal constraint of."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a constraint of what `get_config` returned."""
        return cls(**config)


class MaxNorm(Constraint):
    """Shorten vectors that are too long.

    Args:
        max_value: The greatest length.
        axis: The axes along which lengths are taken.
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return weights that are short enough."""
        norms = _norms(w, self.axis)
        return w * (ps.clip(norms, 0.0, self.max_value) / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal constraint of."""
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Put 0 in place of negative weights."""

    def __call__(self, w: Any) -> Any:
        """Return weights of at least 0."""
        w = ps.asarray(w)
        return w * ps.cast(w >= 0, w.dtype)


class UnitNorm(Constraint):
    """Give vectors the length 1.

    Args:
        axis: The axes along which lengths are taken.
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return weights of length 1."""
        return w / (config.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal constraint of."""
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Keep the lengths of vectors between two numbers.

    Args:
        min_value: The least length.
        max_value: The greatest length.
        rate: How far a step goes: 1 is all the way.
        axis: The axes along which lengths are taken.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return weights whose lengths are nearer."""
        norms = _norms(w, self.axis)
        wanted = (
            self.rate * ps.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        )
        return w * (wanted / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal constraint of."""
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


def _norms(w: Any, axis: Any) -> Any:
    return ps.sqrt(ps.sum(ps.square(ps.asarray(w)), axis, keepdims=True))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
_KNOWN = _lookup.names_of((MaxNorm, NonNeg, UnitNorm, MinMaxNorm))


def get(identifier: Any) -> Any:
    """Return a constraint: of a name, a configuration, a class, or itself.

    Raises:
        ValueError: It stands for none.
    """
    return _lookup.find("constraint", identifier, _KNOWN)


def serialize(constraint: Constraint) -> Any:
    """Return a constraint as plain data."""
    return serialization.serialize_keras_object(constraint)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a constraint of plain data."""
    return _lookup.find("constraint", config, _KNOWN, custom_objects=custom_objects)
