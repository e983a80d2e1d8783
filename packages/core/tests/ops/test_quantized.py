"""Quantised ops against TensorFlow Lite's reference kernels, bit for bit, and against each other.

tflite_quantized.npz holds models of one op each, with random weights, scales and zero points, and what the interpreter
of TensorFlow 2.21 made of random inputs with its reference kernels (OpResolverType.BUILTIN_REF). Among them are cases
in which rounding once and rounding twice give different results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.ops import _fixed_point as fixed


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def _cases() -> list[Any]:
    with np.load(Path(__file__).with_name("tflite_quantized.npz")) as file:
        cases, data = json.loads(bytes(file["cases"])), bytes(file["data"])

    def array(entry: Any) -> Any:
        dtype, shape, at = entry
        count = int(np.prod(shape, dtype=int))
        return np.frombuffer(data, dtype, count, at).reshape(shape)

    return [
        pytest.param(
            c["op"],
            [array(e) for e in c["inputs"]],
            c["attrs"],
            array(c["result"]),
            id=f"{c['op']}-{i}",
        )
        for i, c in enumerate(cases)
    ]


@pytest.mark.parametrize(("op", "inputs", "attrs", "expected"), _cases())
def test_equals_tensorflow_lite(op: str, inputs: Any, attrs: Any, expected: Any) -> None:
    function = ps.ops.quantized_concat_ if op == "quantized_concat" else getattr(ps, op)
    args = [*inputs[:4], inputs[4:]] if op == "quantized_concat" else inputs
    actual = function(*args, **attrs)
    assert actual.dtype == expected.dtype.name
    np.testing.assert_array_equal(actual.numpy(), expected)


def test_multipliers_are_exact_to_31_bits(rng: np.random.Generator) -> None:
    real = 2.0 ** rng.uniform(-20, 5, 1000)
    multiplier, shift = fixed.quantized_multiplier(real)
    assert (multiplier >= 2**30).all()
    assert (multiplier < 2**31).all()
    np.testing.assert_allclose(multiplier * 2.0 ** (shift - 31.0), real, rtol=2**-31)


def test_a_product_is_off_by_one_rounding_at_most(rng: np.random.Generator) -> None:
    x, real = rng.integers(-(2**20), 2**20, 5000), 2.0 ** rng.uniform(-15, 0, 5000)
    parts = fixed.quantized_multiplier(real)
    assert np.abs(fixed.times(x, *parts) - x * real).max() <= 0.7501  # two halves
    assert np.abs(fixed.times_rounded_once(x, *parts) - x * real).max() <= 0.5001


def test_quantize_and_back_is_off_by_half_a_step(rng: np.random.Generator) -> None:
    x = rng.uniform(-1, 1, (50, 3)).astype("float32")
    scale, zero = np.array([0.01, 0.02, 0.009], "float32"), np.array([5, -20, 0], "int32")
    back = ps.dequantize(ps.quantize(x, scale, zero, axis=1), scale, zero, axis=1)
    assert (np.abs(back.numpy() - x) <= scale * 0.5001).all()


def test_gradient_of_dequantize_reaches_the_scale(close: Any) -> None:
    x, zero = np.array([[3, -5], [100, 7]], "int8"), np.array([1, -2], "int32")
    scale = np.array([0.5, 0.25], "float32")

    def loss(s: Any) -> Any:
        return ps.sum(ps.dequantize(x, s, zero, axis=0) * np.array([[1, 2], [3, 4]], "float32"))

    expected = [(3 - 1) * 1 + (-5 - 1) * 2, (100 + 2) * 3 + (7 + 2) * 4]
    close(ps.grad(loss)(ps.asarray(scale)), np.array(expected, "float32"))


def test_fake_quant_is_quantize_and_dequantize(rng: np.random.Generator) -> None:
    x = rng.uniform(-2, 3, 2000).astype("float32")
    scale = np.float32(2.55 / 255)
    both = ps.dequantize(ps.quantize(x, scale, 100, dtype="uint8"), scale, 100)
    np.testing.assert_allclose(ps.fake_quant(x, -1.0, 1.55).numpy(), both.numpy(), atol=1e-5)


@pytest.mark.parametrize("run", [lambda f: f, ps.function], ids=["eager", "traced"])
def test_gradients_of_fake_quant_go_straight_through(run: Callable[..., Any]) -> None:
    x = np.array([-3.0, -0.5, 0.4, 2.0, 5.0], "float32")
    weights = np.arange(1.0, 6.0, dtype="float32")

    def loss(x: Any, low: Any, high: Any) -> Any:
        return ps.sum(ps.fake_quant(x, low, high) * weights)

    gradients = run(ps.grad(loss, argnums=(0, 1, 2)))(
        ps.asarray(x), ps.asarray(-1.0), ps.asarray(1.0)
    )
    np.testing.assert_array_equal(gradients[0].numpy(), [0, 2, 3, 0, 0])
    assert [float(g) for g in gradients[1:]] == [1.0, 9.0]


def test_training_through_fake_quant_learns(rng: np.random.Generator) -> None:
    x = rng.normal(size=(64, 4)).astype("float32")
    true = np.array([0.5, -0.25, 1.0, 0.75], "float32")
    w = ps.zeros(4)

    def loss(w: Any) -> Any:
        return ps.mean(ps.square(x @ ps.fake_quant(w, -1.0, 1.0, num_bits=6) - x @ true))

    for _ in range(60):
        w = w - 0.2 * ps.grad(loss)(w)
    assert float(loss(w)) < 2e-3
