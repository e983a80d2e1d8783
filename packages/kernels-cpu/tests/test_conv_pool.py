"""Convolution and pooling against loops in float64, their gradients against the adjoint and against torch."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]


def pads(size: int, kernel: int, stride: int, dilation: int, padding: Any) -> tuple[int, int, int]:
    """Return the padding before and after, and the number of windows."""
    reach = (kernel - 1) * dilation + 1
    if padding == "same":
        out = -(-size // stride)
        total = max((out - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2, out
    before, after = (0, 0) if padding == "valid" else padding
    return before, after, (size + before + after - reach) // stride + 1


def convolve(x: Array, f: Array, strides: Any, padding: Any, dilations: Any, groups: int) -> Array:
    """Convolve window by window, in float64."""
    explicit = (padding[:2], padding[2:]) if isinstance(padding, tuple) else (padding, padding)
    (top, bottom, oh), (left, right, ow) = (
        pads(x.shape[1 + d], f.shape[d], strides[d], dilations[d], explicit[d]) for d in (0, 1)
    )
    wide = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    y = np.zeros((x.shape[0], oh, ow, f.shape[3]))
    ci, co = f.shape[2], f.shape[3] // groups
    for i, j, g in product(range(f.shape[0]), range(f.shape[1]), range(groups)):
        rows = i * dilations[0] + strides[0] * np.arange(oh)
        cols = j * dilations[1] + strides[1] * np.arange(ow)
        taps = wide[:, rows][:, :, cols][..., g * ci : (g + 1) * ci]
        y[..., g * co : (g + 1) * co] += taps @ f[i, j, :, g * co : (g + 1) * co]
    return y


# x, filter, strides, padding, dilations, groups
CASES = [
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), "valid", (1, 1), 1),
    ((2, 8, 8, 3), (3, 3, 3, 16), (1, 1), "same", (1, 1), 1),
    ((2, 9, 7, 5), (3, 2, 5, 17), (1, 1), "valid", (1, 1), 1),
    ((1, 11, 13, 4), (5, 3, 4, 6), (2, 3), "same", (1, 1), 1),
    ((3, 10, 10, 4), (3, 3, 4, 33), (2, 2), "valid", (1, 1), 1),
    ((1, 12, 12, 2), (3, 3, 2, 3), (1, 1), "same", (2, 3), 1),
    ((1, 12, 15, 2), (3, 2, 2, 3), (2, 1), "valid", (3, 2), 1),
    ((2, 6, 6, 8), (3, 3, 2, 12), (1, 1), "same", (1, 1), 4),
    ((2, 7, 7, 6), (3, 3, 1, 6), (2, 2), "same", (1, 1), 6),
    ((1, 9, 9, 4), (3, 3, 2, 20), (1, 2), (2, 0, 1, 3), (2, 1), 2),
    ((1, 5, 5, 3), (3, 3, 3, 4), (1, 1), (4, 4, 4, 4), (1, 1), 1),
    ((4, 6, 6, 16), (1, 1, 16, 32), (1, 1), "valid", (1, 1), 1),
    ((4, 6, 6, 16), (1, 1, 16, 32), (2, 2), "same", (1, 1), 1),
    (
        (1, 1, 1, 3),
        (2, 2, 3, 4),
        (20, 20),
        (1, 1, 10, 0),
        (1, 1),
        1,
    ),  # no pixel under the only window
    ((1, 2, 3, 2), (1, 1, 2, 2), (5, 5), (9, 9, 9, 9), (1, 1), 1),
    ((17, 4, 4, 1), (4, 4, 1, 8), (1, 1), "valid", (1, 1), 1),
    ((0, 5, 5, 2), (3, 3, 2, 4), (1, 1), "same", (1, 1), 1),
]


def settings_of(strides: Any, padding: Any, dilations: Any, groups: int) -> dict[str, Any]:
    explicit = isinstance(padding, tuple)
    return {
        "strides": strides, "padding": "explicit" if explicit else padding,
        "explicit_padding": padding if explicit else None, "dilations": dilations, "groups": groups,
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolution_and_its_adjoints(case: Any, draw: Any) -> None:
    x, f, rest = draw(*case[0]), draw(*case[1]), case[2:]
    options = settings_of(*rest)
    want = convolve(x, f, *rest)
    got = ps.conv2d(x, f, **options).numpy()
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)

    dy = draw(*want.shape)
    dx, df = ps.grad(lambda x, f: ps.sum(ps.conv2d(x, f, **options) * dy), argnums=(0, 1))(x, f)
    # A convolution is linear in either argument: <dy, conv(e)> is the gradient's product with e, for any e.
    for _ in range(3):
        e, d = draw(*x.shape), draw(*f.shape)
        for gradient, direction, moved in (
            (dx, e, convolve(e, f, *rest)),
            (df, d, convolve(x, d, *rest)),
        ):
            terms = gradient.numpy().astype(np.float64) * direction
            bound = 1e-5 * (np.abs(terms).sum() + np.abs(dy * moved).sum()) + 1e-30
            assert abs(terms.sum() - (dy * moved).sum()) <= bound


@pytest.mark.parametrize("case", [c for c in CASES if c[3] == "valid"], ids=str)
def test_convolution_and_gradients_agree_with_torch(case: Any, draw: Any) -> None:
    torch = pytest.importorskip("torch")
    x, f, (strides, _, dilations, groups) = draw(*case[0]), draw(*case[1]), case[2:]
    tx = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    tf = torch.tensor(f.transpose(3, 2, 0, 1), requires_grad=True)
    ty = torch.conv2d(tx, tf, stride=strides, dilation=dilations, groups=groups)
    dy = draw(*(ty.shape[d] for d in (0, 2, 3, 1)))
    ty.backward(torch.tensor(dy.transpose(0, 3, 1, 2)))
    options = settings_of(*case[2:])
    y = ps.conv2d(x, f, **options).numpy()
    np.testing.assert_allclose(y, ty.detach().numpy().transpose(0, 2, 3, 1), atol=1e-4)
    dx, df = ps.grad(lambda x, f: ps.sum(ps.conv2d(x, f, **options) * dy), argnums=(0, 1))(x, f)
    np.testing.assert_allclose(dx.numpy(), tx.grad.numpy().transpose(0, 2, 3, 1), atol=1e-4)
    np.testing.assert_allclose(
        df.numpy(), tf.grad.numpy().transpose(2, 3, 1, 0), rtol=1e-4, atol=1e-3
    )


POOLS = [
    ((1, 4, 4, 1), (2, 2), (2, 2), "valid"), ((2, 7, 9, 3), (2, 3), (2, 2), "valid"),
    ((2, 7, 9, 17), (3, 3), (2, 2), "same"), ((1, 8, 8, 33), (3, 2), (1, 1), "same"),
    ((3, 5, 5, 16), (1, 1), (3, 3), "same"), ((1, 6, 6, 5), (6, 6), (1, 1), "valid"),
    ((2, 10, 10, 2), (2, 2), (3, 4), "valid"), ((0, 4, 4, 2), (2, 2), (2, 2), "valid"),
]  # fmt: skip


def windows(case: Any) -> Any:
    """Yield every output pixel and the rows and columns of its window."""
    (_, h, w, _), size, strides, padding = case
    (top, _, oh), (left, _, ow) = (
        pads(n, size[d], strides[d], 1, padding) for d, n in ((0, h), (1, w))
    )
    for i, j in product(range(oh), range(ow)):
        r, c = i * strides[0] - top, j * strides[1] - left
        yield (i, j), (oh, ow), slice(max(r, 0), r + size[0]), slice(max(c, 0), c + size[1])


@pytest.mark.parametrize("case", POOLS, ids=str)
@pytest.mark.parametrize("name", ["max", "avg"])
def test_pooling_and_its_gradient(name: str, case: Any, rng: np.random.Generator) -> None:
    shape, size, strides, padding = case
    x = rng.permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)  # no ties
    pool = getattr(ps, f"{name}_pool2d")
    out = next(iter(windows(case)))[1]
    want = np.zeros((shape[0], *out, shape[3]))
    dy = rng.standard_normal(want.shape).astype(np.float32)
    slope = np.zeros(shape)
    for (i, j), _, rows, cols in windows(case):
        part = x[:, rows, cols].astype(np.float64)
        want[:, i, j] = getattr(np, {"max": "max", "avg": "mean"}[name])(part, axis=(1, 2))
        share: Any = (
            part == want[:, i, j][:, None, None]
            if name == "max"
            else 1 / (part.shape[1] * part.shape[2])
        )
        slope[:, rows, cols] += share * dy[:, i, j][:, None, None].astype(np.float64)
    got = pool(x, pool_size=size, strides=strides, padding=padding).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-6)
    loss = ps.grad(lambda x: ps.sum(pool(x, pool_size=size, strides=strides, padding=padding) * dy))
    np.testing.assert_allclose(loss(x).numpy(), slope, rtol=1e-5, atol=1e-6)


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    x = np.ones((1, 4, 4, 17), np.float32)
    got = ps.grad(lambda x: ps.sum(ps.max_pool2d(x, pool_size=(2, 2))))(x).numpy()
    want = np.zeros((1, 4, 4, 17))
    want[:, ::2, ::2] = 1
    np.testing.assert_array_equal(got, want)


def test_max_pool_passes_nan_on() -> None:
    x = np.zeros((1, 4, 4, 20), np.float32)
    x[0, 1, 1, 3] = np.nan
    y = ps.max_pool2d(x, pool_size=(2, 2)).numpy()
    assert np.isnan(y[0, 0, 0, 3])
    assert np.isnan(y).sum() == 1
