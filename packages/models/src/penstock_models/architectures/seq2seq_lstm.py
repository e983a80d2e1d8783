"""Two recurrent networks: one reads a text, the other writes one, and looks back at what was read.

Sutskever et al., 2014, https://arxiv.org/abs/1409.3215, with the attention of Luong et al., 2015,
https://arxiv.org/abs/1508.04025.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import GlobalAttention, ReversibleEmbedding
from penstock_models.weights.names import OWN_NAMES


class Seq2seqLstmConfig(Config):
    """Sizes of the two networks; both languages share one vocabulary."""

    vocabulary_size: int = 8000
    width: int = 256
    num_layers: int = 1
    dropout: float = 0.2


def backbone(config: Seq2seqLstmConfig) -> keras.Model:
    """Return both networks: token_ids, padding_mask [batch, length], and target_ids [batch, written].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence" [batch, written, width], "pooled", which is its last vector, and "memory"
        [batch, length, width], what was read.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(Seq2seqLstmConfig(vocabulary_size=50, width=8)).output["sequence"].shape
    (None, None, 8)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    padding_mask = keras.Input((None,), dtype="int32", name="padding_mask")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    # The same vectors say what comes next: scores must begin near each other.
    small = keras.initializers.RandomNormal(stddev=config.width**-0.5)
    embedding = ReversibleEmbedding(
        config.vocabulary_size, config.width, embeddings_initializer=small, name="token_embedding"
    )
    drop = keras.layers.Dropout(config.dropout, name="dropout")
    memory, states = drop(embedding(token_ids)), []
    there = padding_mask > 0
    for i in range(config.num_layers):
        # Where nothing is to be read, the state stays as it is.
        memory, *state = _lstm(config, f"encoder_{i}")(memory, mask=there)
        memory = drop(memory)
        states.append(state)
    x = drop(embedding(target_ids))
    for i, state in enumerate(states):
        x = drop(_lstm(config, f"decoder_{i}")(x, initial_state=state)[0])
    x = GlobalAttention(name="attention")(x, memory, padding_mask=padding_mask)
    inputs = {"token_ids": token_ids, "padding_mask": padding_mask, "target_ids": target_ids}
    outputs = {"sequence": x, "pooled": x[:, -1], "memory": memory}
    return keras.Model(inputs, outputs, name="seq2seq_lstm")


def _lstm(config: Seq2seqLstmConfig, name: str) -> keras.layers.Layer:
    return keras.layers.LSTM(config.width, return_sequences=True, return_state=True, name=name)


def next_token(model: keras.Model, config: Seq2seqLstmConfig) -> keras.Model:
    """Return the model with a score for each token that may come next, "logits" [batch, written, vocabulary]."""
    embedding, drop = model.get_layer("token_embedding"), model.get_layer("dropout")
    logits = embedding(drop(model.output["sequence"]), reverse=True)
    return keras.Model(model.input, {"logits": logits}, name=model.name)


def config_of(published: dict[str, Any]) -> Seq2seqLstmConfig:
    """Return the sizes in a configuration that has the names of `Seq2seqLstmConfig`."""
    fields = Seq2seqLstmConfig.model_fields
    return Seq2seqLstmConfig.of({k: v for k, v in published.items() if k in fields})


ARCHITECTURE = Architecture(
    "seq2seq_lstm",
    Seq2seqLstmConfig,
    backbone,
    config_of,
    OWN_NAMES,
    {"next_token": next_token},
)
