"""Layers of convolution: the same weights, configurations, outputs and training as in Keras."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penstock import keras
from penstock.errors import InvalidValueError, ShapeError

# Of Keras itself, which hands its variables to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDES = {1: (9,), 2: (7, 8), 3: (5, 6, 4)}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"padding": "same", "strides": 2},
    {"padding": "valid", "strides": 2, "use_bias": False},
    {"padding": "same", "dilation_rate": 2, "activation": "tanh"},
]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("variant", [*VARIANTS, {"groups": 2, "padding": "same"}])
def test_conv(same: Callable[..., Any], rank: int, variant: dict[str, Any]) -> None:
    same(f"Conv{rank}D", 4, 3, shape=(2, *SIDES[rank], 4), **variant)


@pytest.mark.parametrize("strides", [1, 2])
def test_causal_conv(same: Callable[..., Any], strides: int) -> None:
    dilation = 3 if strides == 1 else 1
    given = {"padding": "causal", "strides": strides, "dilation_rate": dilation}
    same("Conv1D", 4, 3, shape=(2, 9, 2), step=True, **given)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("variant", VARIANTS)
def test_conv_transpose(same: Callable[..., Any], rank: int, variant: dict[str, Any]) -> None:
    same(f"Conv{rank}DTranspose", 3, 3, shape=(2, *SIDES[rank], 2), **variant)


def test_conv_transpose_with_output_padding(same: Callable[..., Any]) -> None:
    given = {"strides": 2, "padding": "valid", "output_padding": 1}
    same("Conv2DTranspose", 3, (3, 4), shape=(2, 4, 5, 2), step=True, **given)


@pytest.mark.parametrize("name", ["DepthwiseConv1D", "DepthwiseConv2D"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_depthwise_conv(same: Callable[..., Any], name: str, variant: dict[str, Any]) -> None:
    shape = (2, *SIDES[int(name[-2])], 3)
    same(name, 3, depth_multiplier=2, shape=shape, step=not variant, **variant)


@pytest.mark.parametrize("name", ["SeparableConv1D", "SeparableConv2D"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_separable_conv(same: Callable[..., Any], name: str, variant: dict[str, Any]) -> None:
    shape = (2, *SIDES[int(name[-2])], 3)
    same(name, 4, 3, depth_multiplier=2, shape=shape, step=not variant, **variant)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Conv1D", (4, 3)),
        ("Conv2D", (4, 3)),
        ("Conv3D", (4, 3)),
        ("Conv2DTranspose", (4, 3)),
        ("DepthwiseConv2D", (3,)),
        ("SeparableConv2D", (4, 3)),
    ],
)
def test_channels_first_is_channels_last_with_axes_moved(name: str, args: Any) -> None:
    cls = getattr(keras.layers, name)
    sides = SIDES[int(name.split("D")[-2][-1])]
    x = np.random.default_rng(1).normal(size=(2, *sides, 3)).astype(np.float32)
    last = cls(*args, data_format="channels_last")
    first = cls(*args, data_format="channels_first")
    y = last(x)
    first.build((2, 3, *sides))
    first.set_weights(last.get_weights())
    moved = np.moveaxis(first(np.moveaxis(x, -1, 1)).numpy(), 1, -1)
    np.testing.assert_allclose(moved, y, rtol=1e-5, atol=1e-6)
    moved_shape = first.compute_output_shape((None, 3, *sides))
    assert (moved_shape[0], *moved_shape[2:], moved_shape[1]) == (None, *y.shape[1:])


def test_mixed_precision_computes_in_half_and_keeps_float32_weights() -> None:
    layer = keras.layers.Conv2D(2, 3, dtype="mixed_float16")
    x = np.ones((1, 4, 4, 1), np.float32)
    assert layer(x).dtype == "float16"
    assert layer.kernel.dtype == "float32"


def test_sides_that_are_not_known() -> None:
    layer = keras.layers.Conv2D(4, 3, strides=2)
    model = keras.Sequential([keras.Input((None, None, 2)), layer])
    assert model.output_shape == (None, None, None, 4)
    assert model(np.ones((1, 9, 7, 2), np.float32)).shape == (1, 4, 3, 4)


def test_arguments_have_the_names_and_defaults_of_keras(real: Any) -> None:
    for name in dir(real.layers):
        if "Conv" in name and "LSTM" not in name:
            mine, theirs = (
                inspect.signature(getattr(k.layers, name).__init__).parameters
                for k in (keras, real)
            )
            assert [(p.name, p.default) for p in mine.values()] == [
                (p.name, p.default) for p in theirs.values()
            ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: k.Conv2D(0, 3), "filters=0; use whole numbers of at least 1"),
        (lambda k: k.Conv2D(4, (3, 3, 3)), "use one whole number, or 2 of them"),
        (lambda k: k.Conv2D(4, 1.5), "use one whole number, or 2 of them"),
        (lambda k: k.Conv2D(4, 3, padding="causal"), "use one of 'valid', 'same'"),
        (lambda k: k.Conv1D(4, 3, groups=3), "use a multiple of the groups"),
        (lambda k: k.Conv1D(4, 3, strides=2, dilation_rate=2), "use 1 for one of them"),
        (lambda k: k.Conv1DTranspose(4, 3, output_padding=1), "use less than the strides"),
    ],
)
def test_arguments_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        make(keras.layers)


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="use padding='same', a smaller window"):
        keras.layers.Conv2D(4, 5)(keras.Input((3, 3, 1)))
    with pytest.raises(ShapeError, match="add an axis"):
        keras.layers.Conv2D(4, 5)(keras.Input((3, 3)))
    with pytest.raises(InvalidValueError, match="give Input a shape that says it"):
        keras.layers.Conv2D(4, 3)(keras.Input((8, 8, None)))
    with pytest.raises(InvalidValueError, match="use another number of groups"):
        keras.layers.Conv2D(4, 3, groups=2)(keras.Input((8, 8, 3)))
