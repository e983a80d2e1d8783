"""Images as files, Pillow's objects and arrays, as real Keras has them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock import keras

pytest.importorskip("PIL")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras on torch
RNG = np.random.default_rng(2)
COLOURS = RNG.uniform(-3, 300, (6, 9, 3))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    keras.utils.save_img(path, COLOURS)
    return path


@pytest.mark.parametrize("x", [COLOURS, COLOURS[:, :, :1], RNG.uniform(0, 255, (4, 5, 4))])
@pytest.mark.parametrize("scale", [True, False])
def test_array_to_img(real: Any, x: Any, scale: bool) -> None:
    x = x if scale else np.clip(x, 0, 255)
    want, got = (k.utils.array_to_img(x, scale=scale) for k in (real, keras))
    assert (got.mode, got.size) == (want.mode, want.size)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


@pytest.mark.parametrize("mode", ["grayscale", "rgb", "rgba"])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("size", [None, (4, 4), (12, 5)])
def test_load_img(real: Any, picture: Path, mode: str, keep: bool, size: Any) -> None:
    settings = {
        "color_mode": mode,
        "target_size": size,
        "interpolation": "bilinear",
        "keep_aspect_ratio": keep,
    }
    want, got = (k.utils.img_to_array(k.utils.load_img(picture, **settings)) for k in (real, keras))
    np.testing.assert_array_equal(got, want)


def test_img_to_array_moves_channels(real: Any, picture: Path) -> None:
    want, got = (
        k.utils.img_to_array(k.utils.load_img(picture), data_format="channels_first", dtype="uint8")
        for k in (real, keras)
    )
    np.testing.assert_array_equal(got, want)
    assert got.dtype == "uint8"


def test_files_that_are_open_and_jpeg_without_transparency() -> None:
    file = io.BytesIO()
    keras.utils.save_img(file, RNG.uniform(0, 255, (4, 4, 4)), file_format="jpg")
    assert keras.utils.load_img(io.BytesIO(file.getvalue())).size == (4, 4)


@pytest.mark.parametrize("size", [(3, 3), (12, 4)])
def test_smart_resize(real: Any, size: tuple[int, int]) -> None:
    x = COLOURS.astype(np.float32)
    want, got = (k.preprocessing.image.smart_resize(x, size) for k in (real, keras))
    assert isinstance(got, np.ndarray)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda u: u.array_to_img(np.zeros((2, 2))), r"give \[height, width, channels\]"),
        (lambda u: u.array_to_img(np.zeros((2, 2, 5))), "give 1, 3 or 4"),
        (lambda u: u.load_img("x.png", "cmyk"), "use 'grayscale', 'rgb' or 'rgba'"),
    ],
)
def test_errors_say_what_to_give(call: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        call(keras.utils)
