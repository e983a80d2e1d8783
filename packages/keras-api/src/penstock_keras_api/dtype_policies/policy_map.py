"""`DTypePolicyMap`: policies by the paths of layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from penstock.errors import InvalidTypeError, InvalidValueError
from penstock_keras_api.dtype_policies import lookup
from penstock_keras_api.dtype_policies.policy import DTypePolicy, dtype_policy


class DTypePolicyMap(DTypePolicy, MutableMapping[str, Any]):
    """Give layers policies by their paths: what is written exactly, else the one pattern that matches whole.

    Args:
        default_policy: For all other layers; by default the global policy.
        policy_map: Policies by path or pattern.

    Raises:
        TypeError: `policy_map` is no mapping.

    >>> from penstock import keras
    >>> policies = keras.dtype_policies.DTypePolicyMap("float32", {"encoder/.*": "mixed_bfloat16"})
    >>> policies["encoder/dense"], policies["head"]
    (<DTypePolicy "mixed_bfloat16">, <DTypePolicy "float32">)
    """

    def __init__(
        self, default_policy: Any = None, policy_map: Mapping[str, Any] | None = None
    ) -> None:
        if policy_map is not None and not isinstance(policy_map, Mapping):
            raise InvalidTypeError(
                f"[DTypePolicyMap] got policy_map={policy_map!r}; give a dictionary of policies by path"
            )
        self._given = default_policy
        self._default = dtype_policy() if default_policy is None else lookup.get(default_policy)
        super().__init__(self._default.name)
        self._name = f"map_{self._default.name}"
        self._policies = {key: lookup.get(value) for key, value in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers that have no other."""
        return self._default

    @property
    def quantization_mode(self) -> str | None:
        """How layers with the default policy are quantised."""
        return self._default.quantization_mode

    def __getitem__(self, key: str) -> Any:
        if key in self._policies:
            return self._policies[key]
        found = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise InvalidValueError(
                f"[DTypePolicyMap] {key!r} fits {', '.join(map(repr, found))}; write patterns of which one fits"
            )
        return self._policies[found[0]] if found else self._default

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._policies:
            raise InvalidValueError(
                f"[DTypePolicyMap] {key!r} has the policy {self._policies[key]!r}; delete it first"
            )
        self._policies[key] = lookup.get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(self.name)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal map of."""
        default = None if self._given is None else lookup.serialize(self._default)
        return {
            "default_policy": default,
            "policy_map": {key: lookup.serialize(p) for key, p in self._policies.items()},
        }

    def __repr__(self) -> str:
        facts = f"default_policy={self._default!r}, mapping={list(self._policies.items())}"
        return f"<DTypePolicyMap {facts}>"
