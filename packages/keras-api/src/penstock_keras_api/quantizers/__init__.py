"""Quantizers, and how a model is to be quantised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock_keras_api import _lookup
from penstock_keras_api.quantizers.configs import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
)
from penstock_keras_api.quantizers.floats import (
    compute_float8_amax_history,
    compute_float8_scale,
    fake_quant_with_min_max_vars,
    quantize_and_dequantize,
)
from penstock_keras_api.quantizers.integers import (
    abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point,
    pack_int4,
    unpack_int4,
)
from penstock_keras_api.quantizers.quantizer import AbsMaxQuantizer, Quantizer
from penstock_keras_api.saving import serialization

_KNOWN = _lookup.names_of(
    (
        AbsMaxQuantizer, Quantizer, AWQConfig, Float8QuantizationConfig, GPTQConfig, Int4QuantizationConfig,
        Int8QuantizationConfig, QuantizationConfig,
    )
)  # fmt: skip


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return a quantizer: of a name, a configuration, a class, or itself; None for None.

    Args:
        identifier: Any of these.
        kwargs: What a class is called with.

    Raises:
        ValueError: It stands for none.

    >>> get("abs_max_quantizer", axis=0).axis
    (0,)
    """
    found = _lookup.find("quantizer", identifier, _KNOWN, instantiate=False)
    return found(**kwargs) if isinstance(found, type) else found


def serialize(initializer: Any) -> Any:
    """Return a quantizer as plain data.

    Args:
        initializer: A quantizer; Keras calls the argument so.
    """
    return serialization.serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a quantizer of plain data.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes by name.

    Raises:
        ValueError: It names a class that is not known.
    """
    return _lookup.find("quantizer", config, _KNOWN, custom_objects=custom_objects)


__all__ = [
    "AWQConfig",
    "AbsMaxQuantizer",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
    "Quantizer",
    "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point",
    "compute_float8_amax_history",
    "compute_float8_scale",
    "deserialize",
    "fake_quant_with_min_max_vars",
    "get",
    "pack_int4",
    "quantize_and_dequantize",
    "serialize",
    "unpack_int4",
]
