"""GloVe: vectors whose products are the logarithms of how often words stand near each other.

Pennington, Socher and Manning, 2014, https://nlp.stanford.edu/pubs/glove.pdf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_models.embeddings.corpus import Corpus, windows


class Glove:
    """Train word vectors on counts of neighbours X: Σ f(X_ij) (u_i · v_j + a_i + b_j - log X_ij)².

    f(x) = min(1, (x / x_max)^0.75). A pair at distance d counts 1 / d. The vectors are u + v.

    Args:
        corpus: The text.
        width: How many numbers a vector has.
        window: How far neighbours stand, at most.
        most: x_max, from which count on all pairs weigh the same.
        batch_size: How many pairs a step has.
        seed: Where the random numbers begin.

    Raises:
        ValueError: A size is below 1, or no two words stand beside each other.

    >>> text = ["a", "b", "c", "d"] * 50
    >>> trained = Glove(Corpus.of([text]), width=4, batch_size=8)
    >>> trained.fit_epoch() > trained.fit_epoch()
    True
    """

    def __init__(
        self,
        corpus: Corpus,
        width: int = 100,
        window: int = 10,
        most: float = 10.0,
        batch_size: int = 4096,
        seed: int = 0,
    ) -> None:
        if min(width, window, batch_size) < 1:
            raise InvalidValueError("[Glove] width, window and batch_size are 1 or more")
        self.corpus = corpus
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.step = 0
        self.first, self.second, counts = near_counts(corpus, window)
        if not len(counts):
            raise InvalidValueError(
                "[Glove] the text has no two words beside each other; give a longer one"
            )
        self.logarithms = np.log(counts).astype("float32")
        self.weights = np.minimum(1.0, (counts / most) ** 0.75).astype("float32")
        rng = np.random.default_rng(seed)
        words = len(corpus.words)
        # The last two columns are a_i · 1 and 1 · b_j: so one product has all terms.
        self._sides = [_side(rng, words, width, fixed) for fixed in (width + 1, width)]
        self._moments = [ps.Variable(np.zeros((words, width + 2), "float32")) for _ in range(4)]
        self._free = [ps.asarray(_all_but(width + 2, fixed)) for fixed in (width + 1, width)]
        self._width = width
        self._step = ps.function(self._take_step)

    @property
    def vectors(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The words' vectors, [words, width]."""
        one, other = (side.numpy()[:, : self._width] for side in self._sides)
        total: np.ndarray[Any, np.dtype[np.float32]] = one + other
        return total

    def fit_epoch(
        self,
        learning_rate: float = 2e-3,
        end_rate: float | None = None,
        each: Callable[[float], object] = lambda loss: None,
    ) -> float:
        """Go through all counts once.

        Args:
            learning_rate: Adam's, at the beginning of the epoch.
            end_rate: At its end; the same by default.
            each: A function that is told each step's loss.

        Returns:
            The mean loss.

        Raises:
            ValueError: Never.
        """
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.first))
        last = learning_rate if end_rate is None else end_rate
        total = 0.0
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            rate = learning_rate + (last - learning_rate) * start / len(order)
            self.step += 1
            columns = (
                self.first[rows],
                self.second[rows],
                self.logarithms[rows],
                self.weights[rows],
            )
            loss = float(self._step(*columns, np.float32(rate), np.float32(self.step)))
            total += loss
            each(loss / len(rows))
        self.epoch += 1
        return total / len(order)

    def _take_step(
        self, i: Any, j: Any, logarithms: Any, weights: Any, rate: Any, step: Any
    ) -> Any:
        with ps.GradientTape() as tape:
            one, other = (
                ps.nn.embedding(side.value, at)
                for side, at in zip(self._sides, (i, j), strict=True)
            )
            misses = ps.sum(one * other, -1) - logarithms
            loss = ps.sum(weights * misses * misses)
        slopes = tape.gradient(loss, self._sides)
        for k, (side, slope, free) in enumerate(zip(self._sides, slopes, self._free, strict=True)):
            m, v = self._moments[2 * k : 2 * k + 2]
            rows = ps.IndexedSlices(slope.values * free, slope.indices, side.shape)
            side.scatter_adam(rows, m, v, rate, step)
        return loss


def near_counts(corpus: Corpus, window: int) -> tuple[Any, Any, Any]:
    """Count how often words stand near each other, each time 1 / distance.

    Args:
        corpus: The text.
        window: How far apart they may stand.

    Returns:
        The first word's numbers, the second's, and their counts; pairs that never occur are left out.

    Raises:
        ValueError: Never.

    >>> near_counts(Corpus.of([["a", "b", "a"]], min_count=1), 2)[2].tolist()
    [1.0, 2.0, 2.0]
    """
    size = len(corpus.words)
    keys, shares = [np.empty(0, np.int64)], [np.empty(0)]
    for text in corpus.texts:
        for near, far, distance in windows(text, window):
            pairs, times = np.unique(
                text[near].astype(np.int64) * size + text[far], return_counts=True
            )
            keys.append(pairs)
            shares.append(times / distance)
    found, where = np.unique(np.concatenate(keys), return_inverse=True)
    counts = np.bincount(where, np.concatenate(shares), len(found))
    return (found // size).astype(np.int32), (found % size).astype(np.int32), counts


def _side(rng: np.random.Generator, words: int, width: int, fixed: int) -> ps.Variable:
    start = ((rng.random((words, width + 2)) - 0.5) / width).astype("float32")
    start[:, fixed] = 1.0
    return ps.Variable(start)


def _all_but(size: int, fixed: int) -> np.ndarray[Any, Any]:
    free = np.ones(size, "float32")
    free[fixed] = 0.0
    return free
