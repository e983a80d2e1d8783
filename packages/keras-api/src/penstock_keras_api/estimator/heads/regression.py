"""Heads of numbers: any, shares from 0 to 1, and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import metrics
from penstock_keras_api.estimator.export import DEFAULT, PredictOutput, RegressionOutput
from penstock_keras_api.estimator.heads.base import Head, as_column, chosen


class RegressionHead(Head):
    """Numbers, by the squared difference.

    Args:
        label_dimension: How many numbers a row has.
        weight_column: As in `Head`.
        loss_reduction: As in `Head`.
        loss_fn: As in `Head`.
        inverse_link_fn: What makes predictions of logits; by default they are the same.
        name: As in `Head`.

    Raises:
        ValueError: There is no number.

    >>> from penstock.keras import estimator
    >>> estimator.RegressionHead().loss(labels=[1.0, 2.0], logits=[[1.0], [4.0]]).item()
    2.0
    """

    def __init__(
        self,
        label_dimension: int = 1,
        weight_column: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        loss_fn: Callable[..., Any] | None = None,
        inverse_link_fn: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> None:
        if label_dimension < 1:
            raise InvalidValueError(
                f"[{type(self).__name__}] got label_dimension={label_dimension}; use 1 or more"
            )
        super().__init__(label_dimension, weight_column, loss_reduction, loss_fn, name)
        self._link = inverse_link_fn

    def _labels(self, labels: Any, mode: str) -> Any:
        if labels.dtype == "string":
            raise InvalidValueError(
                f"[{type(self).__name__}] the labels are text; convert them: penstock.strings.to_number(labels), or use a "
                "classifier"
            )
        remedy = f"set label_dimension={labels.shape[-1] if labels.ndim > 1 else 1}, or reshape the labels"
        found = as_column(labels, self.logits_dimension, type(self).__name__, remedy)
        return ps.cast(found, "float32")

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        return ps.square(logits - labels)

    def predictions(self, logits: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
        """Return predictions, and logits where these are something else."""
        logits = self._checked_logits(logits)
        if self._link is None:
            return chosen({"predictions": logits}, keys)
        return chosen({"predictions": self._link(logits), "logits": logits}, keys)

    def _metrics(self) -> dict[str, Any]:
        return {
            "prediction/mean": metrics.Mean(name="prediction_mean"),
            "label/mean": metrics.Mean(name="label_mean"),
        }

    def _update(self, made: dict[str, Any], labels: Any, logits: Any, weights: Any) -> None:
        wide = None if weights is None else ps.broadcast_to(weights, logits.shape)
        made["prediction/mean"].update_state(
            self.predictions(logits)["predictions"], sample_weight=wide
        )
        made["label/mean"].update_state(labels, sample_weight=wide)

    def _export_outputs(self, predictions: dict[str, Any]) -> dict[str, Any]:
        numbers = RegressionOutput(predictions["predictions"])
        return {DEFAULT: numbers, "regression": numbers, "predict": PredictOutput(predictions)}


class LogisticRegressionHead(RegressionHead):
    """Shares from 0 to 1, by the cross entropy with the sigmoid.

    Args:
        weight_column: As in `Head`.
        loss_reduction: As in `Head`.
        name: As in `Head`.

    Raises:
        ValueError: An argument is not understood.

    >>> from penstock.keras import estimator
    >>> head = estimator.LogisticRegressionHead()
    >>> round(head.loss(labels=[0.5], logits=[[0.0]]).item(), 4)
    0.6931
    """

    def __init__(
        self,
        weight_column: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(1, weight_column, loss_reduction, None, ps.nn.sigmoid, name)

    def _labels(self, labels: Any, mode: str) -> Any:
        found = super()._labels(labels, mode)
        self._watch(found, 0, 1, "give shares; for any numbers use RegressionHead()")
        return found

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        return ps.nn.sigmoid_cross_entropy(logits, labels)


class PoissonRegressionHead(RegressionHead):
    """Counts, by the likelihood of Poisson's distribution with the exponential of logits as its mean.

    Args:
        label_dimension: How many numbers a row has.
        weight_column: As in `Head`.
        loss_reduction: As in `Head`.
        compute_full_loss: Whether the part of the labels alone, by Stirling's formula, is added.
        name: As in `Head`.

    Raises:
        ValueError: There is no number.

    >>> from penstock.keras import estimator
    >>> head = estimator.PoissonRegressionHead(compute_full_loss=False)
    >>> head.loss(labels=[0.0], logits=[[0.0]]).item()
    1.0
    """

    def __init__(
        self,
        label_dimension: int = 1,
        weight_column: Any = None,
        loss_reduction: str = "sum_over_batch_size",
        compute_full_loss: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(label_dimension, weight_column, loss_reduction, None, ps.exp, name)
        self._full = compute_full_loss

    def _row_loss(self, labels: Any, logits: Any) -> Any:
        each = ps.exp(logits) - labels * logits
        if not self._full:
            return each
        known = ps.maximum(labels, 1e-30)
        stirling = labels * ps.log(known) - labels + 0.5 * ps.log(6.283185307179586 * known)
        return each + ps.where(labels > 1.0, stirling, 0.0)
