"""Quantised tensors: parameters that follow from numbers, layers close to the float ones, functions, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock import quantized

limits = st.floats(-1e3, 1e3, width=32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(6)


def draw(rng: np.random.Generator, *shape: int) -> Any:
    return rng.normal(size=shape).astype("float32")


@settings(deadline=None, max_examples=60)
@example(0.0, 7.8e-43, "int8", False)
@given(limits, limits, st.sampled_from(["int8", "uint8"]), st.booleans())
def test_parameters_cover_the_numbers(a: float, b: float, dtype: str, symmetric: bool) -> None:
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    scale, zero = (
        t.numpy() for t in quantized.parameters(min(b, a), max(a, b), dtype, symmetric=symmetric)
    )
    info = np.iinfo(dtype)
    assert scale > 0
    assert info.min <= zero <= info.max
    reached = [scale * (int(v) - int(zero)) for v in (info.min, info.max)]
    slack = 0.51 * scale  # the zero point is a whole number
    assert reached[0] <= low + slack
    assert reached[1] >= high - slack
    if symmetric:
        assert zero == (0 if dtype == "int8" else 128)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_there_and_back(rng: np.random.Generator, dtype: str, axis: int | None) -> None:
    x = draw(rng, 5, 3) * np.array([1, 10, 0.1], "float32")
    q = quantized.quantize(x, axis=axis, dtype=dtype)
    assert (q.dtype, q.shape, q.ndim) == (dtype, (5, 3), 2)
    others = None if axis is None else tuple(a for a in range(2) if a != axis % 2)
    span = x.max(others, keepdims=True).clip(0) - x.min(others, keepdims=True).clip(None, 0)
    assert (np.abs(q.numpy() - x) <= span / 255 * 1.01).all()
    np.testing.assert_array_equal(np.asarray(q), q.dequantize().numpy())


def _layers(rng: np.random.Generator) -> Any:
    image, filter, bias = draw(rng, 2, 6, 6, 3), draw(rng, 3, 3, 3, 4), draw(rng, 4)
    depthwise, weights = draw(rng, 3, 3, 3, 1), draw(rng, 3, 5)
    return image, filter, bias, depthwise, weights


@pytest.mark.parametrize("run", [lambda f: f, ps.function], ids=["eager", "traced"])
@pytest.mark.parametrize("per_axis", [False, True])
def test_layers_are_close_to_those_of_floats(
    rng: np.random.Generator, run: Callable[..., Any], per_axis: bool
) -> None:
    image, filter, bias, depthwise, weights = _layers(rng)

    def weights_of(w: Any, axis: int) -> Any:
        return quantized.quantize(w, axis=axis if per_axis else None, symmetric=True)

    def check(actual: Any, exact: Any, scale: float) -> None:
        error = np.abs(actual.numpy() - np.asarray(exact))
        assert error.mean() < 0.6 * scale
        assert error.max() < 8 * scale

    x = quantized.quantize(image)
    to = {"scale": 0.16, "zero_point": -5}
    conv = run(lambda x, w, b: quantized.conv2d(x, w, b, padding="same", activation="relu", **to))
    exact = ps.relu(ps.conv2d(image, filter, padding="same") + bias)
    check(conv(x, weights_of(filter, 3), bias), exact, 0.16)
    deep = run(lambda x, w: quantized.depthwise_conv2d(x, w, strides=2, **to))
    check(deep(x, weights_of(depthwise, 2)), ps.depthwise_conv2d(image, depthwise, strides=2), 0.16)
    dense = run(lambda x, w: quantized.matmul(x, w, **to))
    check(dense(x, weights_of(weights, 1)), image @ weights, 0.16)
    pair = run(lambda x, y: quantized.add(x, y, **to))
    check(pair(x, quantized.quantize(image * 2)), image * 3, 0.16)
    check(run(lambda x: quantized.multiply(x, x, **to))(x), image * image, 0.16)
    check(run(lambda x: quantized.avg_pool2d(x, 2))(x), ps.nn.avg_pool2d(image, 2), float(x.scale))
    check(run(lambda x: quantized.max_pool2d(x, 2))(x), ps.nn.max_pool2d(image, 2), float(x.scale))
    check(run(quantized.softmax)(x), ps.softmax(image), 1 / 256)
    joined = run(lambda x, y: quantized.concat([x, y], axis=3, **to))
    check(joined(x, quantized.quantize(image * 2)), np.concatenate([image, image * 2], 3), 0.16)
    check(run(lambda x: x.requantize(0.1, 130, "uint8").reshape((-1,)))(x), image.reshape(-1), 0.1)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_a_network_is_close_to_that_of_floats(rng: np.random.Generator, dtype: str) -> None:
    """Parameters come from the float activations, as calibration would find them."""
    image, filter, bias, _, weights = _layers(rng)
    weights = draw(rng, 4, 5)
    hidden = ps.relu(ps.conv2d(image, filter) + bias)
    pooled = ps.nn.avg_pool2d(hidden, 4)
    exact = ps.softmax(ps.reshape(pooled, (2, 4)) @ weights)

    def to(x: Any) -> dict[str, Any]:
        scale, zero = quantized.parameters(ps.min(x), ps.max(x), dtype)
        return {"scale": float(scale), "zero_point": int(zero)}

    x = quantized.quantize(image, dtype=dtype)
    x = quantized.conv2d(
        x,
        quantized.quantize(filter, dtype=dtype, symmetric=True),
        bias,
        activation="relu",
        **to(hidden),
    )
    x = quantized.avg_pool2d(x, 4).reshape((2, 4))
    w = quantized.quantize(weights, dtype=dtype, symmetric=True)
    x = quantized.matmul(x, w, **to(ps.reshape(pooled, (2, 4)) @ weights))
    assert np.abs(quantized.softmax(x).numpy() - exact.numpy()).max() < 0.03


def test_integer_biases_stay_as_they_are() -> None:
    x, w = quantized.quantize([[1.0]], 0.5), quantized.quantize([[1.0]], 0.25)
    made = [
        quantized.matmul(x, w, bias, scale=0.125, zero_point=0).values.tolist()
        for bias in (None, np.array([8], "int32"), np.array([1.0], "float32"))
    ]
    assert made == [[[8]], [[16]], [[16]]]


X = quantized.quantize(np.ones((1, 4, 4, 2), "float32"))
PER_AXIS = quantized.quantize(np.ones((1, 4, 4, 2), "float32"), axis=3)
W = quantized.quantize(np.ones((2, 2, 2, 3), "float32"), axis=0)
TO = {"scale": 1.0, "zero_point": 0}


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: quantized.conv2d(np.ones((1, 4, 4, 2)), W, **TO), TypeError, "quantized.quantize"),
        (lambda: quantized.conv2d(PER_AXIS, W, **TO), ValueError, "without axis"),
        (lambda: quantized.conv2d(X, W, **TO), ValueError, "quantise them with axis=3"),
        (lambda: quantized.conv2d(X, np.ones((2, 2, 2, 3)), **TO), TypeError, "quantise"),
        (lambda: quantized.softmax(PER_AXIS), ValueError, "without axis"),
        (lambda: quantized.concat([X, 1], **TO), TypeError, "expected a quantised tensor"),
        (lambda: quantized.parameters(0, 1, "int32"), TypeError, "use 'int8' or 'uint8'"),
        (
            lambda: quantized.QuantizedTensor(X.values, [1.0, 2.0], [0, 0]),
            ValueError,
            "give an axis",
        ),
        (lambda: PER_AXIS.reshape((-1,)), ValueError, "a single one"),
    ],
)
def test_errors_say_what_to_do(make: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make()
