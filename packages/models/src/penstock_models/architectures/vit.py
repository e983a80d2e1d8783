"""ViT and DeiT: transformers that read a picture as a sequence of patches.

Dosovitskiy et al., 2020, https://arxiv.org/abs/2010.11929; Touvron et al., 2020, https://arxiv.org/abs/2012.12877.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import ClassTokens, PositionEmbedding, TransformerBlock
from penstock_models.weights.names import Names


class VitConfig(Config):
    """Sizes of a ViT; the defaults are those of ViT-B/16 on pictures of 224 pixels."""

    image_size: int = 224
    num_channels: int = 3
    patch_size: int = 16
    width: int = 768
    num_layers: int = 12
    num_heads: int = 12
    hidden_size: int = 3072
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.0
    use_bias: bool = True
    # DeiT has a second token, which learns from a teacher.
    distilled: bool = False


def backbone(config: VitConfig) -> keras.Model:
    """Return the encoder: images [batch, size, size, channels] to sequence [batch, tokens + patches, width].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence", and "pooled", which is the sequence's first vector.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = VitConfig(image_size=16, patch_size=8, width=8, num_layers=1, num_heads=2, hidden_size=16)
    >>> backbone(small).output["sequence"].shape
    (None, 5, 8)
    """
    size = config.image_size
    images = keras.Input((size, size, config.num_channels), name="images")
    patch = keras.layers.Conv2D(
        config.width, config.patch_size, strides=config.patch_size, name="patch_embedding"
    )
    num_patches = (size // config.patch_size) ** 2
    num_tokens = 2 if config.distilled else 1
    x = keras.layers.Reshape((num_patches, config.width))(patch(images))
    x = ClassTokens(num_tokens, name="class_tokens")(x)
    x = PositionEmbedding(num_patches + num_tokens, name="position_embedding")(x)
    for i in range(config.num_layers):
        x = TransformerBlock(
            config.num_heads,
            config.hidden_size,
            config.activation,
            norm_first=True,
            epsilon=config.epsilon,
            dropout=config.dropout,
            name=f"block_{i}",
        )(x)
    x = keras.layers.LayerNormalization(epsilon=config.epsilon, name="final_norm")(x)
    return keras.Model(images, {"sequence": x, "pooled": x[:, 0]}, name="vit")


def config_of(published: dict[str, Any]) -> VitConfig:
    """Return the sizes in a published config.json."""
    return VitConfig(
        image_size=published["image_size"],
        num_channels=published["num_channels"],
        patch_size=published["patch_size"],
        width=published["hidden_size"],
        num_layers=published["num_hidden_layers"],
        num_heads=published["num_attention_heads"],
        hidden_size=published["intermediate_size"],
        activation=published["hidden_act"],
        epsilon=published["layer_norm_eps"],
        dropout=published["hidden_dropout_prob"],
        distilled=published["model_type"] == "deit",
    )


def names_of(config: VitConfig) -> Names:
    """Return what files call the weights."""
    block = "encoder.layer.{i}."
    return Names(
        {
            "patch_embedding": "embeddings.patch_embeddings.projection",
            "block_{i}/attention/query": block + "attention.attention.query",
            "block_{i}/attention/key": block + "attention.attention.key",
            "block_{i}/attention/value": block + "attention.attention.value",
            "block_{i}/attention/output": block + "attention.output.dense",
            "block_{i}/attention_norm": block + "layernorm_before",
            "block_{i}/feed_forward/hidden": block + "intermediate.dense",
            "block_{i}/feed_forward/output": block + "output.dense",
            "block_{i}/feed_forward_norm": block + "layernorm_after",
            "final_norm": "layernorm",
            "classifier": "classifier",
        },
        {
            "class_tokens/token_0": "embeddings.cls_token",
            "class_tokens/token_1": "embeddings.distillation_token",
            "position_embedding/embeddings": "embeddings.position_embeddings",
        },
        prefix="deit." if config.distilled else "vit.",
    )


ARCHITECTURE = Architecture("vit", VitConfig, backbone, config_of, names_of)
