"""What attention layers with several heads have in common."""

from __future__ import annotations

import math
from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import constraints, initializers, regularizers
from penstock_keras_api.layers.attention.attention import causal_mask, window_mask
from penstock_keras_api.layers.layer import Layer


class HeadsAttention(Layer):
    """Attention with several heads: the projections' settings, and masks.

    Args:
        width: The size of queries and keys in a head.
        settings: Initializers, regularizers and constraints of kernels and biases, by name.
        sliding_window: How near a key must be to its query: less than this many steps. None for any.
        seed: Where the stream of random numbers begins.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `sliding_window` is no whole number above 0.
    """

    def __init__(
        self, width: int, settings: dict[str, Any], sliding_window: Any, seed: Any, **kwargs: Any
    ) -> None:
        activity = settings["activity_regularizer"]
        super().__init__(**kwargs)
        self.supports_masking = True
        if sliding_window is not None and (
            not isinstance(sliding_window, int) or sliding_window <= 0
        ):
            raise InvalidValueError(
                f"[{type(self).__name__}] got sliding_window={sliding_window!r}; use a whole number above 0, or None"
            )
        self._window = sliding_window
        self._kernel_initializer = initializers.get(settings["kernel_initializer"])
        self._bias_initializer = initializers.get(settings["bias_initializer"])
        self._kernel_regularizer = regularizers.get(settings["kernel_regularizer"])
        self._bias_regularizer = regularizers.get(settings["bias_regularizer"])
        self._projection_activity_regularizer = regularizers.get(activity)
        self._kernel_constraint = constraints.get(settings["kernel_constraint"])
        self._bias_constraint = constraints.get(settings["bias_constraint"])
        self._scale = 1.0 / math.sqrt(width)
        self.seed = seed

    def _projection_settings(self) -> dict[str, Any]:
        """Return what all projections are made with; each draws first values of its own."""
        return {
            "kernel_initializer": initializers.get(self._kernel_initializer),
            "bias_initializer": initializers.get(self._bias_initializer),
            "kernel_regularizer": self._kernel_regularizer,
            "bias_regularizer": self._bias_regularizer,
            "activity_regularizer": self._projection_activity_regularizer,
            "kernel_constraint": self._kernel_constraint,
            "bias_constraint": self._bias_constraint,
            "dtype": self.dtype_policy,
        }

    def _settings_config(self) -> dict[str, Any]:
        return {
            "sliding_window": self._window,
            "kernel_initializer": initializers.serialize(self._kernel_initializer),
            "bias_initializer": initializers.serialize(self._bias_initializer),
            "kernel_regularizer": regularizers.serialize(self._kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self._bias_regularizer),
            "activity_regularizer": regularizers.serialize(self._projection_activity_regularizer),
            "kernel_constraint": constraints.serialize(self._kernel_constraint),
            "bias_constraint": constraints.serialize(self._bias_constraint),
            "seed": self.seed,
        }

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Join all masks: what every one lets pass counts. Returns [batch, queries, keys], or None."""
        masks = []
        if query_mask is not None:
            masks.append(ps.expand_dims(ps.cast(query_mask, "bool"), -1))
        masks += [
            ps.expand_dims(ps.cast(m, "bool"), -2) for m in (value_mask, key_mask) if m is not None
        ]
        if use_causal_mask:
            masks.append(causal_mask(query.shape[1], value.shape[1]))
        if self._window is not None:
            masks.append(window_mask(query.shape[1], value.shape[1], self._window))
        if attention_mask is not None:
            masks.append(ps.cast(attention_mask, "bool"))
        made = None
        for m in masks:
            made = m if made is None else ps.logical_and(made, m)
        return made


def attend(query: Any, key: Any, value: Any, mask: Any, scale: float) -> Any:
    """Average values of [batch, steps, heads, width], without writing the scores down.

    A query that may see no key gets the mean of all values, as Keras has it.
    """
    added: Any = None
    if mask is not None:
        low = -0.7 * float(ps.finfo(query.dtype).max)
        zero = ps.zeros((), query.dtype)
        added = ps.where(mask, zero, ps.full((), low, query.dtype))
    q, k, v = (ps.swapaxes(t, 1, 2) for t in (query, key, value))
    return ps.swapaxes(ps.scaled_dot_product_attention(q, k, v, added, scale=scale), 1, 2)


def with_head_axis(mask: Any, ndim: int, behind: int) -> Any:
    """Put axes of size 1 in front of a mask's last axes, for heads."""
    while mask is not None and mask.ndim < ndim:
        mask = ps.expand_dims(mask, -behind - 1)
    return mask
