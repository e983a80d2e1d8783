"""Colours of pixels: the last axis holds red, green and blue."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.ops import _batch
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._samples import FLOATS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import TensorLike

# Rec. 601, to four digits as TensorFlow has them.
_GRAY = (0.2989, 0.5870, 0.1140)
_YUV = (
    (0.299, -0.14714119, 0.61497538),
    (0.587, -0.28886916, -0.51496512),
    (0.114, 0.43601035, -0.10001026),
)
_FROM_YUV = ((1.0, 1.0, 1.0), (0.0, -0.394642334, 2.03206185), (1.13988303, -0.58062185, 0.0))


def _in_float32(compose: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Compute with the digits of float32 at least: differences of colours lose some."""

    def widened(images: Tensor) -> Tensor:
        wide = images if images.dtype.itemsize >= 4 else ops.astype(images, "float32")
        return ops.astype(compose(wide), images.dtype)

    return widened


def _pixels(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (2, 4, 3), dtype, 0.05, 0.95),), label=dtype)
    yield Sample((array(rng, (3,), low=0.05, high=0.95),), label="one pixel")
    yield Sample((np.zeros((0, 3)),), label="empty")
    yield Sample((array(rng, (3, 5), low=0.05, high=0.95).T,), label="strided")
    yield Sample((array(rng, (67, 59, 3), "float32", 0.05, 0.95),), label="large")


def _pixels_and_gray(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _pixels(rng)
    flat = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]
    yield Sample((np.array(flat),), label="corners", differentiable=False)


def _refused() -> Iterator[Reject]:
    match = "expected .*three colours for each pixel; reshape or slice it"
    yield Reject((np.ones((2, 4)),), match=match)
    yield Reject((np.ones(3, "complex64"),), error=TypeError, match="take the real part")


@op(infer="color:same")
def rgb_to_hsv(images: TensorLike, /) -> Tensor:
    """Write colours as hue, saturation and value, all from 0 to 1; red has the hue 0, green 1/3.

    With V = max(R, G, B) and D = V - min(R, G, B): S = D / V, and H is a sixth of (G - B) / D, 2 + (B - R) / D or
    4 + (R - G) / D, where red, green or blue is the largest.

    Args:
        images: [..., 3], any real dtype, from 0 to 1; integers are taken as float32.

    Returns:
        [..., 3], of the dtype of the images or float32; gray has hue and saturation 0.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.image.rgb_to_hsv([0.0, 1.0, 0.0])
        Tensor([0.33333334, 1.        , 1.        ], shape=(3,), dtype=float32)
    """


rgb_to_hsv.batch(_batch.same)


@rgb_to_hsv.reference
def _(images: Any) -> Any:
    x = wider(images)
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    value = x.max(-1)
    spread = value - x.min(-1)
    safe = np.where(spread == 0, 1, spread)
    sector = np.where(
        value == r, (g - b) / safe, np.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    hue = np.where(spread == 0, 0, sector / 6 % 1)
    saturation = np.where(value > 0, spread / np.where(value > 0, value, 1), 0)
    return np.stack([hue, saturation, value], -1)


@rgb_to_hsv.compose
@_in_float32
def _(images: Tensor) -> Tensor:
    r, g, b = (images[..., i] for i in range(3))
    value = ops.maximum(ops.maximum(r, g), b)
    spread = value - ops.minimum(ops.minimum(r, g), b)
    safe = ops.where(spread == 0, 1.0, spread)
    others = ops.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    sector = ops.where(value == r, (g - b) / safe, others)
    hue = ops.where(spread == 0, 0.0, sector / 6)
    hue = ops.where(hue < 0, hue + 1, hue)
    saturation = ops.where(value > 0, spread / ops.where(value > 0, value, 1.0), 0.0)
    return ops.stack([hue, saturation, value], -1)


rgb_to_hsv.samples(_pixels_and_gray)
rgb_to_hsv.rejects(_refused)


@op(infer="color:same")
def hsv_to_rgb(images: TensorLike, /) -> Tensor:
    """Write hue, saturation and value as red, green and blue: the inverse of rgb_to_hsv.

    Args:
        images: [..., 3], any real dtype, from 0 to 1; integers are taken as float32.

    Returns:
        [..., 3], of the dtype of the images or float32.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.image.hsv_to_rgb([0.5, 1.0, 1.0])
        Tensor([0., 1., 1.], shape=(3,), dtype=float32)
    """


hsv_to_rgb.batch(_batch.same)


@hsv_to_rgb.reference
def _(images: Any) -> Any:
    x = wider(images)
    hue, saturation, value = x[..., :1], x[..., 1:2], x[..., 2:]
    distance = np.abs(hue * 6 - np.array([3, 2, 4], x.dtype))
    color = np.clip(distance * np.array([1, -1, -1]) + np.array([-1, 2, 2]), 0, 1)
    return value * (1 - saturation * (1 - color))


@hsv_to_rgb.compose
@_in_float32
def _(images: Tensor) -> Tensor:
    hue, saturation, value = images[..., :1], images[..., 1:2], images[..., 2:]
    centre, sign, level = ([3.0, 2.0, 4.0], [1.0, -1.0, -1.0], [-1.0, 2.0, 2.0])
    like = images.dtype
    distance = ops.abs(hue * 6 - asarray(centre, dtype=like))
    color = distance * asarray(sign, dtype=like) + asarray(level, dtype=like)
    return value * (1 - saturation * (1 - ops.clip(color, 0.0, 1.0)))


hsv_to_rgb.samples(_pixels_and_gray)
hsv_to_rgb.rejects(_refused)


@op(infer="color:gray")
def rgb_to_grayscale_(images: TensorLike, /) -> Tensor:
    """Weigh the colours by how bright they look: y = 0.2989 R + 0.587 G + 0.114 B.

    Args:
        images: [..., 3], any real dtype; integers are taken as float32.

    Returns:
        [..., 1], of the dtype of the images or float32.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.ops.rgb_to_grayscale_([1.0, 0.0, 0.0])
        Tensor([0.2989], shape=(1,), dtype=float32)
    """


rgb_to_grayscale_.batch(_batch.same)


@rgb_to_grayscale_.reference
def _(images: Any) -> Any:
    return wider(images) @ np.array(_GRAY)[:, None]


@rgb_to_grayscale_.compose
@_in_float32
def _(images: Tensor) -> Tensor:
    return ops.sum(images * asarray(_GRAY, dtype=images.dtype), -1, keepdims=True)


rgb_to_grayscale_.samples(_pixels)
rgb_to_grayscale_.rejects(_refused)


@op(infer="color:same")
def rgb_to_yuv(images: TensorLike, /) -> Tensor:
    """Write colours as brightness Y and two differences U and V, as in PAL.

    Args:
        images: [..., 3], any real dtype, from 0 to 1; integers are taken as float32.

    Returns:
        [..., 3], of the dtype of the images or float32; Y from 0 to 1, U and V around 0.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.image.rgb_to_yuv([1.0, 0.0, 0.0])
        Tensor([ 0.299     , -0.14714119,  0.6149754 ], shape=(3,), dtype=float32)
    """


rgb_to_yuv.batch(_batch.same)


rgb_to_yuv.samples(_pixels)
rgb_to_yuv.rejects(_refused)


@op(infer="color:same")
def yuv_to_rgb(images: TensorLike, /) -> Tensor:
    """Write brightness and the differences U and V as red, green and blue: the inverse of rgb_to_yuv.

    Args:
        images: [..., 3], any real dtype; integers are taken as float32.

    Returns:
        [..., 3], of the dtype of the images or float32.

    Raises:
        ValueError: The last axis has not 3 elements.
        TypeError: The images are complex or strings.

    Example:
        >>> penstock.image.yuv_to_rgb([0.5, 0.0, 0.0])
        Tensor([0.5, 0.5, 0.5], shape=(3,), dtype=float32)
    """


yuv_to_rgb.batch(_batch.same)


yuv_to_rgb.samples(_pixels)
yuv_to_rgb.rejects(_refused)


def _times(matrix: Any) -> tuple[Any, Any]:
    """Make the reference and the composition of a change of colours by a matrix."""

    def reference(images: Any) -> Any:
        return wider(images) @ np.array(matrix)

    @_in_float32
    def compose(images: Tensor) -> Tensor:
        # Sums of three, not a product of matrices: it has to be the same for one pixel and for many.
        columns = zip(*matrix, strict=True)
        weights = [asarray(column, dtype=images.dtype) for column in columns]
        return ops.stack([ops.sum(images * w, -1) for w in weights], -1)

    return reference, compose


for _op, _matrix in ((rgb_to_yuv, _YUV), (yuv_to_rgb, _FROM_YUV)):
    _reference, _compose = _times(_matrix)
    _op.reference(_reference)
    _op.compose(_compose)
