"""DistilBERT: half of BERT's blocks, trained to answer as BERT does.

Sanh et al., 2019, https://arxiv.org/abs/1910.01108.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import PositionEmbedding, ReversibleEmbedding, TransformerBlock
from penstock_models.weights.names import Names


class DistilBertConfig(Config):
    """Sizes of a DistilBERT; the defaults are those of the published one."""

    vocabulary_size: int = 30522
    width: int = 768
    num_layers: int = 6
    num_heads: int = 12
    hidden_size: int = 3072
    max_length: int = 512
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.1


def backbone(config: DistilBertConfig) -> keras.Model:
    """Return the encoder: token_ids, padding_mask [batch, length] to sequence [batch, length, width] and pooled.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence", and "pooled", which is the sequence's first vector.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = DistilBertConfig(vocabulary_size=50, width=8, num_layers=1, num_heads=2, hidden_size=16)
    >>> backbone(small).output["sequence"].shape
    (None, None, 8)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = ReversibleEmbedding(config.vocabulary_size, config.width, name="token_embedding")(token_ids)
    x = PositionEmbedding(config.max_length, name="position_embedding")(x)
    x = keras.layers.LayerNormalization(epsilon=config.epsilon, name="embedding_norm")(x)
    x = keras.layers.Dropout(config.dropout)(x)
    for i in range(config.num_layers):
        block = TransformerBlock(
            config.num_heads,
            config.hidden_size,
            config.activation,
            epsilon=config.epsilon,
            dropout=config.dropout,
            name=f"block_{i}",
        )
        x = block(x, padding_mask=padding_mask)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, {"sequence": x, "pooled": x[:, 0]}, name="distilbert")


def config_of(published: dict[str, Any]) -> DistilBertConfig:
    """Return the sizes in a published config.json."""
    return DistilBertConfig(
        vocabulary_size=published["vocab_size"],
        width=published["dim"],
        num_layers=published["n_layers"],
        num_heads=published["n_heads"],
        hidden_size=published["hidden_dim"],
        max_length=published["max_position_embeddings"],
        activation=published["activation"],
        dropout=published["dropout"],
    )


BLOCK = "transformer.layer.{i}."
NAMES = Names(
    {
        "token_embedding": "embeddings.word_embeddings",
        "position_embedding": "embeddings.position_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
        "block_{i}/attention/query": BLOCK + "attention.q_lin",
        "block_{i}/attention/key": BLOCK + "attention.k_lin",
        "block_{i}/attention/value": BLOCK + "attention.v_lin",
        "block_{i}/attention/output": BLOCK + "attention.out_lin",
        "block_{i}/attention_norm": BLOCK + "sa_layer_norm",
        "block_{i}/feed_forward/hidden": BLOCK + "ffn.lin1",
        "block_{i}/feed_forward/output": BLOCK + "ffn.lin2",
        "block_{i}/feed_forward_norm": BLOCK + "output_layer_norm",
        "classifier": "classifier",
    },
    prefix="distilbert.",
)

ARCHITECTURE = Architecture("distilbert", DistilBertConfig, backbone, config_of, NAMES)
