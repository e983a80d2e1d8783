"""A dependency parser: which word each word hangs on, and how.

Words are read letter by letter (and looked up, if they are known), sentences by LSTMs in both directions; then every
pair of words gets a score as dependent and head, and a score for each relation.

Dozat and Manning, 2017, https://arxiv.org/abs/1611.01734; words from letters as in Ma and Hovy, 2016,
https://arxiv.org/abs/1603.01354.
"""

from __future__ import annotations

from typing import Any

import penstock_keras_api as keras
from penstock_models.architectures.architecture import Architecture
from penstock_models.config import Config
from penstock_models.layers import Biaffine, LetterFilters
from penstock_models.weights import OWN_NAMES


class BiaffineParserConfig(Config):
    """Sizes of a parser; the defaults are those of the shipped one but for what its data decides.

    Args:
        num_words: How many words are known, with padding, root and unknown; 0 for letters alone.
        num_characters: How many letters are known, with padding, root and unknown.
        num_relations: How many relations there are.
        num_tags: How many parts of speech there are; 0 for none.
        word_length: How many letters of a word are seen.
    """

    num_words: int
    num_characters: int
    num_relations: int
    num_tags: int = 0
    word_length: int = 16
    word_width: int = 64
    character_width: int = 32
    filters: int = 64
    kernel_sizes: tuple[int, ...] = (3, 5)
    num_layers: int = 2
    units: int = 160
    arc_width: int = 192
    relation_width: int = 64
    dropout: float = 0.25


def backbone(config: BiaffineParserConfig) -> keras.Model:
    """Return a parser: words [batch, length] and characters [batch, length, letters] to scores.

    The first place of each sentence is the root; word 0 is padding.

    Args:
        config: The sizes.

    Returns:
        A model with the outputs "arcs" [batch, dependent, head], "relations" [batch, dependent, head, relation],
        "tags" [batch, length, tag] if there are tags, and "sequence" [batch, length, width].

    Raises:
        ValueError: A size is below 1.

    >>> small = BiaffineParserConfig(num_words=9, num_characters=8, num_relations=5, units=4)
    >>> backbone(small).output["relations"].shape
    (None, None, None, 5)
    """
    words = keras.Input((None,), dtype="int32", name="words")
    characters = keras.Input((None, config.word_length), dtype="int32", name="characters")
    mask = words > 0
    x = _words(config, words, characters)
    outputs = {}
    for i in range(config.num_layers):
        x = keras.layers.Dropout(config.dropout, noise_shape=(None, 1, None))(x)
        lstm = keras.layers.LSTM(config.units, return_sequences=True, name="lstm")
        x = keras.layers.Bidirectional(lstm, name=f"lstm_{i}")(x, mask=mask)
        if config.num_tags and i == 0:
            outputs["tags"] = keras.layers.Dense(config.num_tags, name="tags")(x)
    outputs["sequence"] = x
    x = keras.layers.Dropout(config.dropout, noise_shape=(None, 1, None))(x)
    outputs["arcs"] = _pairs(config, x, None, mask)
    outputs["relations"] = _pairs(config, x, config.num_relations, None)
    inputs = {"words": words, "characters": characters}
    return keras.Model(inputs, outputs, name="biaffine_parser")


def _words(config: BiaffineParserConfig, words: Any, characters: Any) -> Any:
    """Return a vector for each word: of its letters, and its own if words are known."""
    spelt = LetterFilters(
        config.num_characters,
        config.character_width,
        config.filters,
        config.kernel_sizes,
        name="letters",
    )(characters)
    if not config.num_words:
        return spelt
    known = keras.layers.Embedding(config.num_words, config.word_width, name="word_embedding")
    return keras.layers.Concatenate()([spelt, known(words)])


def _pairs(config: BiaffineParserConfig, x: Any, outputs: int | None, mask: Any) -> Any:
    """Score pairs of places: for whether there is an arc, or for each relation that it may have."""
    name, width = (
        ("arc", config.arc_width) if outputs is None else ("relation", config.relation_width)
    )
    sides = []
    for side in ("dependent", "head"):
        seen = keras.layers.Dense(width, activation="leaky_relu", name=f"{name}_{side}")(x)
        sides.append(keras.layers.Dropout(config.dropout, noise_shape=(None, 1, None))(seen))
    return Biaffine(outputs, name=f"{name}_pairs")(*sides, heads_mask=mask)


def config_of(published: dict[str, Any]) -> BiaffineParserConfig:
    """Return the sizes that a preset says."""
    return BiaffineParserConfig.of(published)


ARCHITECTURE = Architecture("biaffine_parser", BiaffineParserConfig, backbone, config_of, OWN_NAMES)
