"""Ops that move elements, for every element size, and ops whose indices are data."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

import penstock as ps

Array = np.ndarray[Any, Any]
DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
          "float32", "float64"]  # fmt: skip


@pytest.fixture(params=DTYPES)
def numbers(request: pytest.FixtureRequest) -> Any:
    """Draw an array of each dtype: `numbers(2, 3)`."""
    generator = np.random.default_rng(3)
    return lambda *shape: generator.integers(0, 120, shape).astype(request.param)


def test_transpose_of_every_permutation(numbers: Any) -> None:
    for shape in ((3, 70, 5, 2), (33, 1, 40, 4), (2, 3, 4, 65)):
        x = numbers(*shape)
        for axes in permutations(range(4)):
            np.testing.assert_array_equal(ps.transpose(x, axes=axes).numpy(), x.transpose(axes))


def test_transpose_of_matrices(numbers: Any) -> None:
    few = ((2, 1100), (3, 2500), (4, 1025))
    for shape in ((1, 1), (1, 50), (31, 33), (64, 64), (500, 301), (0, 4), *few):
        x = numbers(*shape)
        np.testing.assert_array_equal(ps.transpose(x).numpy(), x.T)


def test_broadcast(numbers: Any) -> None:
    for small, large in (
        ((), (3, 2)),
        ((5,), (4, 5)),
        ((4, 1), (4, 70)),
        ((1, 3, 1), (2, 5, 3, 7)),
        ((1,), (0,)),
    ):
        x = numbers(*small)
        np.testing.assert_array_equal(
            ps.broadcast_to(x, shape=large).numpy(), np.broadcast_to(x, large)
        )


def test_concat(numbers: Any) -> None:
    for axis in (0, 1, 2):
        shapes = [[3, 4, 5] for _ in range(4)]
        for shape, n in zip(shapes, (1, 0, 7, 2), strict=True):
            shape[axis] = n
        parts = [numbers(*shape) for shape in shapes]
        np.testing.assert_array_equal(
            ps.concat(parts, axis=axis).numpy(), np.concatenate(parts, axis)
        )


def test_pad(numbers: Any) -> None:
    x = numbers(3, 1, 6)
    for width in (((0, 0), (0, 0), (0, 0)), ((1, 2), (0, 3), (4, 0))):
        got = ps.pad(x, pad_width=np.ravel(width).tolist(), constant_values=1.0).numpy()
        np.testing.assert_array_equal(got, np.pad(x, width, constant_values=x.dtype.type(1)))


def test_slices(numbers: Any) -> None:
    x = numbers(9, 10, 11)
    t = ps.asarray(x)
    for key in (
        np.s_[2],
        np.s_[1:8:3, ::-1],
        np.s_[:, -3:, 10:0:-4],
        np.s_[4:4],
        np.s_[..., 5],
        np.s_[::-1, ::-1, ::-1],
    ):
        np.testing.assert_array_equal(t[key].numpy(), x[key])


def test_slice_updates(numbers: Any) -> None:
    for key in (np.s_[2], np.s_[1:8:3, ::-1], np.s_[:, -3:, 10:0:-4], np.s_[4:4]):
        want = numbers(9, 10, 11)
        t = ps.asarray(want)
        update = numbers(*want[key].shape)
        want = want.copy()
        t[key] = update
        want[key] = update
        np.testing.assert_array_equal(t.numpy(), want)


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_take_along_every_axis(numbers: Any, index_type: Any, rng: np.random.Generator) -> None:
    x = numbers(5, 6, 7)
    for axis in range(3):
        for shape in ((), (4,), (2, 3), (0,)):
            index = rng.integers(-x.shape[axis], x.shape[axis], shape).astype(index_type)
            np.testing.assert_array_equal(
                ps.take(x, index, axis=axis).numpy(), np.take(x, index, axis)
            )


@pytest.mark.parametrize("dtype", DTYPES)
def test_full(dtype: str) -> None:
    for shape in ((), (0,), (3, 5), (70000,)):
        got = ps.full(shape, 1.0, dtype=dtype).numpy()
        np.testing.assert_array_equal(got, np.full(shape, 1, dtype))


def test_half_precision_constants_round_as_in_numpy() -> None:
    between = 1 + 2**-11  # halfway between two of float16
    for value in (
        0.1,
        65504,
        65519.9,
        65520,
        1e-8,
        3e-8,
        6.1e-5,
        -2.5,
        np.inf,
        between,
        between + 2**-40,
        1e300,
    ):
        with np.errstate(over="ignore"):
            want = np.full((), value, np.float16)
        assert ps.full((), value, dtype="float16").numpy() == want, value
    assert np.isnan(ps.full((), np.nan, dtype="float16").numpy())


def test_bfloat16_moves_as_it_is(draw: Any) -> None:
    x = ps.cast(draw(4, 33), "bfloat16")
    back = ps.cast(x, "float32").numpy()
    np.testing.assert_array_equal(ps.cast(ps.transpose(x), "float32").numpy(), back.T)
    np.testing.assert_array_equal(ps.cast(ps.take(x, [3, -4]), "float32").numpy(), back[[3, 0]])
    constant = ps.full((2,), 1.00390625, dtype="bfloat16")  # a tie: to even
    np.testing.assert_array_equal(ps.cast(constant, "float32").numpy(), [1, 1])


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scatter_add_counts_every_index(axis: int, index_type: Any, draw: Any, rng: Any) -> None:
    x = draw(5, 70, 66)
    index = rng.integers(-x.shape[axis], x.shape[axis], (4, 9)).astype(index_type)
    updates = draw(*x.shape[:axis], 4, 9, *x.shape[axis + 1 :])
    want = np.moveaxis(x.astype(np.float64), axis, 0)
    np.add.at(want, index, np.moveaxis(updates, (axis, axis + 1), (0, 1)))
    got = ps.scatter_add(x, index, updates, axis=axis).numpy()
    np.testing.assert_allclose(got, np.moveaxis(want, 0, axis), atol=1e-4)


@pytest.mark.parametrize("index_type", [np.int32, np.int64])
def test_one_hot_leaves_out_what_is_out_of_range(index_type: Any) -> None:
    index = np.array([[0, 2, -1], [3, 1, 99]], index_type)
    want = (index[..., None] == np.arange(3)).astype(np.float32)
    np.testing.assert_array_equal(ps.one_hot(index, depth=3).numpy(), want)
    assert ps.one_hot(index, depth=0).shape == (2, 3, 0)


@pytest.mark.parametrize("index", [5, -6, 2**31 - 1])
def test_a_wrong_index_is_named_with_its_position(index: int) -> None:
    x = np.zeros((2, 5), np.float32)
    message = rf"index {index} at position 2 is out of range for an axis of size 5"
    with pytest.raises((IndexError, ValueError), match=message):
        ps.take(x, np.array([0, -5, index]), axis=1)
    with pytest.raises((IndexError, ValueError), match=message):
        ps.scatter_add(x, np.array([0, -5, index]), np.zeros((2, 3), np.float32), axis=1)
    with pytest.raises((IndexError, ValueError), match=r"index 0 at position 0 .* size 0"):
        ps.take(np.zeros((0, 3), np.float32), np.array([0]))
