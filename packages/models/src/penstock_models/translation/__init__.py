"""From one language to another: batches of pairs, the loss, and the search for the best text."""

from penstock_models.translation.batches import PairBatches
from penstock_models.translation.loss import SmoothedLoss

__all__ = ["PairBatches", "SmoothedLoss"]
