"""An array of tensors before anything is in it."""

from __future__ import annotations

from penstock import Tensor, ops
from penstock_formats.tensorflow._problems import problem


class Rows:
    """How many rows there will be, of which dtype and shape; None for what the file does not tell."""

    def __init__(self, count: int, dtype: str, shape: tuple[int | None, ...] | None) -> None:
        self.count, self.dtype, self.shape = count, dtype, shape

    def empty(self) -> Tensor:
        """Make the tensor that its rows will be in.

        Raises:
            FormatError: The file does not tell their shape.
        """
        if self.shape is None or any(n is None for n in self.shape):
            raise problem(
                "a loop writes an array of tensors whose shape the file does not tell",
                "give the TensorArray an element_shape",
            )
        return ops.zeros((self.count, *[n for n in self.shape if n is not None]), self.dtype)

    def of(self, item: Tensor) -> Tensor:
        """Make the tensor that rows like one of them will be in."""
        return ops.zeros((self.count, *item.shape), item.dtype)
