"""Means and sums over batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import penstock as ps
from penstock_keras_api.losses.loss import squeeze_or_expand_to_same_rank
from penstock_keras_api.metrics.metric import Metric
from penstock_keras_api.saving import serialization


def weighted(values: Any, sample_weight: Any, dtype: str) -> tuple[Any, Any]:
    """Return values in a dtype, and weights that broadcast to them, or None."""
    values = ps.cast(ps.asarray(values), dtype)
    if sample_weight is None:
        return values, None
    weight = ps.cast(ps.asarray(sample_weight), dtype)
    if weight.ndim < values.ndim:  # a weight for each sample
        values = ps.mean(values, tuple(range(weight.ndim, values.ndim)))
    return values, ps.broadcast_to(weight, values.shape) if weight.ndim else weight


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
        if weight is None:
            self.total.assign(self.total + ps.sum(values))
            self.count.assign(self.count + ps.cast(ps.asarray(values.size), self.dtype))
        else:
            self.total.assign(self.total + ps.sum(values * weight))
            self.count.assign(self.count + ps.sum(ps.broadcast_to(weight, values.shape)))

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
        values, weight = weighted(values, sample_weight, self.dtype)
        self.total.assign(self.total + ps.sum(values if weight is None else values * weight))

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
        y_true, y_pred = ps.asarray(y_true), ps.cast(ps.asarray(y_pred), self.dtype)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        super().update_state(values, sample_weight)

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
