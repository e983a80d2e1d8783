"""Where a sliding window reads an image or a volume: what the references of convolution and pooling share."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from penstock._dataclass import dataclass

Pair = tuple[int, int]
Sizes = tuple[int, ...]


def same_padding(size: Any, window: int, stride: int, dilation: int = 1) -> tuple[Any, Any]:
    """Compute TensorFlow's "same" padding of one side, before and after; `size` may be symbolic.

    The result has ceil(size / stride) elements; an odd element goes behind.
    """
    out = -(-size // stride)
    total = (out - 1) * stride + (window - 1) * dilation + 1 - size
    if total < 0:
        total = 0
    return total // 2, total - total // 2


@dataclass(frozen=True)
class Windows:
    """All windows over images [batch, *sides, channels], as views: one for each cell of the window."""

    size: Sizes
    strides: Sizes
    dilations: Sizes
    pads: tuple[Pair, ...]
    out: Sizes

    @classmethod
    def over(
        cls,
        image: Sequence[int],
        size: Sequence[int],
        strides: Sequence[int],
        padding: str,
        explicit: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
    ) -> Windows:
        """Place windows over images of shape `image`; `size` may go on behind its sides, as a filter's shape does."""
        sides = len(image) - 2
        dilations = (1,) * sides if dilations is None else dilations
        pads, out = [], []
        for side in range(sides):
            n, window, stride, dilation = (
                image[1 + side],
                size[side],
                strides[side],
                dilations[side],
            )
            before, after = 0, 0
            if padding == "same":
                before, after = same_padding(n, window, stride, dilation)
            elif explicit is not None:
                before, after = explicit[2 * side], explicit[2 * side + 1]
            pads.append((before, after))
            out.append((n + before + after - (window - 1) * dilation - 1) // stride + 1)
        return cls(tuple(size[:sides]), tuple(strides), tuple(dilations), tuple(pads), tuple(out))

    def pad(self, images: Any, value: Any = 0) -> Any:
        """Add the border that the windows may reach into."""
        return np.pad(images, ((0, 0), *self.pads, (0, 0)), constant_values=value)

    def crop(self, padded: Any) -> Any:
        """Take the border away again."""
        inner = (
            slice(before, size - after)
            for (before, after), size in zip(self.pads, padded.shape[1:-1], strict=True)
        )
        return padded[(slice(None), *inner)]

    def views(self, padded: Any) -> Iterator[tuple[Sizes, Any]]:
        """Yield each cell of the window, row by row, with what it sees: [batch, *out, channels]."""
        for cell in itertools.product(*map(range, self.size)):
            seen = (
                slice(c * d, c * d + n * s, s)
                for c, d, n, s in zip(cell, self.dilations, self.out, self.strides, strict=True)
            )
            yield cell, padded[(slice(None), *seen)]
