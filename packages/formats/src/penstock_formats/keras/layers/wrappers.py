"""Layers around layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock_formats.keras._config import class_of, need
from penstock_formats.keras._problems import problem
from penstock_formats.keras._registry import BUILDERS, Config, layer

if TYPE_CHECKING:
    from penstock import Tensor
    from penstock_formats.keras._call import Call


def _of_layer(config: Config) -> list[str]:
    inner = need(config.get("layer"), dict, "'layer'")
    builder = BUILDERS.get(class_of(inner))
    if builder is None:
        return []
    found = builder.weights(need(inner.get("config"), dict, "the configuration of a layer"))
    return [f"layer/{name}" for name in found]


@layer("TimeDistributed", weights=_of_layer, masking="keep")
def _(call: Call, x: Tensor) -> Tensor:
    inner = call.inner("layer")
    builder = BUILDERS.get(inner.class_name)
    if builder is None:
        raise problem(
            f"{call} holds a {inner.class_name}, which cannot be imported in it",
            "apply a single layer to each step",
        )
    inner.mask, inner.masks = None, [None]
    y: Any = builder.build(inner, ops.flatten(x, 0, 1))
    return ops.reshape(y, (*x.shape[:2], *y.shape[1:]))
