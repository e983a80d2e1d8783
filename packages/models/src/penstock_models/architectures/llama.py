"""Llama: a decoder with rotary positions, gated feed-forward networks and shared keys and values.

Touvron et al., 2023, https://arxiv.org/abs/2302.13971.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import ReversibleEmbedding, TransformerBlock
from penstock_models.weights.names import Names


class LlamaConfig(Config):
    """Sizes of a Llama; the defaults are those of a small one."""

    vocabulary_size: int = 32000
    width: int = 288
    num_layers: int = 6
    num_heads: int = 6
    num_key_value_heads: int = 6
    head_size: int | None = None
    hidden_size: int = 768
    activation: str = "silu"
    epsilon: float = 1e-6
    rotary_base: float = 10000.0
    tied: bool = False


def backbone(config: LlamaConfig) -> keras.Model:
    """Return the decoder without scores: token_ids, padding_mask [batch, length] to sequence [batch, length, width].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence", and "pooled", which is the sequence's last vector.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(LlamaConfig(vocabulary_size=50, width=12, num_layers=1)).output["sequence"].shape
    (None, None, 12)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = ReversibleEmbedding(config.vocabulary_size, config.width, name="token_embedding")(token_ids)
    attention = {
        "causal": True,
        "rotary_base": config.rotary_base,
        "num_key_value_heads": config.num_key_value_heads,
        "head_size": config.head_size,
    }
    for i in range(config.num_layers):
        block = TransformerBlock(
            config.num_heads,
            config.hidden_size,
            config.activation,
            norm_first=True,
            norm="rms",
            epsilon=config.epsilon,
            gated=True,
            use_bias=False,
            attention=attention,
            name=f"block_{i}",
        )
        x = block(x, padding_mask=padding_mask)
    x = keras.layers.RMSNormalization(epsilon=config.epsilon, name="final_norm")(x)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, {"sequence": x, "pooled": x[:, -1]}, name="llama")


def next_token(model: keras.Model, config: LlamaConfig) -> keras.Model:
    """Return the decoder with a score for each token that may come next, "logits" [batch, length, vocabulary]."""
    x = model.output["sequence"]
    if config.tied:
        logits = model.get_layer("token_embedding")(x, reverse=True)
    else:
        logits = keras.layers.Dense(config.vocabulary_size, use_bias=False, name="logits")(x)
    return keras.Model(model.input, {"logits": logits}, name=model.name)


def config_of(published: dict[str, Any]) -> LlamaConfig:
    """Return the sizes in a published config.json.

    Raises:
        ValueError: It has rotary positions of a kind that is not known here.
    """
    rotary = published.get("rope_parameters") or published.get("rope_scaling") or {}
    if rotary.get("rope_type", "default") != "default":
        raise InvalidValueError(
            f"[llama] got rotary positions of type {rotary['rope_type']!r}; only 'default' is known"
        )
    return LlamaConfig(
        vocabulary_size=published["vocab_size"],
        width=published["hidden_size"],
        num_layers=published["num_hidden_layers"],
        num_heads=published["num_attention_heads"],
        num_key_value_heads=published["num_key_value_heads"],
        head_size=published.get("head_dim"),
        hidden_size=published["intermediate_size"],
        activation=published["hidden_act"],
        epsilon=published["rms_norm_eps"],
        rotary_base=published.get("rope_theta") or rotary.get("rope_theta", 10000.0),
        tied=published.get("tie_word_embeddings", False),
    )


NAMES = Names(
    {
        "token_embedding": "embed_tokens",
        "block_{i}/attention/query": "layers.{i}.self_attn.q_proj",
        "block_{i}/attention/key": "layers.{i}.self_attn.k_proj",
        "block_{i}/attention/value": "layers.{i}.self_attn.v_proj",
        "block_{i}/attention/output": "layers.{i}.self_attn.o_proj",
        "block_{i}/attention_norm": "layers.{i}.input_layernorm",
        "block_{i}/feed_forward/gate": "layers.{i}.mlp.gate_proj",
        "block_{i}/feed_forward/hidden": "layers.{i}.mlp.up_proj",
        "block_{i}/feed_forward/output": "layers.{i}.mlp.down_proj",
        "block_{i}/feed_forward_norm": "layers.{i}.post_attention_layernorm",
        "final_norm": "norm",
        "logits": "lm_head",
    },
    prefix="model.",
    ignore=r"rotary_emb\.inv_freq$",
)

ARCHITECTURE = Architecture(
    "llama", LlamaConfig, backbone, config_of, NAMES, {"next_token": next_token}
)
