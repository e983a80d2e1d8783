"""GPT-2: a decoder that says what token comes next.

Radford et al., 2019, "Language models are unsupervised multitask learners".
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import PositionEmbedding, ReversibleEmbedding, TransformerBlock
from penstock_models.weights.names import Names


class Gpt2Config(Config):
    """Sizes of a GPT-2; the defaults are those of the smallest published one."""

    vocabulary_size: int = 50257
    width: int = 768
    num_layers: int = 12
    num_heads: int = 12
    hidden_size: int = 3072
    max_length: int = 1024
    activation: str = "gelu_new"
    epsilon: float = 1e-5
    dropout: float = 0.1


def backbone(config: Gpt2Config) -> keras.Model:
    """Return the decoder without scores: token_ids, padding_mask [batch, length] to sequence [batch, length, width].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence", and "pooled", which is the sequence's last vector.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = Gpt2Config(vocabulary_size=50, width=8, num_layers=1, num_heads=2, hidden_size=16)
    >>> backbone(small).output["sequence"].shape
    (None, None, 8)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = ReversibleEmbedding(config.vocabulary_size, config.width, name="token_embedding")(token_ids)
    x = PositionEmbedding(config.max_length, name="position_embedding")(x)
    x = keras.layers.Dropout(config.dropout)(x)
    for i in range(config.num_layers):
        block = TransformerBlock(
            config.num_heads,
            config.hidden_size,
            config.activation,
            norm_first=True,
            epsilon=config.epsilon,
            dropout=config.dropout,
            attention={"causal": True},
            name=f"block_{i}",
        )
        x = block(x, padding_mask=padding_mask)
    x = keras.layers.LayerNormalization(epsilon=config.epsilon, name="final_norm")(x)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, {"sequence": x, "pooled": x[:, -1]}, name="gpt2")


def next_token(model: keras.Model, config: Gpt2Config) -> keras.Model:
    """Return the decoder with a score for each token that may come next, "logits" [batch, length, vocabulary]."""
    logits = model.get_layer("token_embedding")(model.output["sequence"], reverse=True)
    return keras.Model(model.input, {"logits": logits}, name=model.name)


def config_of(published: dict[str, Any]) -> Gpt2Config:
    """Return the sizes in a published config.json."""
    return Gpt2Config(
        vocabulary_size=published["vocab_size"],
        width=published["n_embd"],
        num_layers=published["n_layer"],
        num_heads=published["n_head"],
        hidden_size=published.get("n_inner") or 4 * published["n_embd"],
        max_length=published["n_positions"],
        activation=published["activation_function"],
        epsilon=published["layer_norm_epsilon"],
        dropout=published["resid_pdrop"],
    )


NAMES = Names(
    {
        "token_embedding": "wte",
        "position_embedding": "wpe",
        "block_{i}/attention/query": "h.{i}.attn.c_attn",
        "block_{i}/attention/key": "h.{i}.attn.c_attn",
        "block_{i}/attention/value": "h.{i}.attn.c_attn",
        "block_{i}/attention/output": "h.{i}.attn.c_proj",
        "block_{i}/attention_norm": "h.{i}.ln_1",
        "block_{i}/feed_forward/hidden": "h.{i}.mlp.c_fc",
        "block_{i}/feed_forward/output": "h.{i}.mlp.c_proj",
        "block_{i}/feed_forward_norm": "h.{i}.ln_2",
        "final_norm": "ln_f",
    },
    prefix="transformer.",
    ignore=r"attn\.(masked_)?bias$|^lm_head\.weight$",  # masks; the embedding once more
    linear="in_out",
    parts={
        "block_{i}/attention/query": (0, 3),
        "block_{i}/attention/key": (1, 3),
        "block_{i}/attention/value": (2, 3),
    },
)

ARCHITECTURE = Architecture(
    "gpt2", Gpt2Config, backbone, config_of, NAMES, {"next_token": next_token}
)
