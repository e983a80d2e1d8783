"""The transformer as it was first published: an encoder reads one text, a decoder writes another.

Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; with the norms before the parts by default, as Xiong et al., 2020,
https://arxiv.org/abs/2002.04745, found to learn sooner.
"""

from __future__ import annotations

import math
from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import (
    DecoderBlock,
    ReversibleEmbedding,
    SinePositions,
    TransformerBlock,
)
from penstock_models.weights.names import Names


class TransformerConfig(Config):
    """Sizes of a transformer; the defaults are those of the base model. Both languages share one vocabulary."""

    vocabulary_size: int = 37000
    width: int = 512
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    num_heads: int = 8
    hidden_size: int = 2048
    max_length: int = 256
    activation: str = "relu"
    norm_first: bool = True
    epsilon: float = 1e-5
    dropout: float = 0.1


def backbone(config: TransformerConfig) -> keras.Model:
    """Return encoder and decoder: token_ids, padding_mask [batch, length], and target_ids [batch, written].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence" [batch, written, width], "pooled", which is its last vector, and "memory"
        [batch, length, width], what the encoder made.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = TransformerConfig(vocabulary_size=50, width=8, num_heads=2, hidden_size=16,
    ...     num_encoder_layers=1, num_decoder_layers=1)
    >>> backbone(small).output["sequence"].shape
    (None, None, 8)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    # Small, so that scores begin near each other: the same vectors say what comes next.
    small = keras.initializers.RandomNormal(stddev=config.width**-0.5)
    embedding = ReversibleEmbedding(
        config.vocabulary_size, config.width, embeddings_initializer=small, name="token_embedding"
    )
    positions = SinePositions(config.max_length, name="positions")
    scale, drop = math.sqrt(config.width), keras.layers.Dropout(config.dropout, name="dropout")
    memory = drop(positions(embedding(token_ids) * scale))
    shared: dict[str, Any] = {
        "activation": config.activation,
        "norm_first": config.norm_first,
        "epsilon": config.epsilon,
        "dropout": config.dropout,
    }
    heads, hidden = config.num_heads, config.hidden_size
    for i in range(config.num_encoder_layers):
        # Weights of attention are never left out: the fused kernel need not write them down then.
        block = TransformerBlock(
            heads, hidden, attention={"dropout": 0.0}, name=f"encoder_{i}", **shared
        )
        memory = block(memory, padding_mask=padding_mask)
    memory = _norm(config, "encoder_norm")(memory)
    x = drop(positions(embedding(target_ids) * scale))
    for i in range(config.num_decoder_layers):
        decoder = DecoderBlock(heads, hidden, name=f"decoder_{i}", **shared)
        x = decoder(x, memory, padding_mask=padding_mask)
    x = _norm(config, "decoder_norm")(x)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask, "target_ids": target_ids}
    outputs = {"sequence": x, "pooled": x[:, -1], "memory": memory}
    return keras.Model(inputs, outputs, name="transformer")


def _norm(config: TransformerConfig, name: str) -> keras.layers.Layer:
    return keras.layers.LayerNormalization(epsilon=config.epsilon, name=name)


def next_token(model: keras.Model, config: TransformerConfig) -> keras.Model:
    """Return the model with a score for each token that may come next, "logits" [batch, written, vocabulary]."""
    logits = model.get_layer("token_embedding")(model.output["sequence"], reverse=True)
    return keras.Model(model.input, {"logits": logits}, name=model.name)


def config_of(published: dict[str, Any]) -> TransformerConfig:
    """Return the sizes in a configuration that has the names of `TransformerConfig`."""
    fields = TransformerConfig.model_fields
    return TransformerConfig.of({k: v for k, v in published.items() if k in fields})


# What PyTorch's `nn.Transformer` calls the parts of a block; it has three products as one tensor.
_ATTENTIONS = {"attention": "self_attn", "cross_attention": "multihead_attn"}
_PARTS = {"query": (0, 3), "key": (1, 3), "value": (2, 3)}
_NORMS = {
    "encoder": ("attention_norm", "feed_forward_norm"),
    "decoder": ("attention_norm", "cross_attention_norm", "feed_forward_norm"),
}


def _names() -> Names:
    """Return the names of a file with an `nn.Transformer` and the embedding beside it."""
    layers = {"token_embedding": "embedding"}
    tensors: dict[str, str] = {}
    parts: dict[str, tuple[int, int]] = {}
    for side, norms in _NORMS.items():
        ours, theirs = f"{side}_{{i}}", f"{side}.layers.{{i}}"
        layers[f"{side}_norm"] = f"{side}.norm"
        layers |= {f"{ours}/{norm}": f"{theirs}.norm{n}" for n, norm in enumerate(norms, 1)}
        layers[f"{ours}/feed_forward/hidden"] = f"{theirs}.linear1"
        layers[f"{ours}/feed_forward/output"] = f"{theirs}.linear2"
        for attention, name in _ATTENTIONS.items():
            layers[f"{ours}/{attention}/output"] = f"{theirs}.{name}.out_proj"
            for product, part in _PARTS.items():
                path = f"{ours}/{attention}/{product}"
                parts[path] = part
                tensors[f"{path}/kernel"] = f"{theirs}.{name}.in_proj_weight"
                tensors[f"{path}/bias"] = f"{theirs}.{name}.in_proj_bias"
    return Names(layers, tensors, parts=parts)


ARCHITECTURE = Architecture(
    "transformer",
    TransformerConfig,
    backbone,
    config_of,
    _names(),
    {"next_token": next_token},
)
