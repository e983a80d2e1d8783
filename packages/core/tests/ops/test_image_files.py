"""Images in files against Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import penstock as ps

Image = pytest.importorskip("PIL.Image")


def drawn(*shape: int) -> Any:
    return np.random.default_rng(2).integers(0, 256, shape).astype("uint8")


def file_of(pixels: Any, format: str, mode: str | None = None, **how: Any) -> bytes:
    image = Image.fromarray(pixels)
    stream = io.BytesIO()
    (image.convert(mode) if mode else image).save(stream, format, **how)
    return stream.getvalue()


def test_what_pillow_writes_is_read() -> None:
    gray, colours, opacity = drawn(5, 7), drawn(5, 7, 3), drawn(5, 7, 4)
    for pixels, format in ((gray, "png"), (colours, "png"), (opacity, "png"), (colours, "bmp")):
        got = ps.image.decode_image(file_of(pixels, format))
        np.testing.assert_array_equal(got.numpy(), pixels.reshape(5, 7, -1))
    smooth = np.add.outer(np.arange(16), np.arange(16)).astype("uint8")[..., None].repeat(3, 2)
    file = file_of(smooth, "jpeg", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(file)))
    np.testing.assert_array_equal(ps.image.decode_image(file).numpy(), expected)


def test_what_is_written_pillow_reads() -> None:
    x = drawn(6, 4, 3)
    for encode in (ps.image.encode_png, ps.image.encode_bmp):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode(x).item()))), x)
    smooth = np.full((8, 8, 3), 77, "uint8")
    back = np.asarray(Image.open(io.BytesIO(ps.image.encode_jpeg(smooth).item())))
    assert np.abs(back.astype(int) - 77).max() <= 2
    small, large = (len(ps.image.encode_jpeg(x, quality).item()) for quality in (5, 95))
    assert small < large


def test_palettes_and_channels() -> None:
    file = file_of(drawn(5, 7, 3), "png", mode="P")
    expected = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    np.testing.assert_array_equal(ps.image.decode_image(file).numpy(), expected)
    assert ps.image.decode_image(file, 1).shape == (5, 7, 1)
    assert ps.image.decode_image(file, 4).numpy()[..., 3].min() == 255
    floats = ps.image.decode_image(file, dtype="float32").numpy()
    np.testing.assert_allclose(floats, expected / 255, rtol=1e-6)


def test_in_a_graph() -> None:
    x = drawn(4, 5, 3)
    read = ps.function(lambda file: ps.image.decode_image(file, shape=(4, 5, 3)))
    np.testing.assert_array_equal(read(ps.asarray(file_of(x, "png"))).numpy(), x)
    with pytest.raises(ps.errors.GraphError, match="give shape="):
        ps.function(lambda file: ps.image.decode_image(file))(ps.asarray(file_of(x, "png")))


def test_what_is_no_image() -> None:
    whole = file_of(drawn(64, 64, 3), "png")
    with pytest.raises(ValueError, match=r"the image is damaged.*read the file again"):
        ps.image.decode_image(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="give the bytes of a JPEG, PNG or BMP file"):
        ps.image.decode_image(b"GIF?")
    with pytest.raises(TypeError, match="expected string, the bytes of a file"):
        ps.image.decode_image(3)
    with pytest.raises(ValueError, match="use 1, 2, 3 or 4"):
        ps.image.decode_image(whole, 5)


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises((ImportError, ValueError), match=r'type: pip install "penstock\[image\]"'):
        ps.image.encode_png(drawn(2, 2, 3))


def test_gray_pixels_of_16_bits_keep_their_upper_bytes() -> None:
    values = np.array([[0, 100, 255, 256, 300, 40000]], np.uint16)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    made = ps.image.decode_image(file.getvalue(), channels=1)
    np.testing.assert_array_equal(np.asarray(made)[..., 0], values >> 8)
