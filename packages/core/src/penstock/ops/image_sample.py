"""Images read at any places: what rotating, warping and every other geometric transformation comes down to."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike

_FAR = 2.0**24  # beyond it neighbouring pixels have the same coordinate
_MODES = ("constant", "nearest", "reflect", "wrap", "mirror")


@op(infer="image_resize:sample")
def image_sample(
    images: TensorLike,
    coordinates: TensorLike,
    /,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Tensor:
    """Read images at given places.

    Args:
        images: [batch, height, width, channels], any real dtype; integers are taken as float32.
        coordinates: [batch or 1, rows, columns, 2]: row and column of a place, in pixels; 0 is the centre of the first
            pixel. What is no number, or beyond 2^24, counts as -2^24.
        interpolation: "bilinear", or "nearest", where half a pixel is rounded up.
        fill_mode: What lies outside: "constant" (k k | a b c | k k), "nearest" (a a | a b c | c c), "reflect"
            (b a | a b c | c b), "mirror" (c b | a b c | b a) or "wrap" (b c | a b c | a b).
        fill_value: k.

    Returns:
        [batch, rows, columns, channels], of the common dtype.

    Raises:
        ValueError: The shapes do not fit together, or a mode is unknown.
        TypeError: An input is complex or a string tensor.

    Example:
        >>> image = penstock.reshape([0.0, 10.0], (1, 1, 2, 1))
        >>> places = penstock.reshape([0.0, 0.25, 0.0, -1.0], (1, 1, 2, 2))
        >>> penstock.flatten(penstock.image.sample(image, places, fill_mode="reflect"))
        Tensor([2.5, 0. ], shape=(2,), dtype=float32)
    """


@op(infer="image_resize_grad:sample")
def image_sample_grad(
    dy: TensorLike,
    coordinates: TensorLike,
    /,
    input_size: ShapeLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
) -> Tensor:
    """Take the gradient of image_sample for the images: each pixel gets what it gave.

    Args:
        dy: [batch, rows, columns, channels], the gradient of what was read.
        coordinates: As given to image_sample.
        input_size: Height and width of the images.
        interpolation: As given to image_sample.
        fill_mode: As given to image_sample.

    Returns:
        [batch, *input_size, channels], of the common dtype.

    Raises:
        ValueError: The shapes do not fit together, or a mode is unknown.
        TypeError: An input is complex or a string tensor.

    Example:
        >>> places = penstock.reshape([0.0, 0.25], (1, 1, 1, 2))
        >>> dy = penstock.ones((1, 1, 1, 1))
        >>> penstock.flatten(penstock.ops.image_sample_grad(dy, places, (1, 2)))
        Tensor([0.75, 0.25], shape=(2,), dtype=float32)
    """


def _index(i: Any, n: int, mode: str) -> tuple[Any, Any]:
    """Return the pixels that stand at numbers inside or outside a line, and whether there are any."""
    inside = (i >= 0) & (i < n)
    if mode == "constant":
        return np.where(inside, i, 0), inside
    if mode == "wrap":
        i = i % n
    elif mode == "reflect":
        i = i % (2 * n)
        i = np.where(i >= n, 2 * n - 1 - i, i)
    elif mode == "mirror":
        i = i % max(2 * n - 2, 1)
        i = np.where(i >= n, 2 * n - 2 - i, i)
    return np.clip(i, 0, n - 1), np.ones_like(inside)


def _neighbours(coordinates: Any, size: Any, interpolation: str, mode: str) -> Iterator[Any]:
    """Go through the pixels that a place is read from: rows, columns, weights, and whether they are in the image."""
    near = np.where(np.abs(coordinates) <= _FAR, coordinates, -_FAR)
    ends: tuple[int, ...]
    if interpolation == "nearest":
        corner, offset, ends = np.floor(near + 0.5), np.zeros_like(near), (0,)
    else:
        corner, ends = np.floor(near), (0, 1)
        offset = near - corner
    first = corner.astype(np.int64)
    for dy in ends:
        for dx in ends:
            row, row_in = _index(first[..., 0] + dy, size[0], mode)
            column, column_in = _index(first[..., 1] + dx, size[1], mode)
            weight = np.abs(1 - dy - offset[..., 0]) * np.abs(1 - dx - offset[..., 1])
            yield row, column, weight, row_in & column_in


@image_sample.reference
def _(images: Any, coordinates: Any, interpolation: str, fill_mode: str, fill_value: float) -> Any:
    x, places = wider(images), wider(coordinates)
    batch = np.arange(len(x))[:, None, None]
    total = np.zeros((len(x), *places.shape[1:3], x.shape[3]), x.dtype)
    for row, column, weight, inside in _neighbours(places, x.shape[1:3], interpolation, fill_mode):
        value = np.where(inside[..., None], x[batch, row, column], x.dtype.type(fill_value))
        total += value * weight[..., None].astype(x.dtype)
    return total.astype(images.dtype)


@image_sample_grad.reference
def _(dy: Any, coordinates: Any, input_size: Any, interpolation: str, fill_mode: str) -> Any:
    dz, places = wider(dy), wider(coordinates)
    batch = np.arange(len(dz))[:, None, None]
    dx = np.zeros((len(dz), *input_size, dz.shape[3]), dz.dtype)
    for row, column, weight, inside in _neighbours(places, input_size, interpolation, fill_mode):
        part = dz * (weight * inside)[..., None].astype(dz.dtype)
        np.add.at(dx, np.broadcast_arrays(batch, row, column), part)
    return dx.astype(dy.dtype)


@image_sample.vjp
def _(node: Node, dz: Tensor) -> Gradients:
    images, places = node.inputs
    settings = node.attrs["interpolation"], node.attrs["fill_mode"]
    dx = image_sample_grad(dz, places, images.shape[1:3], *settings) if node.needs(0) else None
    return dx, _slopes(node, dz) if node.needs(1) else None


def _slopes(node: Node, dz: Tensor) -> Tensor:
    """Return the gradient for the places: the difference between the neighbours, along each axis."""
    images, places = node.inputs
    if node.attrs["interpolation"] == "nearest":
        return ops.full(places.shape, 0.0, places.dtype)
    found = []
    for axis in range(2):
        other = places[..., 1 - axis : 2 - axis]
        low = ops.floor(places[..., axis : axis + 1])
        ends = [low, low + 1.0]
        pairs = [ops.concat([e, other] if axis == 0 else [other, e], axis=3) for e in ends]
        low_value, high_value = (image_sample(images, pair, **node.attrs) for pair in pairs)
        found.append(ops.sum(dz * (high_value - low_value), axis=3, keepdims=True))
    return ops.sum_to(ops.concat(found, axis=3), places)


@image_sample_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    settings = node.attrs["interpolation"], node.attrs["fill_mode"]
    return image_sample(ddx, node.inputs[1], *settings), None


def _places(rng: np.random.Generator, batch: int, dtype: str) -> Any:
    return (rng.integers(-24, 40, (batch, 3, 4, 2)) * 0.25 + 0.07).astype(dtype)


@image_sample.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        x = array(rng, (2, 5, 4, 3), dtype)
        for mode in _MODES:
            label = f"{mode} {dtype}"
            yield Sample((x, _places(rng, 2, dtype), "bilinear", mode, 0.5), label=label)
        yield Sample((x, _places(rng, 1, dtype), "nearest", "reflect"), label=f"nearest {dtype}")
    x, places = array(rng, (1, 1, 1, 1), "float32"), _places(rng, 1, "float32")
    for mode in _MODES:
        yield Sample((x, places, "bilinear", mode), label=f"one pixel {mode}")
    x, places = array(rng, (1, 2, 3, 1), "float32"), _places(rng, 1, "float32")
    places[0, 0, 0] = np.nan, np.inf
    yield Sample((x, places), label="no number", differentiable=False)
    yield Sample((x, places[:, :0]), label="empty", differentiable=False)
    large = (rng.uniform(-9, 49, (2, 37, 41, 2))).astype("float32")
    x = array(rng, (2, 40, 33, 3), "float32")
    yield Sample((x, large, "bilinear", "reflect"), label="large", differentiable=False)


@image_sample.rejects
def _() -> Iterator[Reject]:
    x, places = np.ones((2, 4, 5, 1), "float32"), np.zeros((2, 3, 3, 2), "float32")
    yield Reject((x[0], places), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x, places[0]), match=r"expected 4 axes, \[batch, rows, columns, 2\]")
    yield Reject((x, places[..., :1]), match=r"\[batch, rows, columns, 2\]")
    yield Reject((x[:1], places), match="one batch of places for each image, or one for all")
    yield Reject((x, places, "cubic"), match="use 'bilinear', 'nearest'")
    yield Reject((x, places, "nearest", "edge"), match="use 'constant', 'nearest', 'reflect'")
    yield Reject((x[:, :0], places), match="the image has no pixels")
    yield Reject((x.astype("complex64"), places), error=TypeError, match="take the real part")


@image_sample_grad.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        for mode in _MODES:
            sample = array(rng, (2, 3, 4, 3), dtype), _places(rng, 2, dtype), (5, 4)
            label = f"{mode} {dtype}"
            yield Sample((*sample, "bilinear", mode), label=label, differentiable=False)


@image_sample_grad.rejects
def _() -> Iterator[Reject]:
    dy, places = np.ones((2, 3, 3, 1), "float32"), np.zeros((2, 3, 3, 2), "float32")
    yield Reject((dy, places, (2,)), match="expected height and width, both at least 1")
    yield Reject((dy[:, :2], places, (4, 5)), match="as the places have")
    yield Reject((dy, places, (4, 5), "cubic"), match="use 'bilinear', 'nearest'")
