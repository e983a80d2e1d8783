"""Losses of probabilities: divergences, counts, cross entropies with a focus."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import config
from penstock_keras_api.losses.loss import LossFunctionWrapper
from penstock_keras_api.losses.losses import as_tensors, clipped, normalised


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Sum of t log(t / p) over the last axis."""
    y_true, y_pred = (ps.clip(t, config.epsilon(), 1.0) for t in as_tensors(y_true, y_pred))
    return ps.sum(y_true * ps.log(y_true / y_pred), -1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Mean of p - t log p over the last axis."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    return ps.mean(y_pred - y_true * ps.log(y_pred + config.epsilon()), -1)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Mean of cross entropies of yes and no, each times (1 - q)^gamma with q the right answer's probability."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        y_pred = ps.nn.sigmoid(y_pred)
    p = clipped(y_pred)
    values = -(y_true * ps.log(p) + (1.0 - y_true) * ps.log(1.0 - p))
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = values * (1.0 - right) ** gamma
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return ps.mean(values, axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Sum of -alpha (1 - p)^gamma t log p over the classes."""
    y_true, y_pred = as_tensors(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / int(y_true.shape[-1])
    p = ps.nn.softmax(y_pred, axis) if from_logits else y_pred
    p = clipped(normalised(p, axis))
    return -ps.sum(alpha * (1.0 - p) ** gamma * y_true * ps.log(p), axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Take (1 - p^q) / q, with p the probability of the label, a whole number."""
    y_pred = ps.asarray(y_pred)
    labels = ps.cast(ps.asarray(y_true), "int64")
    right = ps.sum(y_pred * ps.one_hot(labels, int(y_pred.shape[-1]), y_pred.dtype), -1)
    return (1.0 - right**q) / q


class KLDivergence(LossFunctionWrapper):
    """How much a distribution differs from another: the sum of t log(t / p).

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.KLDivergence()
    >>> round(float(loss([[0.5, 0.5]], [[0.25, 0.75]])), 3)
    0.144
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """Mean of p - t log p, for counts.

    Args:
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.Poisson()
    >>> round(float(loss([[1.0]], [[2.0]])), 3)
    1.307
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Cross entropy of yes and no that cares little for what is right already.

    Args:
        apply_class_balancing: Whether the two answers weigh alpha and 1 - alpha.
        alpha: The weight of yes.
        gamma: How little; 0 for the plain cross entropy.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are moved towards 1/2.
        axis: The axis of the mean.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.BinaryFocalCrossentropy()
    >>> round(float(loss([[1.0, 0.0]], [[0.5, 0.5]])), 3)
    0.173
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        kwargs = {
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **kwargs)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Cross entropy of one-hot labels that cares little for what is right already.

    Args:
        alpha: A factor.
        gamma: How little; 0 for the plain cross entropy.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are moved towards equal ones.
        axis: The axis of the classes.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    >>> from penstock import keras
    >>> loss = keras.losses.CategoricalFocalCrossentropy()
    >>> round(float(loss([[1.0, 0.0]], [[0.5, 0.5]])), 3)
    0.043
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        kwargs = {
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **kwargs)
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Between cross entropy and absolute error, for labels that may be wrong.

    Args:
        q: Between 0, like cross entropy, and 1, like the absolute error.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.

    Raises:
        ValueError: q is not between 0 and 1.

    >>> from penstock import keras
    >>> loss = keras.losses.CategoricalGeneralizedCrossEntropy()
    >>> round(float(loss([0], [[0.25, 0.75]])), 3)
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise InvalidValueError(
                f"[CategoricalGeneralizedCrossEntropy] got q={q}; use a number between 0 and 1"
            )
        kwargs = {"q": q}
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, **kwargs)
        self.q = q
