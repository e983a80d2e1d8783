"""How wrong a network's scores for the next token are."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api.losses import Loss
from penstock_models.tokenizers.subwords import PAD


class SmoothedLoss(Loss):
    """Cross-entropy with (1 - s) of the truth on the right token and s on all alike, over tokens that are there.

    Args:
        smoothing: s, from 0 to 1.
        kwargs: As in `keras.losses.Loss`.

    Raises:
        ValueError: Never here.

    Source:
        Szegedy et al., 2016, https://arxiv.org/abs/1512.00567.

    >>> float(SmoothedLoss(0.0)([[1, 0]], [[[0.0, 0.0], [9.0, 0.0]]]))
    0.6931471824645996
    """

    def __init__(self, smoothing: float = 0.1, **kwargs: Any) -> None:
        super().__init__(name="smoothed_loss", reduction=None, **kwargs)
        self.smoothing = smoothing

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the mean over all tokens but `PAD`.

        Args:
            y_true: The right tokens: [batch, length].
            y_pred: Scores: [batch, length, tokens].
            sample_weight: Not used: the tokens say themselves what counts.
        """
        labels, logits = ps.asarray(y_true), ps.asarray(y_pred)
        losses = ps.nn.softmax_cross_entropy(logits, labels)
        if self.smoothing:
            alike = ps.logsumexp(logits, axis=-1) - ps.mean(logits, axis=-1)
            losses = (1 - self.smoothing) * losses + self.smoothing * alike
        there = ps.cast(labels != PAD, losses.dtype)
        return ps.sum(losses * there) / ps.sum(there)
