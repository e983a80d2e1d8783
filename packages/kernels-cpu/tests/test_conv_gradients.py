"""Both gradients of conv2d against sums over the taps in float64, over random sizes and over sizes with many pieces."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]


def gradients(x: Array, f: Array, dy: Array, strides: Any, pads: Any, dilations: Any) -> Any:
    """Sum dx and dfilter tap by tap; `pads` is (top, bottom, left, right)."""
    top, bottom, left, right = pads
    wide = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    dwide, df = np.zeros(wide.shape), np.zeros(f.shape)
    groups = x.shape[3] // f.shape[2]
    ci, co = f.shape[2], f.shape[3] // groups
    for i, j, g in product(range(f.shape[0]), range(f.shape[1]), range(groups)):
        rows = i * dilations[0] + strides[0] * np.arange(dy.shape[1])
        cols = j * dilations[1] + strides[1] * np.arange(dy.shape[2])
        at = np.ix_(range(len(x)), rows, cols, range(g * ci, (g + 1) * ci))
        part = dy[..., g * co : (g + 1) * co].astype(np.float64)
        kernel = f[i, j, :, g * co : (g + 1) * co].astype(np.float64)
        dwide[at] += part @ kernel.T
        df[i, j, :, g * co : (g + 1) * co] = wide[at].reshape(-1, ci).T @ part.reshape(-1, co)
    return dwide[:, top : top + x.shape[1], left : left + x.shape[2]], df


def check(
    shape: Any, kernel: Any, out: int, strides: Any, pads: Any, dilations: Any, groups: int
) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal(shape).astype(np.float32)
    f = rng.standard_normal((*kernel, shape[3] // groups, out)).astype(np.float32)
    sides = [
        (shape[1 + d] + pads[2 * d] + pads[2 * d + 1] - (kernel[d] - 1) * dilations[d] - 1)
        // strides[d] + 1
        for d in (0, 1)
    ]  # fmt: skip
    dy = rng.standard_normal((shape[0], *sides, out)).astype(np.float32)
    dx, df = gradients(x, f, dy, strides, pads, dilations)
    options = {
        "strides": strides,
        "padding": "explicit",
        "explicit_padding": pads,
        "dilations": dilations,
        "groups": groups,
    }
    got = ps.ops.conv2d_input_grad(dy, f, shape, **options).numpy()
    np.testing.assert_allclose(got, dx, rtol=1e-4, atol=1e-5 * np.abs(dx).max(initial=1.0))
    got = ps.ops.conv2d_filter_grad(x, dy, f.shape, **options).numpy()
    np.testing.assert_allclose(got, df, rtol=1e-4, atol=1e-5 * np.abs(df).max(initial=1.0))


@pytest.mark.parametrize("seed", range(60))
def test_random_sizes(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def pick(low: int, high: int, count: int = 2) -> tuple[int, ...]:
        return tuple(int(v) for v in rng.integers(low, high + 1, count))

    kernel, strides, dilations, pads = pick(1, 4), pick(1, 4), pick(1, 3), pick(0, 3, 4)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    sides = [max(1, r + int(rng.integers(0, 12)) - min(pads)) for r in reach]
    shape = (int(rng.integers(1, 5)), *sides, groups * int(rng.integers(1, 40)))
    check(shape, kernel, groups * int(rng.integers(1, 80)), strides, pads, dilations, groups)


LARGE = [
    # images, kernel, filters, strides, pads, dilations, groups
    ((3, 61, 59, 5), (3, 3), 70, (1, 1), (1, 1, 1, 1), (1, 1), 1),  # shares of images in pieces
    ((9, 13, 11, 33), (3, 2), 40, (1, 1), (1, 1, 0, 1), (1, 1), 1),  # pieces of several images
    ((1, 3, 900, 4), (2, 3), 90, (1, 2), (0, 0, 1, 1), (1, 1), 1),  # lines longer than a piece
    ((2, 9, 10, 250), (1, 1), 600, (1, 1), (0, 0, 0, 0), (1, 1), 1),  # several blocks of both
    ((5, 40, 45, 7), (1, 1), 65, (1, 1), (0, 0, 0, 0), (1, 1), 1),  # pixels as one column
    ((2, 30, 31, 9), (1, 1), 66, (2, 2), (0, 0, 0, 0), (1, 1), 1),  # pixels that meet no tap
    ((2, 33, 30, 6), (3, 3), 67, (2, 2), (1, 1, 1, 1), (1, 1), 1),
    ((2, 33, 30, 6), (5, 4), 20, (3, 2), (2, 1, 0, 3), (2, 3), 1),  # strides and dilation share no divisor
    ((2, 33, 30, 6), (5, 4), 20, (4, 6), (2, 1, 0, 3), (2, 3), 1),  # and share one
    ((1, 12, 12, 140), (3, 3), 140, (1, 1), (1, 1, 1, 1), (1, 1), 2),
    ((5, 29, 31, 37), (3, 3), 45, (1, 1), (0, 1, 2, 0), (1, 1), 1),  # by Winograd, sums that stay
    ((3, 30, 27, 135), (3, 3), 90, (1, 1), (1, 1, 1, 1), (1, 1), 1),  # and sums that do not
    ((2, 14, 15, 300), (1, 1), 256, (2, 2), (0, 0, 0, 0), (1, 1), 1),  # pixels gathered, results apart
    ((2, 14, 15, 300), (3, 3), 256, (2, 2), (1, 1, 1, 1), (1, 1), 1),
]  # fmt: skip


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_many_pieces(case: Any) -> None:
    check(*case)


def test_gradients_of_nothing() -> None:
    for x, f, y in [
        ((0, 4, 4, 2), (3, 3, 2, 5), (0, 2, 2, 5)),
        ((2, 4, 4, 2), (3, 3, 2, 0), (2, 2, 2, 0)),
        ((2, 4, 4, 0), (3, 3, 0, 5), (2, 2, 2, 5)),
    ]:
        ones = {shape: np.ones(shape, np.float32) for shape in (x, f, y)}
        dx = ps.ops.conv2d_input_grad(ones[y], ones[f], x).numpy()
        df = ps.ops.conv2d_filter_grad(ones[x], ones[y], f).numpy()
        assert (dx.shape, df.shape) == (x, f)
        assert not dx.any()
        assert not df.any()


def test_nan_reaches_only_its_neighbours() -> None:
    dy, f = np.zeros((1, 6, 6, 3), np.float32), np.ones((3, 3, 4, 3), np.float32)
    dy[0, 2, 3, 1] = np.nan
    dx = ps.ops.conv2d_input_grad(dy, f, (1, 13, 13, 4), (2, 2)).numpy()
    touched = np.zeros((13, 13), bool)
    touched[4:7, 6:9] = True
    np.testing.assert_array_equal(
        np.isnan(dx), np.broadcast_to(touched[None, :, :, None], dx.shape)
    )


MANY_PHASES = """
    import resource
    import numpy as np
    import penstock as ps

    f, dy = np.ones((33, 33, 1, 64), np.float32), np.ones((1, 30, 30, 64), np.float32)
    most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    before = most()
    ps.ops.conv2d_input_grad(dy, f, (1, 881, 881, 1), (32, 32), "explicit", (40, 40, 40, 40))
    print(most() - before)
"""


def test_phases_share_their_memory(python: Callable[..., str]) -> None:
    assert int(python(MANY_PHASES)) < 80, "megabytes, of which 1024 phases took 200"
