"""What `penstock.nn` offers of connectionist temporal classification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def ctc_loss(
    labels: TensorLike,
    logits: TensorLike,
    label_length: TensorLike,
    logit_length: TensorLike,
    *,
    blank_index: int = 0,
) -> Tensor:
    """Take minus the logarithm of the probability of label sequences, over all their alignments with time.

    Args:
        labels: [batch, length], any integer dtype; what is behind `label_length` is not read.
        logits: [batch, time, classes], any real dtype.
        label_length: [batch], how many labels count.
        logit_length: [batch], how many steps count.
        blank_index: The class that stands for no label; negative numbers count from the last class.

    Returns:
        [batch], of the logits' dtype or float32; inf, with a gradient of zero, where there are too few steps.

    Raises:
        ValueError: The shapes do not fit together, or there is no class `blank_index`.
        IndexError: A label is no class, or a length is out of range.

    Example:
        >>> loss = penstock.nn.ctc_loss([[1]], [[[0.0, 0.0], [0.0, 0.0]]], [1], [2])
        >>> penstock.round(penstock.exp(-loss) * 100)  # of 4 alignments 3 say "1"
        Tensor([75.], shape=(1,), dtype=float32)

    Source:
        Graves et al., 2006, "Connectionist temporal classification".
    """
    return ops.ctc_loss_(logits, labels, label_length, logit_length, blank_index)


def ctc_greedy_decode(
    logits: TensorLike,
    logit_length: TensorLike,
    *,
    blank_index: int = 0,
    merge_repeated: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the best class of every step, then drop repetitions and blanks.

    Args:
        logits: [batch, time, classes], any real dtype.
        logit_length: [batch], how many steps count.
        blank_index: The class that stands for no label; negative numbers count from the last class.
        merge_repeated: Drop repetitions.

    Returns:
        [batch, time] int64, the labels with -1 behind them; [batch] int64, how many there are; and [batch], the sum of
        the chosen logits, negated, as in TensorFlow.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> logits = [[[0.0, 9.0], [0.0, 9.0], [9.0, 0.0], [0.0, 9.0]]]
        >>> labels, count, _ = penstock.nn.ctc_greedy_decode(logits, [4])
        >>> labels
        Tensor([[ 1,  1, -1, -1]], shape=(1, 4), dtype=int64)
    """
    logits = asarray(logits)
    classes, time = logits.shape[2], logits.shape[1]
    best = ops.argmax(logits, -1)
    steps = ops.cumsum(ops.ones_like(best), 1) - 1
    inside = steps < ops.expand_dims(ops.cast(logit_length, "int64"), 1)
    score = -ops.sum(ops.where(inside, ops.max(logits, -1), 0.0), 1)
    kept = inside & (best != (blank_index % classes if blank_index < 0 else blank_index))
    if merge_repeated:
        changed = best[:, 1:] != best[:, :-1]
        kept = (
            kept & ops.concat([ops.ones_like(changed[:, :1]), changed], 1) if _long(time) else kept
        )
    count = ops.sum(ops.cast(kept, "int64"), 1)
    order = ops.argsort(ops.cast(~kept, "int64"), 1)  # stable: what is kept moves to the front
    moved = ops.take_along_axis(best, order, 1)
    return ops.where(steps < ops.expand_dims(count, 1), moved, -1), count, score


def _long(time: object) -> bool:
    return not isinstance(time, int) or time > 1


def ctc_beam_search_decode(
    logits: TensorLike,
    logit_length: TensorLike,
    *,
    beam_width: int = 100,
    top_paths: int = 1,
    blank_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Search for the most probable label sequences, over all their alignments with time.

    Args:
        logits: [batch, time, classes], any real dtype.
        logit_length: [batch], how many steps count.
        beam_width: How many sequences are followed.
        top_paths: How many are returned, at most `beam_width`.
        blank_index: The class that stands for no label; negative numbers count from the last class.

    Returns:
        [batch, top_paths, time] int64, the labels with -1 behind them; and [batch, top_paths], the logarithms of their
        probabilities.

    Raises:
        ValueError: The shapes do not fit together, or a number is out of range.

    Example:
        >>> labels, _ = penstock.nn.ctc_beam_search_decode([[[0.0, 9.0], [9.0, 0.0]]], [2])
        >>> labels
        Tensor([[[ 1, -1]]], shape=(1, 1, 2), dtype=int64)
    """
    return ops.ctc_beam_search_(logits, logit_length, beam_width, top_paths, blank_index)
