"""Integer layers bring sums to the result's scale with the reference's bits, also where halves and signs decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock.ops import BLOCKS

Array = np.ndarray[Any, Any]
DTYPES = ("int8", "uint8")
WINDOW: dict[str, Any] = {"explicit_padding": None, "activation": None}


def bytes_of(rng: np.random.Generator, shape: Any, dtype: str) -> Array:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)


def agree(op: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> None:
    """An op gives its reference's bits, called alone and in a graph that keeps its weights."""
    want = BLOCKS[op].reference_fn(*(np.asarray(a) for a in args), **attrs)  # type: ignore[misc]
    np.testing.assert_array_equal(getattr(ps, op)(*args, **attrs).numpy(), want, err_msg=str(attrs))
    rest = [ps.asarray(a) for a in args[1:]]
    kept = ps.function(lambda x: getattr(ps, op)(x, *rest, **attrs))
    kept(args[0])
    np.testing.assert_array_equal(kept(args[0]).numpy(), want, err_msg=str(attrs))


def parameters(rng: np.random.Generator, dtype: str, channels: int, depth: int) -> list[Any]:
    """Bias, scales and zero points: results fill the bytes, some channels are nothing, one saturates."""
    info = np.iinfo(dtype)
    zeros = rng.integers(info.min, info.max, 2, endpoint=True).astype("int32")
    w_scale = rng.uniform(0.001, 0.02, channels).astype("float32")
    w_scale[rng.random(channels) < 0.1] *= np.float32(1e-7)
    w_zero = np.full(channels, 0 if dtype == "int8" else 128, "int32")
    if rng.random() < 0.3:
        w_zero += rng.integers(-3, 4, channels).astype("int32")
    spread = np.float32(0.05 * 0.01 * 74 * 74 * max(depth, 1) ** 0.5 / 50)
    bias = rng.integers(-9000, 9000, channels).astype("int32")
    bias[0] = 2**31 - 1
    return [bias, np.float32(0.05), zeros[0], w_scale, w_zero, spread, zeros[1]]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(12))
def test_convolutions_of_any_size(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    kernel = [int(k) for k in rng.choice([1, 1, 2, 3, 5], 2)]
    each, out = int(rng.integers(1, 150 // groups)), int(rng.integers(1, 200 // groups)) * groups
    image = (int(rng.integers(1, 4)), *(int(n) for n in rng.integers(5, 40, 2)), each * groups)
    x, w = bytes_of(rng, image, dtype), bytes_of(rng, (*kernel, each, out), dtype)
    args = (x, w, *parameters(rng, dtype, out, kernel[0] * kernel[1] * each))
    attrs = {
        **WINDOW,
        "groups": groups,
        "strides": tuple(int(n) for n in rng.integers(1, 4, 2)),
        "dilations": tuple(int(n) for n in rng.integers(1, 3, 2)) if max(kernel) < 5 else (1, 1),
        "padding": str(rng.choice(["same", "valid"])),
        "activation": [None, "relu", "relu6"][int(rng.integers(3))],
    }
    agree("quantized_conv2d", args, attrs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(8))
def test_depthwise_convolutions_of_any_size(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel = [int(k) for k in rng.integers(1, 6, 2)]
    channels = int(rng.integers(1, 100))
    image = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(5, 30, 2)), channels)
    x, w = bytes_of(rng, image, dtype), bytes_of(rng, (*kernel, channels, 1), dtype)
    args = (x, w, *parameters(rng, dtype, channels, kernel[0] * kernel[1]))
    attrs = {
        **WINDOW,
        "strides": tuple(int(n) for n in rng.integers(1, 3, 2)),
        "dilations": (1, 1),
        "padding": str(rng.choice(["same", "valid"])),
    }
    agree("quantized_depthwise_conv2d", args, attrs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [3, 16, 17, 32, 33, 64, 65, 130])
def test_depthwise_convolutions_by_lines(dtype: str, channels: int) -> None:
    """Two lines at once where four rows hold both; parts of a line side by side where channels are few."""
    rng = np.random.default_rng(channels)
    for _ in range(10):
        kernel, size = rng.integers(1, 8, 2).tolist(), rng.integers(1, 14, 2).tolist()
        dilations = tuple(rng.integers(1, 3, 2).tolist())
        x = bytes_of(rng, (2, *size, channels), dtype)
        w = bytes_of(rng, (*kernel, channels, 1), dtype)
        args = (x, w, *parameters(rng, dtype, channels, kernel[0] * kernel[1]))
        strides = tuple(rng.integers(1, 4, 2).tolist())
        attrs = {"strides": strides, "dilations": dilations, "padding": "same"}
        attrs["activation"] = [None, "relu"][int(rng.integers(2))]
        agree("quantized_depthwise_conv2d", args, {**WINDOW, **attrs})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(8))
def test_dense_layers_of_any_size(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, depth, out = (int(n) for n in rng.integers(1, (60, 700, 300)))
    rows = 1 if seed == 0 else rows
    x, w = bytes_of(rng, (rows, depth), dtype), bytes_of(rng, (depth, out), dtype)
    args = (x, w, *parameters(rng, dtype, out, depth))
    agree("quantized_matmul", args, {"transpose_weights": False, "activation": None})


@pytest.mark.parametrize("out", [5, 17, 40, 64, 70])
@pytest.mark.parametrize("depth", [3, 100, 130, 385, 1600])
def test_every_number_of_rows(depth: int, out: int) -> None:
    """Rows are cut into even tiles; deep weights come in parts, to which sums wait."""
    rng = np.random.default_rng(depth + out)
    given = parameters(rng, "int8", out, depth)
    for rows in (*range(1, 27), 49):
        x, w = bytes_of(rng, (rows, depth), "int8"), bytes_of(rng, (depth, out), "int8")
        attrs = {"transpose_weights": False, "activation": [None, "relu"][rows % 2]}
        want = BLOCKS["quantized_matmul"].reference_fn(x, w, *map(np.asarray, given), **attrs)  # type: ignore[misc]
        np.testing.assert_array_equal(ps.quantized_matmul(x, w, *given, **attrs).numpy(), want)


@pytest.mark.parametrize("kernel", [(3, 3), (1, 40), (7, 2)])
def test_windows_whose_weights_come_in_parts(kernel: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    for channels, out in ((64, 33), (131, 20)):
        x = bytes_of(rng, (1, 9, 41, channels), "int8")
        w = bytes_of(rng, (*kernel, channels, out), "int8")
        args = (x, w, *parameters(rng, "int8", out, kernel[0] * kernel[1] * channels))
        attrs = {"groups": 1, "strides": (2, 1), "dilations": (1, 1), "padding": "same"}
        agree("quantized_conv2d", args, {**WINDOW, **attrs})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["quantized_conv2d", "quantized_matmul"])
@pytest.mark.parametrize("exactly", [True, False], ids=["a power of two", "anything"])
def test_every_multiplier_rounds_as_the_reference(
    dtype: str, op: str, exactly: bool, rng: np.random.Generator
) -> None:
    """Channels have multipliers of 4 to 2^-20. Powers of two make halves, which depend on the sign."""
    middle = np.int32(0 if dtype == "int8" else 128)
    scales = np.float32(2.0) ** np.arange(2, -21, -1, dtype="float32")
    if not exactly:
        scales *= rng.uniform(0.5, 1, len(scales)).astype("float32")
    channels = len(scales)
    x = np.arange(256).reshape(-1, 1).astype("uint8").view(dtype)
    w = np.ones((1, channels), dtype) + middle.astype(dtype)
    for spread in (1, 37, 127):
        biases = (2.0 ** np.arange(-2, 21) * rng.uniform(0, 3, channels)).astype("int32")
        args = [x, w * spread, biases, np.float32(1), middle, scales]
        args += [np.full(channels, middle), np.float32(1), middle]
        attrs: dict[str, Any] = {"transpose_weights": False, "activation": None}
        if op == "quantized_conv2d":
            args[0], args[1] = x.reshape(1, 16, 16, 1), args[1].reshape(1, 1, 1, channels)
            attrs = {**WINDOW, "groups": 1, "strides": (1, 1), "dilations": (1, 1)}
            attrs["padding"] = "valid"
        agree(op, tuple(args), attrs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", ["quantized_add", "quantized_multiply"])
def test_pairs_of_all_bytes_at_any_scale(dtype: str, op: str, rng: np.random.Generator) -> None:
    info = np.iinfo(dtype)
    everything = np.arange(info.min, info.max + 1).astype(dtype)
    x, y = (a.ravel() for a in np.meshgrid(everything, everything))
    for case in range(12):
        scales = 2.0 ** rng.integers(-3, 2, 3) if case % 3 == 0 else rng.uniform(0.02, 0.3, 3)
        zeros = rng.integers(info.min - (case == 5) * 200, info.max + 1, 3).astype("int32")
        given = [p for both in zip(scales.astype("float32"), zeros, strict=True) for p in both]
        attrs = {"activation": [None, "relu", "relu6"][case % 3]}
        want = BLOCKS[op].reference_fn(x, y, *(np.asarray(p) for p in given), **attrs)  # type: ignore[misc]
        got = getattr(ps, op)(x[:-7], y[:-7], *given, **attrs).numpy()
        np.testing.assert_array_equal(got, want[:-7], err_msg=str(given))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [0.0173, 0.5, 3.0, 1e-38, 1e-44, 3e38])
def test_quantize_around_every_half(dtype: str, scale: float) -> None:
    """Numbers up to 3 floats beside the middle between two steps, and what is no number."""
    s = np.float32(scale)
    with np.errstate(over="ignore"):
        middles = (np.arange(-300, 300, dtype="float32") + np.float32(0.5)) * s
        far = np.float32([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0, 1e-45]).repeat(5)
    beside = [middles]
    for towards in (np.float32(np.inf), np.float32(-np.inf)):
        for _ in range(3):
            beside.append(np.nextafter(beside[-1], towards))
        beside.append(middles)
    x = np.random.default_rng(0).permutation(np.concatenate([*beside, far]))
    for zero in (0, 7, -128 if dtype == "int8" else 255):
        want = BLOCKS["quantize"].reference_fn(x, s, np.int32(zero), axis=-1, dtype=dtype)  # type: ignore[misc]
        got = ps.quantize(x, s, np.int32(zero), dtype=dtype).numpy()
        np.testing.assert_array_equal(got, want)
