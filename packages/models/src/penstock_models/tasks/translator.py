"""A model that translates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, overload

import penstock_keras_api as keras
from penstock_models.architectures import architecture
from penstock_models.presets.schema import Preset
from penstock_models.tokenizers.subwords import END, PAD, START, Subwords
from penstock_models.translation.batches import filled
from penstock_models.translation.search import Text, beam_search
from penstock_models.translation.writers import WRITERS


class Translator:
    """Say in one language what is said in another.

    Args:
        network: A network with the inputs token_ids, padding_mask and target_ids that returns "logits".
        name: Its architecture: "transformer" or "seq2seq_lstm".
        config: The architecture's sizes.
        words: The subwords of both languages.
        preset: What is known about it.

    Raises:
        KeyError: The architecture does not write texts.
    """

    def __init__(
        self,
        network: keras.Model,
        name: str,
        config: Any,
        words: Subwords,
        preset: Preset | None = None,
    ) -> None:
        self.network = network
        self.words = words
        self.preset = preset
        self._writer = WRITERS[name](network, config)

    @overload
    def translate(self, texts: str, **how: Any) -> str: ...
    @overload
    def translate(self, texts: Sequence[str], **how: Any) -> list[str]: ...
    def translate(self, texts: str | Sequence[str], **how: Any) -> str | list[str]:
        """Translate a text, or several.

        Args:
            texts: A sentence, or several.
            how: Arguments of `candidates`.

        Returns:
            The translation of the text, or of each.

        Raises:
            ValueError: An argument of the search is out of range.
        """
        if isinstance(texts, str):
            return self.words.decode(self.candidates([texts], **how)[0][0].tokens)
        return [self.words.decode(found[0].tokens) for found in self.candidates(texts, **how)]

    def candidates(
        self,
        texts: Sequence[str],
        beams: int = 4,
        length_penalty: float = 1.0,
        longest: int | None = None,
        batch_size: int = 64,
    ) -> list[list[Text]]:
        """Return the translations that the search finds for each text, the best first.

        Args:
            texts: The texts.
            beams: How many beginnings the search keeps; 1 for the greedy search.
            length_penalty: How much longer translations are preferred: 0 for the most probable one.
            longest: The most tokens of a translation; by default twice those of the text, and ten.
            batch_size: How many texts are translated at a time.

        Returns:
            The numbers and the score of each candidate; `words.decode` makes texts of them.

        Raises:
            ValueError: An argument of the search is out of range.
        """
        numbers = [self.words.encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(numbers[i]))
        found: list[list[Text]] = [[] for _ in texts]
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            token_ids = filled([[*numbers[i], END] for i in rows])
            inputs = {"token_ids": token_ids, "padding_mask": (token_ids != PAD).astype("int32")}
            made = beam_search(
                self._writer.step,
                self._writer.start(inputs),
                len(rows),
                start=START,
                end=END,
                beams=beams,
                longest=longest or 2 * token_ids.shape[1] + 10,
                length_penalty=length_penalty,
            )
            for i, candidates in zip(rows, made, strict=True):
                found[i] = candidates
        return found


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> Translator:
    """Return the translator of a preset; arguments as in `image_classifier.of`."""
    name = str(preset.architecture)
    config = architecture.find(name).config.of(preset.config)
    words = Subwords.load(files["subwords"])
    return Translator(loader.network(preset, files), name, config, words, preset)
