"""Products of vectors inside of two tensors."""

from __future__ import annotations

import string
from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError
from penstock_keras_api.layers.merging.merge import Merge


class Dot(Merge):
    """Sum the products of two tensors along an axis of each, for every example of the batch.

    Args:
        axes: The axis of both, or of each: (1, 2).
        normalize: Whether vectors are scaled to length 1 before: the result is then the cosine of their angle.
        kwargs: As in `Layer`.

    Raises:
        TypeError: `axes` is neither a number nor a pair.
        ValueError: The sizes of the axes differ.

    >>> from penstock import keras
    >>> keras.layers.Dot(axes=1)([ps.asarray([[1.0, 2.0]]), ps.asarray([[3.0, 4.0]])]).tolist()
    [[11.0]]
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = axes if isinstance(axes, list | tuple) else (axes, axes)
        if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair):
            raise InvalidTypeError(f"[Dot] got axes={axes!r}; use a number or a pair: axes=(1, 2)")
        self.axes = axes
        self.normalize = normalize

    def _pair(self, shapes: Any) -> tuple[int, int]:
        self._check_list(shapes)
        if len(shapes) != 2:
            raise InvalidValueError(f"[{self.name}] got {len(shapes)} tensors; give it two")
        first, second = self.axes if isinstance(self.axes, list | tuple) else (self.axes, self.axes)
        pair = first % len(shapes[0]), second % len(shapes[1])
        m, n = shapes[0][pair[0]], shapes[1][pair[1]]
        if 0 in pair or (isinstance(m, int) and isinstance(n, int) and m != n):
            raise ShapeError(
                f"[{self.name}] got the shapes {tuple(shapes[0])} and {tuple(shapes[1])} with axes={self.axes}: {m} and "
                f"{n}; name axes of one size, and not the batch"
            )
        return pair

    def build(self, input_shape: Any) -> None:
        """Check the shapes."""
        self._pair(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Sum the products."""
        a, b = inputs
        first, second = self._pair([tuple(a.shape), tuple(b.shape)])
        if self.normalize:
            a, b = ps.nn.l2_normalize(a, first), ps.nn.l2_normalize(b, second)
        letters = iter(string.ascii_letters[2:])
        of_a = ["a"] + [next(letters) for _ in range(a.ndim - 1)]
        of_b = ["a"] + [next(letters) for _ in range(b.ndim - 1)]
        of_a[first] = of_b[second] = "b"
        rest = "".join(letter for letter in of_a[1:] + of_b[1:] if letter != "b")
        y = ps.einsum(f"{''.join(of_a)},{''.join(of_b)}->a{rest}", a, b)
        return y if rest else ps.expand_dims(y, -1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        first, second = self._pair(input_shape)
        a, b = list(input_shape[0]), list(input_shape[1])
        del a[first], b[second]
        made = (*a, *b[1:])
        return made if len(made) > 1 else (*made, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return no mask."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` makes an equal layer of."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Call a `Dot` layer.

    Args:
        inputs: Two tensors.
        axes: The axis of both, or of each.
        kwargs: `normalize`, and as in `Layer`.

    Returns:
        A tensor.

    Raises:
        ValueError: The sizes of the axes differ.
    """
    return Dot(axes=axes, **kwargs)(inputs)
