"""What a transformer does to each position by itself."""

from __future__ import annotations

from typing import Any

from penstock_keras_api.layers import Dense, Layer
from penstock_models.layers.activations import activation


class FeedForward(Layer):
    """Two products with an activation between: output(f(hidden(x))), or output(f(gate(x)) · hidden(x)).

    Args:
        hidden_size: The width between the products.
        activation: The activation's name.
        gated: Whether a third product decides what passes.
        use_bias: Whether products add a vector.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: There is no such activation.

    Source:
        Gated: Shazeer, 2020, "GLU variants improve transformer", https://arxiv.org/abs/2002.05202.

    >>> from penstock import keras
    >>> FeedForward(16)(keras.Input((5, 8))).shape
    (None, 5, 8)
    """

    def __init__(
        self,
        hidden_size: int,
        activation: str = "gelu",
        gated: bool = False,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.activation = activation
        self.gated = gated
        self.use_bias = use_bias

    def build(self, input_shape: Any) -> None:
        """Make the products for inputs of this depth."""
        self.activate = activation(self.activation)
        self.hidden = self._product(self.hidden_size, "hidden", input_shape)
        self.gate = self._product(self.hidden_size, "gate", input_shape) if self.gated else None
        self.output_projection = self._product(
            input_shape[-1], "output", (*input_shape[:-1], self.hidden_size)
        )
        self.built = True

    def _product(self, units: int, name: str, shape: Any) -> Dense:
        layer = Dense(units, use_bias=self.use_bias, name=name, dtype=self.dtype_policy)
        layer.build(shape)
        return layer

    def call(self, inputs: Any) -> Any:
        """Return [..., depth] for inputs [..., depth]."""
        if self.gate is not None:
            return self.output_projection(self.activate(self.gate(inputs)) * self.hidden(inputs))
        return self.output_projection(self.activate(self.hidden(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {n: getattr(self, n) for n in ("hidden_size", "activation", "gated", "use_bias")}
        return {**super().get_config(), **own}
