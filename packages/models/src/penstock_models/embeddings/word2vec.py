"""word2vec: vectors from which a word's neighbours can be guessed.

Mikolov et al., 2013, https://arxiv.org/abs/1301.3781 and https://arxiv.org/abs/1310.4546.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_models.embeddings.corpus import Corpus, Numbers, windows

Model = Literal["skip-gram", "cbow"]


class Word2Vec:
    """Train word vectors by telling true neighbours from random words.

    For a word's vector u, a true neighbour's v₊ and random words' v₋ it makes small
    softplus(-u · v₊) + k · mean softplus(u · v₋). "skip-gram" takes a word and one of its neighbours for u and v₊; "cbow"
    the mean of the neighbours and the word. A batch shares its random words, so that their scores are one product. Only
    the rows that a batch has are touched, by Adam.

    Args:
        corpus: The text.
        width: How many numbers a vector has.
        model: "skip-gram" or "cbow".
        window: How far neighbours stand, at most.
        negatives: k, how much random words count.
        threshold: From which share of the text on words are left out at random.
        batch_size: How many pairs a step has.
        shared: How many random words a batch has.
        seed: Where the random numbers begin.

    Raises:
        ValueError: A size is below 1, or the model is unknown.

    >>> text = ["a", "b", "c", "d"] * 50
    >>> trained = Word2Vec(Corpus.of([text]), width=4, batch_size=32, threshold=0.0)
    >>> trained.fit_epoch() > trained.fit_epoch()
    True
    """

    def __init__(
        self,
        corpus: Corpus,
        width: int = 100,
        model: Model = "skip-gram",
        window: int = 5,
        negatives: float = 5.0,
        threshold: float = 1e-3,
        batch_size: int = 2048,
        shared: int = 128,
        seed: int = 0,
    ) -> None:
        if model not in ("skip-gram", "cbow"):
            raise InvalidValueError(f"[Word2Vec] got model={model!r}; use 'skip-gram' or 'cbow'")
        if min(width, window, batch_size, shared) < 1:
            raise InvalidValueError("[Word2Vec] width, window, batch_size and shared are 1 or more")
        self.corpus = corpus
        self.model = model
        self.window = window
        self.threshold = threshold
        self.batch_size = batch_size
        self.shared = shared
        self.epoch = 0
        self.step = 0
        self.seed = seed
        rng = np.random.default_rng(seed)
        shape = (len(corpus.words), width)
        start = ((rng.random(shape) - 0.5) / width).astype("float32")
        self.table = ps.Variable(start, name="words")
        self.contexts = ps.Variable(np.zeros(shape, "float32"), name="contexts")
        self.negatives = negatives
        self._moments = [ps.Variable(np.zeros(shape, "float32")) for _ in range(4)]
        often = corpus.counts**0.75
        self._shares = np.cumsum(often / often.sum())
        self._step = ps.function(self._take_step)

    @property
    def vectors(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The words' vectors, [words, width]."""
        table: np.ndarray[Any, np.dtype[np.float32]] = self.table.numpy()
        return table

    def fit_epoch(
        self,
        learning_rate: float = 2e-3,
        end_rate: float | None = None,
        each: Callable[[float], object] = lambda loss: None,
    ) -> float:
        """Go through the text once.

        Args:
            learning_rate: Adam's, at the beginning of the epoch.
            end_rate: At its end; the same by default.
            each: A function that is told each step's loss.

        Returns:
            The mean loss.

        Raises:
            ValueError: The text is too short for a single pair.
        """
        rng = np.random.default_rng([self.seed, self.epoch])
        inputs, targets = self._pairs(rng)
        if not len(targets):
            raise InvalidValueError(
                "[Word2Vec] the text has no two words beside each other; give a longer one"
            )
        starts = range(0, len(targets), self.batch_size)
        last = learning_rate if end_rate is None else end_rate
        total = 0.0
        for at, start in enumerate(starts):
            rows = slice(start, start + self.batch_size)
            rate = learning_rate + (last - learning_rate) * at / len(starts)
            others = np.searchsorted(self._shares, rng.random(self.shared)).clip(
                max=len(self.corpus.words) - 1
            )
            self.step += 1
            loss = float(
                self._step(
                    inputs[rows],
                    targets[rows],
                    others.astype("int32"),
                    np.float32(rate),
                    np.float32(self.step),
                )
            )
            total += loss
            each(loss / len(targets[rows]))
        self.epoch += 1
        return total / len(targets)

    def _pairs(self, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
        """Return inputs [pairs, words], -1 for none, and targets [pairs], in random order."""
        made = [
            _of_text(self.model, text, self.window, rng)
            for text in self.corpus.thinned(rng, self.threshold)
        ]
        inputs = np.concatenate([pair[0] for pair in made])
        targets = np.concatenate([pair[1] for pair in made])
        order = rng.permutation(len(targets))
        return inputs[order], targets[order]

    def _take_step(self, inputs: Any, targets: Any, others: Any, rate: Any, step: Any) -> Any:
        with ps.GradientTape() as tape:
            loss = self._loss(inputs, targets, others)
        variables = [self.table, self.contexts]
        for i, (variable, slope) in enumerate(
            zip(variables, tape.gradient(loss, variables), strict=True)
        ):
            m, v = self._moments[2 * i : 2 * i + 2]
            variable.scatter_adam(slope, m, v, rate, step)
        return loss

    def _loss(self, inputs: Any, targets: Any, others: Any) -> Any:
        some = ps.max(inputs, 1, keepdims=True)  # where there is no word, one that is there anyway
        rows = ps.nn.embedding(self.table.value, ps.where(inputs >= 0, inputs, some))
        there = ps.cast(inputs >= 0, "float32")[..., None]
        seen = ps.sum(rows * there, 1) / ps.sum(there, 1)
        true = ps.nn.embedding(self.contexts.value, targets)
        random = ps.nn.embedding(self.contexts.value, others)
        scores = ps.matmul(seen, ps.matrix_transpose(random))
        differs = ps.cast(ps.not_equal(targets[:, None], others[None, :]), "float32")
        right = ps.sum(ps.nn.softplus(-ps.sum(seen * true, -1)))
        wrong = ps.sum(ps.nn.softplus(scores) * differs)
        return right + self.negatives / self.shared * wrong


def _of_text(
    model: Model, text: Numbers, size: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers]:
    sides: Iterator[tuple[Any, Any, int]] = windows(text, size, rng)
    if model == "skip-gram":
        pairs = [(text[i], text[j]) for i, j, _ in sides]
        ones = np.concatenate([pair[0] for pair in pairs] or [np.empty(0, np.int32)])
        return ones[:, None], np.concatenate([pair[1] for pair in pairs] or [np.empty(0, np.int32)])
    around = np.full((len(text), 2 * size), -1, np.int32)
    for column, (places, beside, _) in enumerate(sides):
        around[places, column] = text[beside]
    seen = (around >= 0).any(1)
    return around[seen], text[seen]
