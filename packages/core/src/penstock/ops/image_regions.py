"""Boxes cut out of images and drawn into them.

Boxes are (top, left, bottom, right) from 0 to 1: the first pixel's centre is 0, the last one's is 1.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike


@op(infer="crop_and_resize")
def crop_and_resize(
    images: TensorLike,
    boxes: TensorLike,
    box_indices: TensorLike,
    crop_size: ShapeLike,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
) -> Tensor:
    """Cut boxes out of images and bring them to one size.

    Args:
        images: [batch, height, width, channels], any real dtype; integers are taken as float32.
        boxes: [n, 4]: top, left, bottom, right; 0 is the centre of the first pixel, 1 of the last. A box may be
            turned over, and may leave the image.
        box_indices: [n], integers: the image of each box.
        crop_size: Height and width of the results. Their corners lie on the corners of the box.
        method: "bilinear" or "nearest".
        extrapolation_value: What stands outside the image.

    Returns:
        [n, *crop_size, channels], of the dtype of the images or float32.

    Raises:
        ValueError: The shapes do not fit together, or the method is unknown.
        IndexError: There is no image of that number.
        TypeError: The images or boxes are complex or strings, or the indices are not integers.

    Example:
        >>> image = penstock.reshape([0.0, 1.0, 2.0], (1, 1, 3, 1))
        >>> crops = penstock.image.crop_and_resize(image, [[0.0, 0.25, 0.0, 0.75]], [0], (1, 2))
        >>> penstock.flatten(crops)
        Tensor([0.5, 1.5], shape=(2,), dtype=float32)
    """


def _places(low: Any, high: Any, n: int, size: int) -> Any:
    """Where the n rows of each box lie in an image of `size` rows: [boxes, n]."""
    if n == 1:
        return 0.5 * (low + high)[:, None] * (size - 1)
    return (low[:, None] + (high - low)[:, None] * np.arange(n) / (n - 1)) * (size - 1)


@crop_and_resize.reference
def _(
    images: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str,
    extrapolation_value: float,
) -> Any:
    _, height, width, channels = images.shape
    x, boxes = wider(images), wider(boxes)
    y_at = _places(boxes[:, 0], boxes[:, 2], crop_size[0], height)
    x_at = _places(boxes[:, 1], boxes[:, 3], crop_size[1], width)
    crops = np.full((len(boxes), *crop_size, channels), extrapolation_value, x.dtype)
    for b, i, j in np.ndindex(crops.shape[:3]):
        row, column, image = y_at[b, i], x_at[b, j], x[box_indices[b]]
        if not (0 <= row <= height - 1 and 0 <= column <= width - 1):
            continue
        if method == "nearest":
            crops[b, i, j] = image[int(np.floor(row + 0.5)), int(np.floor(column + 0.5))]
            continue
        top, left = int(row), int(column)
        bottom, right = int(np.ceil(row)), int(np.ceil(column))
        across = column - left
        above = image[top, left] * (1 - across) + image[top, right] * across
        below = image[bottom, left] * (1 - across) + image[bottom, right] * across
        crops[b, i, j] = above + (below - above) * (row - top)
    return crops


def _symbolic_places(low: Tensor, high: Tensor, n: Any, last: Any) -> Any:
    low, high = ops.expand_dims(low, -1), ops.expand_dims(high, -1)
    if n == 1:
        return (low + high) * 0.5 * last
    steps = ops.arange(0, n, dtype=low.dtype) / (ops.count([n], low.dtype) - 1)
    return (low + (high - low) * steps) * last


@crop_and_resize.compose
def _(
    images: Tensor,
    boxes: Tensor,
    box_indices: Tensor,
    crop_size: Any,
    method: str,
    extrapolation_value: float,
) -> Tensor:
    result, dtype = images.dtype, images.dtype if images.dtype.itemsize >= 4 else "float32"
    images, boxes = ops.astype(images, dtype), ops.astype(boxes, dtype)
    lasts = [ops.count([n], dtype) - 1 for n in images.shape[1:3]]
    rows = _symbolic_places(boxes[:, 0], boxes[:, 2], crop_size[0], lasts[0])[:, :, None]
    columns = _symbolic_places(boxes[:, 1], boxes[:, 3], crop_size[1], lasts[1])[:, None, :]
    inside = (rows >= 0) & (rows <= lasts[0]) & (columns >= 0) & (columns <= lasts[1])
    # What leaves the image may be anything, also not a number: it is read at 0.
    rows, columns = ops.where(inside, rows, 0.0), ops.where(inside, columns, 0.0)
    number = ops.cast(box_indices, "int64")[:, None, None] + ops.zeros_like(ops.cast(rows, "int64"))

    def pixels(row: Tensor, column: Tensor) -> Tensor:
        at = [number, ops.cast(row, "int64"), ops.cast(column, "int64")]
        return ops.gather_nd(images, ops.stack(at, -1))

    if method == "nearest":
        found = pixels(ops.floor(rows + 0.5), ops.floor(columns + 0.5))
    else:
        top, left, bottom, right = (f(t) for f in (ops.floor, ops.ceil) for t in (rows, columns))
        across, down = (columns - left)[..., None], (rows - top)[..., None]
        above = pixels(top, left) * (1 - across) + pixels(top, right) * across
        below = pixels(bottom, left) * (1 - across) + pixels(bottom, right) * across
        found = above + (below - above) * down
    return ops.astype(ops.where(inside[..., None], found, extrapolation_value), result)


@crop_and_resize.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    inner = np.array([[0.11, 0.07, 0.91, 0.83], [0.83, 0.13, 0.21, 0.69]])
    outer = np.array([[-0.33, 0.1, 1.27, 0.9], [0.1, 0.2, 0.7, 1.6]])
    which = np.array([1, 0])
    for dtype in FLOATS:
        x = array(rng, (2, 6, 5, 2), dtype)
        yield Sample((x, inner.astype(dtype), which, (3, 4)), label=dtype)
    x = array(rng, (2, 6, 5, 2))
    yield Sample((x, outer, which, (4, 3), "bilinear", 7.0), label="outside")
    yield Sample((x, inner, which, (1, 1)), label="one pixel")
    yield Sample((x, inner, which, (3, 5), "nearest"), label="nearest")
    yield Sample((x, np.zeros((0, 4)), np.zeros(0, "int64"), (2, 2)), label="empty")
    far = np.array([[np.nan, 0, 1, 1], [0, -np.inf, 1, np.inf]])
    yield Sample((x, far, which, (2, 2)), label="not a number", differentiable=False)


@crop_and_resize.rejects
def _() -> Iterator[Reject]:
    x, boxes, which = np.ones((1, 2, 2, 1)), np.ones((2, 4)), np.zeros(2, "int64")
    yield Reject((x, boxes, which[:1], (2, 2)), match="one index for each box")
    yield Reject((x, boxes, which, (2,)), match="expected height and width, both at least 1")
    yield Reject((x, boxes, which, (2, 2), "cubic"), match="use 'bilinear', 'nearest'")
    yield Reject((x, boxes, which * 1.0, (2, 2)), error=TypeError, match="expected int32 or int64")


@op(infer="draw_bounding_boxes")
def draw_bounding_boxes_(images: TensorLike, boxes: TensorLike, colors: TensorLike) -> Tensor:
    """Draw the edges of boxes, one pixel wide, the colours in turn.

    Args:
        images: [batch, height, width, channels], any real dtype; integers are taken as float32.
        boxes: [batch, n, 4], from 0 to 1: top, left, bottom, right.
        colors: [colours, channels].

    Returns:
        The shape of the images, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or there is no colour.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> image = penstock.zeros((1, 1, 3, 1))
        >>> drawn = penstock.ops.draw_bounding_boxes_(image, [[[0.0, 0.5, 0.0, 1.0]]], [[9.0]])
        >>> penstock.flatten(drawn)
        Tensor([0., 9., 9.], shape=(3,), dtype=float32)
    """


draw_bounding_boxes_.not_differentiable("what is drawn over an image hides it, and has no slope")


@draw_bounding_boxes_.reference
def _(images: Any, boxes: Any, colors: Any) -> Any:
    drawn = wider(images).copy()
    last = np.array([images.shape[1] - 1, images.shape[2] - 1] * 2)
    for n, b in np.ndindex(boxes.shape[:2]):
        place = wider(boxes[n, b]) * last
        if np.isfinite(place).all() and images.size:
            _draw(drawn[n], place.astype(np.int64), colors[b % len(colors)])
    return drawn


def _draw(image: Any, box: Any, color: Any) -> None:
    top, left, bottom, right = box
    rows, columns = (slice(max(a, 0), max(b + 1, 0)) for a, b in ((top, bottom), (left, right)))
    for row in (top, bottom):
        if 0 <= row < image.shape[0] and top <= bottom:
            image[row, columns] = color
    for column in (left, right):
        if 0 <= column < image.shape[1] and left <= right:
            image[rows, column] = color


@draw_bounding_boxes_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        images, boxes = array(rng, (2, 9, 8, 3), dtype), array(rng, (2, 4, 4), dtype, -0.2, 1.2)
        yield Sample((images, boxes, array(rng, (3, 3), dtype)), label=dtype)
    yield Sample((array(rng, (0, 4, 4, 1)), np.ones((0, 1, 4)), np.ones((1, 1))), label="empty")
    odd = np.array([[[np.nan, 0, 1, 1], [0.9, 0.1, 0.1, 0.9]]])
    yield Sample((array(rng, (1, 5, 5, 1)), odd, np.ones((1, 1))), label="no boxes")


@draw_bounding_boxes_.rejects
def _() -> Iterator[Reject]:
    x, boxes = np.ones((1, 4, 4, 3)), np.ones((1, 2, 4))
    yield Reject((x, boxes, np.ones((1, 4))), match="colours of as many channels as the images")
    yield Reject((x, boxes, np.ones((0, 3))), match="there is no colour; give one or more")
    yield Reject((x, np.ones((2, 2, 4)), np.ones((1, 3))), match="boxes for each image")


# Colours that are told apart on light and dark pictures, red first; the fourth channel is opacity.
_PALETTE = (
    (1.0, 0.0, 0.0, 1.0),
    (0.0, 0.8, 0.0, 1.0),
    (0.1, 0.3, 1.0, 1.0),
    (1.0, 0.8, 0.0, 1.0),
    (0.0, 0.9, 0.9, 1.0),
    (0.9, 0.0, 0.9, 1.0),
)


def draw_bounding_boxes(
    images: TensorLike, boxes: TensorLike, colors: TensorLike | None = None
) -> Tensor:
    """Draw the edges of boxes, one pixel wide, the colours in turn.

    Args:
        images: [batch, height, width, channels], any real dtype; integers are taken as float32. The channels are
            known.
        boxes: [batch, n, 4], from 0 to 1: top, left, bottom, right.
        colors: [colours, channels]; None for a palette for pixels from 0 to 1, with gray by its first channel.

    Returns:
        The shape of the images, of the promoted dtype.

    Raises:
        ValueError: The shapes do not fit together, or there is no colour.
        TypeError: A tensor is complex or a string tensor.

    Example:
        >>> image = penstock.zeros((1, 1, 3, 1))
        >>> penstock.flatten(penstock.image.draw_bounding_boxes(image, [[[0.0, 0.5, 0.0, 1.0]]]))
        Tensor([0., 1., 1.], shape=(3,), dtype=float32)
    """
    images = asarray(images)
    if colors is None:
        channels = int(images.shape[-1]) if images.ndim else 0
        colors = asarray([color[:channels] for color in _PALETTE])
    return draw_bounding_boxes_(images, boxes, colors)
