"""What a detector is trained on: the multi-box loss, with the hardest of the background or with focus.

Liu et al., 2015, "SSD", https://arxiv.org/abs/1512.02325; Lin et al., 2017, "Focal Loss for Dense Object Detection",
https://arxiv.org/abs/1708.02002.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.losses import Loss

KINDS = ("hard", "focal")


class MultiBoxLoss(Loss):
    """Judge offsets and logits of every anchor, in one tensor.

    L = (class loss + box_weight · smooth L1 of the offsets of anchors that have something) / how many have something.

    Args:
        kind: "hard" counts, of the anchors with nothing, only the surest that there is something: `negatives` for each
            anchor with something. "focal" counts all, multiplied by how wrong they are to the power of `gamma`.
        negatives: How many anchors with nothing, for each with something.
        box_weight: The weight of boxes against classes.
        alpha: "focal": the weight of what is there against what is not.
        gamma: "focal": the power.
        class_weights: How much the things of each class count; None for all the same.
        name: The loss's name.

    Raises:
        ValueError: `kind` is none of the two.

    >>> import numpy as np
    >>> truth = np.array([[[0.0, 0, 0, 0, 0], [0, 0, 0, 0, -1]]], "float32")
    >>> round(float(MultiBoxLoss()(truth, np.zeros((1, 2, 5), "float32"))), 4)  # 2 · log 2
    1.3863
    """

    def __init__(
        self,
        kind: Literal["hard", "focal"] = "hard",
        negatives: float = 3.0,
        box_weight: float = 1.0,
        alpha: float = 0.25,
        gamma: float = 2.0,
        class_weights: Sequence[float] | None = None,
        name: str = "multi_box",
    ) -> None:
        super().__init__(name=name)
        if kind not in KINDS:
            raise InvalidValueError(
                f"[MultiBoxLoss] got kind={kind!r}; write kind='hard' or kind='focal'"
            )
        self.kind, self.negatives, self.box_weight = kind, negatives, box_weight
        self.alpha, self.gamma = alpha, gamma
        self.class_weights = None if class_weights is None else tuple(class_weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each picture, so weighted that their mean is that of all anchors with something.

        Args:
            y_true: [batch, anchors, 5]: offsets, and a class or -1, as `matching.targets` makes them.
            y_pred: [batch, anchors, 4 + classes]: offsets and logits.
        """
        kinds = y_true[..., 4]
        held = ps.cast(kinds >= 0, "float32")
        boxes = ps.sum(smooth_l1(y_pred[..., :4] - y_true[..., :4]), -1) * held
        logits = y_pred[..., 4:]
        # -1 has no column, so that there all of them are 0.
        wanted = ps.one_hot(ps.cast(kinds, "int64"), logits.shape[-1], dtype="float32")
        counted = self._focal if self.kind == "focal" else self._hard
        each = counted(logits, wanted, held) + self.box_weight * boxes
        if self.class_weights is not None:
            weights = np.array(self.class_weights, np.float32)
            each = each * (1.0 - held + ps.sum(wanted * weights, -1))
        return ps.sum(each, 1) / ps.maximum(ps.mean(ps.sum(held, 1)), 1.0)

    def _focal(self, logits: Any, wanted: Any, held: Any) -> Any:
        chance = ps.sigmoid(logits)
        wrong = wanted * (1.0 - chance) + (1.0 - wanted) * chance
        weight = wanted * self.alpha + (1.0 - wanted) * (1.0 - self.alpha)
        return ps.sum(weight * wrong**self.gamma * sigmoid_loss(logits, wanted), -1)

    def _hard(self, logits: Any, wanted: Any, held: Any) -> Any:
        loss = ps.sum(sigmoid_loss(logits, wanted), -1)
        empty = loss * (1.0 - held)
        # An anchor counts if fewer than so many empty ones of its picture are worse; a picture without anything has
        # the worst few all the same.
        most = ps.maximum(ps.sum(held, 1, keepdims=True), 1.0) * self.negatives
        order = ps.argsort(ps.argsort(ps.stop_gradient(empty), axis=1, descending=True), axis=1)
        return loss * held + empty * ps.cast(ps.cast(order, "float32") < most, "float32")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal loss of."""
        own = {n: getattr(self, n) for n in ("kind", "negatives", "box_weight", "alpha", "gamma")}
        own["class_weights"] = self.class_weights
        return {"name": self.name, **own}


def smooth_l1(x: Any) -> Any:
    """Return x² / 2 below 1, |x| - 1/2 above.

    Args:
        x: A tensor.

    Returns:
        As `x`.

    Raises:
        TypeError: `x` is complex.

    >>> smooth_l1(ps.asarray([0.5, -2.0])).tolist()
    [0.125, 1.5]
    """
    size = ps.abs(x)
    return ps.where(size < 1.0, 0.5 * x * x, size - 0.5)


def sigmoid_loss(logits: Any, wanted: Any) -> Any:
    """Return -log of the chance that a sigmoid gives what is wanted, without overflow.

    Args:
        logits: A tensor.
        wanted: As `logits`, from 0 to 1.

    Returns:
        As `logits`.

    Raises:
        ShapeError: Shapes do not fit together.
    """
    return ps.relu(logits) - logits * wanted + ps.log1p(ps.exp(-ps.abs(logits)))
