"""BLEU, as sacrebleu counts it: the one count that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors import InvalidValueError, PluginError
from penstock_models.evaluation.intervals import Interval


@dataclass(frozen=True)
class Bleu:
    """How near translations are to a person's.

    Args:
        interval: From 0 to 100, with where 95 of 100 such sets of sentences would hold it.
        signature: How it was counted, in sacrebleu's words.
    """

    interval: Interval
    signature: str


def bleu(said: Sequence[str], expected: Sequence[str], resamples: int = 1000) -> Bleu:
    """Compare translations with a person's, by the words and rows of words that both have.

    Args:
        said: The translations: plain text, with upper and lower case.
        expected: A person's, one for each.
        resamples: How many sets of sentences are drawn for the interval.

    Returns:
        BLEU with case, its interval, and how it was counted.

    Raises:
        ValueError: There is not one expected text for each, or none at all.
        PluginError: sacrebleu is not installed.

    Source:
        Post, 2018, "A call for clarity in reporting BLEU scores", https://arxiv.org/abs/1804.08771.
    """
    if len(said) != len(expected) or not said:
        raise InvalidValueError(
            f"[bleu] got {len(said)} translations and {len(expected)} expected ones; give one for each, and at least one"
        )
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        raise PluginError(
            "[bleu] needs sacrebleu; type: pip install 'penstock-models[translation]'"
        ) from None
    counter = BLEU()
    found = counter.corpus_score(list(said), [list(expected)], n_bootstrap=resamples)
    mean, half = float(found._mean), float(found._ci)
    interval = Interval(float(found.score), mean - half, mean + half)
    return Bleu(interval, str(counter.get_signature()))
