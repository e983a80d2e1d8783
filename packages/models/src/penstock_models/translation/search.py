"""The search for the text that a network finds most probable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError

Array = np.ndarray[Any, Any]
Step = Callable[[Array, Any, int], tuple[Array, Array, Any]]


@dataclass(frozen=True)
class Text:
    """A text that was written.

    Args:
        tokens: Its numbers, without start and end.
        score: The logarithm of its probability over ((5 + length) / 6)^length_penalty; the length counts the end.
    """

    tokens: tuple[int, ...]
    score: float


@dataclass(frozen=True)
class _Going:
    tokens: tuple[int, ...]
    total: float


def beam_search(
    step: Step,
    state: Any,
    count: int,
    *,
    start: int,
    end: int,
    beams: int = 4,
    longest: int = 100,
    length_penalty: float = 1.0,
) -> list[list[Text]]:
    """Write texts token by token, and keep the most probable beginnings of each; with one beam it is the greedy search.

    Args:
        step: A function of the last tokens [rows], a state, and k. It returns, for each row, the logarithms of the
            probabilities of the k best next tokens, falling, [rows, k], these tokens, and the next state.
        state: Dictionaries, lists and tuples of tensors whose first axis is the row; a row for each text at first.
        count: How many texts.
        start: The token before the first.
        end: The token after the last.
        beams: How many beginnings are kept.
        longest: After how many tokens a text ends, with its end.
        length_penalty: How much longer texts are preferred: 0 for the most probable one.

    Returns:
        For each text those that were found, the best first; at least one.

    Raises:
        ValueError: `beams` or `longest` is below 1, or `length_penalty` below 0.

    Source:
        Wu et al., 2016, https://arxiv.org/abs/1609.08144.

    >>> def coin(tokens, state, k):
    ...     return np.log(np.tile([[0.6, 0.4]], (len(tokens), 1))), np.tile([[7, 2]], (len(tokens), 1)), state
    >>> beam_search(coin, (), 1, start=1, end=2, beams=2, longest=3, length_penalty=0)[0][0].tokens
    ()
    """
    if min(beams, longest) < 1 or length_penalty < 0:
        raise InvalidValueError(
            f"[beam_search] got beams={beams}, longest={longest} and length_penalty={length_penalty}; expected at "
            "least 1, 1 and 0"
        )
    search = _Search(count, end, beams, longest, length_penalty)
    tokens = np.full(count, start, "int32")
    for length in range(1, longest + 1):
        logs, words, state = step(tokens, state, 2 * beams)
        parents, tokens = search.extend(np.asarray(logs), np.asarray(words), length)
        if not len(parents):
            break
        state = take_rows(state, parents)
    return search.found()


class _Search:
    """What is known of each text while the search goes on."""

    def __init__(self, count: int, end: int, beams: int, longest: int, alpha: float) -> None:
        self._end, self._beams, self._longest, self._alpha = end, beams, longest, alpha
        self._going: dict[int, list[_Going]] = {i: [_Going((), 0.0)] for i in range(count)}
        self._done: list[list[Text]] = [[] for _ in range(count)]
        self._cut: dict[int, list[_Going]] = {}

    def extend(self, logs: Array, words: Array, length: int) -> tuple[Array, Array]:
        """Extend all beginnings, and return from which rows the next ones come, and their last tokens."""
        parents: list[int] = []
        tokens: list[int] = []
        row = 0
        for i, beginnings in list(self._going.items()):
            rows = slice(row, row + len(beginnings))
            kept = self._extended(i, beginnings, logs[rows], words[rows], length)
            if self._is_over(i, [going for _, going in kept], length):
                del self._going[i]
            else:
                self._going[i] = [going for _, going in kept]
                parents += [row + parent for parent, _ in kept]
                tokens += [going.tokens[-1] for _, going in kept]
            row += len(beginnings)
        return np.array(parents, "int64"), np.array(tokens, "int32")

    def _extended(
        self, i: int, beginnings: list[_Going], logs: Array, words: Array, length: int
    ) -> list[tuple[int, _Going]]:
        """Put texts that end to those that are done; return the others, and which beginning each extends."""
        totals = logs + np.array([[going.total] for going in beginnings])
        order = np.argsort(-totals, axis=None, kind="stable")[: 2 * self._beams]
        kept: list[tuple[int, _Going]] = []
        for rank, place in enumerate(order):
            parent, column = divmod(int(place), logs.shape[1])
            total, word = float(totals[parent, column]), int(words[parent, column])
            if total == -np.inf:
                break
            tokens = beginnings[parent].tokens
            if word == self._end:
                if rank < self._beams:
                    self._done[i].append(Text(tokens, total / self._penalty(length)))
            elif len(kept) < self._beams:
                kept.append((parent, _Going((*tokens, word), total)))
        return kept

    def _is_over(self, i: int, kept: list[_Going], length: int) -> bool:
        """Whether nothing that goes on can become better than what is done."""
        if not kept or length == self._longest:
            self._cut[i] = kept
            return True
        if len(self._done[i]) >= self._beams:
            return True
        best = max((text.score for text in self._done[i]), default=-np.inf)
        return bool(best >= kept[0].total / self._penalty(self._longest))

    def _penalty(self, length: int) -> float:
        return float(((5 + length) / 6) ** self._alpha)

    def found(self) -> list[list[Text]]:
        """Return what is done, the best first; a beginning where nothing came to its end."""
        made = []
        for i, texts in enumerate(self._done):
            cut = [] if texts else self._cut.get(i, [])
            texts = texts + [Text(g.tokens, g.total / self._penalty(len(g.tokens))) for g in cut]
            made.append(sorted(texts or [Text((), -np.inf)], key=lambda text: -text.score))
        return made


def take_rows(state: Any, rows: Sequence[int] | Array) -> Any:
    """Return the rows of all tensors of a state."""
    if isinstance(state, dict):
        return {name: take_rows(part, rows) for name, part in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(take_rows(part, rows) for part in state)
    return ps.take(state, rows, 0)
