"""A matrix product."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidValueError
from penstock_keras_api import activations, constraints, initializers, regularizers
from penstock_keras_api.layers.core.adapted import Adapted
from penstock_keras_api.layers.input_spec import InputSpec


class Dense(Adapted):
    """Multiply with a matrix, add a bias, and apply an activation: activation(x · kernel + bias).

    Args:
        units: How many outputs there are.
        activation: A function, or its name.
        use_bias: Whether there is a bias.
        kernel_initializer: What makes the kernel.
        bias_initializer: What makes the bias.
        kernel_regularizer: What the kernel adds to the loss.
        bias_regularizer: What the bias adds to the loss.
        activity_regularizer: What the output adds to the loss.
        kernel_constraint: What the kernel is made to fulfil.
        bias_constraint: What the bias is made to fulfil.
        lora_rank: The rank of an update that is trained in place of the kernel; see `enable_lora`.
        lora_alpha: The factor of the update; the rank by default.
        quantization_config: How `quantize` quantises the kernel.
        kwargs: As in `Layer`.

    Raises:
        ValueError: `units` is no whole number above 0.

    >>> from penstock import keras
    >>> keras.layers.Dense(4)(keras.Input((3,))).shape
    (None, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activity_regularizer=activity_regularizer,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
            **kwargs,
        )
        if int(units) != units or units <= 0:
            raise InvalidValueError(f"[Dense] got units={units!r}; use a whole number above 0")
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias.

        Raises:
            ValueError: The last axis is not known.
        """
        features = input_shape[-1]
        if features is None:
            raise InvalidValueError(
                f"[{self.name}] the last axis of its input {input_shape} must be known, since the kernel depends on it; "
                "give Input a shape that says it"
            )
        if self.quantization_mode is not None:
            self.quantized_build(input_shape, self.quantization_mode)
        else:
            self.kernel = self.add_weight(
                (features, self.units),
                self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
                name="kernel",
            )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True
        if self.lora_rank:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the weights of a quantised layer."""
        super().quantized_build(input_shape, mode)
        self._make_integers((int(input_shape[-1]), self.units))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute activation(x · kernel + bias)."""
        return self._finished(ps.matmul(inputs, self._matrix_value(inputs.dtype)))

    def quantized_call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute the same with integers in place of the kernel, and of the inputs if the configuration says so."""
        x, scale = self._quantized_inputs(inputs, (-1,))
        y = ps.matmul(x, self._matrix_value(x.dtype))
        return self._finished(ps.cast(y if scale is None else y / scale, inputs.dtype))

    def _finished(self, y: Any) -> Any:
        if self.bias is not None:
            y = y + ps.cast(self.bias.value, y.dtype)
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            **self._adapted_config(),
        }
