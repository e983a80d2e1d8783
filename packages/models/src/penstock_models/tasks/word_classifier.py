"""A classifier of texts that knows whole words only."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from penstock.errors import FormatError
from penstock_models.presets.schema import Preset
from penstock_models.tasks.guess import Guess, best_of

START, UNKNOWN, LENGTH = 1, 2, 256


class WordClassifier:
    """Say which of some labels a text deserves, by its words.

    Args:
        labels: The labels.
        numbers: The number of each word.
        run: A function of word numbers [batch, 256] that returns "probabilities".
        preset: What is known about it.

    Raises:
        ValueError: Never here.
    """

    def __init__(
        self,
        labels: Sequence[str],
        numbers: Mapping[str, int],
        run: Callable[[Any], Mapping[str, Any]],
        preset: Preset | None = None,
    ) -> None:
        self.labels = list(labels)
        self.preset = preset
        self._numbers = dict(numbers)
        self._run = run

    def prepare(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return the words' numbers: float32 [texts, 256], a start, then the words, then zeros."""
        rows = np.zeros((len(texts), LENGTH), np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()
            found = [START, *(self._numbers.get(word, UNKNOWN) for word in words)][:LENGTH]
            row[: len(found)] = found
        return rows

    def predict(self, texts: str | Sequence[str], top: int = 2) -> list[list[Guess]]:
        """Return the most probable labels of each text, the best first.

        Args:
            texts: A text, or several.
            top: How many labels.

        Returns:
            A list of guesses for each text.

        Raises:
            ValueError: There are no texts.
        """
        several = [texts] if isinstance(texts, str) else texts
        made = self._run(self.prepare(several))["probabilities"].numpy()
        return best_of(made, self.labels, top)


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> WordClassifier:
    """Return the classifier of a preset; arguments as in `image_classifier.of`."""
    from penstock_models.presets.load import labels_of

    run = loader.graph(preset, files)
    return WordClassifier(
        labels_of(preset, files), read_vocabulary(files["vocabulary"]), run, preset
    )


def read_vocabulary(path: Path) -> dict[str, int]:
    """Read a word and its number from each line.

    Raises:
        FormatError: A line does not end in a number.
    """
    numbers = {}
    for at, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        word, _, number = line.rpartition(" ")
        if not number.isdigit():
            if not line.strip():
                continue
            raise FormatError(f"[vocabulary] {path}, line {at}: expected a word and its number")
        numbers[word] = int(number)
    return numbers
