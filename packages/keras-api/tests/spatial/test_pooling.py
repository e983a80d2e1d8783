"""Pooling layers: the same configurations and outputs as in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import InvalidTypeError, InvalidValueError, ShapeError

# Of Keras itself, which hands its variables to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = {1: (9,), 2: (7, 8), 3: (5, 6, 4)}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize(
    "variant", [{}, {"strides": 1, "padding": "same"}, {"strides": 3, "padding": "same"}]
)
def test_pooling(same: Callable[..., Any], kind: str, rank: int, variant: dict[str, Any]) -> None:
    same(f"{kind}Pooling{rank}D", 2, shape=(2, *SIDES[rank], 3), **variant)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("variant", [{}, {"keepdims": True}])
def test_global_pooling(
    same: Callable[..., Any], kind: str, rank: int, variant: dict[str, Any]
) -> None:
    same(f"Global{kind}Pooling{rank}D", shape=(2, *SIDES[rank], 3), **variant)
    first = {"data_format": "channels_first", **variant}
    same(f"Global{kind}Pooling{rank}D", shape=(2, 3, *SIDES[rank]), **first)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("size", [1, 3])
def test_adaptive_pooling(same: Callable[..., Any], kind: str, rank: int, size: int) -> None:
    same(f"Adaptive{kind}Pooling{rank}D", size, shape=(2, *SIDES[rank], 3))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("MaxPooling1D", {}),
        ("AveragePooling2D", {"pool_size": 2}),
        ("AdaptiveMaxPooling2D", {"output_size": 3}),
    ],
)
def test_channels_first_is_channels_last_with_axes_moved(name: str, given: Any) -> None:
    cls = getattr(keras.layers, name)
    x = np.random.default_rng(1).normal(size=(2, *SIDES[int(name[-2])], 3)).astype(np.float32)
    y = cls(**given, data_format="channels_first")(np.moveaxis(x, -1, 1)).numpy()
    np.testing.assert_array_equal(np.moveaxis(y, 1, -1), cls(**given)(x))


def test_masked_steps_do_not_count_in_the_mean(real: Any) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    mask = np.array([[True, True, False, False], [True, False, True, True]])
    for keepdims in (False, True):
        mine, theirs = (
            k.layers.GlobalAveragePooling1D(keepdims=keepdims)(x, mask=mask) for k in (keras, real)
        )
        np.testing.assert_allclose(mine, real.ops.convert_to_numpy(theirs), rtol=1e-6)


def test_short_names_are_the_same_classes() -> None:
    assert keras.layers.MaxPool2D is keras.layers.MaxPooling2D
    assert keras.layers.AvgPool1D is keras.layers.AveragePooling1D
    assert keras.layers.GlobalAvgPool2D is keras.layers.GlobalAveragePooling2D
    assert keras.layers.GlobalMaxPool3D is keras.layers.GlobalMaxPooling3D


def test_arguments_out_of_range() -> None:
    with pytest.raises(InvalidValueError, match="pool_size=0; use whole numbers of at least 1"):
        keras.layers.MaxPooling2D(0)
    with pytest.raises(InvalidValueError, match="use one of 'valid', 'same'"):
        keras.layers.AveragePooling2D(2, padding="full")
    with pytest.raises(InvalidTypeError, match="use one whole number, or 2 of them"):
        keras.layers.AdaptiveMaxPooling2D((1, 2, 3))
    with pytest.raises(ShapeError, match="use padding='same', a smaller window"):
        keras.layers.MaxPooling1D(5)(keras.Input((3, 1)))
