"""Norms of pictures that carry a style, and padding that mirrors."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock_keras_api import initializers
from penstock_keras_api.layers import Layer


class StyleNorm(Layer):
    """Normalise each channel of each picture over its places, then scale and shift it as a style says.

    With one style, scale and shift are a number for each channel. With a code c of a style, which may be a mixture of
    several, they are c · A + a and c · B + b.

    Args:
        code_width: How many numbers a code has; None for one style, which needs none.
        use_bias: Whether there are a and b; a code that counts styles needs none.
        epsilon: What is added to the variance.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    Source:
        Ulyanov et al., 2016, https://arxiv.org/abs/1607.08022; Dumoulin et al., 2016, "A Learned Representation For
        Artistic Style", https://arxiv.org/abs/1610.07629.

    >>> StyleNorm(code_width=2)([ps.ones((1, 4, 4, 3)), ps.ones((1, 2))]).shape
    (1, 4, 4, 3)
    """

    def __init__(
        self,
        code_width: int | None = None,
        use_bias: bool = False,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.code_width = code_width
        self.use_bias = use_bias
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        """Make scales and shifts."""
        if self.code_width is None:
            width = input_shape[-1]
            self.gamma = self.add_weight((width,), "ones", name="gamma")
            self.beta = self.add_weight((width,), "zeros", name="beta")
        else:
            width = input_shape[0][-1]
            shape = (self.code_width, width)
            start = initializers.RandomNormal(stddev=0.01) if self.use_bias else "ones"
            self.scale_kernel = self.add_weight(shape, start, name="scale_kernel")
            self.shift_kernel = self.add_weight(shape, "zeros", name="shift_kernel")
            if self.use_bias:
                self.scale_bias = self.add_weight((width,), "ones", name="scale_bias")
                self.shift_bias = self.add_weight((width,), "zeros", name="shift_bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, height, width, channels] for pictures of that shape, or for a pair of them and codes."""
        x, scale, shift = self._parts(inputs)
        mean = ps.mean(x, axis=(1, 2), keepdims=True)
        centred = x - mean
        variance = ps.mean(centred * centred, axis=(1, 2), keepdims=True)
        return centred * (ps.rsqrt(variance + self.epsilon) * scale) + shift

    def _parts(self, inputs: Any) -> tuple[Any, Any, Any]:
        """Return pictures, and a scale and a shift for each channel, or for each picture and channel."""
        if self.code_width is None:
            return inputs, self.gamma, self.beta
        x, code = inputs
        scale: Any = code @ self.scale_kernel
        shift: Any = code @ self.shift_kernel
        if self.use_bias:
            scale, shift = scale + self.scale_bias, shift + self.shift_bias
        return x, scale[:, None, None, :], shift[:, None, None, :]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the pictures' shape."""
        return input_shape if self.code_width is None else input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        own = {n: getattr(self, n) for n in ("code_width", "use_bias", "epsilon")}
        return {**super().get_config(), **own}


class MirrorPadding(Layer):
    """Put a margin around pictures that mirrors what is inside.

    Args:
        margin: How many pixels.
        kwargs: As in `keras.layers.Layer`.

    Raises:
        ValueError: Never here.

    >>> MirrorPadding(1)(ps.asarray([[[[1.0], [2.0]], [[3.0], [4.0]]]])).numpy()[0, 0, :, 0].tolist()
    [4.0, 3.0, 4.0, 3.0]
    """

    def __init__(self, margin: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.margin = margin
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return [batch, height + 2 · margin, width + 2 · margin, channels]."""
        around = (self.margin, self.margin)
        return ps.pad(inputs, ((0, 0), around, around, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape with the margin."""
        batch, *sides, channels = input_shape
        return (batch, *(s and s + 2 * self.margin for s in sides), channels)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "margin": self.margin}
