"""Policies of names, configurations and dtypes."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.dtype_policies import quantized
from penstock_keras_api.dtype_policies.policy import DTypePolicy, dtype_policy

_BY_MODE = {
    "float8": quantized.QuantizedFloat8DTypePolicy,
    "gptq": quantized.GPTQDTypePolicy,
    "awq": quantized.AWQDTypePolicy,
}


def get(identifier: Any) -> DTypePolicy:
    """Return a policy: of a name, a dtype, a config, or itself; the global one for None.

    Args:
        identifier: For example "mixed_float16", or "int8_from_float32".

    Raises:
        ValueError: It is none of these.

    >>> get("int8_from_float32")
    <QuantizedDTypePolicy "int8_from_float32">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return _of_config(identifier)
    if isinstance(identifier, str):
        mode, middle, source = identifier.partition("_from_")
        if not middle:
            return DTypePolicy(identifier)
        kind = mode.partition("/")[0]
        if kind == "int4" and "/" in mode:
            return quantized.Int4DTypePolicy(mode, source)
        cls: Any = _BY_MODE.get(kind, quantized.QuantizedDTypePolicy)
        made: DTypePolicy = cls(mode, source)
        return made
    try:
        return DTypePolicy(ps.dtypes.as_dtype(identifier).name)
    except (TypeError, ValueError):
        raise InvalidValueError(
            f"[dtype_policies] got {identifier!r}; use a name such as 'mixed_float16', a dtype or a DTypePolicy"
        ) from None


def _of_config(data: dict[str, Any]) -> DTypePolicy:
    from penstock_keras_api import dtype_policies

    inner = dict(data.get("config", data))
    cls = getattr(dtype_policies, str(data.get("class_name", "DTypePolicy")), None)
    if isinstance(cls, type) and issubclass(cls, DTypePolicy):
        known: DTypePolicy = cls.from_config(inner)
        return known
    from penstock_keras_api.saving import serialization

    other: DTypePolicy = serialization.deserialize_keras_object(data)
    return other


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy as plain data.

    Args:
        dtype_policy: A policy.
    """
    from penstock_keras_api.saving import serialization

    # Not serialize_keras_object: it would take a map of policies for a dictionary.
    made: dict[str, Any] = serialization._serialized_object(dtype_policy)
    if type(dtype_policy) is DTypePolicy:
        made["module"] = "keras"
    return made


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """Make a policy of plain data.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes by name.

    Raises:
        ValueError: It names a class that is not known.
    """
    from penstock_keras_api.saving import registry

    with registry.custom_object_scope(custom_objects or {}):
        return get(config)
