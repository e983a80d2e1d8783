"""What holds for a whole program: the default float, the fuzz factor, the order of axes in images."""

from __future__ import annotations

from typing import Any, Final

from penstock.errors import InvalidValueError

_FLOATS: Final = ("bfloat16", "float16", "float32", "float64")
_FORMATS: Final = ("channels_last", "channels_first")
_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}


def floatx() -> str:
    """Return the dtype of weights and of data that has none, such as "float32".

    >>> floatx()
    'float32'
    """
    return str(_settings["floatx"])


def set_floatx(value: str) -> None:
    """Set the dtype of weights and of data that has none.

    Args:
        value: "bfloat16", "float16", "float32" or "float64".

    Raises:
        ValueError: It is none of these.
    """
    if value not in _FLOATS:
        raise InvalidValueError(f"[set_floatx] got {value!r}; use one of {', '.join(_FLOATS)}")
    _settings["floatx"] = value


def epsilon() -> float:
    """Return the small number that keeps divisors and logarithms away from zero.

    >>> epsilon()
    1e-07
    """
    return float(_settings["epsilon"])


def set_epsilon(value: float) -> None:
    """Set the small number that keeps divisors and logarithms away from zero."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Return the order of axes that image layers use: "channels_last" or "channels_first".

    >>> image_data_format()
    'channels_last'
    """
    return str(_settings["image_data_format"])


def set_image_data_format(data_format: str) -> None:
    """Set the order of axes that image layers use.

    Args:
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: It is neither.
    """
    _settings["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Return a data format, or the default for None.

    Raises:
        ValueError: There is no such format.
    """
    if data_format is None:
        return image_data_format()
    if str(data_format).lower() not in _FORMATS:
        raise InvalidValueError(
            f"[data_format] got {data_format!r}; use 'channels_last' or 'channels_first'"
        )
    return str(data_format).lower()


def backend() -> str:
    """Return the name of what computes: "penstock"."""
    return "penstock"
