"""A model that goes on with a text, character by character."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import FormatError, InvalidValueError
from penstock_models.architectures import architecture
from penstock_models.presets.schema import Preset

UNKNOWN = 0  # the number of every character that the training text does not have


class CharacterWriter:
    """Go on with a text, and say how probable a text is.

    Args:
        network: A `char_lm` with its head `next_token`.
        config: Its sizes.
        characters: The characters of the numbers from 1 on.
        preset: What is known about it.

    Raises:
        ValueError: There are not as many characters as the network has scores.
    """

    def __init__(
        self,
        network: keras.Model,
        config: Any,
        characters: Sequence[str],
        preset: Preset | None = None,
    ) -> None:
        if len(characters) + 1 != config.vocabulary_size:
            raise InvalidValueError(
                f"[CharacterWriter] got {len(characters)} characters for {config.vocabulary_size} scores; expected one "
                "less: the first score is that of all others"
            )
        self.network = network
        self.characters = "".join(characters)
        self.preset = preset
        self._config = config
        self._number = {character: i for i, character in enumerate(characters, 1)}

    def encode(self, text: str) -> np.ndarray[Any, Any]:
        """Return the numbers of a text's characters: int32 [1, length]."""
        return np.array([[self._number.get(c, UNKNOWN) for c in text]], "int32")

    def generate(
        self, prompt: str, length: int = 200, temperature: float = 0.8, seed: int = 0
    ) -> str:
        """Go on with a text.

        Args:
            prompt: How it begins; at least one character.
            length: How many characters to write.
            temperature: 1 draws characters as often as they are probable, less prefers the probable ones, 0 takes the
                most probable one.
            seed: Of the draws.

        Returns:
            What was written, without the prompt.

        Raises:
            ValueError: The prompt is empty, or the temperature is below 0.
        """
        if not prompt or temperature < 0:
            raise InvalidValueError(
                f"[generate] got prompt={prompt!r} and temperature={temperature}; expected at least one character, and "
                "a temperature from 0 on"
            )
        rng = np.random.default_rng(seed)
        tokens = self.encode(prompt)
        states = [np.zeros((1, self._config.width), "float32")] * self._config.num_layers
        written = ""
        for _ in range(length):
            logits, states = self._step(ps.asarray(tokens), states)
            number = _draw(logits.numpy()[0, -1], temperature, rng)
            written += self.characters[number - 1]
            tokens = np.array([[number]], "int32")
        return written

    def bits_per_character(self, text: str) -> float:
        """Return how many bits a character of a text takes, on average, when all before it are known.

        Args:
            text: At least two characters; the first one is not counted.

        Returns:
            The mean of -log2 of each character's probability; the less, the better the model knows such texts.

        Raises:
            ValueError: The text has less than two characters.
        """
        if len(text) < 2:
            raise InvalidValueError(
                f"[bits_per_character] got {len(text)} characters; give at least 2"
            )
        tokens = self.encode(text)
        logits = self.network({"token_ids": tokens[:, :-1]}, training=False)["logits"]
        losses = ps.nn.softmax_cross_entropy(logits, tokens[:, 1:])
        return float(ps.mean(losses)) / math.log(2)

    @cached_property
    def _step(self) -> Any:
        layer = self.network.get_layer
        units = [layer(f"gru_{i}") for i in range(self._config.num_layers)]

        def step(tokens: Any, states: Any) -> Any:
            x, after = layer("token_embedding")(tokens), []
            for unit, state in zip(units, states, strict=True):
                x, kept = unit(x, initial_state=state)
                after.append(kept)
            return layer("scores")(x), after

        return ps.function(step)


def _draw(logits: np.ndarray[Any, Any], temperature: float, rng: np.random.Generator) -> int:
    """Draw a character's number; never the one that stands for unknown characters."""
    logits = logits[1:].astype("float64")
    if temperature == 0:
        return int(logits.argmax()) + 1
    weights = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(weights), p=weights / weights.sum())) + 1


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> CharacterWriter:
    """Return the writer of a preset; arguments as in `image_classifier.of`.

    Raises:
        FormatError: The preset names no architecture.
    """
    if preset.architecture is None:
        raise FormatError(f"[preset] {preset.name} names no architecture, so nothing can be built")
    config = architecture.find(preset.architecture).config.of(preset.config)
    characters = files["characters"].read_bytes().decode("utf-8")
    return CharacterWriter(loader.network(preset, files), config, characters, preset)
