"""`keras.applications.efficientnet_v2`: its models come from the package penstock-models."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.applications._lazy import FAMILIES, model, preprocessing
from penstock_keras_api.applications.imagenet_utils import decode_predictions

preprocess_input = preprocessing("efficientnet_v2")


def __getattr__(name: str) -> Any:
    if name in FAMILIES["efficientnet_v2"]:
        return model(name)
    raise AttributeError(f"keras.applications.efficientnet_v2 has no {name!r}")


def __dir__() -> list[str]:
    return [*FAMILIES["efficientnet_v2"], "decode_predictions", "preprocess_input"]


__all__ = ["decode_predictions", "preprocess_input"]
