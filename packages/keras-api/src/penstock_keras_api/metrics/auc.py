"""Area under a curve of ratios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import config
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.metrics.thresholds import count_at, even_thresholds

_KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_HEIGHTS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "interpolation": lambda left, right: (left + right) / 2.0,
    "minoring": ps.minimum,
    "majoring": ps.maximum,
}


class AUC(Metric):
    """Area under the curve that ratios of right and wrong answers make, as the threshold goes from 1 to 0.

    Args:
        num_thresholds: How many thresholds there are; more are more exact.
        curve: "ROC" for true over false positives, "PR" for precision over recall, "PRGAIN" for their gains.
        summation_method: "interpolation", or "minoring" or "majoring" for bounds.
        name: A name.
        dtype: The dtype of the result.
        thresholds: The thresholds themselves, between 0 and 1.
        multi_label: Whether there is a curve for each label, of which the mean is taken.
        num_labels: How many labels there are; by default as the first batch has.
        label_weights: How much each label counts.
        from_logits: Whether predictions are logits.

    Raises:
        ValueError: An argument is not understood, or predictions are not [batch, labels] with multi_label.

    >>> from penstock import keras
    >>> round(float(keras.metrics.AUC()([0, 1, 0, 1], [0.1, 0.35, 0.4, 0.8])), 3)
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self._direction = "up"
        self.curve = _one_of("curve", str(curve).upper(), ("ROC", "PR", "PRGAIN"))
        method = str(summation_method).lower()
        self.summation_method = _one_of("summation_method", method, tuple(_HEIGHTS))
        if thresholds is None and num_thresholds <= 1:
            raise InvalidValueError(
                f"[AUC] got num_thresholds={num_thresholds}; use a number above 1"
            )
        if num_labels and not multi_label:
            raise InvalidValueError("[AUC] got num_labels; it is for multi_label=True alone")
        self._given_thresholds = thresholds
        inner = (
            sorted(thresholds) if thresholds is not None else even_thresholds(num_thresholds)[1:-1]
        )
        # Just beyond 0 and 1, so that every prediction is above the first and none above the last.
        self._thresholds = [-config.epsilon(), *inner, 1.0 + config.epsilon()]
        self.num_thresholds = len(self._thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self._from_logits = from_logits
        self._built = False
        if not multi_label:
            self._build(())
        elif num_labels:
            self._build((num_labels,))

    @property
    def thresholds(self) -> list[float]:
        """The thresholds."""
        return list(self._thresholds)

    def _build(self, labels: tuple[int, ...]) -> None:
        for kind in _KINDS:
            setattr(
                self, kind, self.add_variable((self.num_thresholds, *labels), "zeros", name=kind)
            )
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_pred = ps.asarray(y_pred)
        if not self._built:
            if y_pred.ndim != 2:
                raise ShapeError(
                    f"[AUC] got predictions of shape {y_pred.shape} with multi_label=True; give [batch, labels]"
                )
            self._build((int(y_pred.shape[-1]),))
        counts = count_at(
            self._thresholds,
            y_true,
            ps.nn.sigmoid(y_pred) if self._from_logits else y_pred,
            sample_weight,
            label_weights=None if self.multi_label else self.label_weights,
            by_label=self.multi_label,
            dtype=self.dtype,
        )
        for kind in _KINDS:
            slot = getattr(self, kind)
            slot.assign(slot + getattr(counts, kind))

    def result(self) -> Any:
        """Return the area so far."""
        if not self._built:
            return ps.zeros(())
        if self.curve == "PR" and self.summation_method == "interpolation":
            parts = self._areas_between_precisions()
        else:
            across, up = self._points()
            width = (
                across[:-1] - across[1:]
            )  # thresholds rise, so the curve goes from right to left
            parts = width * _HEIGHTS[self.summation_method](up[:-1], up[1:])
        areas = ps.sum(parts, 0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ps.mean(areas)
        weights = ps.cast(ps.asarray(self.label_weights), self.dtype)
        return ps.divide_no_nan(ps.sum(areas * weights), ps.sum(weights))

    def _points(self) -> tuple[Any, Any]:
        """Return the curve's points: across, and up.

        Source:
            For gains: Flach and Kull, 2015, Precision-recall-gain curves. With π the share of positives, the gain of
            recall is 1 - π / (1 - π) · FN / TP, and that of precision 1 - π / (1 - π) · FP / TP.
        """
        tp, fp, tn, fn = (getattr(self, kind).value for kind in _KINDS)
        if self.curve == "ROC":
            return _share(fp, tn), _share(tp, fn)
        if self.curve == "PR":
            return _share(tp, fn), _share(tp, fp)
        odds = ps.divide_no_nan(tp + fn, tn + fp)
        is_none = tp == 0.0
        recall, precision = (1.0 - odds * ps.divide_no_nan(wrong, tp) for wrong in (fn, fp))
        return ps.where(is_none, 0.0, ps.maximum(recall, 0.0)), ps.where(is_none, 1.0, precision)

    def _areas_between_precisions(self) -> Any:
        """Return the areas below precision over recall between two thresholds each.

        Between them the right answers grow from a to b while all answers grow from p to q, both evenly, by s = (b - a) /
        (q - p) right ones for each: a + s(x - p) of x. Over all T positives the area is ∫ (a + s(x - p)) / x · s dx / T =
        s · (b - a + (a - sp) · ln(q / p)) / T.

        Source:
            Davis and Goadrich, 2006, The relationship between precision-recall and ROC curves, section 4.
        """
        tp, fp, _, fn = (getattr(self, kind).value for kind in _KINDS)
        answers = tp + fp
        (a, b), (p, q) = ((t[1:], t[:-1]) for t in (tp, answers))
        s = ps.divide_no_nan(b - a, q - p)
        growth = ps.where(
            p > 0.0, ps.log(ps.where(p > 0.0, q, 1.0) / ps.where(p > 0.0, p, 1.0)), 0.0
        )
        return ps.divide_no_nan(s * (b - a + (a - s * p) * growth), (tp + fn)[0])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        own = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._given_thresholds is not None:
            own["thresholds"] = self._thresholds[1:-1]
        return {**super().get_config(), **own}


def _share(part: Any, rest: Any) -> Any:
    """Divide a part by the whole; 0 of nothing."""
    return ps.divide_no_nan(part, part + rest)


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise InvalidValueError(f"[AUC] got {name}={value!r}; use one of {', '.join(known)}")
    return value
