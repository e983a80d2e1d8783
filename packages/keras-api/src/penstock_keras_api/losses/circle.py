"""Circle loss, of embeddings."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import context
from penstock_keras_api.losses.loss import LossFunctionWrapper


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Pull embeddings of a label together, and push those of others away.

    With d the cosine distance: softplus(lse(-γ (m + d)(m - d)) + lse(γ (1 + m - d)(1 - m - d))), where the first lse is
    over embeddings of the same label, the second over others.

    Args:
        y_true: [batch], labels.
        y_pred: [batch, size], embeddings of length 1.
        ref_labels: Labels to compare with; by default those of the batch.
        ref_embeddings: Likewise.
        remove_diagonal: Whether an embedding is not compared with itself.
        gamma: A factor.
        margin: How far apart the labels are held.

    Returns:
        [batch].
    """
    y_pred = ps.asarray(y_pred)
    labels = ps.reshape(ps.cast(ps.asarray(y_true), "int32"), (-1,))
    own = ref_labels is None
    others = labels if own else ps.reshape(ps.cast(ps.asarray(ref_labels), "int32"), (-1,))
    references = y_pred if ref_embeddings is None else ps.asarray(ref_embeddings)
    distance = ps.maximum(1.0 - ps.matmul(y_pred, ps.matrix_transpose(references)), 0.0)
    same = ps.expand_dims(labels, 1) == ps.expand_dims(others, 0)
    different = ps.logical_not(same)
    if remove_diagonal:
        rows = ps.expand_dims(ps.cumsum(ps.ones_like(labels)), 1)
        columns = ps.expand_dims(ps.cumsum(ps.ones_like(others)), 0)
        same = ps.logical_and(same, rows != columns)
    near = -gamma * ps.maximum(margin + distance, 0.0) * (margin - distance)
    far = gamma * ps.maximum(1.0 + margin - distance, 0.0) * (1.0 - margin - distance)
    nothing = ps.full((), float("-inf"), dtype=distance.dtype)
    pulls = ps.logsumexp(ps.where(same, near, nothing), 1)
    pushes = ps.logsumexp(ps.where(different, far, nothing), 1)
    values = ps.nn.softplus(pulls + pushes)
    context.set_mask(values, values > 0.0)  # samples without any pair do not count
    return values


class Circle(LossFunctionWrapper):
    """Pull embeddings of a label together, and push those of others away.

    Args:
        gamma: A factor.
        margin: How far apart the labels are held.
        remove_diagonal: Whether an embedding is not compared with itself.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    Source:
        Sun et al., 2020, Circle loss: a unified perspective of pair similarity optimization.

    >>> from penstock import keras
    >>> loss = keras.losses.Circle()
    >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), 3)
    0.0
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        kwargs = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **kwargs)
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal
