"""Words as vectors: which are near, and what is to one as another is to a third."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import FormatError, InvalidValueError
from penstock_models.presets.schema import Preset


class WordVectors:
    """Words, and a vector for each.

    Args:
        words: The words, the most frequent first.
        vectors: [words, depth].

    Raises:
        ValueError: There are not as many vectors as words.

    >>> two = WordVectors(["a", "b", "c"], [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> two.nearest("a", 1)[0][0]
    'b'
    """

    def __init__(self, words: Sequence[str], vectors: Any) -> None:
        self.words = list(words)
        self.vectors = ps.asarray(vectors, dtype="float32")
        if self.vectors.ndim != 2 or self.vectors.shape[0] != len(self.words):
            raise InvalidValueError(
                f"[WordVectors] got {len(self.words)} words and vectors of shape {self.vectors.shape}; "
                "give a row for each word"
            )
        self._row = {word: i for i, word in enumerate(self.words)}
        self._unit = ps.nn.l2_normalize(self.vectors, axis=1)

    def __contains__(self, word: str) -> bool:
        return word in self._row

    def __getitem__(self, word: str) -> ps.Tensor:
        return self.vectors[self._index(word)]

    def _index(self, word: str) -> int:
        if word not in self._row:
            raise InvalidValueError(
                f"[WordVectors] {word!r} is not among the {len(self.words)} words"
            )
        return self._row[word]

    def nearest(self, word: str, count: int = 10) -> list[tuple[str, float]]:
        """Return the words whose vectors have the smallest angle to a word's, with the angle's cosine.

        Args:
            word: A word.
            count: How many.

        Returns:
            Words and cosines, the nearest first; not the word itself.

        Raises:
            ValueError: The word is not known.
        """
        return self._near(self._unit[self._index(word)], count, {word})

    def analogy(self, a: str, b: str, c: str, count: int = 1) -> list[tuple[str, float]]:
        """Return what is to `c` as `b` is to `a`: the words nearest to b - a + c.

        Args:
            a: Such as "man".
            b: Such as "king".
            c: Such as "woman".
            count: How many words.

        Returns:
            Words and cosines, the nearest first; none of the three.

        Raises:
            ValueError: A word is not known.
        """
        rows = [self._unit[self._index(word)] for word in (a, b, c)]
        return self._near(rows[1] - rows[0] + rows[2], count, {a, b, c})

    def _near(self, vector: Any, count: int, without: set[str]) -> list[tuple[str, float]]:
        scores = ps.matmul(self._unit, vector / ps.linalg.vector_norm(vector)).numpy()
        order = np.argsort(-scores, kind="stable")[: count + len(without)]
        found = [(self.words[i], float(scores[i])) for i in order if self.words[i] not in without]
        return found[:count]


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> WordVectors:
    """Return the vectors of a preset; arguments as in `image_classifier.of`."""
    words, vectors = loader.vectors(preset, files)
    return WordVectors(words, vectors)


def read_lines(path: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Read GloVe's text form: a word and its numbers on each line.

    Raises:
        FormatError: A line has another count of numbers than the first, or none.
    """
    words: list[str] = []
    rows: list[np.ndarray[Any, Any]] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        word, *numbers = line.split(" ")
        try:
            row = np.array(numbers, np.float32)
        except ValueError:
            row = np.empty(0, np.float32)
        if not row.size or (rows and row.size != rows[0].size):
            raise FormatError(
                f"[word vectors] {path}, line {number}: expected a word and its numbers"
            )
        words.append(word)
        rows.append(row)
    return words, np.stack(rows)


def read_json(path: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Read {"vectors": {word: numbers}}.

    Raises:
        FormatError: The file does not hold that.
    """
    try:
        table = json.loads(path.read_text("utf-8"))["vectors"]
        return list(table), np.array(list(table.values()), np.float32)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"[word vectors] {path} holds no table of vectors: {error}") from None
