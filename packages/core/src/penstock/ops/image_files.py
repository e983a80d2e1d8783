"""Images read from and written to the bytes of files: JPEG, PNG, BMP and what else Pillow knows.

This runs Pillow, so it runs on the host and in Python: a program in C++ is given pixels. Install it by
`pip install "penstock[image]"`.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import GraphError, InvalidValueError
from penstock.ops._declare import Reject, Sample, op
from penstock.ops._text import NO_GRADIENT, strings
from penstock.ops.conversion import asarray
from penstock.ops.image_adjust import convert_image_dtype

if TYPE_CHECKING:
    from penstock._native import Tensor
    from penstock.annotations import DTypeLike, ShapeLike, TensorLike

# What Pillow calls pixels of so many channels.
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            'images in files need Pillow, which is not installed; type: pip install "penstock[image]"'
        ) from None
    return Image


def _opened(contents: bytes) -> Any:
    pillow = _pillow()
    try:
        return pillow.open(io.BytesIO(contents))
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{contents[:16]!r}... is no image that Pillow can read: {error}; give the bytes of a JPEG, PNG or BMP file"
        ) from None


@op(infer="decode_image", host_only=True)
def decode_image_(contents: TensorLike, shape: ShapeLike) -> Tensor:
    """Read an image of a size that is known.

    Args:
        contents: A string: the bytes of a file.
        shape: Height, width and channels; other channels than the file has are made or dropped.

    Returns:
        `shape`, uint8.

    Raises:
        ValueError: The bytes are no image, or one of another size, or there are not 1 to 4 channels.
        TypeError: `contents` is no string.
        ImportError: Pillow is not installed.

    Example:
        >>> file = penstock.image.encode_png(penstock.ones((1, 2, 3), "uint8"))
        >>> penstock.ops.decode_image_(file, (1, 2, 1))[0, :, 0]
        Tensor([1, 1], shape=(2,), dtype=uint8)
    """


decode_image_.not_differentiable(NO_GRADIENT)


@decode_image_.reference
def _(contents: Any, shape: Any) -> Any:
    height, width, channels = shape
    if channels not in _MODES:
        raise ValueError(f"got {channels} channels; use 1, 2, 3 or 4")
    image = _opened(contents.item())
    if image.size != (width, height):
        raise ValueError(
            f"the image is {image.height} high and {image.width} wide, expected {height} by {width}; give its own "
            "size, and resize it afterwards"
        )
    try:
        pixels = np.asarray(_in_bytes(image).convert(_MODES[channels]), np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"the image is damaged: {error}; read the file again") from None
    return pixels.reshape(shape)


def _in_bytes(image: Any) -> Any:
    """Take the upper bytes of gray pixels of 16 bits; Pillow would cut them off at 255."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    return Image.fromarray(
        (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)
    )


def _png(pixels: Any) -> bytes:
    """Write a PNG by hand: gray or colours, nothing filtered."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    )


def _drawn(rng: np.random.Generator, *shape: int) -> Any:
    return rng.integers(0, 256, shape).astype("uint8")


@decode_image_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for channels in (1, 3, 4):
        file = strings(_png(_drawn(rng, 5, 7, channels))).reshape(())
        yield Sample((file, (5, 7, channels)), label=f"{channels} channels")
    yield Sample((strings(_png(_drawn(rng, 2, 3, 3))).reshape(()), (2, 3, 1)), label="to gray")


@decode_image_.rejects
def _() -> Iterator[Reject]:
    file = strings(_png(np.zeros((2, 3, 3), "uint8"))).reshape(())
    yield Reject(
        (file, (3, 2, 3)), match="is 2 high and 3 wide, expected 3 by 2; give its own size"
    )
    yield Reject((file, (2, 3, 7)), match="got 7 channels; use 1, 2, 3 or 4")
    yield Reject((file, (2, 3)), match=r"expected 3 axes, \[height, width, channels\]")
    nonsense = strings("hello").reshape(())
    yield Reject((nonsense, (2, 3, 3)), match="give the bytes of a JPEG, PNG or BMP file")
    match = r"expected string, the bytes of a file; read it with open\(name, 'rb'\)"
    yield Reject((np.zeros(3, "uint8"), (2, 3, 3)), error=TypeError, match=match)


@op(infer="encode_image", host_only=True)
def encode_image_(image: TensorLike, format: str, quality: int = 95) -> Tensor:
    """Write an image as the bytes of a file.

    Args:
        image: [height, width, channels], uint8, of 1, 3 or 4 channels.
        format: "png", "jpeg" or "bmp"; the latter two have no fourth channel.
        quality: Of a JPEG, from 1 to 100.

    Returns:
        A string.

    Raises:
        ValueError: The image has no pixels or too many channels, or the format or quality is unknown.
        TypeError: The image is not of uint8.
        ImportError: Pillow is not installed.

    Example:
        >>> penstock.ops.encode_image_(penstock.ones((1, 2, 3), "uint8"), "bmp").item()[:2]
        b'BM'
    """


encode_image_.not_differentiable(NO_GRADIENT)


@encode_image_.reference
def _(image: Any, format: str, quality: int) -> Any:
    channels = image.shape[2]
    if format not in ("png", "jpeg", "bmp"):
        raise ValueError(f"got format={format!r}; use 'png', 'jpeg' or 'bmp'")
    most = 4 if format == "png" else 3
    if channels not in (1, 3, most):
        raise ValueError(
            f"a {format} has no {channels} channels; use 1 or 3{', or 4' * (most == 4)}"
        )
    if not 1 <= quality <= 100:
        raise ValueError(f"got quality={quality}; use 1 to 100")
    picture = _pillow().fromarray(image[:, :, 0] if channels == 1 else image)
    file = io.BytesIO()
    picture.save(file, format, **({"quality": quality} if format == "jpeg" else {}))
    return strings(file.getvalue()).reshape(())


@encode_image_.samples
def _(rng: np.random.Generator) -> Iterator[Sample]:
    for format, channels in (("png", (1, 3, 4)), ("bmp", (1, 3)), ("jpeg", (1, 3))):
        for c in channels:
            yield Sample((_drawn(rng, 6, 5, c), format), label=f"{format} {c}")
    yield Sample((_drawn(rng, 8, 8, 3), "jpeg", 40), label="quality")
    yield Sample((_drawn(rng, 3, 4, 5).T, "png"), label="strided")


@encode_image_.rejects
def _() -> Iterator[Reject]:
    x = np.zeros((2, 3, 3), "uint8")
    yield Reject(
        (x * 1.0, "png"), error=TypeError, match="convert it: penstock.image.convert_image"
    )
    yield Reject((x[0], "png"), match=r"expected 3 axes, \[height, width, channels\]")
    yield Reject((x[:0], "png"), match="the image has no pixels")
    yield Reject((x, "gif"), match="use 'png', 'jpeg' or 'bmp'")
    yield Reject((x[:, :, :2], "bmp"), match="a bmp has no 2 channels; use 1 or 3")
    yield Reject((x, "jpeg", 101), match="got quality=101; use 1 to 100")


def decode_image(
    contents: TensorLike,
    channels: int = 0,
    dtype: DTypeLike = "uint8",
    *,
    shape: ShapeLike | None = None,
) -> Tensor:
    """Read an image from the bytes of a file: JPEG, PNG, BMP, and what else Pillow knows.

    Args:
        contents: A string: the bytes.
        channels: 1 for gray, 3 for colours, 4 for colours and opacity; 0 for what the file has.
        dtype: uint8, or what `convert_image_dtype` makes of it: floats are from 0 to 1.
        shape: Height, width and channels, where they are known. A graph needs them.

    Returns:
        [height, width, channels], of `dtype`.

    Raises:
        ValueError: The bytes are no image, or one of another size, or there are not 0 to 4 channels.
        TypeError: `contents` is no string.
        GraphError: `contents` is computed in a graph, and `shape` is not given.
        ImportError: Pillow is not installed.

    Example:
        >>> file = penstock.image.encode_png(penstock.ones((1, 2, 3), "uint8"))
        >>> penstock.image.decode_image(file).shape
        (1, 2, 3)
    """
    contents = asarray(contents)
    if shape is None:
        shape = _shape_of(contents, channels)
    return convert_image_dtype(decode_image_(contents, shape), dtype)


def _shape_of(contents: Tensor, channels: int) -> tuple[int, int, int]:
    if contents.is_symbolic:
        raise GraphError(
            "[decode_image] the size of an image depends on the file, and is not known while a graph is built; give "
            "shape=(height, width, channels), or call it outside"
        )
    if contents.dtype != "string" or contents.ndim:
        return 0, 0, 3  # the op says what is wrong
    try:
        image = _opened(contents.item())
    except ValueError as error:
        raise InvalidValueError(f"[decode_image] {error}") from None
    found = {"1": 1, "L": 1, "I;16": 1, "LA": 2, "RGBA": 4, "PA": 4}.get(image.mode, 3)
    return image.height, image.width, channels or found


def encode_png(image: TensorLike) -> Tensor:
    """Write an image as a PNG.

    Args:
        image: [height, width, channels], uint8, of 1, 3 or 4 channels.

    Returns:
        A string: the bytes of the file.

    Raises:
        ValueError: The image has no pixels, or other channels.
        TypeError: The image is not of uint8.
        ImportError: Pillow is not installed.

    Example:
        >>> penstock.image.encode_png(penstock.ones((1, 2, 3), "uint8")).item()[1:4]
        b'PNG'
    """
    return encode_image_(image, "png")


def encode_jpeg(image: TensorLike, quality: int = 95) -> Tensor:
    """Write an image as a JPEG, which loses some detail.

    Args:
        image: [height, width, channels], uint8, of 1 or 3 channels.
        quality: From 1 to 100.

    Returns:
        A string: the bytes of the file.

    Raises:
        ValueError: The image has no pixels, or other channels, or the quality is out of range.
        TypeError: The image is not of uint8.
        ImportError: Pillow is not installed.

    Example:
        >>> penstock.image.encode_jpeg(penstock.ones((1, 2, 3), "uint8")).item()[6:10]
        b'JFIF'
    """
    return encode_image_(image, "jpeg", quality)


def encode_bmp(image: TensorLike) -> Tensor:
    """Write an image as a BMP.

    Args:
        image: [height, width, channels], uint8, of 1 or 3 channels.

    Returns:
        A string: the bytes of the file.

    Raises:
        ValueError: The image has no pixels, or other channels.
        TypeError: The image is not of uint8.
        ImportError: Pillow is not installed.

    Example:
        >>> penstock.image.encode_bmp(penstock.ones((1, 2, 3), "uint8")).item()[:2]
        b'BM'
    """
    return encode_image_(image, "bmp")
