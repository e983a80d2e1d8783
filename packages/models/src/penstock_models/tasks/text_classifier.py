"""A model that says what a text is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.adapt.network import compiled
from penstock_models.adapt.texts import AdaptableTexts
from penstock_models.presets.schema import Input, Preset
from penstock_models.tasks import word_classifier
from penstock_models.tasks.guess import Guess, best_of
from penstock_models.tasks.word_classifier import WordClassifier
from penstock_models.tokenizers import Tokenizer
from penstock_models.tokenizers.batches import in_batches, rows_of

if TYPE_CHECKING:
    from penstock_models.export.serving import Serving

TEXT = Input(kind="text")
# A saved graph has a branch for each of these lengths, so that short texts are answered quickly.
SERVED = (16, 32, 64, 128)


class TextClassifier(AdaptableTexts):
    """Say which of some labels a text deserves.

    Args:
        labels: A word for each class.
        tokenizer: Makes rows of numbers of texts.
        make_network: Returns the network, from rows to "logits" [batch, labels].
        preset: What is known about it.

    Raises:
        ValueError: There are no labels.
    """

    _run = None  # it is never a finished graph

    def __init__(
        self,
        labels: Sequence[str],
        tokenizer: Tokenizer,
        make_network: Callable[[], keras.Model],
        preset: Preset | None = None,
    ) -> None:
        if not labels:
            raise InvalidValueError("[TextClassifier] got no labels; give a word for each class")
        self.labels = list(labels)
        self.input = preset.input if preset else TEXT
        self.preset = preset
        self.tokenizer = tokenizer
        self._make_network = make_network

    @cached_property
    def _compiled(self) -> Callable[[Any], Any]:
        run = compiled(self.network)
        return lambda rows: run(rows)["logits"]

    def probabilities(self, texts: str | Sequence[str]) -> ps.Tensor:
        """Return the probability of each label.

        Args:
            texts: A text, or several.

        Returns:
            float32 [texts, labels].

        Raises:
            ValueError: There are no texts.
        """
        several = [texts] if isinstance(texts, str) else list(texts)
        rows = rows_of(self.tokenizer, several)
        names = list(self.network.input)
        logits = in_batches(self._compiled, rows, names, self.tokenizer.max_length)
        return ps.nn.softmax(ps.asarray(logits))

    def predict(self, texts: str | Sequence[str], top: int = 3) -> list[list[Guess]]:
        """Return the most probable labels of each text, the best first.

        Args:
            texts: A text, or several.
            top: How many labels.

        Returns:
            A list of guesses for each text.

        Raises:
            ValueError: There are no texts.
        """
        return best_of(self.probabilities(texts).numpy(), self.labels, top)

    def serving(self) -> Serving:
        """Return how a saved graph answers: a text's numbers are made in it."""
        from penstock_models.export.serving import Serving

        length = self.tokenizer.max_length
        return Serving(
            ("text", "string", ()),
            lambda text: self.tokenizer(ps.reshape(text, (1,)), length=length)["token_ids"],
            self._served,
            lambda texts: self.tokenizer(list(texts), length=length)["token_ids"],
            (np.asarray("An example.", object), np.asarray("Another one, " * 9, object)),
        )

    def _served(self, token_ids: Any) -> Any:
        """Return logits; of long rows only as much is run as is no padding."""
        lengths = [n for n in SERVED if n < token_ids.shape[1]] + [token_ids.shape[1]]
        used = ps.max(ps.sum(ps.cast(token_ids != self.tokenizer.frame.padding, "int64"), axis=1))
        index = ps.sum(ps.cast(used > ps.asarray(lengths[:-1], dtype="int64"), "int64"))
        branches = [lambda n=n: self._logits(token_ids[:, :n]) for n in lengths]
        return ps.switch(index, branches)

    def _logits(self, token_ids: Any) -> Any:
        mask = ps.cast(token_ids != self.tokenizer.frame.padding, "int32")
        every = {
            "token_ids": token_ids,
            "segment_ids": ps.zeros_like(token_ids),
            "padding_mask": mask,
        }
        rows = {name: every[name] for name in self.network.input}
        return self.network(rows, training=False)["logits"]


def of(
    preset: Preset, files: Mapping[str, Path], loader: ModuleType
) -> TextClassifier | WordClassifier:
    """Return the classifier of a preset; one without an architecture knows whole words only.

    Args:
        preset: The preset.
        files: Where its files are.
        loader: The module that reads them, with `network`, or with `graph` for a finished one.
    """
    if preset.architecture is None:
        return word_classifier.of(preset, files, loader)
    from penstock_models.loaders import text
    from penstock_models.presets.load import labels_of

    tokenizer = text.tokenizer(preset, files)
    labels = labels_of(preset, files)
    return TextClassifier(labels, tokenizer, lambda: loader.network(preset, files), preset)
