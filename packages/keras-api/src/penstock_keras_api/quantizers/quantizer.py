"""Quantizers: what makes small integers of floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from penstock_keras_api import tree
from penstock_keras_api.quantizers.integers import abs_max_quantize


class Quantizer:
    """Make small numbers of floats; subclasses say how.

    Args:
        output_dtype: The dtype of the result.
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """Quantise a tensor."""
        return x

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a quantizer of what `get_config` returned."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal quantizer of.

        Raises:
            NotImplementedError: The subclass has none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method get_config: write one")


class AbsMaxQuantizer(Quantizer):
    """Scale by the largest absolute value.

    Args:
        axis: Along which axes the largest value is taken.
        value_range: The least and the largest result.
        epsilon: Keeps divisors away from 0.
        output_dtype: The dtype of the result.

    >>> from penstock import keras
    >>> values, scale = keras.quantizers.AbsMaxQuantizer(axis=-1)([[0.5, -1.0]])
    >>> values.tolist()
    [[63, -127]]
    """

    def __init__(
        self,
        axis: Any = None,
        value_range: Sequence[int] = (-127, 127),
        epsilon: float = 1e-07,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = None if axis is None else tuple(tree.flatten(axis))
        self.value_range = value_range
        self.epsilon = epsilon

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Any, Any]:
        """Quantise a tensor.

        Args:
            x: [...].
            axis: Other axes than the quantizer's own.
            to_numpy: Kept for compatibility with `abs_max_quantize`.

        Returns:
            The integers, and the scale by which x was multiplied.
        """
        axes = self.axis if axis is None else axis
        return abs_max_quantize(
            x, axes, self.value_range, self.output_dtype, self.epsilon, to_numpy
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal quantizer of."""
        made = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return made if self.axis is None else {**made, "axis": self.axis}
