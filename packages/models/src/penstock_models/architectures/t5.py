"""T5's encoder: scores that know how far apart positions are, and nothing else that does.

Raffel et al., 2019, https://arxiv.org/abs/1910.10683.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import RelativePositionBias, ReversibleEmbedding, TransformerBlock
from penstock_models.weights.names import Names


class T5Config(Config):
    """Sizes of a T5 encoder; the defaults are those of T5-small."""

    vocabulary_size: int = 32128
    width: int = 512
    num_layers: int = 6
    num_heads: int = 8
    head_size: int = 64
    hidden_size: int = 2048
    num_buckets: int = 32
    max_distance: int = 128
    activation: str = "relu"
    gated: bool = False
    epsilon: float = 1e-6
    dropout: float = 0.1


def backbone(config: T5Config) -> keras.Model:
    """Return the encoder: token_ids, padding_mask [batch, length] to sequence [batch, length, width].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence", and "pooled", which is the sequence's first vector.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = T5Config(vocabulary_size=50, width=8, num_layers=1, num_heads=2, head_size=4, hidden_size=16)
    >>> backbone(small).output["sequence"].shape
    (None, None, 8)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = ReversibleEmbedding(config.vocabulary_size, config.width, name="token_embedding")(token_ids)
    bias = RelativePositionBias(
        config.num_heads, config.num_buckets, config.max_distance, name="position_bias"
    )(x)
    for i in range(config.num_layers):
        block = TransformerBlock(
            config.num_heads,
            config.hidden_size,
            config.activation,
            norm_first=True,
            norm="rms",
            epsilon=config.epsilon,
            gated=config.gated,
            use_bias=False,
            dropout=config.dropout,
            attention={"head_size": config.head_size, "scale": 1.0},
            name=f"block_{i}",
        )
        x = block(x, padding_mask=padding_mask, bias=bias)
    x = keras.layers.RMSNormalization(epsilon=config.epsilon, name="final_norm")(x)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, {"sequence": x, "pooled": x[:, 0]}, name="t5_encoder")


def config_of(published: dict[str, Any]) -> T5Config:
    """Return the sizes in a published config.json."""
    kind = published.get("feed_forward_proj", "relu")
    gated = kind.startswith("gated-")
    activation = kind.removeprefix("gated-")
    return T5Config(
        vocabulary_size=published["vocab_size"],
        width=published["d_model"],
        num_layers=published["num_layers"],
        num_heads=published["num_heads"],
        head_size=published["d_kv"],
        hidden_size=published["d_ff"],
        num_buckets=published["relative_attention_num_buckets"],
        max_distance=published["relative_attention_max_distance"],
        activation="gelu_new" if gated and activation == "gelu" else activation,
        gated=gated,
        epsilon=published["layer_norm_epsilon"],
        dropout=published["dropout_rate"],
    )


def _names(gated: bool) -> Names:
    attention, feed_forward = "block.{i}.layer.0.", "block.{i}.layer.1."
    hidden = "DenseReluDense.wi_1" if gated else "DenseReluDense.wi"
    return Names(
        {
            "token_embedding": "shared",
            "position_bias": "block.0.layer.0.SelfAttention.relative_attention_bias",
            "block_{i}/attention/query": attention + "SelfAttention.q",
            "block_{i}/attention/key": attention + "SelfAttention.k",
            "block_{i}/attention/value": attention + "SelfAttention.v",
            "block_{i}/attention/output": attention + "SelfAttention.o",
            "block_{i}/attention_norm": attention + "layer_norm",
            "block_{i}/feed_forward/gate": feed_forward + "DenseReluDense.wi_0",
            "block_{i}/feed_forward/hidden": feed_forward + hidden,
            "block_{i}/feed_forward/output": feed_forward + "DenseReluDense.wo",
            "block_{i}/feed_forward_norm": feed_forward + "layer_norm",
            "final_norm": "final_layer_norm",
        },
        prefix="encoder.",
        ignore=r"^encoder\.embed_tokens\.weight$",  # the shared one once more
    )


def names_of(config: T5Config) -> Names:
    """Return what files call the weights: a gated network's differ."""
    return _names(config.gated)


ARCHITECTURE = Architecture("t5", T5Config, backbone, config_of, names_of)
