"""More losses made of other ops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock import ops
from penstock.errors import InvalidValueError, ShapeError
from penstock.ops.conversion import asarray

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike


def _floats(x: TensorLike) -> Tensor:
    x = asarray(x)
    return x if x.dtype.kind == "float" else ops.cast(x, "float32")


def _smallest(x: Tensor) -> float:
    return 1e-3 if x.dtype == "float16" else 1e-7


def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take the mean of 100 · |y_true - y_pred| / |y_true| over the last axis.

    Args:
        y_true: [..., n], what should come out, any real dtype; sizes below 1e-7 count as that.
        y_pred: [..., n], what came out; the shapes must broadcast.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        IndexError: Both are single numbers.

    Example:
        >>> penstock.nn.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]])
        Tensor([25.], shape=(1,), dtype=float32)
    """
    y_true = _floats(y_true)
    size = ops.maximum(ops.abs(y_true), _smallest(y_true))
    return ops.mean(ops.abs(ops.subtract(y_true, y_pred)) / size, -1) * 100.0


def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take the mean of (ln(1 + y_true) - ln(1 + y_pred))² over the last axis.

    Args:
        y_true: [..., n], what should come out, any real dtype; what is below 1e-7 counts as that.
        y_pred: [..., n], what came out, likewise; the shapes must broadcast.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        IndexError: Both are single numbers.

    Example:
        >>> penstock.nn.mean_squared_logarithmic_error([[1.0, 3.0]], [[1.0, 3.0]])
        Tensor([0.], shape=(1,), dtype=float32)
    """
    logs = [ops.log1p(ops.maximum(t, _smallest(t))) for t in (_floats(y_true), _floats(y_pred))]
    return ops.mean(ops.squared_difference(*logs), -1)


def poisson_loss(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take the mean of y_pred - y_true · ln(y_pred + 1e-7) over the last axis.

    Args:
        y_true: [..., n], counts, any real dtype.
        y_pred: [..., n], expected counts, not negative; the shapes must broadcast.

    Returns:
        [...], of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast.
        IndexError: Both are single numbers.

    Example:
        >>> penstock.nn.poisson_loss([[0.0, 0.0]], [[1.0, 3.0]])
        Tensor([2.], shape=(1,), dtype=float32)
    """
    y_pred = _floats(y_pred)
    logs = ops.log(y_pred + _smallest(y_pred))
    return ops.mean(y_pred - ops.multiply(y_true, logs), -1)


def categorical_hinge(y_true: TensorLike, y_pred: TensorLike, /) -> Tensor:
    """Take max(1 + the best wrong score - the right score, 0).

    Args:
        y_true: [..., classes], 1 for the right class and 0 for the others.
        y_pred: [..., classes], scores.

    Returns:
        [...], of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.
        IndexError: Both are single numbers.

    Example:
        >>> penstock.nn.categorical_hinge([[0.0, 1.0]], [[2.0, 1.5]])
        Tensor([1.5], shape=(1,), dtype=float32)
    """
    y_true, y_pred = _floats(y_true), _floats(y_pred)
    right = ops.sum(y_true * y_pred, -1)
    wrong = ops.max((1.0 - y_true) * y_pred, -1)
    return ops.relu(wrong - right + 1.0)


def smooth_l1(y_true: TensorLike, y_pred: TensorLike, /, beta: float = 1.0) -> Tensor:
    """Take the squared error / (2 · beta) below beta, and the absolute error - beta / 2 above, element by element.

    Args:
        y_true: [...], what should come out, any real dtype.
        y_pred: [...], what came out; the shapes must broadcast.
        beta: Where the parabola becomes a line, above 0.

    Returns:
        The broadcast shape, of the promoted dtype or float32.

    Raises:
        ValueError: The shapes do not broadcast, or beta is not positive.

    Example:
        >>> penstock.nn.smooth_l1([0.0, 0.0], [0.5, 3.0])
        Tensor([0.125, 2.5  ], shape=(2,), dtype=float32)
    """
    if not beta > 0:
        raise InvalidValueError(
            f"[smooth_l1] got beta={beta}; use a number above 0, or mean_absolute_error"
        )
    return ops.huber(y_true, y_pred, beta) / beta


def weighted_cross_entropy_with_logits(
    labels: TensorLike, logits: TensorLike, pos_weight: TensorLike
) -> Tensor:
    """Take sigmoid cross-entropy with a weight on the positive examples.

    Args:
        labels: [...], probabilities from 0 to 1.
        logits: [...], scores; the shapes must broadcast.
        pos_weight: The weight of the positive part; broadcasts.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.nn.weighted_cross_entropy_with_logits([0.0], [0.0], 3.0)
        Tensor([0.6931472], shape=(1,), dtype=float32)
    """
    labels, logits = _floats(labels), _floats(logits)
    weight = 1.0 + ops.subtract(pos_weight, 1.0) * labels
    return (1.0 - labels) * logits + weight * ops.softplus(-logits)


def sigmoid_focal_loss(
    labels: TensorLike, logits: TensorLike, /, alpha: float = 0.25, gamma: float = 2.0
) -> Tensor:
    """Take sigmoid cross-entropy, with little weight on what is already right: (1 - p)^gamma.

    Args:
        labels: [...], 0 or 1.
        logits: [...], scores; the shapes must broadcast.
        alpha: The weight of the positive examples, 1 - alpha that of the others; negative for none.
        gamma: How fast the weight falls.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> loss = penstock.nn.sigmoid_focal_loss([1.0], [0.0])  # 0.25 · 0.5² · ln 2
        >>> round(float(loss[0]), 4)
        0.0433

    Source:
        Lin et al., 2017, "Focal loss for dense object detection", https://arxiv.org/abs/1708.02002.
    """
    labels, logits = _floats(labels), _floats(logits)
    p = ops.sigmoid(logits)
    missing = labels * (1.0 - p) + (1.0 - labels) * p
    loss = ops.sigmoid_cross_entropy(logits, labels) * ops.power(missing, gamma)
    return loss if alpha < 0 else loss * (alpha * labels + (1.0 - alpha) * (1.0 - labels))


def dice_loss(y_true: TensorLike, y_pred: TensorLike, /, *, smooth: float = 1e-7) -> Tensor:
    """Take 1 - 2 · overlap / (sum of both), for each sample: tversky_loss with equal weights.

    Args:
        y_true: [batch, ...], from 0 to 1.
        y_pred: [batch, ...], from 0 to 1.
        smooth: Added above and below.

    Returns:
        [batch], of the promoted dtype.

    Raises:
        ValueError: The shapes differ, or are those of single numbers.

    Example:
        >>> penstock.nn.dice_loss([[1.0, 0.0]], [[1.0, 0.0]])
        Tensor([0.], shape=(1,), dtype=float32)
    """
    return tversky_loss(y_true, y_pred, alpha=0.5, beta=0.5, smooth=smooth / 2.0)


def tversky_loss(
    y_true: TensorLike,
    y_pred: TensorLike,
    /,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    smooth: float = 1e-7,
) -> Tensor:
    """Take 1 - overlap / (overlap + alpha · false positives + beta · false negatives), for each sample.

    Args:
        y_true: [batch, ...], from 0 to 1.
        y_pred: [batch, ...], from 0 to 1.
        alpha: The weight of false positives.
        beta: The weight of false negatives.
        smooth: Added above and below.

    Returns:
        [batch], of the promoted dtype.

    Raises:
        ValueError: The shapes differ, or are those of single numbers.

    Example:
        >>> loss = penstock.nn.tversky_loss([[1.0, 1.0]], [[1.0, 0.0]], beta=1.0)
        >>> round(float(loss[0]), 4)
        0.5
    """
    y_true, y_pred = _floats(y_true), _floats(y_pred)
    if not y_true.ndim or y_true.ndim != y_pred.ndim:
        raise ShapeError(
            f"[tversky_loss] got shapes {y_true.shape} and {y_pred.shape}; expected [batch, ...] twice; reshape them"
        )
    axes = tuple(range(1, y_true.ndim))
    both = ops.sum(y_true * y_pred, axes)
    extra = ops.sum((1.0 - y_true) * y_pred, axes)
    missed = ops.sum(y_true * (1.0 - y_pred), axes)
    return 1.0 - (both + smooth) / (both + alpha * extra + beta * missed + smooth)


def triplet_margin_loss(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    /,
    *,
    margin: float = 1.0,
    epsilon: float = 1e-6,
) -> Tensor:
    """Take max(distance to the positive - distance to the negative + margin, 0).

    Args:
        anchor: [..., n], any real dtype.
        positive: [..., n], what should be near.
        negative: [..., n], what should be far.
        margin: How much further.
        epsilon: Added to every difference, so that the distance has a gradient.

    Returns:
        [...], of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.nn.triplet_margin_loss([[0.0]], [[0.0]], [[0.25]])
        Tensor([0.750002], shape=(1,), dtype=float32)
    """

    def distance(x: TensorLike) -> Tensor:
        return ops.sqrt(ops.sum(ops.square(ops.subtract(anchor, x) + epsilon), -1))

    return ops.relu(distance(positive) - distance(negative) + margin)


def cosine_embedding_loss(
    x: TensorLike, y: TensorLike, target: TensorLike, /, *, margin: float = 0.0
) -> Tensor:
    """Take 1 - cosine for pairs that belong together, and max(cosine - margin, 0) for those that do not.

    Args:
        x: [..., n], any real dtype.
        y: [..., n].
        target: [...], 1 or -1.
        margin: The cosine up to which a pair counts as apart.

    Returns:
        [...], of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> penstock.nn.cosine_embedding_loss([[1.0, 0.0]], [[0.0, 1.0]], [1])
        Tensor([1.], shape=(1,), dtype=float32)
    """
    cosine = ops.cosine_similarity(x, y)
    return ops.where(asarray(target) > 0, 1.0 - cosine, ops.relu(cosine - margin))


def margin_ranking_loss(
    x: TensorLike, y: TensorLike, target: TensorLike, /, *, margin: float = 0.0
) -> Tensor:
    """Take max(-target · (x - y) + margin, 0): target 1 asks for a higher x.

    Args:
        x: [...], any real dtype.
        y: [...]; the shapes must broadcast.
        target: [...], 1 or -1.
        margin: By how much.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.nn.margin_ranking_loss([1.0], [3.0], [1.0])
        Tensor([2.], shape=(1,), dtype=float32)
    """
    return ops.relu(ops.multiply(ops.subtract(y, x), target) + margin)


def gaussian_nll_loss(
    y_true: TensorLike, y_pred: TensorLike, variance: TensorLike, /, *, epsilon: float = 1e-6
) -> Tensor:
    """Take the negative log-likelihood of a normal distribution, without its constant.

    Args:
        y_true: [...], what should come out, any real dtype.
        y_pred: [...], the expected value; the shapes must broadcast.
        variance: [...], the variance, at least `epsilon`.
        epsilon: The smallest variance.

    Returns:
        The broadcast shape, of the promoted dtype.

    Raises:
        ValueError: The shapes do not broadcast.

    Example:
        >>> penstock.nn.gaussian_nll_loss([1.0], [3.0], [1.0])
        Tensor([2.], shape=(1,), dtype=float32)
    """
    variance = ops.maximum(_floats(variance), epsilon)
    return (ops.log(variance) + ops.squared_difference(y_true, y_pred) / variance) * 0.5


def label_smoothing(labels: TensorLike, /, smoothing: float) -> Tensor:
    """Move probabilities of classes towards equal ones: labels · (1 - smoothing) + smoothing / classes.

    Args:
        labels: [..., classes], probabilities.
        smoothing: How far, from 0 to 1.

    Returns:
        The labels' shape, of their dtype or float32.

    Raises:
        ValueError: `smoothing` is out of range.

    Example:
        >>> penstock.nn.label_smoothing([0.0, 1.0], 0.5)
        Tensor([0.25, 0.75], shape=(2,), dtype=float32)
    """
    if not 0 <= smoothing <= 1:
        raise InvalidValueError(
            f"[label_smoothing] got smoothing={smoothing}; use a number from 0 to 1"
        )
    labels = _floats(labels)
    classes = ops.count([labels.shape[-1]], labels.dtype)
    return labels * (1.0 - smoothing) + smoothing / classes
