"""How good word vectors are at analogies: a is to b as c is to which word?

Mikolov et al., 2013, https://arxiv.org/abs/1301.3781; the questions are its file questions-words.txt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from penstock.errors import FormatError, InvalidValueError

CHUNK = 500  # questions at once, so that the scores of all words fit into memory


class Question(NamedTuple):
    """`b` is to `a` as `answer` is to `c`."""

    section: str
    a: str
    b: str
    c: str
    answer: str


@dataclass(frozen=True)
class AnalogyScore:
    """How many questions were answered.

    Args:
        known: Questions all of whose words have vectors; only these count.
        first: Of how many of them the answer was the nearest word.
        fifth: Of how many it was among the five nearest.

    Raises:
        ValueError: Never.

    >>> AnalogyScore(10, 2, 5).top1
    0.2
    """

    known: int
    first: int
    fifth: int

    @property
    def top1(self) -> float:
        """The share of right answers."""
        return self.first / self.known if self.known else 0.0

    @property
    def top5(self) -> float:
        """The share of answers among the five nearest words."""
        return self.fifth / self.known if self.known else 0.0


@dataclass(frozen=True)
class AnalogyEvaluation:
    """Scores over all questions, and section by section.

    Args:
        asked: How many questions there were, also those whose words are not known.
        total: Over all questions.
        sections: By the sections' names.

    Raises:
        ValueError: Never.
    """

    asked: int
    total: AnalogyScore
    sections: dict[str, AnalogyScore]

    def __str__(self) -> str:
        """Return a line for each section, and one for all."""
        rows = {**self.sections, f"all of {self.asked}": self.total}
        return "\n".join(
            f"{name:<30}{score.known:>6}  top 1 {score.top1:6.3f}  top 5 {score.top5:6.3f}"
            for name, score in rows.items()
        )


def read_analogies(path: str | Path) -> list[Question]:
    """Read questions: lines of four words; a line with ":" before its name begins a section.

    Args:
        path: The file.

    Returns:
        The questions, in lower case.

    Raises:
        FormatError: A line has another number of words.
    """
    section = ""
    questions = []
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        words = line.split()
        if line.startswith(":"):
            section = line[1:].strip()
        elif len(words) == 4:
            questions.append(Question(section, *(word.lower() for word in words)))
        elif words:
            raise FormatError(
                f"[analogies] {path}, line {number}: got {len(words)} words; expected four, or ':' and a section's name"
            )
    return questions


def evaluate_analogies(
    words: Sequence[str], vectors: Any, questions: Sequence[Question]
) -> AnalogyEvaluation:
    """Answer each question by the word nearest to b - a + c, all vectors at length 1; never by a, b or c.

    Args:
        words: The words.
        vectors: [words, depth].
        questions: The questions; those with a word that has no vector are left out.

    Returns:
        The scores.

    Raises:
        ValueError: There are no questions.

    >>> vectors = [[1, 0, 1], [1, 0, -1], [0, 1, 1], [0, 1, -1]]
    >>> words = ["man", "woman", "king", "queen"]
    >>> evaluate_analogies(words, vectors, [Question("family", "man", "king", "woman", "queen")]).total.top1
    1.0
    """
    if not questions:
        raise InvalidValueError("[analogies] got no questions; give some")
    rows = {word: i for i, word in enumerate(words)}
    known = [q for q in questions if all(word in rows for word in q[1:])]
    unit = np.asarray(vectors, np.float32)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    asked = np.array([[rows[word] for word in q[1:]] for q in known], np.int64).reshape(-1, 4)
    ranks = np.concatenate(
        [np.empty(0, np.int64)]
        + [_ranks(unit, asked[i : i + CHUNK]) for i in range(0, len(asked), CHUNK)]
    )
    names = np.array([q.section for q in known])
    sections = {
        name: _score(ranks[names == name]) for name in dict.fromkeys(q.section for q in questions)
    }
    return AnalogyEvaluation(len(questions), _score(ranks), sections)


def _ranks(unit: np.ndarray[Any, Any], asked: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return how many words are nearer than the answer."""
    a, b, c, answer = asked.T
    near = (unit[b] - unit[a] + unit[c]) @ unit.T
    for word in (a, b, c):
        near[np.arange(len(asked)), word] = -np.inf
    of_answer = near[np.arange(len(asked)), answer]
    ranks: np.ndarray[Any, Any] = (near > of_answer[:, None]).sum(1)
    return np.where(np.isinf(of_answer), np.iinfo(ranks.dtype).max, ranks)


def _score(ranks: np.ndarray[Any, Any]) -> AnalogyScore:
    return AnalogyScore(len(ranks), int((ranks < 1).sum()), int((ranks < 5).sum()))
