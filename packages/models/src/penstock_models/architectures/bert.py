"""BERT and RoBERTa: encoders of text that look both ways.

Devlin et al., 2018, https://arxiv.org/abs/1810.04805; Liu et al., 2019, https://arxiv.org/abs/1907.11692.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import Bias, PositionEmbedding, ReversibleEmbedding, TransformerBlock
from penstock_models.weights.names import Names


class BertConfig(Config):
    """Sizes of a BERT; the defaults are those of BERT-base, uncased."""

    vocabulary_size: int = 30522
    width: int = 768
    num_layers: int = 12
    num_heads: int = 12
    hidden_size: int = 3072
    max_length: int = 512
    num_segments: int = 2
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.1
    # RoBERTa's positions begin after the padding token's number, and padding is known by it.
    first_position: int = 0


def backbone(config: BertConfig, name: str = "bert") -> keras.Model:
    """Return the encoder: token_ids, padding_mask [batch, length] to sequence [batch, length, width] and pooled.

    Args:
        config: The sizes.
        name: The model's name.

    Returns:
        A model with the outputs "sequence", and "pooled" [batch, width], which is tanh of a product of the first.

    Raises:
        ValueError: Sizes do not fit together.

    >>> small = BertConfig(vocabulary_size=50, width=8, num_layers=1, num_heads=2, hidden_size=16, max_length=12)
    >>> model = backbone(small)
    >>> {name: tensor.shape for name, tensor in model.output.items()}
    {'sequence': (None, None, 8), 'pooled': (None, 8)}
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    segment_ids = keras.Input((None,), dtype="int32", name="segment_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    layers = keras.layers
    x = ReversibleEmbedding(config.vocabulary_size, config.width, name="token_embedding")(token_ids)
    x = x + layers.Embedding(config.num_segments, config.width, name="segment_embedding")(
        segment_ids
    )
    x = PositionEmbedding(config.max_length, config.first_position, name="position_embedding")(x)
    x = layers.LayerNormalization(epsilon=config.epsilon, name="embedding_norm")(x)
    x = layers.Dropout(config.dropout)(x)
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
    pooled = layers.Dense(config.width, activation="tanh", name="pooler")(x[:, 0])
    inputs = {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}
    return keras.Model(inputs, {"sequence": x, "pooled": pooled}, name=name)


def masked_language_model(model: keras.Model, config: BertConfig) -> keras.Model:
    """Return the encoder with a score for each token at each position, "logits" [batch, length, vocabulary].

    Args:
        model: What `backbone` returned.
        config: Its sizes.

    Returns:
        The model.

    Raises:
        ValueError: The model is no such backbone.
    """
    x = keras.layers.Dense(config.width, name="logits_dense")(model.output["sequence"])
    x = keras.layers.Activation(config.activation)(x)
    x = keras.layers.LayerNormalization(epsilon=config.epsilon, name="logits_norm")(x)
    x = Bias(name="logits")(model.get_layer("token_embedding")(x, reverse=True))
    return keras.Model(model.input, {"logits": x}, name=model.name)


def config_of(published: dict[str, Any]) -> BertConfig:
    """Return the sizes in a published config.json."""
    is_roberta = published["model_type"] in ("roberta", "xlm-roberta", "camembert")
    first = published["pad_token_id"] + 1 if is_roberta else 0
    return BertConfig(
        vocabulary_size=published["vocab_size"],
        width=published["hidden_size"],
        num_layers=published["num_hidden_layers"],
        num_heads=published["num_attention_heads"],
        hidden_size=published["intermediate_size"],
        max_length=published["max_position_embeddings"] - first,
        num_segments=published["type_vocab_size"],
        activation=published["hidden_act"],
        epsilon=published["layer_norm_eps"],
        dropout=published["hidden_dropout_prob"],
        first_position=first,
    )


BLOCK = "encoder.layer.{i}."
NAMES = Names(
    {
        "token_embedding": "embeddings.word_embeddings",
        "segment_embedding": "embeddings.token_type_embeddings",
        "position_embedding": "embeddings.position_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
        "block_{i}/attention/query": BLOCK + "attention.self.query",
        "block_{i}/attention/key": BLOCK + "attention.self.key",
        "block_{i}/attention/value": BLOCK + "attention.self.value",
        "block_{i}/attention/output": BLOCK + "attention.output.dense",
        "block_{i}/attention_norm": BLOCK + "attention.output.LayerNorm",
        "block_{i}/feed_forward/hidden": BLOCK + "intermediate.dense",
        "block_{i}/feed_forward/output": BLOCK + "output.dense",
        "block_{i}/feed_forward_norm": BLOCK + "output.LayerNorm",
        "pooler": "pooler.dense",
        "classifier": "classifier",
        "logits_dense": "cls.predictions.transform.dense",
        "logits_norm": "cls.predictions.transform.LayerNorm",
        "logits": "cls.predictions",
    },
    prefix="bert.",
)

ARCHITECTURE = Architecture(
    "bert", BertConfig, backbone, config_of, NAMES, {"tokens": masked_language_model}
)
