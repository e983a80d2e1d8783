"""What a parser's training makes small."""

from __future__ import annotations

from typing import Any

import penstock as ps
import penstock_keras_api as keras


def arc_loss(heads: Any, scores: Any) -> Any:
    """Return the mean of -log softmax(scores)[head] over the words.

    Args:
        heads: [batch, length]: the number of each word's head, or of its tag; -1 where there is no word.
        scores: [batch, length, choices].

    Returns:
        A number.

    Raises:
        ValueError: The shapes do not fit together.

    >>> import penstock as ps
    >>> round(float(arc_loss(ps.asarray([[-1, 0]]), ps.zeros((1, 2, 2)))), 4)
    0.6931
    """
    heads = ps.cast(heads, "int32")
    counts = ps.cast(heads >= 0, scores.dtype)
    each = keras.losses.sparse_categorical_crossentropy(
        ps.maximum(heads, 0), scores, from_logits=True
    )
    return ps.sum(each * counts) / ps.maximum(ps.sum(counts), 1.0)


def relation_loss(pairs: Any, scores: Any) -> Any:
    """Return the mean of -log softmax over relations, for each word with its true head.

    Args:
        pairs: [batch, length, 2]: the number of each word's head and of its relation; -1 where there is no word.
        scores: [batch, dependents, heads, relations].

    Returns:
        A number.

    Raises:
        ValueError: The shapes do not fit together.

    >>> import penstock as ps
    >>> round(float(relation_loss(ps.asarray([[[-1, -1], [0, 1]]]), ps.zeros((1, 2, 2, 4)))), 4)
    1.3863
    """
    pairs = ps.cast(pairs, "int32")
    heads = ps.maximum(pairs[..., 0], 0)
    of_true_heads = ps.take_along_axis(scores, heads[:, :, None, None], axis=2)[:, :, 0]
    return arc_loss(pairs[..., 1], of_true_heads)


LOSSES = {"arcs": arc_loss, "relations": relation_loss, "tags": arc_loss, "sequence": None}
LOSS_WEIGHTS = {"arcs": 1.0, "relations": 1.0, "tags": 0.5}
