"""Batches of sentences that are nearly equally long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

import penstock_keras_api as keras
from penstock_models.parsing.sentence import Sentence
from penstock_models.parsing.vocabulary import PADDING, UNKNOWN, Numbers, ParserVocabulary

# Sentences are padded to one of these lengths, so that few shapes occur; longer ones to a multiple of the last.
LENGTHS = (4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 64)

Batch = tuple[dict[str, Numbers], dict[str, Numbers]]


class SentenceBatches(keras.utils.PyDataset):
    """Sentences for training: what a parser's backbone takes, and what it should say.

    Every epoch has the same shapes, with other sentences together and in another order. All epochs follow one another,
    so that the number of a batch says everything: `fit(batches, steps_per_epoch=batches.per_epoch, shuffle=False)`.

    Args:
        sentences: With trees.
        vocabulary: What the parser knows.
        epochs: How often each sentence comes.
        places: How many words a batch has, with root and padding, unless one sentence is longer.
        unknown: The probability with which a word is made unknown, so that the parser learns to read letters.
        seed: Where the random numbers begin.

    Raises:
        ValueError: There are no sentences.

    >>> one = Sentence.of(["Go", "on"], [0, 1], ["root", "advmod"])
    >>> x, y = SentenceBatches([one], ParserVocabulary.of([one]), unknown=0.0)[0]
    >>> y["arcs"].tolist()
    [[-1, 0, 1, -1]]
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        vocabulary: ParserVocabulary,
        epochs: int = 1,
        places: int = 1000,
        unknown: float = 0.25,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.unknown = unknown
        self.seed = seed
        self.epochs = epochs
        self._rows = [_row(sentence, vocabulary) for sentence in sentences]
        self._groups = list(by_length([len(s) + 1 for s in sentences], places))
        self._order: tuple[int, list[tuple[int, list[int]]]] = (0, self._epoch(0))

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has."""
        return len(self._order[1])

    def __len__(self) -> int:
        """Return how many batches there are in all epochs."""
        return self.per_epoch * self.epochs

    def __getitem__(self, index: int) -> Batch:
        """Return a batch, by its number from the first epoch's first."""
        epoch = index // self.per_epoch
        if self._order[0] != epoch:
            self._order = (epoch, self._epoch(epoch))
        length, chosen = self._order[1][index % self.per_epoch]
        parts = [self._rows[i] for i in chosen]
        made = {
            name: _padded(
                [part[name] for part in parts], length, -1 if name in TARGETS else PADDING
            )
            for name in parts[0]
        }
        rng = np.random.default_rng([self.seed, 1, index])
        words = made["words"]
        hidden = (rng.random(words.shape) < self.unknown) & (words > UNKNOWN)
        words = np.where(hidden, np.int32(UNKNOWN), words)
        inputs = {"words": words, "characters": made["characters"]}
        return inputs, {name: made[name] for name in TARGETS}

    def _epoch(self, epoch: int) -> list[tuple[int, list[int]]]:
        """Return the batches of an epoch: the length that they are padded to, and their sentences."""
        rng = np.random.default_rng([self.seed, 0, epoch])
        batches = [
            (length, [int(i) for i in order[start : start + size]])
            for length, size, members in self._groups
            for order in [rng.permutation(members)]
            for start in range(0, len(order), size)
        ]
        return [batches[i] for i in rng.permutation(len(batches))]


TARGETS = ("arcs", "relations", "tags")


def by_length(lengths: Sequence[int], places: int) -> Iterator[tuple[int, int, list[int]]]:
    """Group sentences by the length that they are padded to.

    Args:
        lengths: How many places each sentence takes.
        places: How many places a batch has.

    Returns:
        For each group the length, how many sentences a batch has, and which sentences they are.

    Raises:
        ValueError: There are no sentences.

    >>> list(by_length([3, 4, 9], 100))
    [(4, 25, [0, 1]), (12, 8, [2])]
    """
    groups: dict[int, list[int]] = {}
    for i, length in enumerate(lengths):
        groups.setdefault(_rounded(length), []).append(i)
    for length in sorted(groups):
        yield length, max(1, places // length), groups[length]


def _rounded(length: int) -> int:
    last = LENGTHS[-1]
    return next((fit for fit in LENGTHS if fit >= length), -(-length // last) * last)


def inputs_of(
    forms: Sequence[Sequence[str]], vocabulary: ParserVocabulary, length: int
) -> dict[str, Numbers]:
    """Return what a parser's backbone takes for sentences of words.

    Args:
        forms: The words of each sentence.
        vocabulary: What the parser knows.
        length: How many places each sentence is padded to.

    Returns:
        "words" [sentences, length] and "characters" [sentences, length, letters].

    Raises:
        ValueError: A sentence is longer.
    """
    return {
        "words": _padded([vocabulary.word_numbers(f) for f in forms], length, PADDING),
        "characters": _padded([vocabulary.letter_numbers(f) for f in forms], length, PADDING),
    }


def _row(sentence: Sentence, vocabulary: ParserVocabulary) -> dict[str, Numbers]:
    heads = [-1, *(word.head for word in sentence)]
    relations = [-1, *vocabulary.relation_numbers(sentence)]
    return {
        "words": vocabulary.word_numbers(sentence.forms),
        "characters": vocabulary.letter_numbers(sentence.forms),
        "arcs": np.array(heads, np.int32),
        "relations": np.stack([np.array(heads, np.int32), np.array(relations, np.int32)], 1),
        "tags": np.array([-1, *vocabulary.tag_numbers(sentence)], np.int32),
    }


def _padded(rows: Sequence[Numbers], length: int, filler: int) -> Numbers:
    whole = np.full((len(rows), length, *rows[0].shape[1:]), filler, np.int32)
    for target, row in zip(whole, rows, strict=True):
        target[: len(row)] = row
    return whole
