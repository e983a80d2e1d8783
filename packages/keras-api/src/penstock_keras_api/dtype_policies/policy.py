"""Dtype policies: in which dtype a layer keeps its weights, and in which it computes."""

from __future__ import annotations

from typing import Any, Self

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.dtype_policies import _global


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
        self._name = name or _global.name_of_default()
        if self._name.startswith("mixed_"):
            self._compute, self._variable = self._name.removeprefix("mixed_"), "float32"
            if self._compute not in ("float16", "bfloat16"):
                raise InvalidValueError(
                    f"[DTypePolicy] got {name!r}; use 'mixed_float16', 'mixed_bfloat16' or a dtype"
                )
        else:
            self._compute = self._variable = _checked(self._name)

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
    def quantization_mode(self) -> str | None:
        """How layers are quantised: None, so not at all."""
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


def _checked(name: str) -> str:
    try:
        return ps.dtypes.as_dtype(name).name
    except (TypeError, ValueError):
        raise InvalidValueError(
            f"[DTypePolicy] got {name!r}; use 'mixed_float16', 'mixed_bfloat16' or a dtype, such as 'float32'"
        ) from None


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    chosen = _global.chosen()
    return DTypePolicy(config.floatx()) if chosen is None else chosen


def set_dtype_policy(policy: DTypePolicy | str | None) -> None:
    """Set the policy of layers that are given none; None for that of `config.floatx()`.

    Raises:
        ValueError: There is no such policy.
    """
    from penstock_keras_api.dtype_policies.lookup import get

    _global.choose(None if policy is None else get(policy))
