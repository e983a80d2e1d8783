"""What layers that join tensors of like shapes have in common."""

from __future__ import annotations

from typing import Any

import penstock as ps
from penstock.errors import InvalidTypeError, ShapeError
from penstock_keras_api.layers.layer import Layer
from penstock_keras_api.layers.masks import mask_of


class Merge(Layer):
    """Join tensors element by element; their shapes broadcast, but for the batch.

    Args:
        kwargs: As in `Layer`.

    Raises:
        TypeError: There is an argument that `Layer` does not take.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check the shapes.

        Raises:
            TypeError: It is no list of tensors.
            ValueError: The shapes do not broadcast.
        """
        self._check_list(input_shape)
        batches = {shape[0] for shape in input_shape if shape} - {None}
        if len(batches) > 1:
            raise ShapeError(
                f"[{self.name}] got batches of different sizes, {sorted(batches)}; make them equal"
            )
        self.compute_output_shape(input_shape)
        self.built = True

    def _check_list(self, shapes: Any) -> None:
        if not shapes or not all(isinstance(shape, list | tuple) for shape in shapes):
            raise InvalidTypeError(
                f"[{self.name}] joins several tensors, and got one; call it on a list: layer([a, b])"
            )

    def call(self, inputs: Any) -> Any:
        """Join the tensors."""
        if not isinstance(inputs, list | tuple):
            self._check_list(None)
        most = max(x.ndim for x in inputs)
        inputs = [_with_axes(x, most) for x in inputs]
        return self._merge(inputs, [mask_of(x) for x in inputs])

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        y = inputs[0]
        for x in inputs[1:]:
            y = self._join(y, x)
        return y

    def _join(self, x: Any, y: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no method _join(x, y)")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the first tensor's mask."""
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output.

        Raises:
            ValueError: The shapes do not broadcast.
        """
        inner: tuple[Any, ...] = tuple(input_shape[0][1:])
        for shape in input_shape[1:]:
            inner = self._broadcast(inner, tuple(shape[1:]), input_shape)
        batches = {shape[0] for shape in input_shape} - {None}
        return (batches.pop() if len(batches) == 1 else None, *inner)

    def _broadcast(self, a: tuple[Any, ...], b: tuple[Any, ...], shapes: Any) -> tuple[Any, ...]:
        if len(a) < len(b):
            a, b = b, a
        made = list(a[: len(a) - len(b)])
        for m, n in zip(a[len(a) - len(b) :], b, strict=True):
            if m is None or n is None:
                made.append(None)
            elif m == n or 1 in (m, n):
                made.append(n if m == 1 else m)
            else:
                raise ShapeError(
                    f"[{self.name}] got the shapes {', '.join(str(tuple(s)) for s in shapes)}; sizes must be equal, or 1"
                )
        return tuple(made)


class MaskedMerge(Merge):
    """A merge that leaves masked steps out; the mask of its output has the steps that any tensor has."""

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where one of the masks holds, if all tensors have one."""
        if not mask or any(m is None for m in mask):
            return super().compute_mask(inputs, mask)
        made = mask[0]
        for m in mask[1:]:
            made = ps.logical_or(made, m)
        return made


def _with_axes(x: Any, ndim: int) -> Any:
    """Put axes of size 1 behind the batch."""
    while x.ndim < ndim:
        x = ps.expand_dims(x, 1)
    return x


def wide(mask: Any, x: Any) -> Any:
    """Give a mask of steps the shape of what it is for."""
    return ps.broadcast_to(ps.expand_dims(mask, -1), x.shape)


class ExtremeMerge(MaskedMerge):
    """A merge without a neutral number: where a tensor is masked, the others alone count."""

    def _merge(self, inputs: list[Any], masks: list[Any]) -> Any:
        y = inputs[0]
        kept = None if masks[0] is None else wide(masks[0], y)
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            here = None if mask is None else wide(mask, x)
            if here is not None:
                x = ps.where(here, x, y)
            if kept is not None:
                y = ps.where(kept, y, x)
            kept = None if here is None or kept is None else ps.logical_or(kept, here)
            y = self._join(y, x)
        return y
