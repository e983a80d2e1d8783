"""Intersection over union, of areas of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api.metrics.metric import Metric

_OPTIONS = (
    "num_classes",
    "target_class_ids",
    "ignore_class",
    "sparse_y_true",
    "sparse_y_pred",
    "axis",
)


class IoU(Metric):
    """Mean, over some classes, of common samples divided by all samples that labels or predictions have there.

    Args:
        num_classes: How many classes there are.
        target_class_ids: Of which the mean is taken.
        name: A name.
        dtype: The dtype of the counts; "int32" by default, which cuts weights to whole numbers.
        ignore_class: A label that does not count.
        sparse_y_true: Whether labels are whole numbers; otherwise one-hot.
        sparse_y_pred: Whether predictions are whole numbers; otherwise a number for each class.
        axis: The axis of the classes, where there is one.

    Raises:
        ValueError: There is no such class.

    >>> from penstock import keras
    >>> metric = keras.metrics.IoU(num_classes=3, target_class_ids=[0, 2])
    >>> round(float(metric([0, 2, 2, 1, 0], [0, 2, 1, 1, 2])), 3)
    0.417
    """

    _config: tuple[str, ...] = _OPTIONS

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int32", name)
        if max(target_class_ids) >= num_classes:
            raise InvalidValueError(
                f"[{type(self).__name__}] got the class {max(target_class_ids)} of {num_classes}; use numbers from 0 to "
                f"{num_classes - 1}"
            )
        self._direction = "up"
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; what is no class does not count."""
        truth = self._classes(y_true, self.sparse_y_true)
        guess = self._classes(y_pred, self.sparse_y_pred)
        weight = ps.cast(ps.ones_like(truth), self.dtype)
        if sample_weight is not None:
            given = ps.cast(ps.asarray(sample_weight), self.dtype)
            weight = weight * (ps.reshape(given, (-1,)) if given.ndim else given)
        valid = ps.logical_and(self._is_class(truth), self._is_class(guess))
        if self.ignore_class is not None:
            valid = ps.logical_and(valid, truth != self.ignore_class)
        place = ps.where(valid, truth * self.num_classes + guess, 0)
        weight = ps.where(valid, weight, ps.zeros_like(weight))
        counts = ps.segment_sum(weight, place, self.num_classes**2)
        self.total_cm.assign(self.total_cm + ps.reshape(counts, self.total_cm.shape))

    def _classes(self, values: Any, sparse: bool) -> Any:
        values = ps.asarray(values)
        return ps.cast(
            ps.reshape(values if sparse else ps.argmax(values, self.axis), (-1,)), "int32"
        )

    def _is_class(self, values: Any) -> Any:
        return ps.logical_and(values >= 0, values < self.num_classes)

    def result(self) -> Any:
        """Return the mean so far, over classes that occurred."""
        counts = ps.take(
            ps.cast(self.total_cm.value, "float32"), ps.asarray(self.target_class_ids), 0
        )
        every = ps.sum(ps.cast(self.total_cm.value, "float32"), 0)
        ids = ps.expand_dims(ps.asarray(self.target_class_ids), 1)
        common = ps.squeeze(ps.take_along_axis(counts, ids, 1), 1)
        union = ps.sum(counts, 1) + ps.take(every, self.target_class_ids) - common
        present = ps.sum(ps.cast(union > 0.0, "float32"))
        return ps.sum(ps.divide_no_nan(common, union)) / ps.maximum(present, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        return {**super().get_config(), **{key: getattr(self, key) for key in self._config}}


class BinaryIoU(IoU):
    """Intersection over union of yes and no.

    Args:
        target_class_ids: 0, 1 or both, of which the mean is taken.
        threshold: From which a prediction is yes.
        name: A name.
        dtype: As in `IoU`.

    Raises:
        ValueError: There is no such class.

    >>> from penstock import keras
    >>> metric = keras.metrics.BinaryIoU(threshold=0.6)
    >>> round(float(metric([1, 1, 0], [0.9, 0.5, 0.7])), 3)
    0.167
    """

    _config: tuple[str, ...] = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        positive = ps.cast(ps.asarray(y_pred), "float32") >= self.threshold
        super().update_state(y_true, ps.cast(positive, "int32"), sample_weight)


class MeanIoU(IoU):
    """Intersection over union, the mean over all classes.

    Args:
        num_classes: How many classes there are.
        name: A name.
        dtype: As in `IoU`.
        ignore_class: As in `IoU`.
        sparse_y_true: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    >>> from penstock import keras
    >>> round(float(keras.metrics.MeanIoU(num_classes=3)([0, 2, 2, 1, 0], [0, 2, 1, 1, 2])), 3)
    0.444
    """

    _config: tuple[str, ...] = (
        "num_classes",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        every = range(num_classes)
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)  # fmt: skip


class OneHotIoU(IoU):
    """Intersection over union, of one-hot labels.

    Args:
        num_classes: How many classes there are.
        target_class_ids: Of which the mean is taken.
        name: A name.
        dtype: As in `IoU`.
        ignore_class: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    Raises:
        ValueError: There is no such class.

    >>> from penstock import keras
    >>> metric = keras.metrics.OneHotIoU(num_classes=2, target_class_ids=[1])
    >>> round(float(metric([[1, 0], [0, 1]], [[0.2, 0.8], [0.1, 0.9]])), 3)
    0.5
    """

    _config: tuple[str, ...] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_pred",
        "axis",
    )

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)  # fmt: skip


class OneHotMeanIoU(MeanIoU):
    """Intersection over union of one-hot labels, the mean over all classes.

    Args:
        num_classes: How many classes there are.
        name: A name.
        dtype: As in `IoU`.
        ignore_class: As in `IoU`.
        sparse_y_pred: As in `IoU`.
        axis: As in `IoU`.

    >>> from penstock import keras
    >>> metric = keras.metrics.OneHotMeanIoU(num_classes=2)
    >>> round(float(metric([[1, 0], [0, 1]], [[0.2, 0.8], [0.1, 0.9]])), 3)
    0.25
    """

    _config: tuple[str, ...] = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
