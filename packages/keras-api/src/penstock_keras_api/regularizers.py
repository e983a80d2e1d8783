"""Regularizers: functions of weights that are added to the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import _lookup
from penstock_keras_api.saving import serialization


class Regularizer:
    """Make a number of weights, which is added to the loss."""

    def __call__(self, x: Any) -> Any:
        """Return the number."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal regularizer of."""
        raise NotImplementedError(f"{type(self).__name__} has no method get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a regularizer of what `get_config` returned."""
        return cls(**config)


class L1L2(Regularizer):
    """l1 · Σ|x| + l2 · Σx².

    Args:
        l1: The first factor.
        l2: The second factor.

    >>> from penstock import keras
    >>> float(keras.regularizers.L1L2(l1=1.0, l2=1.0)([3.0, -1.0]))
    14.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _checked("l1", l1)
        self.l2 = _checked("l2", l2)

    def __call__(self, x: Any) -> Any:
        """Return the number."""
        x = ps.asarray(x)
        total = ps.zeros((), x.dtype)
        if self.l1:
            total = total + self.l1 * ps.sum(ps.abs(x))
        if self.l2:
            total = total + self.l2 * ps.sum(ps.square(x))
        return total

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal regularizer of."""
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """l1 · Σ|x|."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _checked("l1", l1)

    def __call__(self, x: Any) -> Any:
        """Return the number."""
        return self.l1 * ps.sum(ps.abs(ps.asarray(x)))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal regularizer of."""
        return {"l1": self.l1}


class L2(Regularizer):
    """l2 · Σx²."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _checked("l2", l2)

    def __call__(self, x: Any) -> Any:
        """Return the number."""
        return self.l2 * ps.sum(ps.square(ps.asarray(x)))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal regularizer of."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Keep rows or columns at right angles: factor · Σ|cos| of pairs.

    Args:
        factor: What the sum is multiplied by.
        mode: "rows" or "columns".

    Raises:
        ValueError: The mode is neither.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise InvalidValueError(
                f"[OrthogonalRegularizer] got mode={mode!r}; use 'rows' or 'columns'"
            )
        self.factor = _checked("factor", factor)
        self.mode = mode

    def __call__(self, inputs: Any) -> Any:
        """Return the number."""
        x = ps.asarray(inputs)
        axis = 1 if self.mode == "rows" else 0
        unit = ps.nn.l2_normalize(x, axis)
        rows = self.mode == "rows"
        product = (
            ps.matmul(unit, ps.matrix_transpose(unit))
            if rows
            else ps.matmul(ps.matrix_transpose(unit), unit)
        )
        size = int(x.shape[0 if rows else 1])
        off_diagonal = product * (1.0 - ps.eye(size, dtype=x.dtype))
        return self.factor * 0.5 * ps.sum(ps.abs(off_diagonal)) / (size * (size - 1) / 2)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal regularizer of."""
        return {"factor": self.factor, "mode": self.mode}


def _checked(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value < 0:
        raise InvalidValueError(f"[regularizer] got {name}={value!r}; use a number of at least 0")
    return float(value)


l1, l2, l1_l2 = L1, L2, L1L2
orthogonal_regularizer = OrthogonalRegularizer
_KNOWN = _lookup.names_of((L1, L2, L1L2, OrthogonalRegularizer)) | {
    "l1": L1, "l2": L2, "l1_l2": L1L2, "L1L2": L1L2,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """Return a regularizer: of a name, a configuration, a class, or itself.

    Raises:
        ValueError: It stands for none.
    """
    return _lookup.find("regularizer", identifier, _KNOWN)


def serialize(regularizer: Regularizer) -> Any:
    """Return a regularizer as plain data."""
    return serialization.serialize_keras_object(regularizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a regularizer of plain data."""
    return _lookup.find("regularizer", config, _KNOWN, custom_objects=custom_objects)
