"""Ways to quantise layers, by name."""

from __future__ import annotations

from typing import Any, Final

from penstock.errors import InvalidValueError
from penstock_keras_api.quantizers.configs import (
    Float8QuantizationConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
)

_MODES: Final[dict[str, Any]] = {
    "int8": Int8QuantizationConfig,
    "int4": Int4QuantizationConfig,
    "float8": Float8QuantizationConfig,
}


def config_for(mode: str | None, config: Any) -> Any:
    """Return the configuration of a mode.

    Args:
        mode: "int8", "int4" or "float8"; None for that of `config`.
        config: A configuration, or None for the mode's own.

    Raises:
        ValueError: There is neither, no such mode, or the two differ.
    """
    if mode is None and config is None:
        raise InvalidValueError(
            "[quantize] got neither a mode nor a config; give one: quantize('int8')"
        )
    mode = mode or config.mode
    if mode not in _MODES:
        raise InvalidValueError(f"[quantize] got the mode {mode!r}; use one of {', '.join(_MODES)}")
    if config is not None and config.mode != mode:
        raise InvalidValueError(
            f"[quantize] got the mode {mode!r} with a config of {config.mode!r}; give one of them"
        )
    return config or _MODES[mode]()
