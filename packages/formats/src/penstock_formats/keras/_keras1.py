"""Layers of Keras 1 in the words of Keras 2. They are known by their settings, which had other names."""

from __future__ import annotations

from typing import Any, Final

from penstock_formats.keras._problems import problem

_CLASSES: Final = {"AtrousConvolution2D": "Conv2D", "Convolution2D": "Conv2D"}
_SETTINGS: Final = {
    "Activation": {},
    "Conv2D": {
        "nb_filter": "filters",
        "bias": "use_bias",
        "border_mode": "padding",
        "subsample": "strides",
        "atrous_rate": "dilation_rate",
    },
    "Dense": {"output_dim": "units", "bias": "use_bias"},
    "Dropout": {"p": "rate"},
    "MaxPooling2D": {"border_mode": "padding"},
    "AveragePooling2D": {"border_mode": "padding"},
    "GlobalAveragePooling2D": {},
    "GlobalMaxPooling2D": {},
    "UpSampling2D": {},
    "ZeroPadding2D": {},
    "BatchNormalization": {},
}
_SIGNS: Final = ("nb_filter", "border_mode", "dim_ordering", "bias", "p", "inner_activation")
_MERGES: Final = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
}


def modern(class_name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Translate a layer of Keras 1, and return others as they are.

    Args:
        class_name: Its class.
        config: Its settings.

    Returns:
        Both in the words of Keras 2.

    Raises:
        FormatError: It is of Keras 1, and its weights or its meaning were different then.
    """
    named = _CLASSES.get(class_name, class_name)
    if class_name == "Merge":
        if config.get("mode") not in _MERGES:
            raise _too_old(f"a Merge with mode={config.get('mode')!r:.40}")
        return _MERGES[config["mode"]], {**config, "axis": config.get("concat_axis", -1)}
    old = named != class_name or any(sign in config for sign in _SIGNS)
    old = old or {"Dense": "output_dim", "BatchNormalization": "mode"}.get(class_name) in config
    if not old:
        return class_name, config
    if named not in _SETTINGS or config.get("dim_ordering") == "th" or config.get("mode", 0) != 0:
        raise _too_old(f"a {class_name}")
    renamed = {_SETTINGS[named].get(key, key): value for key, value in config.items()}
    if "nb_row" in config:
        renamed["kernel_size"] = [config["nb_row"], config.get("nb_col")]
    return named, renamed


def _too_old(what: str) -> Exception:
    return problem(
        f"the model has {what} in the way of Keras 1, which meant something else",
        "load and save the model with Keras 2",
    )
