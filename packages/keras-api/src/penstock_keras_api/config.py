"""What holds for a whole program: the default float, the fuzz factor, the order of axes in images."""

from __future__ import annotations

import os
from typing import Any, Final

from penstock.errors import InvalidValueError

_FLOATS: Final = ("bfloat16", "float16", "float32", "float64")
_FORMATS: Final = ("channels_last", "channels_first")
_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "interactive_logging": True,
    "traceback_filtering": True,
    "flash_attention": None,
    "unsafe_deserialization": False,
    "max_epochs": None,
    "max_steps_per_epoch": None,
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


def set_backend(backend: str) -> None:
    """Choose what computes; there is only Penstock.

    Args:
        backend: "penstock".

    Raises:
        ValueError: It is another.
    """
    if backend != "penstock":
        raise InvalidValueError(
            f"[set_backend] got {backend!r}; this Keras computes with Penstock alone: use 'penstock', or leave the call "
            "out"
        )


def dtype_policy() -> Any:
    """Return the policy of layers that are given none.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    from penstock_keras_api import dtype_policies

    return dtype_policies.dtype_policy()


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are given none; None for that of `floatx()`.

    Args:
        policy: A policy, or its name, such as "mixed_bfloat16".

    Raises:
        ValueError: There is no such policy.
    """
    from penstock_keras_api import dtype_policies

    dtype_policies.set_dtype_policy(policy)


def enable_interactive_logging() -> None:
    """Let progress be drawn as a bar, where there is a terminal."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Let progress be written as lines, for log files."""
    _settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress is drawn as a bar, where there is a terminal.

    >>> is_interactive_logging_enabled()
    True
    """
    return bool(_settings["interactive_logging"])


def enable_traceback_filtering() -> None:
    """Do what Keras's name asks for: it is kept for compatibility, since errors are never shortened here."""
    _settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Do what Keras's name asks for: it is kept for compatibility, since errors are never shortened here."""
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return what was last set; it changes nothing.

    >>> is_traceback_filtering_enabled()
    True
    """
    return bool(_settings["traceback_filtering"])


def enable_flash_attention() -> None:
    """Keep attention as it is: it never writes down all products, if nobody asks for them."""
    _settings["flash_attention"] = True


def disable_flash_attention() -> None:
    """Record the wish; results do not depend on it."""
    _settings["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """Return what was last set; None if nothing was."""
    found = _settings["flash_attention"]
    return None if found is None else bool(found)


def is_nnx_enabled() -> bool:
    """Whether variables are those of Flax's NNX: never.

    >>> is_nnx_enabled()
    False
    """
    return False


def enable_unsafe_deserialization() -> None:
    """Keep loading as it is: code of a file is never run, whatever this is set to."""
    _settings["unsafe_deserialization"] = True


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, for trying a script; None for no limit.

    Args:
        max_epochs: How many epochs at most. The environment variable KERAS_MAX_EPOCHS does the same.

    Raises:
        ValueError: It is no whole number of at least 0.
    """
    _settings["max_epochs"] = _limit("set_max_epochs", max_epochs)


def max_epochs() -> int | None:
    """Return how many epochs every `fit` has at most; None for no limit."""
    return _limit_now("max_epochs", "KERAS_MAX_EPOCHS")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of every epoch of `fit`, `evaluate` and `predict`; None for no limit.

    Args:
        max_steps_per_epoch: How many batches at most. The environment variable KERAS_MAX_STEPS_PER_EPOCH does the same.

    Raises:
        ValueError: It is no whole number of at least 0.
    """
    _settings["max_steps_per_epoch"] = _limit("set_max_steps_per_epoch", max_steps_per_epoch)


def max_steps_per_epoch() -> int | None:
    """Return how many batches every epoch has at most; None for no limit."""
    return _limit_now("max_steps_per_epoch", "KERAS_MAX_STEPS_PER_EPOCH")


def _limit(where: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidValueError(
            f"[{where}] got {value!r}; use a whole number of at least 0, or None for no limit"
        )
    return value


def _limit_now(name: str, variable: str) -> int | None:
    found = _settings[name]
    if found is not None:
        return int(found)
    text = os.environ.get(variable, "").strip()
    if text and not text.isdigit():
        raise InvalidValueError(f"[{name}] {variable} is {text!r}; set it to a whole number")
    return int(text) if text else None


def limited(wanted: int | None, most: int | None) -> int | None:
    """Return the smaller of two numbers, of which None is none.

    >>> limited(5, 2), limited(None, None), limited(None, 3)
    (2, None, 3)
    """
    known = [n for n in (wanted, most) if n is not None]
    return min(known, default=None)
