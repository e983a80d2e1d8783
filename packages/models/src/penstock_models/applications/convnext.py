"""ConvNeXt as Keras publishes it; `penstock_models.architectures` has it as others do.

Liu et al., 2022, https://arxiv.org/abs/2201.03545.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock_keras_api as keras
from penstock_models.applications.building import (
    PREPROCESSING,
    Options,
    finished,
    image_input,
    layers,
    named,
    pooled,
)  # fmt: skip
from penstock_models.layers import LayerScale

EPSILON = 1e-6
MEANS = (0.485 * 255, 0.456 * 255, 0.406 * 255)
VARIANCES = ((0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2)
SIZES = {
    "Tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "Small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "Base": ((3, 3, 27, 3), (128, 256, 512, 1024)),
    "Large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "XLarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}


def _norm(name: str) -> Any:
    return layers.LayerNormalization(epsilon=EPSILON, name=name)


def _convnext(o: Options, depths: Sequence[int], widths: Sequence[int]) -> keras.Model:
    inputs = x = image_input(o, 224)
    if o.include_preprocessing and x.shape[-1] == 3:
        x = layers.Normalization(
            mean=MEANS, variance=VARIANCES, name=f"{o.name}_prestem_normalization"
        )(x)
    stem = [
        layers.Conv2D(widths[0], 4, strides=4, name=f"{o.name}_stem_conv"),
        _norm(f"{o.name}_stem_layernorm"),
    ]
    x = keras.Sequential(stem, name=f"{o.name}_stem")(x)
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            name = f"{o.name}_downsampling"
            down = [
                _norm(f"{name}_layernorm_{stage - 1}"),
                layers.Conv2D(width, 2, strides=2, name=f"{name}_conv_{stage - 1}"),
            ]
            x = keras.Sequential(down, name=f"{name}_block_{stage - 1}")(x)
        for block in range(depth):
            x = _block(x, width, f"{o.name}_stage_{stage}_block_{block}")
    if o.include_top:
        x = layers.GlobalAveragePooling2D(name=f"{o.name}_head_gap")(x)
        x = _norm(f"{o.name}_head_layernorm")(x)
        x = layers.Dense(
            o.classes, activation=o.classifier_activation, name=f"{o.name}_head_dense"
        )(x)
    else:
        x = layers.LayerNormalization(epsilon=EPSILON)(pooled(x, o))
    return finished(inputs, x, o)


def _block(inputs: Any, width: int, name: str) -> Any:
    x = layers.Conv2D(width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv")(inputs)
    x = _norm(f"{name}_layernorm")(x)
    x = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(width, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(1e-6, name=f"{name}_layer_scale")(x)
    x = layers.Activation("linear", name=f"{name}_identity")(x)
    return inputs + x


def _builder(kind: str) -> Callable[..., keras.Model]:
    depths, widths = SIZES[kind]

    def build(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = f"convnext_{kind.lower()}",
    ) -> keras.Model:
        o = Options(
            include_top, weights, input_tensor, input_shape, pooling, classes,
            classifier_activation, name, include_preprocessing,
        )  # fmt: skip
        return _convnext(o, depths, widths)

    return named(build, f"ConvNeXt{kind}", f"ConvNeXt {kind}", PREPROCESSING)


ConvNeXtTiny = _builder("Tiny")
ConvNeXtSmall = _builder("Small")
ConvNeXtBase = _builder("Base")
ConvNeXtLarge = _builder("Large")
ConvNeXtXLarge = _builder("XLarge")
