"""Style transfer in one pass: a picture made smaller, changed by residual blocks, and painted at its size again.

Johnson et al., 2016, https://arxiv.org/abs/1603.08155. Several styles in one network, and mixtures of them: Dumoulin et
al., 2016, https://arxiv.org/abs/1610.07629. Any style, by a code that another network reads off a picture: Ghiasi et al.,
2017, https://arxiv.org/abs/1705.06830.
"""

from __future__ import annotations

from typing import Any, Literal

import penstock as ps
import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers.style_norm import MirrorPadding, StyleNorm
from penstock_models.weights import OWN_NAMES

layers = keras.layers


class StyleTransferConfig(Config):
    """Sizes of a network that paints; the defaults are those of one style, by Johnson et al."""

    widths: tuple[int, int, int] = (32, 64, 128)
    num_blocks: int = 5
    # How many numbers say which style: one for each style, or a code of any. None for a network of one style.
    code_width: int | None = None
    code_bias: bool = False
    # Whether the part that makes the picture smaller has norms, and so a style, or their numbers in its convolutions.
    folded_start: bool = False
    padding: Literal["same", "mirror"] = "same"
    enlarging: Literal["transposed", "nearest"] = "transposed"
    output: Literal["tanh", "sigmoid"] = "tanh"
    epsilon: float = 1e-3


class _Builder:
    """Add layers to a network; every norm sees the style's code."""

    def __init__(self, config: StyleTransferConfig, code: Any) -> None:
        self.config = config
        self.code = code

    def convolution(self, x: Any, width: int, size: int, strides: int, name: str) -> Any:
        """Return a convolution without its norm."""
        mirrored = self.config.padding == "mirror"
        if mirrored:
            x = MirrorPadding(size // 2, name=f"{name}_margin")(x)
        return layers.Conv2D(
            width,
            size,
            strides=strides,
            padding="valid" if mirrored else "same",
            use_bias=self.config.folded_start and name.startswith("down"),
            name=name,
        )(x)

    def norm(self, x: Any, name: str) -> Any:
        """Return x, normalised and in the style."""
        c = self.config
        norm = StyleNorm(c.code_width, c.code_bias, c.epsilon, name=f"{name}_norm")
        return norm(x) if self.code is None else norm([x, self.code])

    def smaller(self, x: Any, width: int, size: int, strides: int, name: str) -> Any:
        """Return what a convolution at the start makes of x."""
        x = self.convolution(x, width, size, strides, name)
        x = x if self.config.folded_start else self.norm(x, name)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    def block(self, x: Any, name: str) -> Any:
        """Return x and what two convolutions make of it, added."""
        y = self.norm(self.convolution(x, x.shape[-1], 3, 1, f"{name}_conv_0"), f"{name}_conv_0")
        y = layers.Activation("relu", name=f"{name}_relu")(y)
        y = self.norm(self.convolution(y, x.shape[-1], 3, 1, f"{name}_conv_1"), f"{name}_conv_1")
        return layers.Add(name=f"{name}_add")([x, y])

    def larger(self, x: Any, width: int, name: str) -> Any:
        """Return a picture of twice the size."""
        if self.config.enlarging == "transposed":
            x = layers.Conv2DTranspose(
                width, 3, strides=2, padding="same", use_bias=False, name=name
            )(x)  # fmt: skip
        else:
            x = layers.UpSampling2D(2, name=f"{name}_twice")(x)
            x = self.convolution(x, width, 3, 1, name)
        return layers.Activation("relu", name=f"{name}_relu")(self.norm(x, name))


class Paint(layers.Layer):
    """Make colours from 0 to 1 of a network's last numbers.

    Args:
        kind: "sigmoid", or "tanh": 150 · tanh(x) + 127.5 in parts of 255, as Johnson et al. published it.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    >>> Paint("tanh")(ps.zeros((1, 1, 1, 1))).numpy().item()
    0.5
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return colours of the inputs' shape."""
        if self.kind == "sigmoid":
            return ps.sigmoid(inputs)
        return ps.tanh(inputs) * (150.0 / 255.0) + 0.5

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "kind": self.kind}


def backbone(config: StyleTransferConfig) -> keras.Model:
    """Return the network: pictures [batch, height, width, 3], and codes [batch, code_width] if it has any.

    Args:
        config: The sizes.

    Returns:
        A model with the inputs "images" and "style", and the output "image", of the pictures' shape with colours from 0
        to 1; heights and widths are multiples of 4.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = StyleTransferConfig(widths=(4, 4, 8), num_blocks=1, code_width=3)
    >>> backbone(small).output["image"].shape[-1]
    3
    """
    inputs = {"images": keras.Input((None, None, 3), name="images")}
    if config.code_width is not None:
        inputs["style"] = keras.Input((config.code_width,), name="style")
    add = _Builder(config, inputs.get("style"))
    x = inputs["images"]
    for i, (width, size, strides) in enumerate(
        zip(config.widths, (9, 3, 3), (1, 2, 2), strict=True)
    ):
        x = add.smaller(x, width, size, strides, f"down_{i}")
    for i in range(config.num_blocks):
        x = add.block(x, f"block_{i}")
    for i, width in enumerate(config.widths[1::-1]):
        x = add.larger(x, width, f"up_{i}")
    x = add.norm(add.convolution(x, 3, 9, 1, "colours"), "colours")
    image = Paint(config.output, name="image")(x)
    return keras.Model(inputs, {"image": image}, name="style_transfer")


ARCHITECTURE = Architecture(
    "style_transfer", StyleTransferConfig, backbone, StyleTransferConfig.of, OWN_NAMES
)
