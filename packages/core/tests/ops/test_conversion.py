"""What Python's own values become, and which dtype they take."""

from __future__ import annotations

import array as stdlib_array
from typing import Any

import numpy as np
import pytest

import penstock as ps


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        ([[1, 2], [3, 4]], "int64", [[1, 2], [3, 4]]),
        ([1, 2.5], "float32", [1.0, 2.5]),
        ([True, False], "bool", [True, False]),
        ([1j], "complex64", [1j]),
        ([], "float32", []),
        ([[], []], "float32", [[], []]),
        (range(3), "int64", [0, 1, 2]),
        ((range(2), [3, 4]), "int64", [[0, 1], [3, 4]]),
        ([np.float64(0.5)], "float64", [0.5]),
        ([np.int8(1), np.int8(2)], "int8", [1, 2]),
        ([np.ones(2), np.zeros(2)], "float64", [[1.0, 1.0], [0.0, 0.0]]),
        (np.float16(0.5), "float16", 0.5),
        (stdlib_array.array("d", [1.0, 2.0]), "float64", [1.0, 2.0]),
        pytest.param(
            memoryview(b"ab"), "uint8", [97, 98], id="memoryview"
        ),  # its repr has an address
        (bytearray(b"ab"), "uint8", [97, 98]),
    ],
    ids=repr,
)
def test_values_and_dtype(given: Any, dtype: str, values: Any) -> None:
    x = ps.asarray(given)
    assert x.dtype == dtype
    assert x.tolist() == values


def test_the_digits_of_python_floats_survive_a_wide_dtype() -> None:
    assert ps.asarray(0.1, "float64").item() == 0.1
    assert ps.asarray([0.1], "float64").tolist() == [0.1]
    assert ps.asarray([[0.1, 1e300]], "float64").tolist() == [[0.1, 1e300]]


def test_large_whole_numbers_keep_every_digit() -> None:
    for n in (2**53 + 1, -(2**63), 2**63 - 1):
        assert ps.asarray(n).item() == n
        assert ps.asarray([n]).tolist() == [n]
    assert ps.asarray(2**64 - 1, "uint64").item() == 2**64 - 1
    assert ps.asarray(np.array([2**64 - 1], "uint64")).tolist() == [2**64 - 1]


def test_lists_of_tensors() -> None:
    x = ps.asarray([1.0, 2.0])
    assert ps.asarray([x, x * 2]).tolist() == [[1.0, 2.0], [2.0, 4.0]]
    assert ps.asarray([[x, x], [x, x]]).shape == (2, 2, 2)
    assert ps.asarray([x[0], 3.0]).tolist() == [1.0, 3.0]
    traced = ps.function(lambda x: ps.asarray([x, x + 1.0, 5.0]))
    assert traced(ps.asarray(2.0)).tolist() == [2.0, 3.0, 5.0]


def test_a_tensor_of_the_right_dtype_is_itself() -> None:
    x = ps.ones((2,))
    assert ps.asarray(x) is x
    assert ps.asarray(x, "float32") is x
    assert ps.asarray(x, "int8").dtype == "int8"


def test_pytorch_and_jax() -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    assert ps.asarray(torch.arange(6).reshape(2, 3).T).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert ps.asarray(torch.ones(2, dtype=torch.bfloat16)).dtype == "bfloat16"
    assert ps.asarray(jnp.arange(3)).tolist() == [0, 1, 2]
    assert ps.add(torch.ones(2), 1).tolist() == [2.0, 2.0]


def test_dlpack_of_memory_that_is_read_only() -> None:
    x = np.arange(3)
    x.flags.writeable = False
    assert ps.from_dlpack(x).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ps.full((2,), 3),
        lambda: ps.full((2,), np.int64(3)),
        lambda: ps.full((2,), ps.asarray(3)),
        lambda: ps.full_like(ps.zeros((2,), "int64"), 3),
        lambda: ps.zeros((2,), int) + 3,
        lambda: ps.arange(2) * 0 + 3,
    ],
)
def test_ways_to_make_the_same(make: Any) -> None:
    assert make().dtype == "int64"
    assert make().tolist() == [3, 3]


def test_full_keeps_kind_and_digits() -> None:
    assert ps.full((1,), True).tolist() == [True]
    assert ps.full((1,), 2**53 + 1).tolist() == [2**53 + 1]
    assert ps.full((1,), 1 + 2j).tolist() == [1 + 2j]
    assert np.isnan(ps.full((1,), float("nan")).item())
    assert ps.full((1,), float("-inf")).tolist() == [float("-inf")]
    assert ps.full((2, 2), [1, 2]).tolist() == [[1, 2], [1, 2]]
    with pytest.raises(ValueError, match=r"\[full\].*must not be negative"):
        ps.zeros((-1,))
