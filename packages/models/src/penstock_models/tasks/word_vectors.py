"""Words as vectors: which are near, and what is to one as another is to a third."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np

import penstock as ps
import penstock_keras_api as keras
from penstock.errors import InvalidValueError
from penstock_models.embeddings.files import read_vectors, write_vectors
from penstock_models.evaluation.analogies import (
    AnalogyEvaluation,
    Question,
    evaluate_analogies,
    read_analogies,
)
from penstock_models.presets.schema import Preset


class WordVectors:
    """Words, and a vector for each.

    Args:
        words: The words, the most frequent first.
        vectors: [words, depth].
        preset: What is known about them.

    Raises:
        ValueError: There are not as many vectors as words.

    >>> two = WordVectors(["a", "b", "c"], [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> two.nearest("a", 1)[0][0]
    'b'
    """

    def __init__(self, words: Sequence[str], vectors: Any, preset: Preset | None = None) -> None:
        self.preset = preset
        self.words = list(words)
        self.vectors = ps.asarray(vectors, dtype="float32")
        if self.vectors.ndim != 2 or self.vectors.shape[0] != len(self.words):
            raise InvalidValueError(
                f"[WordVectors] got {len(self.words)} words and vectors of shape {self.vectors.shape}; "
                "give a row for each word"
            )
        self._row = {word: i for i, word in enumerate(self.words)}
        self._unit = ps.nn.l2_normalize(self.vectors, axis=1)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file: GloVe's or word2vec's text, word2vec's binary form (.bin), or .json.

        Args:
            path: The file.

        Returns:
            The vectors.

        Raises:
            FormatError: The file is missing, cut off, or holds something else.
        """
        return cls(*read_vectors(path))

    def write(self, path: str | Path) -> None:
        """Write word2vec's text form, or its binary form if the name ends in .bin.

        Args:
            path: The file.

        Returns:
            Nothing.

        Raises:
            ValueError: A word holds a space.
            OSError: The file cannot be written.
        """
        write_vectors(path, self.words, self.vectors.numpy())

    def __len__(self) -> int:
        """Return how many words there are."""
        return len(self.words)

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

    def analogies(self, questions: str | Path | Sequence[Question]) -> AnalogyEvaluation:
        """Answer many analogies, and count the right answers.

        Args:
            questions: Questions, or a file of them such as word2vec's questions-words.txt.

        Returns:
            The scores; questions with a word that has no vector are left out, and say so.

        Raises:
            ValueError: There are no questions.
            FormatError: The file holds something else.
        """
        if isinstance(questions, str | Path):
            questions = read_analogies(questions)
        return evaluate_analogies(self.words, self.vectors.numpy(), questions)

    def embedding_layer(
        self, vocabulary: Sequence[str] | None = None, trainable: bool = False, **kwargs: Any
    ) -> keras.layers.Embedding:
        """Return a layer that looks up these vectors, for a model of one's own.

        Args:
            vocabulary: The words by their numbers, such as `TextVectorization.get_vocabulary()`; by default `words`. A
                word without a vector, and so padding and unknown, gets zeros.
            trainable: Whether training changes the vectors.
            kwargs: As in `keras.layers.Embedding`, such as mask_zero.

        Returns:
            The layer: numbers [...] to vectors [..., depth].

        Raises:
            ValueError: No word of the vocabulary has a vector.

        >>> layer = WordVectors(["a", "b"], [[1.0, 2.0], [3.0, 4.0]]).embedding_layer(["", "[UNK]", "b"])
        >>> layer([2, 0]).tolist()
        [[3.0, 4.0], [0.0, 0.0]]
        """
        names = self.words if vocabulary is None else list(vocabulary)
        rows = np.array([self._row.get(name, -1) for name in names])
        if not (rows >= 0).any():
            raise InvalidValueError(
                f"[WordVectors] none of the {len(names)} words of the vocabulary has a vector; are they in lower case?"
            )
        table = np.where(rows[:, None] >= 0, self.vectors.numpy()[rows], np.float32(0))
        return keras.layers.Embedding(
            len(names), table.shape[1], weights=table, trainable=trainable, **kwargs
        )

    def _near(self, vector: Any, count: int, without: set[str]) -> list[tuple[str, float]]:
        scores = ps.matmul(self._unit, vector / ps.linalg.vector_norm(vector)).numpy()
        order = np.argsort(-scores, kind="stable")[: count + len(without)]
        found = [(self.words[i], float(scores[i])) for i in order if self.words[i] not in without]
        return found[:count]


def of(preset: Preset, files: Mapping[str, Path], loader: ModuleType) -> WordVectors:
    """Return the vectors of a preset; arguments as in `image_classifier.of`."""
    words, vectors = loader.vectors(preset, files)
    return WordVectors(words, vectors, preset)
