"""Where a sliding window reads an image: what the references of convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Pair = tuple[int, int]


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
    """All windows over images [batch, height, width, channels], as views: one for each cell of the window."""

    size: Pair
    strides: Pair
    dilations: Pair
    pads: tuple[Pair, Pair]
    out: Pair

    @classmethod
    def over(
        cls,
        image: Sequence[int],
        size: Sequence[int],
        strides: Sequence[int],
        padding: str,
        explicit: Sequence[int] | None = None,
        dilations: Sequence[int] = (1, 1),
    ) -> Windows:
        """Place windows of `size` over images of shape `image`."""
        pads, out = [], []
        for side in (0, 1):
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
        return cls(
            (size[0], size[1]),
            (strides[0], strides[1]),
            (dilations[0], dilations[1]),
            (pads[0], pads[1]),
            (out[0], out[1]),
        )

    def pad(self, images: Any, value: Any = 0) -> Any:
        """Add the border that the windows may reach into."""
        return np.pad(images, ((0, 0), *self.pads, (0, 0)), constant_values=value)

    def crop(self, padded: Any) -> Any:
        """Take the border away again."""
        (top, bottom), (left, right) = self.pads
        return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]

    def views(self, padded: Any) -> Iterator[tuple[Pair, Any]]:
        """Yield each cell of the window, row by row, with what it sees: [batch, *out, channels]."""
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                rows, columns = (
                    slice(c * d, c * d + n * s, s)
                    for c, d, n, s in zip(
                        (i, j), self.dilations, self.out, self.strides, strict=True
                    )
                )
                yield (i, j), padded[:, rows, columns]
