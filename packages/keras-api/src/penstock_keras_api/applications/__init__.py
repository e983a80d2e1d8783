"""Architectures that are known, and what goes into and comes out of them.

The architectures come from the package penstock-models; without it, calling one says so.
"""

from __future__ import annotations

from typing import Any

from penstock_keras_api.applications import (
    convnext,
    densenet,
    efficientnet,
    efficientnet_v2,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from penstock_keras_api.applications._lazy import FAMILIES, model

_NAMES = sorted({name for names in FAMILIES.values() for name in names})


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return model(name)
    raise AttributeError(f"keras.applications has no {name!r}; it has {', '.join(_NAMES)}")


def __dir__() -> list[str]:
    return [*_NAMES, *__all__]


__all__ = [
    "convnext",
    "densenet",
    "efficientnet",
    "efficientnet_v2",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
