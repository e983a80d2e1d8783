"""A language model of characters: gated recurrent units that say which character comes next.

Graves, 2013, https://arxiv.org/abs/1308.0850; with the units of Cho et al., 2014, https://arxiv.org/abs/1406.1078.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.weights.names import OWN_NAMES


class CharLmConfig(Config):
    """Sizes of a language model of characters."""

    vocabulary_size: int = 66
    embedding_size: int = 64
    width: int = 320
    num_layers: int = 1
    dropout: float = 0.0


def backbone(config: CharLmConfig) -> keras.Model:
    """Return the network without scores: token_ids [batch, length] to sequence [batch, length, width].

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "sequence", and "pooled", which is the sequence's last vector.

    Raises:
        ValueError: Sizes do not fit together.

    >>> backbone(CharLmConfig(width=8)).output["sequence"].shape
    (None, None, 8)
    """
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    embedding = keras.layers.Embedding(
        config.vocabulary_size, config.embedding_size, name="token_embedding"
    )
    x = embedding(token_ids)
    for i in range(config.num_layers):
        # The state too, so that a text can be gone on with.
        units = keras.layers.GRU(
            config.width, return_sequences=True, return_state=True, name=f"gru_{i}"
        )
        x = units(x)[0]
        x = keras.layers.Dropout(config.dropout, name=f"dropout_{i}")(x)
    return keras.Model(
        {"token_ids": token_ids}, {"sequence": x, "pooled": x[:, -1]}, name="char_lm"
    )


def next_token(model: keras.Model, config: CharLmConfig) -> keras.Model:
    """Return the network with a score for each character that may come next: "logits" [batch, length, characters]."""
    scores = keras.layers.Dense(config.vocabulary_size, name="scores")
    return keras.Model(model.input, {"logits": scores(model.output["sequence"])}, name=model.name)


def config_of(published: dict[str, Any]) -> CharLmConfig:
    """Return the sizes in a configuration that has the names of `CharLmConfig`."""
    return CharLmConfig.of({k: v for k, v in published.items() if k in CharLmConfig.model_fields})


ARCHITECTURE = Architecture(
    "char_lm", CharLmConfig, backbone, config_of, OWN_NAMES, {"next_token": next_token}
)
