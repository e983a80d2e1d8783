"""Repetitions, rolls and diagonals against NumPy, for every element size."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

import penstock as ps


@pytest.fixture(params=["bool", "int16", "float32", "float64"])
def numbers(request: pytest.FixtureRequest) -> Any:
    """Draw an array of each element size: `numbers(2, 3)`."""
    generator = np.random.default_rng(3)
    return lambda *shape: generator.integers(0, 120, shape).astype(request.param)


def test_repeat(numbers: Any, rng: np.random.Generator) -> None:
    for shape in ((5,), (3, 70), (2, 3, 40), (0, 3), (2, 0)):
        x = numbers(*shape)
        for axis in (None, *range(len(shape))):
            size = x.size if axis is None else shape[axis]
            each = rng.integers(0, 4, size).tolist()
            for repeats in (0, 1, 3, each):
                if repeats != []:
                    got = ps.repeat(x, repeats, axis).numpy()
                    np.testing.assert_array_equal(got, np.repeat(x, repeats, axis))


def test_tile(numbers: Any) -> None:
    for shape in ((), (5,), (3, 70), (2, 1, 40), (0, 3)):
        for repetitions in ((), (2,), (1, 3), (2, 1, 2), (2, 3, 1, 2), (0, 2)):
            x = numbers(*shape)
            got = ps.tile(x, repetitions).numpy()
            np.testing.assert_array_equal(got, np.tile(x, repetitions))


def test_tile_of_many_axes() -> None:
    x = np.arange(2**9).reshape([2] * 9)
    np.testing.assert_array_equal(ps.tile(x, [2] * 9).numpy(), np.tile(x, [2] * 9))


def test_roll(numbers: Any) -> None:
    for shape in ((5,), (3, 70), (2, 3, 40), (0, 3)):
        x = numbers(*shape)
        for shift in (-8, -1, 0, 1, 41, 2**40):
            np.testing.assert_array_equal(ps.roll(x, shift).numpy(), np.roll(x, shift))
            for axis in range(len(shape)):
                got = ps.roll(x, shift, axis).numpy()
                np.testing.assert_array_equal(got, np.roll(x, shift, axis))
    x = numbers(6, 7, 8)
    for shifts in product((-3, 0, 5), repeat=3):
        got = ps.roll(x, shifts, (0, 1, 2)).numpy()
        np.testing.assert_array_equal(got, np.roll(x, shifts, (0, 1, 2)))


def test_diagonals(numbers: Any) -> None:
    for shape in ((4, 5), (5, 3), (2, 3, 4), (70, 3, 60), (0, 2)):
        for first, second in permutations(range(len(shape)), 2):
            for offset in (-3, -1, 0, 2, 9):
                x = numbers(*shape)
                want = np.diagonal(x, offset, first, second)
                got = ps.diagonal(x, offset, first, second).numpy()
                np.testing.assert_array_equal(got, want)
                values = numbers(*want.shape)
                wrote = ps.diagonal_scatter(x, values, offset, first, second).numpy()
                np.testing.assert_array_equal(np.diagonal(wrote, offset, first, second), values)
                number = np.arange(x.size).reshape(shape)
                rest = np.setdiff1d(number, np.diagonal(number, offset, first, second))
                np.testing.assert_array_equal(wrote.flat[rest], x.flat[rest])
