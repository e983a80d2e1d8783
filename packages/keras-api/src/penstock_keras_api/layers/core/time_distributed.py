"""One layer for every step of a sequence."""

from __future__ import annotations

import inspect
from typing import Any

import penstock as ps
from penstock.errors import ShapeError
from penstock_keras_api.layers.core.wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Apply a layer to each step: y[:, t] = layer(x[:, t]).

    Steps are put into the batch and computed at once, unless the layer's state or a mask makes them differ.

    Args:
        layer: The layer.
        kwargs: As in `Layer`.

    Raises:
        TypeError: It is no layer.

    >>> from penstock import keras
    >>> keras.layers.TimeDistributed(keras.layers.Dense(4))(keras.Input((10, 3))).shape
    (None, 10, 4)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Build the layer for one step.

        Raises:
            ValueError: The input has fewer than 3 axes.
        """
        super().build(self._step_shape(input_shape))

    def _step_shape(self, input_shape: Any) -> tuple[Any, ...]:
        if len(input_shape) < 3:
            raise ShapeError(
                f"[{self.name}] got an input of shape {tuple(input_shape)}; it needs the axes batch, steps, features: "
                "add one, x[:, None]"
            )
        return (input_shape[0], *input_shape[2:])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        made = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (made[0], input_shape[1], *made[1:])

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Apply the layer to the steps."""
        if mask is not None:
            self._check_mask(mask, inputs)
        takes_mask = "mask" in inspect.signature(self.layer.call).parameters
        use_mask = mask is not None and takes_mask
        steps = inputs.shape[1]
        if isinstance(steps, int) and (use_mask or self.layer.non_trainable_variables):
            made = [
                self._step(inputs[:, t], training, mask[:, t] if use_mask else None)
                for t in range(steps)
            ]
            return ps.stack(made, axis=1)
        batch = inputs.shape[0]
        rows = ps.reshape(inputs, (batch * steps, *inputs.shape[2:]))
        flat = None
        if use_mask:
            flat = ps.reshape(mask, (batch * steps, *mask.shape[2:]))
        y = self._step(rows, training, flat)
        return ps.reshape(y, (batch, steps, *y.shape[1:]))

    def _step(self, x: Any, training: bool | None, mask: Any) -> Any:
        extra = {} if mask is None else {"mask": mask}
        return self.layer(x, training=training, **extra)

    def _check_mask(self, mask: Any, inputs: Any) -> None:
        sizes = list(zip(mask.shape[:2], inputs.shape[:2], strict=False))
        known = [(m, x) for m, x in sizes if isinstance(m, int) and isinstance(x, int)]
        if mask.ndim < 2 or any(m != x for m, x in known):
            raise ShapeError(
                f"[{self.name}] got a mask of shape {tuple(mask.shape)} for an input of shape {tuple(inputs.shape)}; "
                "its first two axes must be the input's"
            )
