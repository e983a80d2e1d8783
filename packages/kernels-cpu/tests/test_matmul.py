"""Matrix products against NumPy in float64: odd sizes, transposes, batches that broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps


def check(x: Any, y: Any, transpose_x: bool = False, transpose_y: bool = False) -> None:
    """Compare with the product in float64; every element within a rounding error for each addition."""
    got = ps.matmul(x, y, transpose_x=transpose_x, transpose_y=transpose_y).numpy()
    a = np.swapaxes(x, -1, -2) if transpose_x else x
    b = np.swapaxes(y, -1, -2) if transpose_y else y
    want = a.astype(np.float64) @ b.astype(np.float64)
    bound = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    assert got.shape == want.shape
    assert got.dtype == np.float32
    assert np.all(np.abs(got - want) <= 1.2e-7 * max(8, a.shape[-1] ** 0.5) * bound + 1e-30)


# Around the tiles (14, 6 and 4 rows; 32, 16 and 8 columns), around what is packed (128) and blocked (512), narrow
# sides (16, 64) with long rows (2048), rows that share lines of the cache (1024).
SIZES = [
    (1, 1, 1), (1, 7, 1), (1, 300, 513), (513, 300, 1), (2, 2, 2), (3, 5, 7), (4, 8, 16), (5, 3, 31),
    (6, 16, 32), (7, 17, 33), (13, 64, 15), (14, 384, 64), (15, 385, 65), (16, 31, 128), (28, 33, 129),
    (29, 1, 130), (32, 784, 32), (64, 256, 10), (127, 129, 127), (128, 128, 128), (129, 127, 129),
    (170, 769, 97), (1, 1000, 16), (300, 2, 300), (3, 5000, 6), (65, 2051, 17), (63, 70, 16), (17, 1024, 40),
    (1, 1024, 515), (4, 77, 700), (28, 520, 1000), (29, 1030, 513), (200, 512, 20), (5, 512, 3),
]  # fmt: skip


@pytest.mark.parametrize("transpose_y", [False, True])
@pytest.mark.parametrize("transpose_x", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_sizes_and_transposes(
    m: int, k: int, n: int, transpose_x: bool, transpose_y: bool, draw: Any
) -> None:
    x = draw(*((k, m) if transpose_x else (m, k)))
    y = draw(*((n, k) if transpose_y else (k, n)))
    check(x, y, transpose_x, transpose_y)


BATCHES = [
    ((), (3,)), ((3,), ()), ((3,), (3,)), ((2, 1), (1, 3)), ((2, 3), (3,)), ((1,), (4,)), ((4,), (1,)),
    ((2, 3), (2, 1)), ((1, 1), ()), ((), (1, 2)), ((0,), (0,)), ((5, 1, 2), (3, 1)), ((70,), (70,)),
]  # fmt: skip


@pytest.mark.parametrize("transpose", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("a", "b"), BATCHES)
def test_batches_broadcast(a: Any, b: Any, transpose: tuple[bool, bool], draw: Any) -> None:
    for m, k, n in ((5, 6, 7), (33, 20, 48), (70, 130, 3), (2, 130, 19)):
        x = draw(*a, *((k, m) if transpose[0] else (m, k)))
        y = draw(*b, *((n, k) if transpose[1] else (k, n)))
        check(x, y, *transpose)


@pytest.mark.parametrize("transpose_y", [False, True])
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [(1, 70, 300), (3, 520, 900), (90, 300, 7), (40, 9, 33), (200, 600, 300), (0, 3, 4), (3, 0, 4)],
)
def test_steps_behind_a_product(m: int, k: int, n: int, transpose_y: bool, draw: Any) -> None:
    x, y, bias, other = draw(m, k), draw(*((n, k) if transpose_y else (k, n))), draw(n), draw(m, n)

    @ps.function
    def layer(x: Any, y: Any, bias: Any, other: Any) -> Any:
        return ps.nn.relu(ps.matmul(x, y, transpose_y=transpose_y) + bias) * other

    product = x.astype(np.float64) @ (y.T if transpose_y else y).astype(np.float64)
    want = np.maximum(product + bias, 0) * other
    bound = (np.abs(x) @ np.abs(y.T if transpose_y else y) + np.abs(bias)) * np.abs(other)
    got = layer(x, y, bias, other).numpy()
    assert np.all(np.abs(got - want) <= 1.2e-7 * max(8, k**0.5) * bound + 1e-30)


@pytest.mark.parametrize(("m", "k", "n"), [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0)])
def test_empty_sides(m: int, k: int, n: int, draw: Any) -> None:
    check(draw(m, k), draw(k, n))
    check(draw(2, m, k), draw(2, n, k), transpose_y=True)


def test_infinities_and_nan_reach_only_their_row(draw: Any) -> None:
    x, y = draw(20, 9), draw(9, 37)
    x[3, 2], x[7, 0] = np.inf, np.nan
    got = ps.matmul(x, y).numpy()
    assert np.isnan(got[7]).all()
    assert np.isinf(got[3]).all()
    assert np.isfinite(np.delete(got, [3, 7], axis=0)).all()


@pytest.mark.parametrize("dtype", ["float64", "int32", "int64"])
def test_other_dtypes_go_to_the_reference(dtype: str, rng: np.random.Generator) -> None:
    x, y = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((3, 4), (4, 5)))
    np.testing.assert_array_equal(ps.matmul(x, y).numpy(), x @ y)


side = st.integers(0, 70)


@settings(max_examples=150, deadline=None)
@given(
    side, side, side, st.booleans(), st.booleans(),
    st.sampled_from([(), (1,), (2,), (3, 1), (1, 2)]), st.sampled_from([(), (1,), (2,), (3, 2)]),
)  # fmt: skip
def test_any_shape(m: int, k: int, n: int, tx: bool, ty: bool, a: Any, b: Any) -> None:
    rng = np.random.default_rng(m + 71 * k)
    x = rng.standard_normal((*a, *((k, m) if tx else (m, k)))).astype(np.float32)
    y = rng.standard_normal((*b, *((n, k) if ty else (k, n)))).astype(np.float32)
    check(x, y, tx, ty)
