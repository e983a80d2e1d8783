"""Means and sums over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api import context
from penstock_keras_api.losses.loss import squeeze_or_expand_to_same_rank
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.saving import serialization


def weighted(
    values: Any, sample_weight: Any, dtype: str, reduce: Callable[..., Any] = ps.mean
) -> tuple[Any, Any]:
    """Reduce values to one for each sample, times its weight.

    Args:
        values: [batch, ...], or one number.
        sample_weight: A weight for each sample, or for each value; or None.
        dtype: The dtype to compute in.
        reduce: What is done with the values of a sample.

    Returns:
        The values, and the weights: None without any.
    """
    mask = context.get_mask(values)
    values = ps.cast(ps.asarray(values), dtype)
    weight = None
    if sample_weight is not None:
        weight = ps.cast(ps.asarray(sample_weight), dtype)
        if mask is not None:
            weight, kept = squeeze_or_expand_to_same_rank(weight, ps.cast(mask, dtype))
            weight = weight * kept
        values, weight = squeeze_or_expand_to_same_rank(values, weight)
        values = _flat(values, max(weight.ndim, 1), reduce)
        weight = weight * ps.ones_like(values)
        values = values * weight
        weight = _flat(weight, 1, reduce)
    return _flat(values, 1, reduce), weight


def _flat(values: Any, ndim: int, reduce: Callable[..., Any]) -> Any:
    """Reduce the last axes, so that so many are left."""
    return reduce(values, tuple(range(ndim, values.ndim))) if values.ndim > ndim else values


class Mean(Metric):
    """Take the mean over all values of all batches, weighted.

    Args:
        name: A name.
        dtype: The dtype of the result.
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        values, weight = weighted(values, sample_weight, self.dtype)
        count = ps.cast(ps.asarray(values.size), self.dtype) if weight is None else ps.sum(weight)
        self.total.assign(self.total + ps.sum(values))
        self.count.assign(self.count + count)

    def result(self) -> Any:
        """Return the mean so far; 0 of no value."""
        count = self.count.value
        return ps.where(count == 0, 0.0, self.total / ps.where(count == 0, 1.0, count))


class Sum(Metric):
    """Take the sum over all values of all batches, weighted.

    Args:
        name: A name.
        dtype: The dtype of the result.
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        values, _ = weighted(values, sample_weight, self.dtype, ps.sum)
        self.total.assign(self.total + ps.sum(values))

    def result(self) -> Any:
        """Return the sum so far."""
        return self.total.value


class MeanMetricWrapper(Mean):
    """Take the mean of a function of labels and predictions.

    Args:
        fn: `fn(y_true, y_pred, **kwargs)`, with a value for each sample, or more.
        name: A name.
        dtype: The dtype of the result.
        kwargs: What else the function takes.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]  # other arguments, as in Keras
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Add a batch."""
        mask = context.get_mask(y_pred)
        if mask is not None:
            sample_weight = self._without_masked(mask, sample_weight)
        y_true, y_pred = ps.asarray(y_true), ps.cast(ps.asarray(y_pred), self.dtype)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, sample_weight)

    def _without_masked(self, mask: Any, sample_weight: Any) -> Any:
        """Return weights that are 0 where a mask leaves values out."""
        kept = ps.cast(ps.asarray(mask), self.dtype)
        if sample_weight is None:
            return kept
        weight = ps.cast(ps.asarray(sample_weight), self.dtype)
        weight, kept = squeeze_or_expand_to_same_rank(weight, kept)
        return weight * kept

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal metric of."""
        made = {"name": self.name, "dtype": self.dtype}
        if type(self) is MeanMetricWrapper:
            made["fn"] = serialization.serialize_keras_object(self._fn)
        return {**made, **serialization.serialize_keras_object(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a metric of what `get_config` returned."""
        if "fn" in config:
            config = {**config, "fn": serialization.deserialize_keras_object(config["fn"])}
        return cls(**config)


__all__ = ["Mean", "MeanMetricWrapper", "Sum", "squeeze_or_expand_to_same_rank", "weighted"]
