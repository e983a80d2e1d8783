"""Images of another size. Pixels are little squares: the centre of the first lies at 1/2, as in TensorFlow 2."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock import ops
from penstock.errors import ShapeError
from penstock.ops import _batch, _tangents
from penstock.ops._declare import Gradients, Node, Reject, Sample, op
from penstock.ops._resampling import METHODS, weights
from penstock.ops._samples import FLOATS, array
from penstock.ops.conversion import asarray
from penstock.ops.reduce import wider

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import ShapeLike, TensorLike


@op(infer="image_resize")
def image_resize(
    x: TensorLike, size: ShapeLike, method: str = "bilinear", antialias: bool = False
) -> Tensor:
    """Resize images: y[i, j] = Σ a[i, k]·b[j, l]·x[k, l], with weights that add up to 1.

    Args:
        x: [batch, height, width, channels], any real dtype; integers are taken as float32, but for "nearest".
        size: The new height and width.
        method: "nearest", "bilinear", "bicubic" (Keys, a = -1/2), "area", "lanczos3", "lanczos5", "gaussian" or
            "mitchell".
        antialias: Widen the filter when the image shrinks, so that every pixel counts; "nearest" and "area" do not
            change.

    Returns:
        [batch, *size, channels], of x's dtype or float32.

    Raises:
        ValueError: x has not 4 axes or no pixel, the size is not positive, or the method is unknown.
        TypeError: x is complex or a string tensor.

    Example:
        >>> x = penstock.reshape([0.0, 4.0], (1, 1, 2, 1))
        >>> penstock.flatten(penstock.ops.image_resize(x, (1, 4)))
        Tensor([0., 1., 3., 4.], shape=(4,), dtype=float32)

    Source:
        Keys, 1981, "Cubic convolution interpolation for digital image processing"; Mitchell and Netravali, 1988,
        "Reconstruction filters in computer graphics".
    """


image_resize.jvp(_tangents.linear)


image_resize.batch(_batch.merged)


def _resized(x: Any, a: Any, b: Any) -> Any:
    kind = wider(x).dtype
    return np.einsum("ik,nklc,jl->nijc", a, x.astype(kind), b, optimize=True)


def _matrices(small: Any, size: Any, method: str, antialias: bool) -> tuple[Any, Any]:
    a, b = (weights(n, m, method, antialias) for n, m in zip(small, size, strict=True))
    return a, b


@image_resize.reference
def _(x: Any, size: Any, method: str, antialias: bool) -> Any:
    if method == "nearest":
        rows, columns = (m.argmax(1) for m in _matrices(x.shape[1:3], size, method, antialias))
        return x[:, rows[:, None], columns]
    return _resized(x, *_matrices(x.shape[1:3], size, method, antialias))


@image_resize.vjp
def _(node: Node, dy: Tensor) -> Gradients:
    attrs = node.attrs
    size = node.inputs[0].shape[1:3]
    return (ops.image_resize_grad(dy, size, attrs["method"], attrs["antialias"]),)


def _images(rng: np.random.Generator) -> Iterator[Sample]:
    for dtype in FLOATS:
        yield Sample((array(rng, (2, 3, 4, 3), dtype), (5, 3)), label=dtype)
    for method in METHODS:
        yield Sample((array(rng, (1, 4, 5, 2)), (9, 7), method), label=f"{method} up")
        yield Sample((array(rng, (1, 7, 5, 2)), (3, 2), method), label=f"{method} down")
        yield Sample((array(rng, (1, 9, 8, 1)), (2, 11), method, True), label=f"{method} antialias")
    yield Sample((array(rng, (1, 5, 4, 1)), (5, 4), "bicubic"), label="same size")
    yield Sample((array(rng, (0, 4, 5, 2)), (3, 3)), label="empty")
    yield Sample((array(rng, (2, 3, 5, 4)).transpose(0, 3, 2, 1), (7, 3)), label="strided")


@image_resize.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _images(rng)
    for dtype in ("uint8", "int32"):
        yield Sample((array(rng, (1, 3, 4, 2), dtype), (2, 5), "nearest"), label=f"nearest {dtype}")
        yield Sample((array(rng, (1, 3, 4, 2), dtype), (2, 5)), label=dtype)
    yield Sample((array(rng, (2, 61, 47, 19), "float32"), (97, 31)), label="large")


@image_resize.rejects
def _() -> Iterator[Reject]:
    x = np.ones((1, 2, 3, 1))
    yield Reject((x[0], (2, 2)), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((x, (2, 2, 2)), match="expected height and width, both at least 1")
    yield Reject((x, (0, 2)), match="expected height and width, both at least 1")
    yield Reject((x, (2, 2), "linear"), match="got method 'linear'; use 'nearest', 'bilinear'")
    yield Reject((x[:, :0], (2, 2)), match="the image has no pixels")
    yield Reject((x.astype("complex64"), (2, 2)), error=TypeError, match="take the real part")


@op(infer="image_resize_grad")
def image_resize_grad(
    dy: TensorLike, input_size: ShapeLike, method: str = "bilinear", antialias: bool = False
) -> Tensor:
    """Take the gradient of image_resize: each pixel gets what it gave.

    Args:
        dy: [batch, rows, columns, channels], the gradient of the resized images.
        input_size: Height and width of the images before.
        method: As given to image_resize.
        antialias: As given to image_resize.

    Returns:
        [batch, *input_size, channels], of dy's dtype.

    Raises:
        ValueError: dy has not 4 axes, the size is not positive, or the method is unknown.
        TypeError: dy is complex or a string tensor.

    Example:
        >>> dy = penstock.ones((1, 1, 4, 1))
        >>> penstock.flatten(penstock.ops.image_resize_grad(dy, (1, 2)))
        Tensor([2., 2.], shape=(2,), dtype=float32)
    """


image_resize_grad.jvp(_tangents.linear)


image_resize_grad.batch(_batch.merged)


@image_resize_grad.reference
def _(dy: Any, input_size: Any, method: str, antialias: bool) -> Any:
    a, b = _matrices(input_size, dy.shape[1:3], method, antialias)
    return _resized(dy, a.T, b.T)


@image_resize_grad.vjp
def _(node: Node, ddx: Tensor) -> Gradients:
    attrs = node.attrs
    return (ops.image_resize(ddx, node.inputs[0].shape[1:3], attrs["method"], attrs["antialias"]),)


image_resize_grad.samples(_images)


@image_resize_grad.rejects
def _() -> Iterator[Reject]:
    dy = np.ones((1, 2, 3, 1))
    yield Reject((dy[0], (2, 2)), match=r"expected 4 axes, \[batch, height, width, channels\]")
    yield Reject((dy, (2,)), match="expected height and width, both at least 1")
    yield Reject((dy, (2, 2), "linear"), match="got method 'linear'; use 'nearest', 'bilinear'")


def resize(
    images: TensorLike,
    size: ShapeLike,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Tensor:
    """Resize one image or several.

    Pixels have their centres at 1/2, 3/2, ..., as in TensorFlow 2 and in PyTorch with align_corners=False. Without
    `antialias` only the nearest pixels count, also when the image shrinks; PIL has it always on.

    Args:
        images: [height, width, channels] or [batch, height, width, channels], any real dtype; integers are taken as
            float32, but for "nearest".
        size: The new height and width.
        method: "nearest", "bilinear", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchell".
        preserve_aspect_ratio: Take the largest size within `size` that has the image's proportions.
        antialias: Widen the filter when the image shrinks, so that every pixel counts.

    Returns:
        The images with the new height and width, of their dtype or float32.

    Raises:
        ValueError: The images have neither 3 nor 4 axes, the size is not positive, or the method is unknown.
        TypeError: The images are complex or strings.

    Example:
        >>> image = penstock.reshape([0.0, 4.0], (1, 2, 1))
        >>> penstock.flatten(penstock.image.resize(image, (1, 4)))
        Tensor([0., 1., 3., 4.], shape=(4,), dtype=float32)
    """
    images = asarray(images)
    batch = as_batch("resize", images)
    if preserve_aspect_ratio:
        size = _within(batch, size)
    resized = ops.image_resize(batch, size, method, antialias)
    return resized if images.ndim == 4 else ops.reshape(resized, resized.shape[1:])


def as_batch(name: str, images: Tensor) -> Tensor:
    """Give a single image a batch axis."""
    if images.ndim not in (3, 4):
        raise ShapeError(
            f"[{name}] got images of shape {images.shape}; expected [height, width, channels], with a batch axis in "
            "front or without; reshape them"
        )
    return images if images.ndim == 4 else ops.expand_dims(images, 0)


def _within(batch: Tensor, size: Any) -> tuple[int, int]:
    height, width = (int(n) for n in batch.shape[1:3])
    scale = min(int(size[0]) / height, int(size[1]) / width)
    return max(round(height * scale), 1), max(round(width * scale), 1)
