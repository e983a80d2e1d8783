"""`Loss`: one number for labels and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Self

import penstock as ps
from penstock.errors import InvalidValueError, ShapeError
from penstock_keras_api import context, dtype_policies, tree
from penstock_keras_api.naming import auto_name, snake_case

_REDUCTIONS: Final = (None, "none", "sum", "sum_over_batch_size", "mean", "mean_with_sample_weight")


class Loss:
    """Make one number of labels and predictions.

    Subclasses write `call(y_true, y_pred)`, which returns a value for each sample.

    Args:
        name: A name.
        reduction: "sum_over_batch_size" or "mean" for the mean, "sum", "mean_with_sample_weight" for the mean by the
            weights' sum, or None for the values as they are.
        dtype: In which dtype to compute.

    Raises:
        ValueError: There is no such reduction.

    >>> from penstock import keras
    >>> float(keras.losses.MeanSquaredError()([[0.0], [1.0]], [[0.0], [3.0]]))
    2.0
    """

    _keeps_labels = False  # whether labels stay whole numbers: floats hold no large ones

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise InvalidValueError(
                f"[{type(self).__name__}] got reduction={reduction!r}; use one of {', '.join(map(str, _REDUCTIONS))}"
            )
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.reduction = reduction
        self._dtype_policy = dtype_policies.get(dtype)
        self._dtype = self._dtype_policy.compute_dtype

    @property
    def dtype(self) -> str:
        """The dtype in which the loss is computed."""
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of a batch.

        Args:
            y_true: Labels.
            y_pred: Predictions.
            sample_weight: A weight for each sample, or for each value.

        Returns:
            One number; or the values, without a reduction.
        """
        mask = context.get_mask(y_pred)

        def converted(leaf: Any) -> Any:
            t = ps.asarray(leaf)
            return ps.cast(t, self.dtype) if t.dtype != self.dtype else t

        if not self._keeps_labels:
            y_true = tree.map_structure(converted, y_true)
        y_pred = tree.map_structure(converted, y_pred)
        values = self.call(y_true, y_pred)
        own_mask = context.get_mask(values)
        if own_mask is not None:
            mask = own_mask if mask is None else ps.logical_and(ps.cast(mask, "bool"), own_mask)
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return a value for each sample; subclasses say which."""
        raise NotImplementedError(f"{type(self).__name__} has no method call(y_true, y_pred)")

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal loss of."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a loss of what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss):
    """A function of labels and predictions as a loss.

    Args:
        fn: `fn(y_true, y_pred, **kwargs)`, with a value for each sample.
        reduction: As in `Loss`.
        name: A name.
        dtype: As in `Loss`.
        kwargs: What else the function takes.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        self._keeps_labels = getattr(fn, "__name__", "") == "sparse_categorical_crossentropy"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return a value for each sample."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal loss of."""
        from penstock_keras_api.saving import serialization

        made = super().get_config()
        if type(self) is LossFunctionWrapper:
            made["fn"] = serialization.serialize_keras_object(self.fn)
        return {**made, **serialization.serialize_keras_object(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a loss of what `get_config` returned."""
        from penstock_keras_api.saving import serialization

        if "fn" in config:
            config = {**config, "fn": serialization.deserialize_keras_object(config["fn"])}
        return cls(**config)


def squeeze_or_expand_to_same_rank(x: Any, y: Any) -> tuple[Any, Any]:
    """Make two tensors agree in a last axis of size 1, which one of them may lack."""
    if x.ndim == y.ndim:
        return x, y
    if x.ndim == y.ndim - 1:
        return (x, ps.squeeze(y, -1)) if y.shape[-1] == 1 else (ps.expand_dims(x, -1), y)
    if y.ndim == x.ndim - 1:
        return (ps.squeeze(x, -1), y) if x.shape[-1] == 1 else (x, ps.expand_dims(y, -1))
    return x, y


def reduce_weighted_values(
    values: Any, sample_weight: Any, mask: Any, reduction: str | None, dtype: str
) -> Any:
    """Weigh values and reduce them.

    Raises:
        ValueError: The weights do not broadcast to the values.
    """
    values = ps.cast(ps.asarray(values), dtype)
    weight = None if sample_weight is None else ps.cast(ps.asarray(sample_weight), dtype)
    if mask is not None:
        weight = _masked(weight, mask, reduction, dtype)
    if weight is not None:
        values, weight = (
            squeeze_or_expand_to_same_rank(values, weight) if weight.ndim else (values, weight)
        )
        if weight.ndim > values.ndim:
            raise ShapeError(
                f"[loss] got sample weights of shape {weight.shape} for values of shape {values.shape}; give a weight "
                "for each sample"
            )
        weight = _widened(weight, values.ndim)
        values = values * weight
    return _reduced(values, weight, reduction)


def _masked(weight: Any, mask: Any, reduction: str | None, dtype: str) -> Any:
    """Turn a mask into weights, of mean 1 where a mean is taken."""
    kept = ps.cast(ps.asarray(mask), dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        total = ps.cast(ps.asarray(kept.size), dtype)
        valid = ps.sum(kept)
        kept = kept * (total / ps.maximum(valid, 1e-7))
    if weight is None:
        return kept
    weight, kept = squeeze_or_expand_to_same_rank(weight, kept)
    return weight * kept


def _widened(weight: Any, ndim: int) -> Any:
    while weight.ndim and weight.ndim < ndim:
        weight = ps.expand_dims(weight, -1)
    return weight


def _reduced(values: Any, weight: Any, reduction: str | None) -> Any:
    if reduction in (None, "none") or not values.ndim:
        return values
    total = ps.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weight is not None:
        return total / ps.maximum(ps.sum(ps.broadcast_to(weight, values.shape)), 1e-7)
    return ps.mean(values)
