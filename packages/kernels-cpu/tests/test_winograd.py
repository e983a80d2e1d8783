"""Winograd's way of convolving: within its stated error of the truth, and no further from it than where it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]

# x, filters, padding: enough pixels and channels for it to pay, multiples of nothing
CASES: list[tuple[tuple[int, ...], int, tuple[int, ...]]] = [
    ((1, 20, 21, 64), 64, (1, 1, 1, 1)),
    ((2, 19, 30, 45), 70, (0, 0, 0, 0)),
    ((3, 14, 17, 130), 37, (1, 0, 0, 2)),
    ((1, 33, 18, 33), 161, (2, 2, 3, 3)),
]


def drawn(case: Any) -> tuple[Array, Array, dict[str, Any]]:
    shape, filters, pads = case
    rng = np.random.default_rng(filters)
    x = rng.normal(size=shape).astype("f")
    w = rng.normal(size=(3, 3, shape[3], filters)).astype("f")
    return x, w, {"padding": "explicit", "explicit_padding": pads}


def truth(x: Array, w: Array, attrs: dict[str, Any]) -> Array:
    return np.asarray(ps.conv2d(x.astype("d"), w.astype("d"), **attrs))


def by_tiles(y: Array) -> Array:
    """Return the largest numbers of tiles of 4 x 4 pixels, for each channel."""
    down, across = (-(-side // 4) * 4 for side in y.shape[1:3])
    wide = np.zeros((len(y), down, across, y.shape[3]))
    wide[:, : y.shape[1], : y.shape[2]] = y
    return wide.reshape(len(y), down // 4, 4, across // 4, 4, -1).max((2, 4))


@pytest.mark.parametrize("case", CASES, ids=lambda c: "x".join(map(str, c[0])))
def test_error_is_as_stated_within_each_tile(case: Any) -> None:
    x, w, attrs = drawn(case)
    x[0, 7:9, 9] *= 1e6
    error = by_tiles(np.abs(np.asarray(ps.conv2d(x, w, **attrs)) - truth(x, w, attrs)))
    assert (error <= 2.0**-17 * by_tiles(truth(np.abs(x), np.abs(w), attrs))).all()


def gradients(x: Array, w: Array, dy: Array, attrs: dict[str, Any]) -> tuple[Array, Array]:
    dx = ps.ops.conv2d_input_grad(dy, w, x.shape, **attrs)
    return np.asarray(dx), np.asarray(ps.ops.conv2d_filter_grad(x, dy, w.shape, **attrs))


@pytest.mark.parametrize("case", CASES, ids=lambda c: "x".join(map(str, c[0])))
def test_error_of_gradients_is_as_stated(case: Any) -> None:
    x, w, attrs = drawn(case)
    dy = np.random.default_rng(1).normal(size=ps.conv2d(x, w, **attrs).shape).astype("f")
    wide = [a.astype("d") for a in (x, w, dy)]
    dx, dw = (
        np.abs(a - b)
        for a, b in zip(gradients(x, w, dy, attrs), gradients(*wide, attrs), strict=True)
    )
    most_x, most_w = gradients(*map(np.abs, wide), attrs)
    assert (by_tiles(dx) <= 2.0**-17 * by_tiles(most_x)).all()
    assert (dw.max((0, 1)) <= 2.0**-17 * most_w.max((0, 1))).all()


def test_infinities_reach_their_part_of_the_filter_gradient_only() -> None:
    x, w, attrs = drawn(CASES[0])
    dy = np.random.default_rng(1).normal(size=ps.conv2d(x, w, **attrs).shape).astype("f")
    x[0, 0, 3, 7], x[0, 9, 20, 8] = np.inf, np.nan
    got = gradients(x, w, dy, attrs)[1]
    want = gradients(*(a.astype("d") for a in (x, w, dy)), attrs)[1]
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    fine = np.isfinite(want)
    assert fine[:, :, 7].any()
    np.testing.assert_allclose(got[fine], want[fine], rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("case", CASES[:2], ids=lambda c: "x".join(map(str, c[0])))
def test_infinities_reach_their_windows_only(case: Any) -> None:
    x, w, attrs = drawn(case)
    x[0, 5, 6, 7], x[0, 12, 3, 8], x[0, 0, 0, 0] = np.inf, np.nan, -np.inf
    got, want = np.asarray(ps.conv2d(x, w, **attrs)), truth(x, w, attrs)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))
    fine = np.isfinite(want)
    np.testing.assert_allclose(got[fine], want[fine], rtol=1e-3, atol=2e-3)


BEHIND: dict[str, Callable[[Any], Any]] = {
    "in registers": lambda y: ps.nn.relu(y * 0.1 - 1.0),
    "behind": lambda y: ps.tanh(y) * y,
}


@pytest.mark.parametrize("name", BEHIND)
def test_what_follows_has_the_bits_of_single_ops(name: str) -> None:
    x, w, attrs = drawn(CASES[1])
    with ps.Graph().as_default() as graph:
        image, filters = (ps.placeholder("float32", a.shape) for a in (x, w))
        graph.inputs = [image, filters]
        graph.outputs = [BEHIND[name](ps.conv2d(image, filters, **attrs))]
    got = np.asarray(ps.saved.GraphFunction(graph)(x, w))
    np.testing.assert_array_equal(got, np.asarray(BEHIND[name](ps.conv2d(x, w, **attrs))))


SWITCHED = """
    import numpy as np
    import penstock as ps

    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(1, 40, 40, 64)).astype("f"), rng.normal(size=(3, 3, 64, 64)).astype("f")
    y = np.asarray(ps.conv2d(x, w, padding="same"))
    want = np.asarray(ps.conv2d(x.astype("d"), w.astype("d"), padding="same"))
    print(hash(y.tobytes()), np.abs(y - want).max() / np.abs(want).max())
"""


def test_it_can_be_switched_off(python: Callable[..., str]) -> None:
    off = python(SWITCHED, PENSTOCK_WINOGRAD="off", PYTHONHASHSEED="1").split()
    on = python(SWITCHED, PYTHONHASHSEED="1").split()
    assert off[0] != on[0]
    assert float(off[1]) < 1e-6
    assert float(on[1]) < 1e-5
