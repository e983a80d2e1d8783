"""Metrics of probabilities."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.losses.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from penstock_keras_api.losses.probabilistic import kl_divergence, poisson
from penstock_keras_api.metrics.reduction import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """How much predicted distributions differ from the labels'.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 3)
    0.144
    """

    def __init__(
        self,
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, name, dtype)
        self._direction = "down"


class Poisson(MeanMetricWrapper):
    """Mean of p - t log p, for counts.

    Args:
        name: A name.
        dtype: The dtype of the result.

    >>> from penstock import keras
    >>> round(float(keras.metrics.Poisson()([[1.0]], [[2.0]])), 3)
    1.307
    """

    def __init__(
        self,
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, name, dtype)
        self._direction = "down"


class BinaryCrossentropy(MeanMetricWrapper):
    """Cross entropy of yes and no.

    Args:
        name: A name.
        dtype: The dtype of the result.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are moved towards 1/2.

    >>> from penstock import keras
    >>> round(float(keras.metrics.BinaryCrossentropy()([[1.0]], [[0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self._direction = "down"


class CategoricalCrossentropy(MeanMetricWrapper):
    """Cross entropy of one-hot labels.

    Args:
        name: A name.
        dtype: The dtype of the result.
        from_logits: Whether predictions are logits.
        label_smoothing: How far labels are moved towards equal ones.
        axis: The axis of the classes.

    >>> from penstock import keras
    >>> round(float(keras.metrics.CategoricalCrossentropy()([[1.0, 0.0]], [[0.5, 0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self._direction = "down"


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Cross entropy of labels that are whole numbers.

    Args:
        name: A name.
        dtype: The dtype of the result.
        from_logits: Whether predictions are logits.
        ignore_class: A label that does not count.
        axis: The axis of the classes.

    >>> from penstock import keras
    >>> round(float(keras.metrics.SparseCategoricalCrossentropy()([0], [[0.5, 0.5]])), 3)
    0.693
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        self._direction = "down"
