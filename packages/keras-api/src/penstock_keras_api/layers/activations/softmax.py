"""Probabilities as a layer."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api import activations
from penstock_keras_api.layers.layer import Layer


class Softmax(Layer):
    """Make probabilities: eˣ / Σeˣ.

    Args:
        axis: The axis, or axes, along which they add up to 1.
        kwargs: As in `Layer`.

    Raises:
        ValueError: A mask does not fit the input.

    >>> from penstock import keras
    >>> keras.layers.Softmax()([3.0, 3.0]).tolist()
    [0.5, 0.5]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Make probabilities; what is masked gets 0."""
        if mask is not None:
            mask = ps.asarray(mask)
            self._check_mask(mask, inputs)
            if mask.dtype != "bool":
                mask = mask > 0.5
            low = -3e4 if inputs.dtype == "float16" else -1e9
            inputs = ps.where(mask, inputs, ps.full((), low, inputs.dtype))
        axes = self.axis if isinstance(self.axis, list | tuple) else [self.axis]
        if len(axes) == 1:
            y = activations.softmax(inputs, axis=axes[0])
        else:
            y = ps.exp(inputs - ps.logsumexp(inputs, axis=tuple(axes), keepdims=True))
        return y if mask is None else ps.where(mask, y, ps.zeros((), y.dtype))

    def _check_mask(self, mask: Any, inputs: Any) -> None:
        pairs = zip(reversed(tuple(mask.shape)), reversed(tuple(inputs.shape)), strict=False)
        if mask.ndim > inputs.ndim or any(
            isinstance(m, int) and isinstance(n, int) and m not in (1, n) for m, n in pairs
        ):
            raise ShapeError(
                f"[{self.name}] got a mask of shape {tuple(mask.shape)} for an input of shape {tuple(inputs.shape)}; "
                "its sizes must be the input's, or 1"
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "axis": self.axis}
