"""Dtype policies: in which dtype a layer keeps its weights, and in which it computes."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config


class DTypePolicy:
    """Say in which dtype a layer keeps its weights, and in which it computes.

    Args:
        name: A dtype for both; "mixed_float16" or "mixed_bfloat16" for float32 weights and computing in half of it.

    Raises:
        ValueError: There is no such policy.

    >>> from penstock import keras
    >>> policy = keras.DTypePolicy("mixed_bfloat16")
    >>> policy.variable_dtype, policy.compute_dtype
    ('float32', 'bfloat16')
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or dtype_policy().name
        if self._name.startswith("mixed_"):
            self._compute, self._variable = self._name.removeprefix("mixed_"), "float32"
            if self._compute not in ("float16", "bfloat16"):
                raise InvalidValueError(
                    f"[DTypePolicy] got {name!r}; use 'mixed_float16', 'mixed_bfloat16' or a dtype"
                )
        else:
            self._compute = self._variable = ps.dtypes.as_dtype(self._name).name

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype in which layers compute."""
        return self._compute

    @property
    def variable_dtype(self) -> str:
        """The dtype of weights."""
        return self._variable

    @property
    def quantization_mode(self) -> None:
        """How layers are quantised: not at all."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """Cast a float tensor to the compute dtype, if `autocast`."""
        t = ps.asarray(x)
        if autocast and t.dtype.kind == "float" and t.dtype != dtype:
            return ps.cast(t, dtype)
        return t

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal policy of."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a policy of what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy
_global: list[DTypePolicy] = []


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    return _global[-1] if _global else DTypePolicy(config.floatx())


def set_dtype_policy(policy: DTypePolicy | str | None) -> None:
    """Set the policy of layers that are given none; None for that of `config.floatx()`.

    Raises:
        ValueError: There is no such policy.
    """
    _global.clear()
    if policy is not None:
        _global.append(get(policy))


def get(identifier: Any) -> DTypePolicy:
    """Return a policy: of a name, a dtype, a config, or itself; the global one for None.

    Raises:
        ValueError: It is none of these.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy.from_config(identifier.get("config", identifier))
    return DTypePolicy(
        identifier if isinstance(identifier, str) else ps.dtypes.as_dtype(identifier).name
    )


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy as plain data."""
    from penstock_keras_api.saving import serialization

    return dict(serialization.serialize_keras_object(policy))


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """Make a policy of plain data."""
    return get(config)
