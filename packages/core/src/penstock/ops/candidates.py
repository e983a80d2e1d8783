"""Losses over many classes that look at a few: sampled softmax and noise-contrastive estimation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock import ops
from penstock.errors import ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def log_uniform_candidate_sampler(
    true_classes: TensorLike,
    num_sampled: int,
    range_max: int,
    *,
    unique: bool = True,
    seed: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw classes that are numbered by falling frequency, and say how often each was to be expected.

    Class k has the probability ln((k + 2) / (k + 1)) / ln(range_max + 1).

    Args:
        true_classes: [batch, true], the right classes, any integer dtype.
        num_sampled: How many classes to draw, the same ones for the whole batch.
        range_max: How many classes there are.
        unique: Draw no class twice.
        seed: Draw the same classes in every call; None continues the stream that `set_seed` began.

    Returns:
        [num_sampled] int64, the classes; [batch, true] float32, how often the right ones were to be expected; and
        [num_sampled] float32, how often the drawn ones were.

    Raises:
        ValueError: A number is out of range.

    Example:
        >>> classes, _, _ = penstock.nn.log_uniform_candidate_sampler([[0]], 3, 3, seed=1)
        >>> penstock.sort(classes)
        Tensor([0, 1, 2], shape=(3,), dtype=int64)
    """
    drawn, draws = ops.log_uniform_candidates(num_sampled, range_max, unique, seed=seed)

    def expected(classes: Tensor) -> Tensor:
        k = ops.cast(classes, "float64")
        p = ops.log((k + 2.0) / (k + 1.0)) / ops.log(ops.full((), range_max + 1.0, "float64"))
        count = (
            -ops.expm1(ops.cast(draws, "float64") * ops.log1p(-p)) if unique else p * num_sampled
        )
        return ops.cast(count, "float32")

    return drawn, expected(asarray(true_classes)), expected(drawn)


def sampled_softmax_loss(
    weights: TensorLike,
    biases: TensorLike,
    labels: TensorLike,
    inputs: TensorLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Sequence[Any] | None = None,
    remove_accidental_hits: bool = True,
    seed: int | None = None,
) -> Tensor:
    """Take softmax cross-entropy over the right classes and a few that are drawn; for training only.

    Args:
        weights: [num_classes, dim], one row for each class, a float dtype; its gradient has rows only where it is used.
        biases: [num_classes].
        labels: [batch, num_true], the right classes, any integer dtype.
        inputs: [batch, dim].
        num_sampled: How many classes to draw for the batch.
        num_classes: How many classes there are.
        num_true: How many right classes each row has.
        sampled_values: What a candidate sampler returned; None calls `log_uniform_candidate_sampler`.
        remove_accidental_hits: Leave out drawn classes that are right ones.
        seed: Draw the same classes in every call; None continues the stream that `set_seed` began.

    Returns:
        [batch], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> loss = penstock.nn.sampled_softmax_loss(
        ...     penstock.zeros((9, 2)), penstock.zeros((9,)), [[3]], [[1.0, 2.0]], 4, 9, seed=1)
        >>> loss.shape
        (1,)

    Source:
        Jean et al., 2014, "On using very large target vocabulary", https://arxiv.org/abs/1412.2007.
    """
    logits, targets = _logits(
        "sampled_softmax_loss",
        (weights, biases, labels, inputs),
        (num_sampled, num_classes, num_true),
        sampled_values,
        remove_accidental_hits,
        seed,
    )
    return ops.softmax_cross_entropy_dense(logits, targets)


def nce_loss(
    weights: TensorLike,
    biases: TensorLike,
    labels: TensorLike,
    inputs: TensorLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Sequence[Any] | None = None,
    remove_accidental_hits: bool = False,
    seed: int | None = None,
) -> Tensor:
    """Take the loss of telling right classes from drawn ones: noise-contrastive estimation.

    Args:
        weights: [num_classes, dim], one row for each class, a float dtype; its gradient has rows only where it is used.
        biases: [num_classes].
        labels: [batch, num_true], the right classes, any integer dtype.
        inputs: [batch, dim].
        num_sampled: How many classes to draw for the batch.
        num_classes: How many classes there are.
        num_true: How many right classes each row has.
        sampled_values: What a candidate sampler returned; None calls `log_uniform_candidate_sampler`.
        remove_accidental_hits: Leave out drawn classes that are right ones.
        seed: Draw the same classes in every call; None continues the stream that `set_seed` began.

    Returns:
        [batch], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together.

    Example:
        >>> loss = penstock.nn.nce_loss(
        ...     penstock.zeros((9, 2)), penstock.zeros((9,)), [[3]], [[1.0, 2.0]], 4, 9, seed=1)
        >>> loss.shape
        (1,)

    Source:
        Gutmann and Hyvärinen, 2010, "Noise-contrastive estimation".
    """
    logits, targets = _logits(
        "nce_loss",
        (weights, biases, labels, inputs),
        (num_sampled, num_classes, num_true),
        sampled_values,
        remove_accidental_hits,
        seed,
    )
    return ops.sum(ops.sigmoid_cross_entropy(logits, targets), -1)


def _logits(
    op: str,
    tensors: Sequence[Any],
    numbers: tuple[int, int, int],
    sampled_values: Sequence[Any] | None,
    remove_hits: bool,
    seed: int | None,
) -> tuple[Tensor, Tensor]:
    """Scores and targets, [batch, num_true + num_sampled], with the expected counts subtracted."""
    weights, biases, labels, inputs = map(asarray, tensors)
    num_sampled, num_classes, num_true = numbers
    if labels.ndim != 2 or labels.shape[1] != num_true:
        raise ShapeError(
            f"[{op}] labels has shape {labels.shape}; expected [batch, num_true] with num_true={num_true}; reshape it"
        )
    values = sampled_values or log_uniform_candidate_sampler(
        labels, num_sampled, num_classes, seed=seed
    )
    drawn, true_expected, drawn_expected = map(asarray, values)
    labels = ops.cast(labels, "int64")
    ids = ops.concat([ops.flatten(labels), drawn], 0)  # looked up at once, for one sparse gradient
    rows, offsets = ops.embedding(weights, ids), ops.take(biases, ids)
    count = labels.shape[0] * num_true
    true_rows = ops.reshape(rows[:count], (labels.shape[0], num_true, weights.shape[1]))
    right = ops.sum(true_rows * ops.expand_dims(inputs, 1), -1)
    right = right + ops.reshape(offsets[:count], labels.shape) - ops.log(true_expected)
    others = ops.matmul(inputs, rows[count:], transpose_y=True) + offsets[count:]
    others = others - ops.log(drawn_expected)
    if remove_hits:
        hit = ops.any(ops.expand_dims(labels, 2) == drawn, 1)
        others = ops.where(hit, -1e4 if others.dtype == "float16" else -1e30, others)
    targets = ops.concat([ops.ones_like(right) / float(num_true), ops.zeros_like(others)], 1)
    return ops.concat([right, others], 1), targets
