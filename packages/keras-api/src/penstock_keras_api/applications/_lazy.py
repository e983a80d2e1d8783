"""Architectures live in a package of their own; here are their names."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

from penstock_keras_api._missing import MissingPluginError
from penstock_keras_api.applications import imagenet_utils

_PACKAGE: Final = "penstock_models.applications"

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "convnext": (
        "ConvNeXtBase",
        "ConvNeXtLarge",
        "ConvNeXtSmall",
        "ConvNeXtTiny",
        "ConvNeXtXLarge",
    ),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": tuple(f"EfficientNetB{n}" for n in range(8)),
    "efficientnet_v2": tuple(f"EfficientNetV2{n}" for n in ("B0", "B1", "B2", "B3", "L", "M", "S")),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "inception_v3": ("InceptionV3",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Large", "MobileNetV3Small"),
    "nasnet": ("NASNetLarge", "NASNetMobile"),
    "resnet": ("ResNet101", "ResNet152", "ResNet50"),
    "resnet50": ("ResNet50",),
    "resnet_v2": ("ResNet101V2", "ResNet152V2", "ResNet50V2"),
    "vgg16": ("VGG16",),
    "vgg19": ("VGG19",),
    "xception": ("Xception",),
}
_MODES: Final = {
    "caffe": ("resnet", "resnet50", "vgg16", "vgg19"),
    "torch": ("densenet",),
    "tf": (
        "inception_resnet_v2", "inception_v3", "mobilenet", "mobilenet_v2", "nasnet", "resnet_v2", "xception",
    ),
}  # fmt: skip


def model(name: str) -> Any:
    """Return an architecture of the package of models; without the package, what says how to install it when called.

    Args:
        name: For example "ResNet50".
    """
    try:
        package = importlib.import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("penstock_models"):
            raise
        return _missing(name, "is in the package of models; type: pip install penstock-models")
    found = getattr(package, name, None)
    return found or _missing(
        name,
        "is not in the installed package of models yet; load a file of its graph with penstock.load instead",
    )


def _missing(name: str, why: str) -> Callable[..., Any]:
    def architecture(*args: Any, **kwargs: Any) -> Any:
        raise MissingPluginError(f"[keras.applications] {name} {why}")

    architecture.__name__ = architecture.__qualname__ = name
    architecture.__doc__ = (
        f"Stand for {name}, which the package penstock-models has: calling it says so."
    )
    return architecture


def preprocessing(family: str) -> Callable[..., Any]:
    """Return the `preprocess_input` of a family of architectures.

    Args:
        family: For example "resnet50".
    """
    mode = next((mode for mode, families in _MODES.items() if family in families), None)

    def preprocess_input(x: Any, data_format: str | None = None) -> Any:
        if mode is None:  # the models scale images themselves
            return x
        return imagenet_utils.preprocess_input(x, data_format, mode)

    preprocess_input.__doc__ = f"Change images to what the models of {family} were trained with."
    return preprocess_input
