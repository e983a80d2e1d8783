"""Floats of 16 bits go through the kernels for float32, and are rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]
Make = Callable[..., Any]
NARROW = ("bfloat16", "float16")


def once_rounded(op: Make, given: list[Any], dtype: str) -> list[Any]:
    """What the op gives for the same numbers as float32, rounded to the dtype."""
    made = op(*(ps.cast(x, "float32") for x in given))
    return [ps.cast(t, dtype) for t in (made if isinstance(made, tuple) else (made,))]


def agree(op: Make, arrays: list[Array], dtype: str) -> None:
    """Alone, and in a graph in which all but the first input are constants."""
    given = [ps.cast(a, dtype) for a in arrays]
    kept = ps.function(lambda x: op(x, *given[1:]))
    want = once_rounded(op, given, dtype)
    for made in (op(*given), kept(given[0]), kept(given[0])):
        for got, exact in zip(made if isinstance(made, tuple) else (made,), want, strict=True):
            assert got.dtype.name == dtype
            left, right = (ps.cast(t, "float32").numpy() for t in (got, exact))
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("shape", [(1, 70, 33), (57, 1, 65), (128, 300, 1), (3, 0, 5)], ids=str)
def test_products(dtype: str, shape: tuple[int, int, int], draw: Make) -> None:
    m, k, n = shape
    agree(ps.matmul, [draw(m, k), draw(k, n)], dtype)
    agree(lambda x, y: ps.matmul(x, y, transpose_y=True), [draw(2, m, k), draw(2, n, k)], dtype)


@pytest.mark.parametrize("dtype", NARROW)
def test_images(dtype: str, draw: Make) -> None:
    x, w = draw(2, 9, 11, 6), draw(3, 3, 6, 17)
    agree(lambda a, b: ps.conv2d(a, b, padding="same", strides=(2, 1)), [x, w], dtype)
    agree(lambda a, b: ps.nn.depthwise_conv2d(a, b, padding="same"), [x, draw(3, 3, 6, 1)], dtype)
    agree(lambda a: ps.max_pool2d(a, 2), [x], dtype)
    agree(lambda a: ps.avg_pool2d(a, 3, strides=2), [x], dtype)


@pytest.mark.parametrize("dtype", NARROW)
def test_numbers_one_by_one_with_broadcasting(dtype: str, draw: Make) -> None:
    x = draw(5, 7, 13)
    for op in (ps.exp, ps.tanh, ps.relu, ps.sigmoid, ps.square):
        agree(op, [x], dtype)
    for pair in (ps.add, ps.subtract, ps.multiply, ps.maximum):
        agree(pair, [x, draw(7, 1)], dtype)
        agree(pair, [draw(5, 1, 1), draw(1, 13)], dtype)
    agree(ps.add, [draw(0, 3), draw(3)], dtype)
    agree(ps.add, [draw(100_000), draw(100_000)], dtype)
    agree(ps.softmax, [x], dtype)


@pytest.mark.parametrize("dtype", NARROW)
def test_gradients_run_natively_too(dtype: str, draw: Make) -> None:
    """The kernels that ran are ours: nothing fell back to the reference."""
    x, w = (ps.cast(draw(*s), dtype) for s in ((4, 8, 8, 3), (3, 3, 3, 5)))
    loss = lambda a, b: ps.sum(ps.square(ps.conv2d(a, b, padding="same")))  # noqa: E731
    with ps.profile() as p:
        dx, dw = ps.grad(loss, argnums=(0, 1))(x, w)
    assert dx.dtype == dw.dtype == x.dtype
    ran = {e.op: e.kernel for e in p.events if e.op in ("conv2d", "square", "conv2d_filter_grad")}
    assert len(ran) == 3
    assert all("kernels-cpu" in kernel for kernel in ran.values()), ran


def test_weights_follow_their_variable(draw: Make) -> None:
    x = ps.cast(draw(3, 8), "bfloat16")
    weights = ps.Variable(ps.cast(draw(8, 4), "bfloat16"))
    run = ps.function(lambda a: ps.matmul(a, weights))
    for _ in range(3):
        want = once_rounded(ps.matmul, [x, weights.value], "bfloat16")[0]
        np.testing.assert_array_equal(
            ps.cast(run(x), "float32").numpy(), ps.cast(want, "float32").numpy()
        )
        weights.assign(ps.cast(draw(8, 4), "bfloat16"))


def test_every_half_becomes_the_float_that_numpy_says() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    wide = halves.astype(np.float32)
    np.testing.assert_array_equal(ps.cast(halves, "float32").numpy(), wide)
    real = wide[np.isfinite(wide)]
    between = np.concatenate([real, real * np.float32(1.0003), np.nextafter(real, np.float32(9e9))])
    odd = np.float32([np.nan, np.inf, -np.inf, 65519.9, 65520, 1e30, 1e-8, 2e-8, 3e-8, -0.0])
    for x in (between, odd):
        with np.errstate(over="ignore"):
            want = x.astype(np.float16)
        np.testing.assert_array_equal(ps.cast(x, "float16").numpy(), want)
